"""A story whose record cannot be applied waits, all others go on, and once it is mended nothing shows that it ever waited."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from consumers import memory, parking
from consumers import runner as runner_module
from consumers.intake import Homeless, Intake
from consumers.memory import Memory
from consumers.parking import LONGEST_ERROR, concerns_a_story, in_words
from consumers.runner import Runner
from consumers.state import Incoming, Outcome, State
from consumers.story import fold
from consumers.timeline.documents import damaged, parked_text
from consumers.timeline.writes import Write, batch_writes
from consumers.view import Folded, Parked
from dateline.errors import LogUnavailable, OtherVersion, StoreBroken, StoreUnavailable, TooManyParked, Undecodable
from dateline.log.base import NewRecord, Record
from dateline.log.sqlite import SQLiteLog
from schemas.codec import committed_codec
from tests.support import memory_view
from tests.support.memory_view import MemoryView, Store, prefix
from tests.unit.test_runner import FAULTS, TOPIC, FaultyView, folded_from_zero, go_on, some_records, turns

REMEMBERED = 9
WHERE = ("read", "fold", "write")

Place = tuple[str, int]
"""A record, by its story and offset."""


@pytest.fixture(autouse=True, scope="module")
def _hardly_any_memory_and_no_waiting() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner_module, "_POLL", 20)
        patch.setattr(runner_module, "_LOOK_AGAIN", 0.0)
        patch.setattr(runner_module, "Memory", partial(Memory, limit=REMEMBERED))
        patch.setattr(parking, "_LOOK_AGAIN", 0.0)
        patch.setattr(parking, "_AT_ONCE", 8)
        patch.setattr(parking, "_SCANNED", 50)
        yield


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SQLiteLog]:
    with SQLiteLog(tmp_path_factory.mktemp("log") / "log.db", partitions=3) as log:
        log.append(TOPIC, some_records(random.Random(5), count=120))
        yield log


@cache
def replayed(log: SQLiteLog) -> Mapping[str, object]:
    """Return what a replay of the whole log makes."""
    return folded_from_zero(log)


@contextmanager
def failing(at: Collection[Place], where: str = "fold") -> Iterator[None]:
    """Have our code fail at some records: while they are read, folded, or turned into what is written."""
    read = Intake.read

    def read_or_fail(self: Intake, record: Record) -> Incoming | Homeless:
        if ((record.key or b"").decode(errors="replace"), record.offset) in at:
            raise ValueError("a fault in the intake")
        return read(self, record)

    def fold_or_fail(state: State, incoming: Incoming) -> Outcome:
        if (incoming.story, incoming.offset) in at:
            raise RuntimeError("a fault in the fold")
        return fold(state, incoming)

    def write_or_fail(g: str, batch: Folded) -> list[Write]:
        if any((story, step.incoming.offset) in at for story, steps in batch.stories.items() for step in steps):
            raise KeyError("a fault in the view")
        return batch_writes(g, batch)

    faults: dict[str, tuple[Any, str, Callable[..., Any]]] = {  # Any: whatever has the function
        "read": (Intake, "read", read_or_fail),
        "fold": (memory, "fold", fold_or_fail),
        "write": (memory_view, "batch_writes", write_or_fail),
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(*faults[where])
        yield


def places(log: SQLiteLog) -> list[Place]:
    """Return all records of stories, in the log's order within each partition."""
    intake = Intake(committed_codec(), partitions=3)
    read = [intake.read(record) for p in range(3) for record in log.read(TOPIC, p, 0, limit=10_000).records]
    return [(one.story, one.offset) for one in read if isinstance(one, Incoming)]


def first_of_each(at: Iterable[Place]) -> dict[str, int]:
    return {story: min(offset for name, offset in at if name == story) for story, _ in at}


def parked_in(store: Store) -> dict[str, Parked]:
    view = MemoryView(store)
    return {story: parked for partition in range(3) for story, parked in view.parked(partition).items()}


def ask(store: Store) -> None:
    """Ask for another try of everything that is parked, as the command does."""
    view = MemoryView(store)
    for partition in range(3):
        for story, parked in view.parked(partition).items():
            asked = parked_text(replace(parked, retry=True))
            store.redis.run([["HSET", f"{prefix(partition)}parked", story, asked]])


def run(log: SQLiteLog, view: MemoryView, *, batch: int = 7, **more: Any) -> None:  # Any: what else a runner takes
    """Run to the log's end, in a runner of its own."""
    runner = Runner(log, view, topic=TOPIC, codec=committed_codec(), batch=batch, **more)
    try:
        go_on(log, runner, view)
    finally:
        runner.close()


def of(content: Mapping[str, object], stories: Collection[str]) -> dict[str, object]:
    """Return the keys that are these stories' own."""
    return {key: value for key, value in content.items() if key.partition("/")[2].partition("/")[0] in stories}


