"""The runner over a real SQLite log and a view in memory: whatever happens between them, the view is what the log says."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typing_extensions import override

from consumers import runner as runner_module
from consumers.intake import Homeless, Intake
from consumers.memory import Memory
from consumers.runner import Runner
from consumers.state import Incoming
from consumers.view import Applied, Claim, Folded, Pending
from dateline.errors import LogChanged, OtherVersion, RetentionGap, StoreUnavailable
from dateline.log.base import Batch, Log, Member, NewRecord
from dateline.log.sqlite import SQLiteLog
from schemas.codec import committed_codec
from schemas.content import Block, Content
from schemas.events import EVENT_TYPES, Event, UpdateKilled, UpdatePublished
from tests.support.memory_redis import MemoryRedis
from tests.support.memory_view import Answered, MemoryView, Store, prefix

TOPIC = "dateline.events"
STORIES = ("apollo-13", "mir", "skylab", "sputnik", "voyager-1", "iss")
BEGAN = datetime(1970, 4, 11, tzinfo=UTC)
BATCH, POLL, REMEMBERED = 7, 20, 9
PATIENCE = 60.0

OFTEN: dict[type[Event], int] = dict.fromkeys(EVENT_TYPES.values(), 3) | {UpdatePublished: 20, UpdateKilled: 1}

FAULTS = ("fine", "answer lost", "never sent", "rolled back", "rolled back and lost", "fenced", "overtaken")


@pytest.fixture(autouse=True, scope="module")
def _small_batches_and_hardly_any_memory() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner_module, "BATCH", BATCH)
        patch.setattr(runner_module, "_POLL", POLL)
        patch.setattr(runner_module, "_LOOK_AGAIN", 0.0)
        patch.setattr(runner_module, "Memory", partial(Memory, limit=REMEMBERED))
        yield


@pytest.fixture(scope="module")
def long_log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SQLiteLog]:
    with SQLiteLog(tmp_path_factory.mktemp("log") / "log.db", partitions=3) as log:
        log.append(TOPIC, some_records(random.Random(13), count=400))
        yield log


@pytest.fixture
def log(tmp_path: Path) -> Iterator[SQLiteLog]:
    with SQLiteLog(tmp_path / "log.db", partitions=3) as log:
        log.append(TOPIC, some_records(random.Random(11), count=100))
        yield log


def some_records(choose: random.Random, *, count: int) -> list[NewRecord]:
    """Return records as they come: of several stories, some repeated, some broken, some of no story."""
    records: list[NewRecord] = []
    for place in range(count):
        kind, at = choose.random(), int(BEGAN.timestamp() * 1000) + place * 1000
        if records and kind < 0.08:
            records.append(choose.choice(records))
        elif kind < 0.11:
            records.append(NewRecord(choose.choice(STORIES).encode(), choose.choice((None, b"broken")), timestamp=at))
        elif kind < 0.14:
            records.append(
                NewRecord(choose.choice((None, b"\xff", b"no name")), b"", timestamp=at, partition=choose.randrange(3))
            )
        else:
            event = some_event(choose, place)
            records.append(NewRecord(event.story.encode(), committed_codec().encode(event), timestamp=at))
    return records


def some_event(choose: random.Random, place: int) -> Event:
    content = Content(f"Headline {place}", (Block(text="Words. " * choose.randrange(4)),))
    kind: type[Event] = choose.choices(list(OFTEN), list(OFTEN.values()))[0]
    said: dict[str, Any] = {  # Any: whatever the field holds
        "event_id": f"e{place}",
        "story": choose.choice(STORIES),
        "occurred_at": BEGAN + timedelta(seconds=place),
        "title": f"Title {place}",
        "update": f"u{choose.randrange(8)}",
        "content": content,
        "note": "A note.",
        "reason": "A reason.",
        "pinned": place % 7 == 0,
        "key_event": place % 5 == 0,
    }
    if kind is not UpdatePublished:
        said["embargo_until"] = BEGAN + timedelta(hours=1 + choose.randrange(2))
    return kind(**{field.name: said[field.name] for field in fields(kind) if field.name in said})


def feed(view: MemoryView, log: Log, partition: int, *, limit: int) -> None:
    """Claim a partition and apply its next records, as another consumer would."""
    intake, memory = Intake(committed_codec(), partitions=log.partitions(TOPIC)), Memory()
    claim = view.claim(partition, log_id=log.id(TOPIC))
    batch = log.read(TOPIC, partition, claim.offset, limit=limit)
    read = [intake.read(record) for record in batch.records]
    incoming = [one for one in read if isinstance(one, Incoming)]
    homeless = [one for one in read if isinstance(one, Homeless)]
    needs = memory.needs(incoming)
    memory.learn(needs, view.load(claim, needs).result())
    undecodable = claim.undecodable + sum(one.event is None for one in incoming)
    counts = (claim.homeless + len(homeless), undecodable)
    folded = Folded(claim.offset, batch.next_offset, memory.fold(incoming), homeless, *counts)
    assert view.apply(claim, folded).result() == Applied("OK")


def folded_from_zero(log: Log) -> dict[str, object]:
    store = Store()
    for partition in range(log.partitions(TOPIC)):
        feed(MemoryView(store), log, partition, limit=10_000)
    return store.content()


@contextmanager
def running(log: Log, view: MemoryView) -> Iterator[Runner]:
    """A runner that leaves its group also where a test fails, so that the next one is not kept waiting."""
    runner = Runner(log, view, topic=TOPIC, codec=committed_codec())
    try:
        yield runner
    finally:
        runner.close()


def run_to_the_end(log: Log, view: MemoryView) -> None:
    with running(log, view) as runner:
        go_on(log, runner, view)


def go_on(log: Log, runner: Runner, view: MemoryView) -> None:
    """Go on to the end of the log, claiming anew whenever the store was lost, and look again whether the view stands there."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            assert runner.run_until(log.end_offsets(TOPIC), deadline=deadline), "It never came to the end."
            if {cursor.partition: cursor.offset for cursor in view.cursors(3).values()} == log.end_offsets(TOPIC):
                return
            runner.run(stopped=turns(1), timeout=0.0)
            assert time.monotonic() < deadline, "It never saw that the view had moved."
        except StoreUnavailable:
            runner.reset()


