"""What items mean: the events that they are, and what the fold makes of them in whatever order they come."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.wires.events import LONGEST_EXTRA_BYTES, Known, extra_text, story_name, update_name
from producers.wires.item import Unusable
from schemas.events import EmbargoSet, UpdateCorrected, UpdateKilled, UpdatePublished
from schemas.names import is_name
from schemas.rules import check
from tests.support.wires import GUID, NOW, atom, kinds, meant, newsml, ninjs, rss

CORRECTION = '<edNote>Corrects the number of arches</edNote><signal qcode="sig:correction"/>'


def test_an_item_is_a_publication_with_its_version_and_the_same_item_is_the_same_event() -> None:
    first, again = meant(newsml(3)), meant(newsml(3))

    [event] = first.events
    assert isinstance(event, UpdatePublished)
    assert (event.update, event.version, event.story, event.desk) == (GUID, 3, "bridge", "desk")
    assert first == again
    assert meant(newsml(4)).events[0].event_id != event.event_id
    assert meant(newsml(3), story="other").events[0].event_id != event.event_id


def test_a_correction_carries_its_note() -> None:
    [event] = meant(newsml(2, meta=CORRECTION)).events

    assert isinstance(event, UpdateCorrected)
    assert (event.note, event.version) == ("Corrects the number of arches", 2)


def test_a_correction_under_embargo_sets_the_embargo_first() -> None:
    embargo = "<embargoed>2026-03-03T06:00:00Z</embargoed>"
    item = newsml(2, meta=CORRECTION).replace(b"<pubStatus", embargo.encode() + b"<pubStatus")

    ahead, passed = meant(item), meant(item, now=NOW.replace(month=4))

    assert kinds(ahead) == ["EmbargoSet", "UpdateCorrected"]
    assert isinstance(ahead.events[0], EmbargoSet)
    assert kinds(passed) == ["UpdateCorrected"]


@pytest.mark.parametrize(
    ("note", "headline"),
    [
        ("CORRECTION: date in paragraph 2", "x"),
        ("Berichtigung: Zahl im 2. Absatz", "x"),
        ("Corrige dato", "x"),
        ("", "CORRECTED-Ship hits bridge"),
        ("", "(Berichtigung) Schiff rammt Brücke"),
        ("", "RECTIFICATIF - Un navire heurte le pont"),
        ("", "UPDATE 2-CORRECTED-Ship hits bridge"),
        ("", "Ship hits bridge (Corrected)"),
        ("Eds: CORRECTS spelling of the captain's name", "x"),
        ("ADDS quotes; CORRECTS the date", "x"),
        ("Mit weiteren Einzelheiten\nBerichtigung: Name im 2. Absatz", "x"),
        ("ATTENTION - CORRIGE date ///", "x"),
        ("This story has been corrected to fix the name of the bridge.", "x"),
    ],
)
def test_habits_of_agencies_tell_a_correction(note: str, headline: str) -> None:
    assert kinds(meant(ninjs(edNote=note, headline=headline))) == ["UpdateCorrected"]


@pytest.mark.parametrize(
    "headline",
    [
        "Correct answer found",
        "Correctional officers strike",
        "Corrected figures show growth",
        "Man held (Correction Department)",
        "Ship hits bridge (UPDATE 2)",
    ],
)
def test_a_headline_that_only_begins_alike_is_no_correction(headline: str) -> None:
    assert kinds(meant(ninjs(headline=headline))) == ["UpdatePublished"]


@pytest.mark.parametrize("note", ["No correction needed", "This is NOT A CORRECTION", "Corrections officers were asked"])
def test_a_note_that_only_speaks_of_corrections_is_none(note: str) -> None:
    assert kinds(meant(ninjs(edNote=note))) == ["UpdatePublished"]


def test_a_local_time_without_a_zone_loses_no_entry_of_a_feed() -> None:
    ahead = (NOW + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%S")

    [event] = meant(rss(f"<guid>1</guid><title>T</title><pubDate>{ahead}</pubDate>")).events

    check(event, now=NOW)
    assert event.occurred_at == NOW


@pytest.mark.parametrize(
    "meta",
    [
        "<edNote>With quotes</edNote><edNote>Berichtigung: Name</edNote>",
        '<edNote role="dpaednoterole:correctionshort">Name im 2. Absatz</edNote>',
        '<signal uri="http://cv.iptc.org/newscodes/signal/correction"/>',
    ],
)
def test_a_correction_is_told_among_other_notes_and_signals(meta: str) -> None:
    assert kinds(meant(newsml(2, meta=f'<signal qcode="sig:update"/>{meta}'))) == ["UpdateCorrected"]


def test_an_embargo_without_an_end_holds_back_until_a_version_names_one() -> None:
    held = meant(newsml(1).replace(b"<pubStatus", b"<embargoed/><pubStatus"))
    ended = meant(newsml(2), held.known)

    assert [kinds(held), kinds(ended)] == [["UpdateWithheld"], ["UpdateReleased", "UpdatePublished"]]


def test_a_cancel_is_a_kill_also_without_a_headline_and_in_afps_way() -> None:
    [event] = meant(
        newsml(2, status="stat:canceled", headline="", meta='<edNote>Wrong bridge</edNote><signal qcode="sig:update"/>')
    ).events

    assert isinstance(event, UpdateKilled)
    assert (event.reason, event.update) == ("Wrong bridge", GUID)


def test_held_back_and_usable_again_is_a_release() -> None:
    first = meant(newsml(1))
    held = meant(newsml(2, status="stat:withheld"), first.known)
    again = meant(newsml(3), held.known)

    assert [kinds(first), kinds(held), kinds(again)] == [
        ["UpdatePublished"],
        ["UpdateWithheld"],
        ["UpdateReleased", "UpdatePublished"],
    ]


def test_an_older_version_neither_holds_back_nor_releases() -> None:
    newer = meant(newsml(3)).known
    held = meant(newsml(5, status="stat:withheld"), newer).known

    assert kinds(meant(newsml(2, status="stat:withheld"), newer)) == []
    assert kinds(meant(newsml(4), held)) == ["UpdatePublished"]
    assert meant(newsml(4), held).known == held


def test_a_later_version_stays_in_its_story_whatever_it_is_filed_under() -> None:
    first = meant(newsml(1, slug="BRIDGE"), story=None)
    second = meant(newsml(2, slug="BRIDGE-INQUIRY"), first.known, story=None)

    assert [event.story for event in (*first.events, *second.events)] == ["bridge", "bridge"]


def test_an_item_that_names_no_story_cannot_be_used_without_one() -> None:
    with pytest.raises(Unusable, match="--story"):
        meant(newsml(1, slug=""), story=None)


def test_an_edit_in_a_feed_without_dates_is_a_new_version_and_going_back_is_another() -> None:
    def entry(words: str) -> bytes:
        return rss(f"<guid>1</guid><title>T</title><description>{words}</description>")

    first = meant(entry("one"))
    second = meant(entry("two"), first.known)
    third = meant(entry("one"), second.known)
    again = meant(entry("one"), third.known)

    versions = [
        event.version for found in (first, second, third, again) for event in found.events if isinstance(event, UpdatePublished)
    ]
    assert versions == [0, 1, 2, 2]
    assert len({found.events[0].event_id for found in (first, second, third, again)}) == 3
    assert [found.is_repeated for found in (first, second, third, again)] == [False, False, False, True]


def test_a_new_date_alone_says_nothing_new() -> None:
    def entry(minute: str) -> bytes:
        return rss(f"<guid>1</guid><title>T</title><pubDate>Mon, 02 Mar 2026 06:{minute}:00 GMT</pubDate>")

    first = meant(entry("05"))
    again = meant(entry("09"), first.known)

    assert again.is_repeated
    assert again.events[0].event_id == first.events[0].event_id


def test_edits_in_a_feed_that_never_moves_a_date_are_versions_one_after_the_other() -> None:
    def entry(words: str, minute: str = "05") -> bytes:
        date = f"Mon, 02 Mar 2026 06:{minute}:00 GMT"
        return rss(f"<guid>1</guid><title>T</title><pubDate>{date}</pubDate><description>{words}</description>")

    known: Known | None = None
    versions = []
    for document in (entry("one"), entry("two"), entry("three"), entry("one"), entry("four", "06"), entry("three")):
        found = meant(document, known)
        known = found.known
        versions += [event.version or 0 for event in found.events if isinstance(event, UpdatePublished)]

    first = versions[0]
    assert [version - first for version in versions] == [0, 1, 2, 3, 60, 0]  # the last is a copy that a server kept: late


def test_a_tombstone_takes_off_and_the_entry_that_comes_back_is_released() -> None:
    entry = "<entry><id>1</id><title>T</title><updated>2026-03-02T0{}:00:00Z</updated><summary>{}</summary></entry>"
    first = meant(atom(entry.format(6, "a")))
    gone = meant(atom('<at:deleted-entry ref="1" when="2026-03-02T07:00:00Z"/>'), first.known)
    back = meant(atom(entry.format(8, "b")), gone.known)

    assert [kinds(gone), kinds(back)] == [["UpdateWithheld"], ["UpdateReleased", "UpdatePublished"]]


def test_extra_that_is_too_long_loses_its_longest_fields_and_says_so() -> None:
    text = extra_text({"uri": "a", "associations": ["x" * LONGEST_EXTRA_BYTES], "by": "Anna"})

    assert json.loads(text) == {"uri": "a", "by": "Anna", "leftOut": ["associations"]}


@given(st.text(min_size=1, max_size=300))
def test_any_guid_names_an_update_in_one_way(guid: str) -> None:
    name = update_name(guid)

    assert is_name(name)
    assert update_name(guid) == name


@given(st.text(max_size=200))
def test_any_slug_names_a_story_or_none(slug: str) -> None:
    assert is_name(story_name(slug) or "none")


@given(st.permutations([1, 2, 3, 4]), st.sets(st.integers(1, 4)), st.sets(st.integers(1, 4)))
def test_every_event_keeps_the_rules_in_whatever_order_versions_come(
    order: list[int], held: set[int], put_right: set[int]
) -> None:
    known: Known | None = None
    for version in order:
        status = "stat:withheld" if version in held else "stat:usable"
        found = meant(newsml(version, status=status, meta=CORRECTION if version in put_right else ""), known)
        known = found.known
        for event in found.events:
            check(event, now=NOW)

    assert known is not None
    assert known.version == 4
    assert (known.status == "withheld") == (4 in held)


def test_the_same_version_again_is_known() -> None:
    found = meant(newsml(2))
    assert meant(newsml(2), found.known).is_repeated
    assert not meant(newsml(2), replace(found.known, checksum="x")).is_repeated


def test_event_ids_of_acts_and_versions_are_all_different() -> None:
    documents = [
        newsml(version, status=status)
        for version, status in itertools.product((1, 2), ("stat:usable", "stat:withheld", "stat:canceled"))
    ]
    ids = [event.event_id for document in documents for event in meant(document).events]

    assert len(set(ids)) == len(ids) == 6