some_faults = st.lists(
    st.tuples(st.sampled_from([fault for fault in FAULTS if fault != "overtaken"]), st.integers(0, 12)), max_size=12
)


@given(st.data(), st.sampled_from(WHERE), st.integers(1, 30), some_faults, some_faults)
@settings(max_examples=80, deadline=None)
def test_what_was_parked_and_mended_equals_a_replay(
    log: SQLiteLog,
    data: st.DataObject,
    where: str,
    batch: int,
    faults: list[tuple[str, int]],
    later_faults: list[tuple[str, int]],
) -> None:
    every = places(log)
    bad = data.draw(st.sets(st.sampled_from(every), max_size=4), label="bad")
    still_bad = data.draw(st.sets(st.sampled_from(sorted(bad))) if bad else st.just(set[Place]()), label="still bad")
    well = {story for story, _ in every} - {story for story, _ in bad}
    store = Store()

    with failing(bad, where):
        run(log, FaultyView(store, log, faults), batch=batch)
    parked, others = parked_in(store), of(store.content(), well)
    ask(store)
    with failing(still_bad, where):
        run(log, FaultyView(store, log, later_faults), batch=batch)
        ask(store)  # a view that was taken back may have forgotten that it was asked
        run(log, MemoryView(store), batch=batch)
    parked_still = parked_in(store)
    ask(store)
    run(log, MemoryView(store), batch=batch)

    assert {story: one.offset for story, one in parked.items()} == first_of_each(bad)
    assert others == of(replayed(log), well)
    assert {story: one.offset for story, one in parked_still.items()} == first_of_each(still_bad)
    assert store.content() == replayed(log)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=20), some_faults)
@settings(max_examples=30, deadline=None)
def test_a_retry_may_be_cut_short_anywhere(log: SQLiteLog, lives: list[int], faults: list[tuple[str, int]]) -> None:
    """Consumers that live for a few turns only, and are asked again and again."""
    store = Store()
    with failing(first_of_each(places(log)).items()):
        run(log, MemoryView(store))
    view = FaultyView(store, log, faults)

    for life in lives:
        ask(store)
        runner = Runner(log, view, topic=TOPIC, codec=committed_codec())
        try:
            runner.run(stopped=turns(life), timeout=0.0)
        except StoreUnavailable:
            view.reset()
        finally:
            runner.close()
    run(log, view)
    ask(store)  # a view that was taken back may have forgotten that it was asked
    run(log, MemoryView(store))

    assert store.content() == replayed(log)


@pytest.mark.parametrize("where", WHERE)
def test_one_record_parks_its_story_and_says_why(log: SQLiteLog, where: str) -> None:
    story, offset = places(log)[20]
    told: list[tuple[int, str, Parked | None]] = []
    store = Store()

    with failing([(story, offset)], where):
        run(log, MemoryView(store), on_parked=lambda *each: told.append(each))

    (parked,) = parked_in(store).values()
    before = sum(1 for name, place in places(log) if name == story and place < offset)
    assert (parked.offset, parked.seq, parked.retry) == (offset, before + 1, False)
    assert parked.error == f"{ {'read': 'ValueError', 'fold': 'RuntimeError', 'write': 'KeyError'}[where] }: " + {
        "read": "a fault in the intake",
        "fold": "a fault in the fold",
        "write": "'a fault in the view'",
    }.get(where, "")
    assert [(name, one) for _, name, one in told] == [(story, parked)]


def test_a_runner_that_is_asked_while_it_runs_lets_the_story_catch_up(log: SQLiteLog) -> None:
    told: list[str] = []
    view = MemoryView(Store())
    runner = Runner(
        log, view, topic=TOPIC, codec=committed_codec(), on_parked=lambda _, story, one: told.append(f"{story} {one is None}")
    )
    try:
        with failing(places(log)[20:21]):
            go_on(log, runner, view)
        (story,) = parked_in(view.store)

        ask(view.store)
        deadline = time.monotonic() + 20
        while parked_in(view.store) and time.monotonic() < deadline:
            runner.run(stopped=turns(1), timeout=0.0)
    finally:
        runner.close()

    assert view.store.content() == replayed(log)
    assert told == [f"{story} False", f"{story} True"]