def turns(count: int) -> Callable[[], bool]:
    return iter([False] * count + [True]).__next__


class FaultyView(MemoryView):
    """Something happens at each `apply`, as the list says; when that is at its end, nothing does any more."""

    def __init__(self, store: Store, log: Log, faults: list[tuple[str, int]]) -> None:
        super().__init__(store)
        self._log = log
        self._faults = iter(faults)
        self._snapshots: list[MemoryRedis] = [store.copy()]
        self.statuses: list[str] = []

    @override
    def apply(self, claim: Claim, batch: Folded) -> Pending[Applied]:
        fault, number = next(self._faults, ("fine", 0))
        if self.lost:
            return Answered(None)
        self._snapshots.append(self.store.copy())
        if fault.startswith("rolled back"):
            del self._snapshots[len(self._snapshots) - number % len(self._snapshots) :]  # what came later is lost for ever
            self.store.restore(self._snapshots[-1])
        elif fault in ("fenced", "overtaken"):
            other = MemoryView(self.store)
            other.claim(claim.partition, log_id=self._log.id(TOPIC))
            if fault == "overtaken":
                feed(other, self._log, claim.partition, limit=number)
        if fault == "never sent":
            self.lost = True
            return Answered(None)
        applied = self._apply(claim, batch)
        self.statuses.append(applied.status)
        if fault in ("answer lost", "rolled back and lost"):
            self.lost = True
            return Answered(None)
        return Answered(applied)


@given(st.lists(st.tuples(st.sampled_from(FAULTS), st.integers(0, 12)), max_size=40))
@settings(max_examples=100, deadline=None)
def test_whatever_happens_the_view_is_what_the_log_says(long_log: SQLiteLog, faults: list[tuple[str, int]]) -> None:
    store = Store()

    run_to_the_end(long_log, FaultyView(store, long_log, faults))

    assert store.content() == expected(long_log)


_expected: dict[str, dict[str, object]] = {}


def expected(log: Log) -> dict[str, object]:
    if log.url not in _expected:
        _expected[log.url] = folded_from_zero(log)
    return _expected[log.url]


