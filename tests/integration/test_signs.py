"""Who holds a partition says so inside the view, where any other process reads it."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import redis

from consumers.runner import Runner
from consumers.timeline.audit import Auditor
from consumers.timeline.signs import Owner, Sign, SignedView, read_signs
from consumers.timeline.view import TimelineView
from dateline.errors import LogUnavailable, RetentionGap
from dateline.log import open_log
from dateline.log.base import Log, NewRecord
from dateline.redis_store import Store
from producers.desk import Desk
from schemas.codec import committed_codec
from schemas.topics import EVENTS_TOPIC
from tests.integration.cli import json_of, run
from tests.integration.test_consume import Consume, Consumer

STORY = "apollo-13"
HOME = 3


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    with open_log(f"sqlite:///{tmp_path}/data/log.db") as log:
        yield log


@pytest.fixture
def consume(tmp_path: Path, server: str, store: Store) -> Iterator[Consume]:
    """Begin consumers; those that still run when the test ends are killed."""
    begun: list[Consumer] = []

    def begin() -> Consumer:
        begun.append(Consumer(tmp_path / "data", "timeline", env={"DATELINE_REDIS": server}))
        return begun[-1]

    yield begin
    for one in begun:
        if one.process.poll() is None:
            one.end(signal.SIGKILL)


def feed(log: Log, view: TimelineView) -> None:
    """Bring the view up to the log's end, and leave it claimed."""
    runner = Runner(log, view, topic=EVENTS_TOPIC, codec=committed_codec())
    assert runner.run_until(log.end_offsets(EVENTS_TOPIC), deadline=time.monotonic() + 20)
    runner._member.close()


def hold(log: Log, view: TimelineView) -> None:
    """Have the view claim every partition."""
    for partition in range(4):
        view.claim(partition, log_id=log.id(EVENTS_TOPIC))


def signs(store: Store) -> dict[int, Sign]:
    return dict(read_signs(store, 4))


def test_a_claim_is_signed_at_once_and_nothing_is_known_before(log: Log, store: Store) -> None:
    Desk(log, name="houston").open_story(STORY, title="Apollo 13")

    before = signs(store)
    feed(log, SignedView(store, Owner("here:1")))

    assert before == {}
    assert {partition: sign.owner for partition, sign in signs(store).items()} == dict.fromkeys(range(4), "here:1")
    assert all(0 <= sign.seen_s < 20 for sign in signs(store).values())


def test_a_fenced_owner_does_not_sign(log: Log, store: Store) -> None:
    Desk(log, name="houston").open_story(STORY, title="Apollo 13")
    first, second = SignedView(store, Owner("here:1"), every=0.0), SignedView(store, Owner("there:2"))
    feed(log, first)
    hold(log, second)

    first.cursors(4)
    first.leave()

    assert {sign.owner for sign in signs(store).values()} == {"there:2"}


def test_whoever_claims_and_gives_no_sign_leaves_the_partition_without_an_owner(log: Log, store: Store) -> None:
    Desk(log, name="houston").open_story(STORY, title="Apollo 13")
    feed(log, SignedView(store, Owner("here:1", error="Kafka was away.", error_at=5)))

    TimelineView(store).claim(HOME, log_id=log.id(EVENTS_TOPIC))

    assert (signs(store)[HOME].owner, signs(store)[HOME].error) == ("", "Kafka was away.")
    assert signs(store)[0].owner == "here:1"


def test_one_that_leaves_says_so_and_what_went_wrong_stays(log: Log, store: Store) -> None:
    Desk(log, name="houston").open_story(STORY, title="Apollo 13")
    owner = Owner("here:1")
    view = SignedView(store, owner)
    feed(log, view)

    owner.failed(LogUnavailable("Kafka gives\nno answer."))
    view.leave()
    hold(log, SignedView(store, Owner("here:2")))

    assert {sign.error for sign in signs(store).values()} == {"Kafka gives no answer."}
    assert {sign.owner for sign in signs(store).values()} == {"here:2"}


def test_what_stops_one_partition_is_told_of_that_one_alone(log: Log, store: Store) -> None:
    Desk(log, name="houston").open_story(STORY, title="Apollo 13")
    view = SignedView(store, Owner("here:1"), every=0.0)
    feed(log, view)

    view.stopped(HOME, RetentionGap("RETENTION_GAP: it begins later."))
    view.cursors(4)

    found = signs(store)
    assert (found[HOME].owner, found[HOME].error) == ("", "RETENTION_GAP: it begins later.")
    assert {(found[partition].owner, found[partition].error) for partition in range(3)} == {("here:1", "")}


