"""The ninjs form, against IPTC's own schema where it lies beside the project."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from consumers.web.coverage import Coverage
from consumers.web.feeds.ids import story_id, update_id
from consumers.web.feeds.ninjs import ninjs_feed, ninjs_item
from schemas.content import Media
from tests.support.coverages import LINKS, STORY, apollo, corrected, coverage_of, hostile_coverages, shown
from tests.support.iptc import iptc

Json = Any  # Any: what JSON holds

GEO = "https://geojson.org/schema/GeoJSON.json"
"""Which the schema names for the shapes of places; nothing of ours has any."""


@pytest.fixture(scope="module")
def ninjs() -> Draft202012Validator:
    schema = json.loads((iptc() / "ninjs/schema/ninjs-schema_3.1.json").read_text(encoding="utf-8"))
    registry: Registry[Json] = Registry().with_resource(GEO, DRAFT202012.create_resource({}))
    return Draft202012Validator(schema, registry=registry, format_checker=FormatChecker())


def test_a_feed_is_one_valid_item(ninjs: Draft202012Validator) -> None:
    ninjs.validate(json.loads(ninjs_feed(apollo(), LINKS)))
    ninjs.validate(json.loads(ninjs_feed(coverage_of([]), LINKS)))


def test_each_update_is_a_valid_item_of_its_own(ninjs: Draft202012Validator) -> None:
    for update in apollo().updates:
        ninjs.validate(json.loads(json.dumps(ninjs_item(update, LINKS))))


def test_the_schema_finds_what_is_wrong(ninjs: Draft202012Validator) -> None:
    """Without this the tests above would hold for a schema that takes anything."""
    item = json.loads(ninjs_feed(apollo(), LINKS))
    del item["associations"][0]["uri"]

    assert not ninjs.is_valid(item)


def test_hostile_texts_make_valid_items(ninjs: Draft202012Validator) -> None:
    @given(hostile_coverages())
    def check(coverage: Coverage) -> None:
        ninjs.validate(json.loads(ninjs_feed(coverage, LINKS)))

    check()


def test_a_corrected_update_says_so_to_desks_and_to_readers() -> None:
    item = ninjs_item(corrected(), LINKS)

    assert item["uri"] == update_id(STORY, "a-problem")
    assert (item["pubStatus"], item["version"], item["urgency"]) == ("usable", "3", 1)
    assert (item["firstCreated"], item["versionCreated"]) == ("1970-04-14T03:08:20.000000Z", "1970-04-14T03:17:20.000000Z")
    assert item["edNote"].splitlines()[0] == "Correction (14 April 1970, 03:17 UTC): It was tank 2, not tank 1. [revision 3]"
    corrections = [one["value"] for one in item["descriptions"] if one["role"] == "correction"]
    assert corrections[-1].endswith("It was tank 2, not tank 1.")
    assert item["places"] == [{"name": "Houston", "rel": "mentions"}]
    assert item["subjects"] == [{"name": "space", "rel": "about"}]
    assert item["infoSources"][0] == {"name": "NASA", "role": "official", "uri": "https://nasa.example/"}


def test_a_picture_is_an_association_with_its_caption_and_its_credit() -> None:
    [picture] = ninjs_item(corrected(), LINKS)["associations"]

    assert picture["type"] == "picture"
    assert {one["role"]: one["value"] for one in picture["descriptions"]} == {
        "caption": "The _crew_",
        "creditline": "NASA",
        "alttext": "Three men",
    }
    assert picture["renditions"] == [
        {
            "name": "main",
            "href": "https://images.example/%C3%A9.jpg",
            "contentType": "image/jpeg",
            "width": 640,
            "height": 480,
        }
    ]


def test_addresses_are_uris_whatever_script_they_are_in() -> None:
    update = shown(media=(Media(uri="https://bücher.example/ü?q=é%20#ß"),))

    [picture] = ninjs_item(update, LINKS)["associations"]

    assert picture["renditions"][0]["href"] == "https://xn--bcher-kva.example/%C3%BC?q=%C3%A9%20#%C3%9F"


def test_what_is_killed_is_canceled_and_says_nothing() -> None:
    feed = json.loads(ninjs_feed(apollo(), LINKS))

    assert (feed["uri"], feed["type"], feed["version"]) == (story_id(STORY), "composite", "9")
    statuses = {one["uri"]: one["pubStatus"] for one in feed["associations"]}
    assert statuses == {
        update_id(STORY, "a-problem"): "usable",
        update_id(STORY, "launch"): "usable",
        update_id(STORY, "rumour"): "canceled",
        update_id(STORY, "doubt"): "withheld",
    }
    assert not {"bodies", "headlines", "descriptions"} & {*feed["associations"][-1]}
