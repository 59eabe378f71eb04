"""The laws of the timeline's reader, against a live view in a real Redis."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from consumers.runner import Runner
from consumers.timeline.answers import Page, change_json
from consumers.timeline.reader import TimelineReader
from consumers.timeline.view import TimelineView
from dateline.errors import Refused
from dateline.log import open_log
from dateline.log.base import Log
from dateline.private_redis import PrivateRedis
from dateline.redis_store import Store
from producers.desk import Desk
from producers.records import record_of
from schemas.codec import committed_codec
from schemas.content import Content
from schemas.events import Event, StoryClosed, UpdateMarked, UpdatePublished, UpdateRevised
from schemas.times import to_ms
from schemas.topics import EVENTS_TOPIC

STORY = "apollo-13"
LATER = datetime.now(UTC).replace(microsecond=0) + timedelta(days=2)
Json = Any  # Any: what JSON holds


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with PrivateRedis(tmp_path_factory.mktemp("redis")) as server:
        yield server.url


class Newsroom:
    """A desk, and the view that follows it."""

    def __init__(self, log: Log, store: Store) -> None:
        self.log = log
        self.desk = Desk(log, name="houston")
        self.reader = TimelineReader(store, partitions=log.partitions(EVENTS_TOPIC))
        self._runner = Runner(log, TimelineView(store), topic=EVENTS_TOPIC, codec=committed_codec())

    def catch_up(self) -> None:
        assert self._runner.run_until(self.log.end_offsets(EVENTS_TOPIC), deadline=time.monotonic() + 10)

    def publish(self, *names: str, **options: Any) -> None:  # Any: a desk's options
        for name in names:
            self.desk.publish(STORY, update=name, **{"headline": f"About {name}", "body": f"It is {name}.", **options})
        self.catch_up()

    def send(self, event: Event, *, recorded: datetime | None = None) -> None:
        self.log.append(EVENTS_TOPIC, [record_of(event, timestamp=to_ms(recorded) if recorded is not None else None)])
        self.catch_up()

    def page(self, **options: Any) -> Page:  # Any: a page's options
        page = self.reader.page(STORY, **options)
        assert page is not None
        return page

    def page_as_of(self, when: datetime | int, **options: Any) -> Page:  # Any: a page's options
        page = self.reader.page_as_of(STORY, when, **options)
        assert page is not None
        return page

    def close(self) -> None:
        self._runner.close()


@pytest.fixture
def newsroom(redis_url: str, tmp_path: Path) -> Iterator[Newsroom]:
    import redis  # the test's own broom

    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
    with closing(Store(redis_url)) as store, open_log(f"sqlite:///{tmp_path}/log.db") as log:
        newsroom = Newsroom(log, store)
        yield newsroom
        newsroom.close()


def names(page: Page) -> list[str]:
    return [json.loads(document)["id"] for document in page.documents]


def walk(newsroom: Newsroom, *, limit: int, between: Callable[[], None] = lambda: None, **options: Any) -> list[str]:
    """Return the updates of every page, one after the other; `between` happens after each page."""
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = newsroom.page(limit=limit, cursor=cursor, **options)
        seen += names(page)
        cursor = page.next
        if cursor is None:
            return seen
        between()


# Pages


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
def test_pages_neither_skip_nor_repeat_while_copy_comes_in(newsroom: Newsroom, limit: int) -> None:
    newsroom.publish(*"abcdefg")
    came = iter(range(100))

    seen = walk(newsroom, limit=limit, between=lambda: newsroom.publish(f"new-{next(came)}"))

    assert seen == list("gfedcba")


def test_an_update_keeps_its_place_whatever_becomes_of_it_between_two_pages(newsroom: Newsroom) -> None:
    newsroom.publish(*"abcdef")
    first = newsroom.page(limit=3)

    newsroom.desk.revise(STORY, "b", headline="b, anew")
    newsroom.desk.correct(STORY, "f", note="Wrong.", headline="f, put right")
    newsroom.desk.withhold(STORY, "d", reason="In doubt.")
    newsroom.desk.mark(STORY, "a", pinned=True)
    newsroom.catch_up()

    assert names(first) == list("fed")
    assert names(newsroom.page(limit=3, cursor=first.next)) == list("cba")
    assert names(newsroom.page()) == list("fecba")


def test_a_page_that_ends_with_the_timeline_has_no_next(newsroom: Newsroom) -> None:
    newsroom.publish(*"abc")

    assert newsroom.page(limit=3).next is None
    assert newsroom.page(limit=2).next is not None


@pytest.mark.parametrize("cursor", ["", "p", "x5", "p-1", "p1.5", "p٣", "p" + "9" * 30, "(5"])
def test_a_cursor_that_is_none_of_ours_is_refused(newsroom: Newsroom, cursor: str) -> None:
    newsroom.publish("a")

    with pytest.raises(Refused, match="is no cursor"):
        newsroom.page(cursor=cursor)


def test_key_events_have_pages_of_their_own(newsroom: Newsroom) -> None:
    newsroom.publish(*"abc", key_event=True)
    newsroom.publish(*"de")
    newsroom.desk.mark(STORY, "e", key_event=True)
    newsroom.desk.mark(STORY, "b", key_event=False)
    newsroom.catch_up()

    assert walk(newsroom, limit=1, key_events=True) == list("eca")


def test_what_is_withheld_and_released_returns_to_its_place(newsroom: Newsroom) -> None:
    newsroom.publish(*"abc", key_event=True)
    newsroom.desk.withhold(STORY, "b", reason="In doubt.")
    newsroom.catch_up()
    without = names(newsroom.page()), names(newsroom.page(key_events=True))

    newsroom.desk.correct(STORY, "b", note="Wrong.", headline="b, put right")
    newsroom.desk.release(STORY, "b")
    newsroom.catch_up()

    assert without == (list("ca"), list("ca"))
    assert names(newsroom.page()) == names(newsroom.page(key_events=True)) == list("cba")
    assert json.loads(newsroom.page().documents[1])["headline"] == "b, put right"


def test_a_story_that_nobody_spoke_of_has_no_page(newsroom: Newsroom) -> None:
    assert newsroom.reader.page("artemis-2") is None
    assert newsroom.reader.page_as_of("artemis-2", 5) is None
    assert newsroom.reader.changes("artemis-2") is None
    assert newsroom.reader.history("artemis-2", "a") is None
    assert newsroom.reader.update_names("artemis-2") == []


# As of


def coverage(desk: Desk) -> list[Callable[[], object]]:
    """Forty-odd acts with something of everything, also such as are rejected, late or without effect."""
    d, s = desk, STORY
    return [
        lambda: d.publish(s, update="early", headline="Before the story was opened"),
        lambda: d.open_story(s, title="Apollo 13", summary="To Fra Mauro.", time_zone="America/Chicago"),
        lambda: d.publish(s, update="launch", headline="Lift-off", body="On time.", key_event=True),
        lambda: d.publish(s, update="crew", headline="The crew", body="Three men.", pinned=True),
        lambda: d.publish(s, update="crew", headline="The crew again"),
        lambda: d.correct(s, "crew", note="The name was wrong.", headline="The crew", body="Swigert.", expects=1),
        lambda: d.correct(s, "crew", note="Not current.", headline="The crew", body="Haise.", expects=1),
        lambda: d.mark(s, "crew", verification="verified"),
        lambda: d.mark(s, "crew", verification="verified"),
        lambda: d.publish(s, update="rumour", headline="A meteorite", body="Perhaps."),
        lambda: d.withhold(s, "rumour", reason="Nobody is named."),
        lambda: d.withhold(s, "rumour", reason="Again."),
        lambda: d.mark(s, "rumour", key_event=True),
        lambda: d.publish(s, update="wire", headline="Version 2", version=2),
        lambda: d.revise(s, "wire", headline="Version 24", version=24, note="Write-thru."),
        lambda: d.revise(s, "wire", headline="Version 3", version=3),
        lambda: d.revise_story(s, title="Apollo 13: coming home", summary="The landing is off."),
        lambda: d.release(s, "rumour", note="Now attributed."),
        lambda: d.publish(s, update="false", headline="Fifteen minutes of air"),
        lambda: d.mark(s, "false", pinned=True),
        lambda: d.kill(s, "false", reason="Wrong."),
        lambda: d.publish(s, update="plan", headline="Step by step", embargo_until=LATER),
        lambda: d.correct(s, "plan", note="Nobody saw it.", headline="Step by step, put right"),
        lambda: d.lift_embargo(s, "plan", until=LATER),
        lambda: d.correct(s, "orphan", note="The original said noon.", headline="A correction comes first"),
        lambda: d.publish(s, update="orphan", headline="The original comes late"),
        lambda: d.close_story(s, note="They are home."),
        lambda: d.publish(s, update="too-late", headline="After the end"),
        lambda: d.revise(s, "launch", headline="Lift-off, with more", note="Adds: the engine."),
        lambda: d.withhold(s, "launch", reason="A look at it."),
        lambda: d.revise(s, "launch", headline="Lift-off, changed out of sight"),
        lambda: d.reopen_story(s, note="First steps on land."),
        lambda: d.release(s, "launch"),
        lambda: d.mark(s, "launch", key_event=False, pinned=True),
        lambda: d.publish(s, update="stays-away", headline="Withheld to the end", key_event=True),
        lambda: d.withhold(s, "stays-away", reason="In doubt."),
        lambda: d.publish(s, update="samoa", headline="On land again", from_story="expo-70"),
        lambda: d.publish(s, update="later", headline="Shown, then embargoed"),
        lambda: d.set_embargo(s, "later", until=LATER),
        lambda: d.release(s, "samoa"),
        lambda: d.kill(s, "nobody", reason="Before it came."),
        lambda: d.publish(s, update="nobody", headline="Killed before it came"),
        lambda: d.close_story(s),
    ]


GONE = {"false", "later"}
"""What is killed or under embargo when `coverage` has ended."""


def without_the_gone(page: bytes) -> Json:
    document = json.loads(page)
    return document | {"updates": [update for update in document["updates"] if update["id"] not in GONE]}


@pytest.fixture
def recorded(newsroom: Newsroom) -> list[bytes]:
    """The page after each act of a coverage, as readers had it; the first is seq 1."""
    pages = []
    for act in coverage(newsroom.desk):
        act()
        newsroom.catch_up()
        pages.append(newsroom.page(limit=500).json())
    return pages


def test_as_of_a_seq_is_byte_by_byte_what_readers_had(newsroom: Newsroom, recorded: list[bytes]) -> None:
    compared = 0
    for seq, then in enumerate(recorded, start=1):
        again = newsroom.page_as_of(seq, limit=500).json()

        assert json.loads(again) == without_the_gone(then), f"as of seq {seq}"
        if json.loads(then) == without_the_gone(then):
            assert again == then, f"as of seq {seq}"
            compared += 1
    assert compared > 30


def test_as_of_a_seq_has_the_same_updates_on_small_pages(newsroom: Newsroom, recorded: list[bytes]) -> None:
    for seq, then in enumerate(recorded, start=1):
        for key_events in (False, True):
            seen, page = [], newsroom.page_as_of(seq, limit=2, key_events=key_events)
            seen += [json.loads(document) for document in page.documents]
            while page.next is not None:
                page = newsroom.page_as_of(seq, limit=2, cursor=page.next, key_events=key_events)
                seen += [json.loads(document) for document in page.documents]

            updates = without_the_gone(then)["updates"]
            assert seen == [update for update in updates if update["key_event"] or not key_events], f"as of seq {seq}"


def test_as_of_a_seq_that_is_yet_to_come_is_now(newsroom: Newsroom, recorded: list[bytes]) -> None:
    assert newsroom.page_as_of(10**15, limit=500).json() == recorded[-1]


def test_as_of_a_time_is_what_readers_had_by_the_time_of_the_record(newsroom: Newsroom) -> None:
    start = datetime(1970, 4, 13, 21, tzinfo=UTC)
    minutes = [start + timedelta(minutes=at) for at in (0, 1, 1, 5, 9)]
    said: list[Event] = [
        UpdatePublished(event_id="1", story=STORY, update="a", content=Content("a"), occurred_at=LATER),
        UpdatePublished(event_id="2", story=STORY, update="b", content=Content("b"), occurred_at=start),
        UpdateRevised(event_id="3", story=STORY, update="a", content=Content("a, anew"), occurred_at=start),
        UpdateMarked(event_id="4", story=STORY, update="a", pinned=True),
        StoryClosed(event_id="5", story=STORY),
    ]
    pages = {}
    for event, minute in zip(said, minutes, strict=True):
        newsroom.send(event, recorded=minute)
        pages[minute] = newsroom.page().json()

    for minute, page in pages.items():
        assert newsroom.page_as_of(minute).json() == page
        assert newsroom.page_as_of(minute + timedelta(seconds=59)).json() == page
    assert newsroom.page_as_of(minutes[-1] + timedelta(days=9999)).json() == pages[minutes[-1]]
    assert newsroom.reader.page_as_of(STORY, start - timedelta(milliseconds=1)) is None
    assert newsroom.reader.page_as_of(STORY, 0) is None


# Changes, history, corrections, verdicts


def test_the_changes_are_a_chain_without_a_gap(newsroom: Newsroom, recorded: list[bytes]) -> None:
    found = newsroom.reader.changes(STORY)

    assert found is not None
    changes = [public.change for public in found[1]]
    assert [change.after for change in changes] == [0, *(change.seq for change in changes[:-1])]
    assert all(one.seq < other.seq for one, other in pairwise(changes))
    assert {json.loads(page)["seq"] for page in recorded} >= {change.seq for change in changes}


def test_changes_since_any_seq_are_the_rest_of_the_chain(newsroom: Newsroom, recorded: list[bytes]) -> None:
    whole = newsroom.reader.changes(STORY)
    assert whole is not None

    for seq in range(len(recorded) + 2):
        rest = newsroom.reader.changes(STORY, since=seq, limit=5)

        assert rest is not None
        assert rest[1] == [public for public in whole[1] if public.change.seq > seq][:5]


def test_a_change_carries_the_document_as_it_is_now_and_nothing_of_what_is_gone(newsroom: Newsroom) -> None:
    newsroom.publish("a", "b")
    newsroom.desk.revise(STORY, "a", headline="a, anew", note="More is known.")
    newsroom.desk.correct(STORY, "b", note="It was the wrong man.", headline="b, put right")
    newsroom.desk.kill(STORY, "b", reason="Wrong altogether.")
    newsroom.desk.close_story(STORY, note="The end.")
    newsroom.catch_up()

    found = newsroom.reader.changes(STORY)
    assert found is not None
    told = [json.loads(change_json(public)) for public in found[1]]

    assert [list(one) for one in told] == [["seq", "after", "kind", "update", "revision", "note", "document"]] * 6
    assert [one["kind"] for one in told] == ["published", "published", "revised", "corrected", "killed", "story_closed"]
    assert [one["document"] and one["document"]["headline"] for one in told] == ["a, anew", None, "a, anew", None, None, None]
    assert [one["note"] for one in told] == [None, None, "More is known.", None, None, "The end."]
    assert told[-1]["update"] is None


def test_the_history_tells_what_brought_each_revision_about(newsroom: Newsroom, recorded: list[bytes]) -> None:
    told = newsroom.reader.history(STORY, "launch")

    assert told is not None
    assert [one.about.kind for one in told] == ["published", "revised", "withheld", "released", "marked"]
    assert [one.about.revision for one in told] == [1, 2, 2, 3, 3]
    headlines = [json.loads(one.document)["headline"] if one.document else None for one in told]
    changed = "Lift-off, changed out of sight"
    assert headlines == ["Lift-off", "Lift-off, with more", None, changed, changed]


def test_the_history_holds_late_copy(newsroom: Newsroom, recorded: list[bytes]) -> None:
    told = newsroom.reader.history(STORY, "wire")

    assert told is not None
    assert [one.about.kind for one in told] == ["published", "revised", "late"]
    assert told[-1].document is not None
    assert json.loads(told[-1].document)["headline"] == "Version 3"


@pytest.mark.parametrize("update", ["false", "later", "stays-away", "nobody", "never-heard-of"])
def test_what_is_not_public_has_no_history_and_is_never_suggested(newsroom: Newsroom, recorded: list[bytes], update: str) -> None:
    assert newsroom.reader.history(STORY, update) is None
    assert update not in newsroom.reader.update_names(STORY)


def test_corrections_come_newest_first_and_only_of_what_is_public(newsroom: Newsroom) -> None:
    newsroom.publish(*"abc")
    for name, note in (("a", "1"), ("b", "2"), ("a", "3"), ("c", "4")):
        newsroom.desk.correct(STORY, name, note=note, headline=f"{name}, put right")
        newsroom.catch_up()
    newsroom.desk.publish("artemis-2", update="x", headline="x")
    newsroom.desk.correct("artemis-2", "x", note="5", headline="x, put right", severity="minor")
    newsroom.catch_up()

    def notes(story: str | None = None, *, limit: int = 50) -> list[str]:
        return [one.told.note for one in newsroom.reader.corrections(story, limit=limit)]

    assert sorted(notes()) == list("12345")  # those of one millisecond in any order
    assert notes(STORY) == list("4321")
    newsroom.desk.withhold(STORY, "c", reason="In doubt.")
    newsroom.desk.kill(STORY, "b", reason="Wrong.")
    newsroom.catch_up()
    assert notes(STORY) == list("31")
    assert notes(STORY, limit=1) == ["3"], "what is not public takes no place in the list"
    newsroom.desk.release(STORY, "c")
    newsroom.catch_up()
    assert notes(limit=2) == list("54")


def test_every_event_has_its_verdict(newsroom: Newsroom) -> None:
    first = newsroom.desk.publish(STORY, update="a", headline="a", event_id="one")
    second = newsroom.desk.publish(STORY, update="a", headline="a", event_id="one")
    newsroom.desk.correct(STORY, "a", note="Wrong.", headline="b", expects=7, event_id="two")
    newsroom.catch_up()

    kept, refused = newsroom.reader.verdict(STORY, "one"), newsroom.reader.verdict(STORY, "two")

    assert kept is not None
    assert (kept.update, kept.verdict.status, kept.verdict.seq) == ("a", "accepted", 1)
    assert first.offset == kept.verdict.offset < second.offset
    assert refused is not None
    assert (refused.verdict.status, refused.verdict.conflict, refused.verdict.revision) == ("rejected", True, 1)
    assert newsroom.reader.verdict(STORY, "three") is None


def test_a_wait_ends_when_copy_comes_in(newsroom: Newsroom) -> None:
    newsroom.publish("a")
    stream = newsroom.reader.wake_stream(STORY)
    seen = newsroom.reader.wait({stream: "0"}, timeout=5).seen
    assert seen == newsroom.reader.wake_ends([stream])
    assert not newsroom.reader.wait(seen, timeout=0.01).stories

    newsroom.publish("b")

    assert newsroom.reader.wait(seen, timeout=5).stories == {STORY: 2}
