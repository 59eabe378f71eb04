"""Parked stories as an operator meets them: one whose state in Redis is damaged waits, all others go on, and it catches up."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from consumers.parking import PARKED_MOST
from consumers.runner import Runner
from consumers.timeline.audit import Auditor
from consumers.timeline.view import TimelineView
from dateline.log import open_log
from dateline.log.base import Log
from dateline.log.partitioner import partition_of
from dateline.redis_store import Store
from producers.desk import Desk
from schemas.codec import committed_codec
from schemas.topics import EVENTS_TOPIC
from tests.integration.cli import Result, json_of, run
from tests.integration.test_consume import Consumer
from tests.support.both_logs import on_both_logs
from tests.support.planted import catch_up
from tests.support.servers import eventually

DAMAGED, WELL = "apollo-13", "mir"
Json = dict[str, Any]  # Any: what JSON holds


class Place:
    """A data folder, a log and a Redis of its own."""

    def __init__(self, data: Path, log_url: str, url: str, raw: Any) -> None:
        self.data, self.log_url, self.url, self.raw = data, log_url, url, raw
        self.env = {"DATELINE_LOG": log_url, "DATELINE_REDIS": url}

    def dateline(self, *args: str) -> Result:
        return run(self.data, *args, env=self.env)

    def log(self) -> Log:
        return open_log(self.log_url)

    @contextmanager
    def fed(self) -> Iterator[None]:
        """Have somebody feed the view: on a file every command does."""
        if self.log_url.startswith("sqlite:"):
            yield
            return
        consumer = Consumer(self.data, "timeline", env=self.env)
        try:
            consumer.claims()
            yield
        finally:
            assert consumer.end(signal.SIGTERM) == 0

    def said(self, story: str, *headlines: str) -> None:
        """Publish into a story that may be parked, so that no command can wait until it is shown."""
        with self.log() as log:
            desk = Desk(log, name="houston")
            for headline in headlines:
                desk.publish(story, headline=headline, body="…")

    def is_parked(self) -> None:
        """Wait until the damaged story is parked, by a consumer or by the command that looks."""
        eventually(lambda: len(json_of(self.dateline("parked", "list", "--json"))) == 1, what="that it is parked")

    def key(self, kind: str) -> str:
        """Return a key of the damaged story's partition in the live generation."""
        with self.log() as log:
            partition = partition_of(DAMAGED.encode(), log.partitions(EVENTS_TOPIC))
        return f"{{tl:p{partition}}}:{self.raw.get(f'{{tl:p{partition}}}:live')}:{kind}"

    def differences(self) -> list[str]:
        store = Store(self.url)
        with self.log() as log:
            found = Auditor(log, store, topic=EVENTS_TOPIC, codec=committed_codec()).audit().differences
        store.close()
        return found

    def publish(self, story: str, headline: str) -> Result:
        return self.dateline("publish", story, "--headline", headline, "--body", "…", "--json")


@pytest.fixture
def place(tmp_path: Path, log_url: str, server: str, raw: Any) -> Place:
    """A place where two stories have begun, and readers have them."""
    place = Place(tmp_path, log_url, server, raw)
    with place.log() as log, closing(Store(place.url)) as store:
        desk = Desk(log, name="houston")
        for story in (DAMAGED, WELL):
            desk.open_story(story, title=story)
            desk.publish(story, update="first", headline="First", body="…")
        catch_up(log, store)
    return place


def damage(place: Place) -> str:
    """Write something else over the story's state; return what was there."""
    before: str = place.raw.hget(place.key("stories"), DAMAGED)
    place.raw.hset(place.key("stories"), DAMAGED, "no state")
    return before


@on_both_logs
def test_a_damaged_story_waits_and_catches_up(place: Place) -> None:
    before = damage(place)

    with place.fed():
        place.said(DAMAGED, "Second", "Third")
        goes_on = place.publish(WELL, "Second")
        place.is_parked()

        assert (goes_on.code, json_of(goes_on)["status"]) == (0, "accepted")
        (listed,) = json_of(place.dateline("parked", "list", "--json"))
        assert listed.items() >= {"story": DAMAGED, "build": "live", "seq": None, "retry": False}.items()
        assert listed["error"].startswith("ContentDamaged: no Story: ")
        shown = json_of(place.dateline("parked", "show", DAMAGED, "--json"))
        assert (shown["seq"], shown["waiting"], shown["record"]["event"]["content"]["headline"]) == (3, 2, "Second")
        assert "2 records of it wait" in place.dateline("parked", "show", DAMAGED).out
        assert [json_of(place.dateline("status", "--json"))["timeline"][name] for name in ("parked", "lag")] == [1, 0]

        too_early = place.dateline("parked", "retry", DAMAGED)
        assert (too_early.code, "parked still" in too_early.out) == (1, True)

        place.raw.hset(place.key("stories"), DAMAGED, before)
        retried = place.dateline("parked", "retry", "--json")
        assert (retried.code, json_of(retried)) == (
            0,
            [{"view": "timeline", "story": DAMAGED, "status": "caught up", "seq": None, "error": None}],
        )
        assert place.dateline("parked", "list").out == "No story is parked.\n"
        assert "Compared 2 stories: readers see the same." in place.dateline("replay", "timeline").out
    assert place.differences() == []


def test_a_key_of_another_kind_is_that_storys_damage(place: Place) -> None:
    key = place.key(f"events/{DAMAGED}")
    place.raw.rename(key, "aside")
    place.raw.set(key, "a text")

    waits = place.publish(DAMAGED, "Second")
    goes_on = place.publish(WELL, "Second")
    (listed,) = json_of(place.dateline("parked", "list", "--json"))
    place.raw.rename("aside", key)
    place.dateline("parked", "retry", DAMAGED)

    assert (waits.code, json_of(waits)["status"]) == (4, "unconfirmed")
    assert goes_on.code == 0
    assert (listed["seq"], "is no hash" in listed["error"]) == (3, True)
    assert place.differences() == []