def test_a_view_that_is_taken_back_to_before_a_retry_is_fed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cursor alone would not tell: it stands where it stood."""
    monkeypatch.setattr(parking, "_AT_ONCE", 1000)
    monkeypatch.setattr(parking, "_SCANNED", 1000)
    view = MemoryView(Store())
    with SQLiteLog(tmp_path / "log.db", partitions=3) as log:
        log.append(TOPIC, some_records(random.Random(5), count=100))
        runner = Runner(log, view, topic=TOPIC, codec=committed_codec())
        try:
            with failing(first_of_each(places(log)).items()):
                go_on(log, runner, view)
            ask(view.store)
            earlier = view.store.copy()
            runner.run(stopped=turns(60), timeout=0.0)
            assert parked_in(view.store) == {}

            view.store.restore(earlier)
            log.append(TOPIC, some_records(random.Random(6), count=100))
            go_on(log, runner, view)
            runner.run(stopped=turns(60), timeout=0.0)
        finally:
            runner.close()

        assert view.store.content() == folded_from_zero(log)


def test_a_story_of_which_the_view_holds_something_else_is_parked(tmp_path: Path) -> None:
    store = Store()
    with SQLiteLog(tmp_path / "log.db", partitions=3) as log:
        log.append(TOPIC, some_records(random.Random(5), count=100))
        run(log, MemoryView(store))
        key = next(name for name in store.redis.keys() if name.endswith(":stories"))  # noqa: SIM118 - no dictionary
        story, text = next(iter(store.redis.hash(key).items()))
        store.redis.run([["HSET", key, story, "no state"]])
        log.append(TOPIC, some_records(random.Random(6), count=100))

        run(log, MemoryView(store))
        (name, parked), *others = parked_in(store).items()
        store.redis.run([["HSET", key, story, text]])
        ask(store)
        run(log, MemoryView(store))

        assert (name, parked.seq, others) == (story, None, [])
        assert parked.error.startswith("ContentDamaged: no Story: ")
        assert store.content() == folded_from_zero(log)


def test_beyond_the_limit_nothing_more_is_parked_and_the_consumer_stops(log: SQLiteLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parking, "PARKED_MOST", 1)
    store, bad = Store(), first_of_each(places(log)).items()

    with failing(bad):
        for _ in range(2):
            with pytest.raises(TooManyParked, match=r"^1 stories of partition \d are parked, and '.*' cannot be applied either"):
                run(log, MemoryView(store))
        before = store.content()
        with pytest.raises(TooManyParked):
            run(log, MemoryView(store))
    assert store.content() == before
    assert all(len(MemoryView(store).parked(partition)) <= 1 for partition in range(3))

    ask(store)
    run(log, MemoryView(store))
    assert store.content() == replayed(log)


def test_an_error_that_no_longer_comes_when_one_looks_closely_parks_nothing(log: SQLiteLog) -> None:
    store = Store()
    errors = iter([RecursionError("once")])

    class Flaky(MemoryView):
        def load(self, *args: Any) -> Any:  # Any: handed through
            for error in errors:
                raise error
            return super().load(*args)

    run(log, Flaky(store))

    assert store.content() == replayed(log)


@pytest.mark.parametrize("error", [StoreBroken("a right is missing"), OtherVersion("…"), MemoryError(), OSError("…")])
def test_what_is_no_storys_fault_is_raised(log: SQLiteLog, error: Exception) -> None:
    store = Store()

    class Broken(MemoryView):
        def load(self, *args: Any) -> Any:  # Any: it never returns
            raise error

    with pytest.raises(type(error)):
        run(log, Broken(store))

    assert parked_in(store) == {}


def test_a_record_of_no_story_that_cannot_be_read_stops_the_runner(tmp_path: Path) -> None:
    with SQLiteLog(tmp_path / "log.db", partitions=3) as log:
        log.append(TOPIC, [NewRecord(b"no name", b"", partition=0)])

        with failing([("no name", 0)], "read"), pytest.raises(ValueError, match="a fault in the intake"):
            run(log, MemoryView(Store()))


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("two\n  lines"), "ValueError: two lines"),
        (KeyError("update"), "KeyError: 'update'"),
        (AssertionError(), "AssertionError"),
        (damaged("no Story: it is broken"), "ContentDamaged: no Story: it is broken"),
        (ValueError("redis://desk:secret@host/0 is gone"), "ValueError: redis://host/0 is gone"),
    ],
)
def test_an_error_is_one_line(error: Exception, line: str) -> None:
    assert in_words(error) == line


def test_a_long_error_is_cut() -> None:
    assert len(in_words(ValueError("x" * 1000))) == LONGEST_ERROR


@pytest.mark.parametrize(
    ("error", "concerns"),
    [
        (ValueError(), True),
        (RecursionError(), True),
        (Undecodable(), True),
        (damaged("…"), True),
        (StoreBroken(), False),
        (StoreUnavailable(), False),
        (LogUnavailable(), False),
        (TooManyParked(), False),
        (MemoryError(), False),
        (ConnectionError(), False),
    ],
)
def test_what_may_be_due_to_a_story(error: Exception, concerns: bool) -> None:
    assert concerns_a_story(error) is concerns