@pytest.mark.parametrize(("fault", "status"), [("rolled back", "MOVED"), ("fenced", "FENCED"), ("overtaken", "FENCED")])
def test_a_view_that_answers_otherwise_is_claimed_anew(
    long_log: SQLiteLog, monkeypatch: pytest.MonkeyPatch, fault: str, status: str
) -> None:
    monkeypatch.setattr(runner_module, "_LOOK_AGAIN", 3600.0)
    store = Store()
    view = FaultyView(store, long_log, [("fine", 0)] * 6 + [(fault, 2)])

    with running(long_log, view) as runner:
        assert runner.run_until(long_log.end_offsets(TOPIC), deadline=time.monotonic() + PATIENCE)

    assert status in view.statuses
    assert store.content() == expected(long_log)


def test_a_view_that_lost_its_last_second_is_fed_again_with_the_next_record(
    log: SQLiteLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_module, "_LOOK_AGAIN", 3600.0)
    view = MemoryView(Store())
    with running(log, view) as runner:
        go_on(log, runner, view)
        earlier = view.store.copy()
        log.append(TOPIC, some_records(random.Random(1), count=30))
        go_on(log, runner, view)

        view.store.restore(earlier)
        log.append(TOPIC, [NewRecord(None, None, partition=partition) for partition in range(3)])
        go_on(log, runner, view)

    assert view.store.content() == folded_from_zero(log)


@pytest.mark.parametrize("seen", [0, 1, 3])
def test_a_view_that_lost_its_last_second_is_fed_again_also_when_nothing_comes(log: SQLiteLog, seen: int) -> None:
    view = MemoryView(Store())
    with running(log, view) as runner:
        runner.run(stopped=turns(seen), timeout=0.0)
        earlier = view.store.copy()
        go_on(log, runner, view)

        view.store.restore(earlier)
        go_on(log, runner, view)

    assert view.store.content() == folded_from_zero(log)


def test_a_claim_that_was_taken_away_while_nothing_comes_is_taken_again(log: SQLiteLog) -> None:
    view = MemoryView(Store())
    with running(log, view) as runner:
        go_on(log, runner, view)
        claims = {partition: cursor.token for partition, cursor in view.cursors(3).items()}
        taken = MemoryView(view.store).claim(1, log_id=log.id(TOPIC)).token

        runner.run(stopped=turns(3), timeout=0.0)

        tokens = {partition: cursor.token for partition, cursor in view.cursors(3).items()}
    assert tokens[1] not in (claims[1], taken)
    assert {tokens[0], tokens[2]} == {claims[0], claims[2]}


def test_another_runner_of_the_group_waits_for_the_one_that_holds_it_and_takes_over_from_it(log: SQLiteLog) -> None:
    view = MemoryView(Store())
    with running(log, view) as first, running(log, MemoryView(view.store)) as second:
        assert not second.run_until(log.end_offsets(TOPIC), deadline=time.monotonic() + 0.02)
        assert view.store.content() == {}

        go_on(log, first, view)
        go_on(log, second, view)
        log.append(TOPIC, some_records(random.Random(1), count=30))
        first.close()
        go_on(log, second, view)

    assert view.store.content() == folded_from_zero(log)


def test_a_runner_that_is_stopped_applies_what_it_has_read(log: SQLiteLog) -> None:
    view = MemoryView(Store())
    with running(log, view) as runner:
        runner.run(stopped=turns(2), timeout=0.0)

        assert sum(cursor.offset for cursor in view.cursors(3).values()) == 2 * POLL
        go_on(log, runner, view)
    assert view.store.content() == folded_from_zero(log)


@pytest.mark.parametrize(
    ("meta", "error", "words"),
    [
        ({"log": "another"}, LogChanged, "LOG_CHANGED"),
        ({"next": 10_000}, LogChanged, "LOG_CHANGED"),
        ({"fold": 99}, OtherVersion, "fold version 99"),
        ({"fold": 0}, OtherVersion, "fold version 0"),
    ],
)
def test_a_view_that_does_not_fit_the_log_is_left_alone(
    log: SQLiteLog, meta: Mapping[str, str | int], error: type[Exception], words: str
) -> None:
    store = Store()
    run_to_the_end(log, MemoryView(store))
    log.append(TOPIC, some_records(random.Random(1), count=30))
    store.redis.run([["HSET", f"{prefix(1)}meta", *(part for pair in meta.items() for part in pair)]])
    before = store.content()

    with running(log, MemoryView(store)) as runner:
        for _ in range(2):
            with pytest.raises(error, match=words):
                runner.run_until(log.end_offsets(TOPIC), deadline=time.monotonic() + PATIENCE)
            runner.reset()

    assert store.content() == before