def test_the_rate_is_that_since_the_sign_before(log: Log, store: Store) -> None:
    Desk(log, name="houston").open_story(STORY, title="Apollo 13")
    view = SignedView(store, Owner("here:1"), every=0.0)

    feed(log, view)
    busy = signs(store)[HOME].rate
    view.cursors(4)

    assert busy > 0
    assert signs(store)[HOME].rate == 0


def test_signs_are_no_part_of_what_an_audit_compares(log: Log, store: Store) -> None:
    Desk(log, name="houston").open_story(STORY, title="Apollo 13")
    feed(log, SignedView(store, Owner("here:1", error="It was down.", error_at=1), every=0.0))

    assert Auditor(log, store, topic=EVENTS_TOPIC, codec=committed_codec()).audit().differences == []


def test_status_names_the_consumer_and_it_is_gone_once_it_has_ended(tmp_path: Path, server: str, consume: Consume) -> None:
    consumer = consume()
    consumer.claims()
    env = {"DATELINE_REDIS": server}
    owner = f"{socket.gethostname()}:{consumer.process.pid}"

    shown = run(tmp_path / "data", "status", env=env).out
    held = json_of(run(tmp_path / "data", "status", "--json", env=env))["timeline"]["partitions"]
    consumer.end(signal.SIGTERM)
    left = json_of(run(tmp_path / "data", "status", "--json", env=env))["timeline"]["partitions"]

    assert owner in shown
    assert [one["owner"] for one in held] == [owner] * 4
    assert [one["rate"] for one in held] == [0.0] * 4
    assert [one["owner"] for one in left] == [None] * 4


def test_a_record_that_cannot_be_used_is_told_once_with_its_place(log: Log, consume: Consume) -> None:
    consumer = consume()
    consumer.claims()

    named = (("ce_id", b"e-1"), ("ce_subject", f"{STORY}/launch".encode()))
    log.append(EVENTS_TOPIC, [NewRecord(STORY.encode(), b"?", named), NewRecord(None, b"?")])
    told = [consumer.says("unusable") for _ in range(2)]

    assert {(one["story"], one["seq"], one["partition"], one["offset"]) for one in told} == {
        (STORY, 1, HOME, 0),
        (None, None, 0, 0),
    }
    assert {(one["event_id"], one["update"]) for one in told} == {("e-1", "launch"), (None, None)}
    assert all(one["level"] == "warning" and one["problem"] for one in told)


def test_of_many_records_that_cannot_be_used_the_first_few_are_told(log: Log, consume: Consume) -> None:
    consumer = consume()
    consumer.claims()

    log.append(EVENTS_TOPIC, [NewRecord(STORY.encode(), bytes([at])) for at in range(200)])

    assert [consumer.says("unusable")["seq"] for _ in range(5)] == [1, 2, 3, 4, 5]


def test_a_consumer_that_stands_still_is_named(tmp_path: Path, log: Log, server: str, store: Store, consume: Consume) -> None:
    consumer = consume()
    consumer.claims()
    os.kill(consumer.process.pid, signal.SIGSTOP)
    Desk(log, name="houston").open_story(STORY, title="Apollo 13")
    with redis.Redis.from_url(server) as client:  # as if half a minute had gone by
        for key in client.scan_iter(match="*:meta"):
            client.hincrby(key, "seen", -30_000)

    result = run(tmp_path / "data", "status", env={"DATELINE_REDIS": server})

    where = f"{socket.gethostname()}:{consumer.process.pid}"
    assert f"Warning   {where}, which held partition {HOME}, has given no sign for 3" in result.out
    assert f"{where}, silent for 3" in result.out


def test_a_log_that_begins_after_the_cursor_is_named(tmp_path: Path, log: Log, server: str, store: Store) -> None:
    Desk(log, name="houston").open_story(STORY, title="Apollo 13")
    feed(log, TimelineView(store))
    log.append(EVENTS_TOPIC, [NewRecord(STORY.encode(), b"?") for _ in range(3)])
    with closing(sqlite3.connect(tmp_path / "data" / "log.db", isolation_level=None)) as file:
        file.execute("DELETE FROM records WHERE offset < 2")

    result = run(tmp_path / "data", "status", env={"DATELINE_REDIS": server})

    assert result.code == 1
    assert f"RETENTION_GAP: the timeline view (partition {HOME}) needs the log from offset 1" in result.err
    assert "Timeline  stopped: RETENTION_GAP" in result.out