@on_both_logs
def test_a_replay_mends_a_damaged_story(place: Place) -> None:
    damage(place)

    with place.fed():
        place.said(DAMAGED, "Second")
        place.is_parked()
        replayed = place.dateline("replay", "timeline")

        assert (replayed.code, "Readers have g2 now" in replayed.out) == (0, True)
        assert place.dateline("parked", "list").out == "No story is parked.\n"
    assert place.differences() == []


@on_both_logs
def test_a_build_that_lacks_a_story_is_not_switched_to(place: Place) -> None:
    with place.fed():
        place.dateline("replay", "timeline", "--no-switch")
        shadow = place.key("stories").replace(":g1:", ":g2:")
        before = place.raw.hget(shadow, DAMAGED)
        place.raw.hset(shadow, DAMAGED, "no state")
        place.publish(DAMAGED, "Second")

        refused = place.dateline("replay", "timeline")
        listed = json_of(place.dateline("parked", "list", "--json"))
        still_read = json_of(place.dateline("timeline", DAMAGED, "--json"))
        place.raw.hset(shadow, DAMAGED, before)
        replayed = place.dateline("replay", "timeline")

    assert (refused.code, refused.err.startswith(f"dateline: 1 story could not be built: {DAMAGED} (ContentDamaged")) == (1, True)
    assert [(one["story"], one["build"]) for one in listed] == [(DAMAGED, "being built")]
    assert still_read["updates"][0]["headline"] == "Second"
    assert (replayed.code, "Readers have g2 now" in replayed.out) == (0, True)
    assert place.differences() == []


@on_both_logs
def test_what_is_not_parked_is_said(place: Place) -> None:
    found = place.dateline("parked", "retry", DAMAGED)
    shown = place.dateline("parked", "show", DAMAGED)
    nothing = place.dateline("parked", "retry")

    assert (found.code, found.err) == (1, f"dateline: Story '{DAMAGED}' is not parked. See: dateline parked list\n")
    assert (shown.code, shown.err) == (found.code, found.err)
    assert (nothing.code, nothing.out) == (0, "No story is parked.\n")


def test_an_embargo_of_a_parked_story_is_not_lifted_by_every_command(place: Place) -> None:
    """Whether it still holds is in records that the view has not seen."""
    held = ("--headline", "Held", "--body", "…", "--id", "held", "--embargo-until", "2050-01-01T00:00:00Z")
    place.dateline("publish", DAMAGED, *held)
    damage(place)
    place.raw.zadd(place.key("embargoes"), {f"{DAMAGED}/held": 1})
    place.publish(DAMAGED, "Second")
    with place.log() as log:
        before = log.end_offsets(EVENTS_TOPIC)

    place.dateline("timeline", WELL)
    place.dateline("timeline", WELL)

    with place.log() as log:
        assert log.end_offsets(EVENTS_TOPIC) == before


def test_too_many_stop_the_consumer_and_a_retry_lets_it_go_on(tmp_path: Path, log_url: str, server: str, raw: Any) -> None:
    place = Place(tmp_path, log_url, server, raw)
    with place.log() as log:
        desk, home = Desk(log, name="houston"), partition_of(DAMAGED.encode(), log.partitions(EVENTS_TOPIC))
        names = [f"s{n}" for n in range(500) if partition_of(f"s{n}".encode(), log.partitions(EVENTS_TOPIC)) == home]
        stories = [DAMAGED, *names[:PARKED_MOST]]
        for story in stories:
            desk.open_story(story, title=story)
        place.dateline("timeline", DAMAGED)
        before = raw.hgetall(place.key("stories"))
        raw.hset(place.key("stories"), mapping=dict.fromkeys(stories, "no state"))
        for story in stories:
            desk.publish(story, headline="Second", body="…")

    stopped = place.dateline("consume", "timeline")
    listed = json_of(place.dateline("parked", "list", "--json"))
    raw.hset(place.key("stories"), mapping=before)
    retried = place.dateline("parked", "retry")

    assert stopped.code == 1
    assert f"{PARKED_MOST} stories of partition {home} are parked, and" in stopped.err.splitlines()[-1]
    assert [one["story"] for one in listed] == sorted(stories[:PARKED_MOST])
    assert retried.code == 0
    assert place.differences() == []


@on_both_logs
def test_a_running_consumer_says_so_and_does_what_it_is_asked(place: Place) -> None:
    before, told, store = damage(place), list[str](), Store(place.url)
    with place.log() as log:
        Desk(log, name="houston").publish(DAMAGED, headline="Second", body="…")
        runner = Runner(
            log,
            TimelineView(store),
            topic=EVENTS_TOPIC,
            codec=committed_codec(),
            on_parked=lambda _, story, parked: told.append(f"{story} {'caught up' if parked is None else parked.offset}"),
        )
        assert runner.run_until(log.end_offsets(EVENTS_TOPIC), deadline=time.monotonic() + 20)
        asked = json.loads(place.raw.hget(place.key("parked"), DAMAGED)) | {"retry": True}
        place.raw.hset(place.key("stories"), DAMAGED, before)
        place.raw.hset(place.key("parked"), DAMAGED, json.dumps(asked))

        deadline = time.monotonic() + 20
        runner.run(stopped=lambda: len(told) == 2 or time.monotonic() > deadline, timeout=0.05)
        runner.close()
    store.close()

    assert told == [f"{DAMAGED} {asked['offset']}", f"{DAMAGED} caught up"]
    assert place.differences() == []