def test_a_runner_that_only_waits_refuses_a_view_of_another_log_too(log: SQLiteLog) -> None:
    view = MemoryView(Store())
    with running(log, view) as first, running(log, MemoryView(view.store)) as second:
        go_on(log, first, view)
        view.store.redis.run([["HSET", f"{prefix(1)}meta", "log", "another"]])

        with pytest.raises(LogChanged, match="LOG_CHANGED"):
            second.run_until(log.end_offsets(TOPIC), deadline=time.monotonic() + PATIENCE)


class SharingMember(Member):
    """A member of a group in which others come and go: at each poll it holds other partitions, in the end all of them."""

    def __init__(self, member: Member, assignments: Iterable[frozenset[int]]) -> None:
        self._member = member
        self._assignments = iter(assignments)
        self._assigned = member.assignment()
        self._sought: set[int] = set()

    @override
    def assignment(self) -> frozenset[int]:
        return self._assigned

    @override
    def seek(self, partition: int, offset: int) -> None:
        self._member.seek(partition, offset)
        self._sought.add(partition)

    @override
    def poll(self, *, limit: int = 500, timeout: float = 0.0) -> Sequence[Batch]:
        self._assigned = next(self._assignments, self._member.assignment())
        self._sought &= self._assigned
        return [batch for batch in self._member.poll(limit=limit, timeout=timeout) if batch.partition in self._sought]

    @override
    def hint(self, offsets: Mapping[int, int]) -> None:
        self._member.hint(offsets)

    @override
    def close(self) -> None:
        self._member.close()


@given(st.lists(st.frozensets(st.integers(0, 2)), max_size=30), st.lists(st.integers(0, 2), max_size=8))
@settings(max_examples=50, deadline=None)
def test_partitions_may_come_and_go_while_another_takes_over(
    long_log: SQLiteLog, assignments: list[frozenset[int]], taken: list[int]
) -> None:
    view, join = MemoryView(Store()), long_log.join
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(long_log, "join", lambda topic, group: SharingMember(join(topic, group=group), assignments))
        with running(long_log, view) as runner:
            for partition in taken:
                runner.run(stopped=turns(2), timeout=0.0)
                feed(MemoryView(view.store), long_log, partition, limit=5)

            go_on(long_log, runner, view)

    assert view.store.content() == expected(long_log)


class ShortenedLog(SQLiteLog):
    """A log whose first records are gone."""

    @override
    def begin_offsets(self, topic: str) -> Mapping[int, int]:
        return dict.fromkeys(range(self.partitions(topic)), 5)


class OvertakenView(MemoryView):
    """While a partition is claimed, a record comes and whoever held the partition applies it."""

    def __init__(self, store: Store, log: Log) -> None:
        super().__init__(store)
        self._log = log

    @override
    def claim(self, partition: int, *, log_id: str) -> Claim:
        self._log.append(TOPIC, [NewRecord(None, b"", partition=partition)])
        feed(MemoryView(self.store), self._log, partition, limit=10_000)
        return super().claim(partition, log_id=log_id)


def test_a_view_that_moves_on_while_it_is_claimed_is_not_held_to_be_past_the_log(log: SQLiteLog) -> None:
    store = Store()

    run_to_the_end(log, OvertakenView(store, log))

    assert store.content() == folded_from_zero(log)


def test_a_log_that_begins_after_the_cursor_is_no_log_for_the_view(tmp_path: Path) -> None:
    store = Store()
    with ShortenedLog(tmp_path / "log.db", partitions=3) as log:
        log.append(TOPIC, some_records(random.Random(11), count=100))

        with running(log, MemoryView(store)) as runner, pytest.raises(RetentionGap, match="RETENTION_GAP"):
            runner.run_until(log.end_offsets(TOPIC), deadline=time.monotonic() + PATIENCE)

    assert all(key.endswith("meta") for key in store.redis.keys())  # noqa: SIM118 - a view of keys, no dictionary


def test_a_log_of_which_nothing_is_new_is_read_no_further(log: SQLiteLog) -> None:
    store = Store()
    run_to_the_end(log, MemoryView(store))
    view = FaultyView(store, log, [])

    run_to_the_end(log, view)

    assert view.statuses == []
    assert store.content() == folded_from_zero(log)
