"""JSON as agencies' own APIs give it: nearly ninjs, wrapped and named in their ways. All of it is made up."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from io import BufferedReader, BytesIO
from typing import Any, cast

import pytest

from dateline.documents import Document, is_event_lines
from producers.wires.formats import read_items
from producers.wires.item import BadItem, Item
from schemas.events import UpdateCorrected, UpdateKilled, UpdatePublished, UpdateWithheld
from tests.support.wires import GUID, bad, kinds, meant, ninjs, only

AP = {
    "id": "f1",
    "updated": "2026-03-02T06:20:00Z",
    "data": {
        "updated": "2026-03-02T06:20:00Z",
        "items": [
            {
                "meta": {"products": [{"id": 1, "name": "Desk"}]},
                "item": {
                    "uri": "https://api.ap.org/media/v/content/aa11?qt=token&et=1a",
                    "altids": {"itemid": "aa11", "etag": "aa11_2a", "referenceid": "BRIDGE"},
                    "version": 2,
                    "type": "text",
                    "urgency": 2,
                    "pubstatus": "usable",
                    "firstcreated": "2026-03-02T06:02:00Z",
                    "versioncreated": "2026-03-02T06:20:00Z",
                    "headline": "Ship hits bridge, 2 piers down",
                    "bylines": [{"by": "By JOHN MADE-UP", "title": "Example Press"}],
                    "slugline": "BC-US--Bridge",
                    "ednote": "Eds: UPDATES with quotes. CORRECTS number of piers.",
                    "editorialtypes": ["Writethru"],
                    "body_nitf": "<block><hl2>At night</hl2><p>Two piers fell.</p></block>",
                    "renditions": {"nitf": {"type": "text", "href": "https://api.ap.org/media/v/content/aa11.nitf"}},
                    "associations": {
                        "1": {"uri": "https://api.ap.org/media/v/content/bb22", "type": "picture", "renditions": {}}
                    },
                },
            },
            {"item": {"uri": "https://api.ap.org/media/v/content/cc33", "version": 1, "pubstatus": "canceled", "slugline": "B"}},
        ],
    },
}
DPA: dict[str, Any] = {  # Any: what JSON holds
    "entry_id": "20260302:1",
    "urn": "urn:newsml:example.com:20090101:260302-99-1",
    "version": "3",
    "version_created": "2026-03-02T06:20:00+01:00",
    "updated": "2026-03-02T06:20:09+01:00",
    "pubstatus": "usable",
    "urgency": 3,
    "language": "de",
    "headline": "Schiff rammt Brücke",
    "teaser": "Zwei Pfeiler sind eingestürzt.",
    "byline": "Von Anna Beispiel, Agentur",
    "creditline": "Agentur",
    "article_html": '<section class="main"><h2>In der Nacht</h2><p>Zwei Pfeiler <b>fielen</b>.</p></section>',
    "ednotes": ["Neu: mehr Einzelheiten", "Berichtigung: Zahl der Pfeiler im 1. Absatz"],
    "embargoed": None,
    "categories": [{"type": "dpasubject", "name": "Schifffahrt", "qcode": "x:1"}],
    "keywords": ["Brücke"],
    "associations": [
        {
            "type": "image",
            "caption": "Die Brücke",
            "renditions": [{"url": "https://example.org/1.jpg", "width": 800, "height": 600}],
        }
    ],
}
SUPERDESK: dict[str, Any] = {  # Any: what JSON holds
    "guid": "tag:example.org:2026:newsml_1",
    "version": "4",
    "type": "text",
    "pubstatus": "usable",
    "headline": "Nave contro un ponte",
    "body_html": "<p>Due piloni.</p>",
    "slugline": "ponte",
    "versioncreated": "2026-03-02T06:20:00+0000",
    "associations": {"featuremedia": None},
    "subject": [{"code": "04000000", "name": "economy"}],
    "source": "Agenzia",
}


def wire(fields: object) -> bytes:
    return json.dumps(fields, ensure_ascii=False).encode()


def test_an_item_in_aps_wrapping_is_read_whole() -> None:
    first, second = list(read_items(wire(AP), "auto"))

    assert isinstance(first, Item)
    assert isinstance(second, Item)
    assert (first.guid, first.version, first.urgency) == ("https://api.ap.org/media/v/content/aa11", 2, 2)
    assert first.author == "By JOHN MADE-UP"
    assert [block.text for block in first.content.body] == ["At night", "Two piers fell."]
    assert (first.slug, first.is_correction) == ("BC-US--Bridge", True)
    assert second.status == "canceled"


def test_an_item_in_dpas_words_is_read_whole() -> None:
    item = only(wire({"entries": [DPA]}))

    assert (item.guid, item.version) == (DPA["urn"], 3)
    assert item.at == datetime(2026, 3, 2, 5, 20, tzinfo=UTC)
    assert [block.text for block in item.content.body] == ["In der Nacht", "Zwei Pfeiler **fielen**."]
    assert item.content.tags == ("Schifffahrt", "Brücke")
    assert [(one.uri, one.caption) for one in item.content.media] == [("https://example.org/1.jpg", "Die Brücke")]
    assert [one.name for one in item.content.sources] == ["Agentur"]
    assert item.is_correction
    assert item.note == "Neu: mehr Einzelheiten\nBerichtigung: Zahl der Pfeiler im 1. Absatz"


def test_an_item_of_superdesk_is_named_by_its_guid() -> None:
    item = only(wire([SUPERDESK]))

    assert (item.guid, item.version, item.slug) == ("tag:example.org:2026:newsml_1", 4, "ponte")
    assert [one.name for one in item.content.sources] == ["Agenzia"]


@pytest.mark.parametrize(
    "wrapped",
    [
        {"hits": [DPA, SUPERDESK]},
        {"hits": {"total": 2, "hits": [{"_id": "1", "_source": DPA}, {"_id": "2", "_source": SUPERDESK}]}},
        {"data": [{"id": "1", "attributes": DPA}, {"id": "2", "attributes": SUPERDESK}]},
        {"data": {"items": [{"item": DPA}, {"item": SUPERDESK}]}},
        [{"entries": [DPA]}, {"entries": [SUPERDESK]}],
        [[DPA], [SUPERDESK]],
    ],
)
def test_items_are_found_in_whatever_an_api_wraps_them(wrapped: object) -> None:
    guids = {DPA["urn"], SUPERDESK["guid"]}

    assert {one.guid for one in read_items(wire(wrapped), "auto") if isinstance(one, Item)} == guids
    in_lines = wire({"items": [DPA]}) + b"\n" + wire({"item": SUPERDESK}) + b"\n"
    assert {one.guid for one in read_items(in_lines, "auto") if isinstance(one, Item)} == guids


@pytest.mark.parametrize("fields", [AP, DPA, SUPERDESK, {"entries": [DPA]}])
def test_an_agencys_json_is_not_taken_for_events(fields: object) -> None:
    assert not is_event_lines(Document("", cast("Any", BufferedReader(BytesIO(wire(fields))))))  # Any: no file of its own


@pytest.mark.parametrize("data", [{}, {"items": [{"total": 3}]}, {"weather": {"items": 3}}, [{"headline": "No name"}]])
def test_json_that_is_no_item_is_bad_with_its_place(data: object) -> None:
    found = bad(wire(data), "ninjs")

    assert found.place == "item 1"
    assert "uri: missing" in found.reason


def test_what_is_no_object_among_items_is_bad_by_itself() -> None:
    found = list(read_items(wire({"items": [DPA, 7, None, SUPERDESK]}), "ninjs"))

    assert [(one.place, isinstance(one, BadItem)) for one in found] == [
        ("item 1", False),
        ("item 2", True),
        ("item 3", True),
        ("item 4", False),
    ]


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"pubstatus": "embargoed", "embargoed": "2026-03-03T06:00:00Z"}, UpdatePublished),
        ({"pubstatus": "embargoed"}, UpdateWithheld),
        ({"pubstatus": "Withhold"}, UpdateWithheld),
        ({"pubstatus": "stat:cancelled"}, UpdateKilled),
        ({"pubstatus": "killed"}, UpdateKilled),
        ({"pubstatus": "Usable"}, UpdatePublished),
        ({"signals": ["sig:correction"]}, UpdateCorrected),
        ({"signals": [{"qcode": "sig:correction"}]}, UpdateCorrected),
        ({"signals": "sig:update"}, UpdatePublished),
        ({"editorialtypes": ["Corrective"]}, UpdateCorrected),
    ],
)
def test_what_an_agency_says_of_an_item_is_the_event_it_is(fields: dict[str, object], kind: type) -> None:
    [event] = meant(ninjs(**fields)).events

    assert isinstance(event, kind)


@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_json_is_read_in_any_unicode(coding: str) -> None:
    data = json.dumps({"uri": GUID, "headline": "Brücke", "slugline": "B"}, ensure_ascii=False).encode(coding)

    assert only(data, "ninjs").content.headline == "Brücke"


def test_names_of_its_own_never_replace_those_of_ninjs() -> None:
    item = only(
        ninjs(guid="other", urn="third", updated="2030-01-01T00:00:00Z", embargoed=None, by="Anna", bylines=[{"by": "B"}])
    )

    assert (item.guid, item.author) == (GUID, "Anna")
    assert item.at == datetime(2026, 3, 2, 6, 12, tzinfo=UTC)
    assert kinds(meant(ninjs(guid="other"))) == ["UpdatePublished"]
