"""Restoring an archive into a log that has a part of it: the laws of `dateline log import`."""

from __future__ import annotations

from base64 import b64encode
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from typing_extensions import override

from dateline import restore as restoring
from dateline.errors import DatelineError, MaybeWritten, Refused
from dateline.log.base import Batch, Log, Member, NewRecord, Position, Record
from dateline.log.partitioner import partition_of
from dateline.ndjson import Line
from dateline.restore import Archive, Restored, read_archive, restore

Said = tuple[str, bytes, int, str]
"""A record of an archive: its story, value, timestamp and a header's name."""

STORIES = ("apollo-13", "artemis-2", "größe")
BATCH = 3

archives = st.lists(
    st.tuples(st.sampled_from(STORIES), st.sampled_from([b"", b"a", b"b"]), st.integers(0, 2), st.sampled_from(["x", "y"])),
    max_size=20,
)


class MemoryLog(Log):
    """A log in memory. As in Kafka, an append may write any number of each partition's records and give no answer.

    Attributes:
        written: How many records of each partition the next appends write before they give no answer; once it is
            used up, all is written.
        after_append: Called when an append has ended.
    """

    def __init__(self, partitions: int = 2) -> None:
        self.records: list[list[Record]] = [[] for _ in range(partitions)]
        self.written: list[int] = []
        self.after_append: Callable[[], None] = lambda: None

    @override
    def append(self, topic: str, records: Sequence[NewRecord]) -> Sequence[Position]:
        most = self.written.pop() if self.written else None
        positions, appended = [], [0] * len(self.records)
        for record in records:
            partition = partition_of(record.key or b"", len(self.records))
            if most is None or appended[partition] < most + partition:
                positions.append(self._append(partition, record))
            appended[partition] += 1
        self.after_append()
        if most is not None:
            raise MaybeWritten("No answer in time.", event_ids=["one", "two"])
        return positions

    def _append(self, partition: int, record: NewRecord) -> Position:
        there = self.records[partition]
        offset = 7 + 2 * len(there)  # offsets may have gaps
        there.append(Record(partition, offset, record.timestamp or 0, record.key, record.value, record.headers))
        return Position(partition, offset)

    @override
    def read(self, topic: str, partition: int, offset: int, *, limit: int = 1000) -> Batch:
        found = [record for record in self.records[partition] if record.offset >= offset][:2]
        return Batch(partition, found, found[-1].offset + 1 if found else offset)

    @override
    def begin_offsets(self, topic: str) -> Mapping[int, int]:
        return dict.fromkeys(range(len(self.records)), 5)

    @override
    def end_offsets(self, topic: str) -> Mapping[int, int]:
        return {partition: there[-1].offset + 1 if there else 5 for partition, there in enumerate(self.records)}

    @override
    def partitions(self, topic: str) -> int:
        return len(self.records)

    @property
    @override
    def url(self) -> str:
        return "memory:"

    @override
    def id(self, topic: str) -> str:
        return topic

    @override
    def join(self, topic: str, *, group: str) -> Member:
        raise NotImplementedError

    @override
    def close(self) -> None:
        pass


@pytest.fixture(autouse=True, scope="module")
def _small_batches() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(restoring, "_BATCH", BATCH)
        yield


@contextmanager
def archive_of(said: Sequence[Said]) -> Iterator[Archive]:
    archive = read_archive((Line(at, _fields(one)) for at, one in enumerate(said)), now_ms=0)
    assert archive.bad.count == 0
    try:
        yield archive
    finally:
        archive.close()


def _fields(said: Said) -> dict[str, object]:
    record = record_of(said)
    headers = [[name, _text(value)] for name, value in record.headers]
    return {"raw": {"key": _text(record.key), "value": _text(record.value), "headers": headers, "timestamp": record.timestamp}}


def _text(data: bytes | None) -> str | None:
    return None if data is None else b64encode(data).decode()


def record_of(said: Said) -> NewRecord:
    story, value, timestamp, header = said
    return NewRecord(story.encode(), value, ((header, b"1"),), timestamp)


def restored(log: Log, said: Sequence[Said]) -> Restored:
    with archive_of(said) as archive:
        return restore(log, archive)


def append(log: Log, said: Sequence[Said]) -> None:
    log.append("dateline.events", [record_of(one) for one in said])


def by_story(said: Sequence[Said]) -> dict[str, list[Said]]:
    stories = defaultdict(list)
    for one in said:
        stories[one[0]].append(one)
    return dict(stories)


def held(log: MemoryLog) -> dict[str, list[Said]]:
    """Return what the log holds of each story, in its order."""
    records = [record for partition in log.records for record in partition]
    return by_story(
        [((one.key or b"").decode(), one.value or b"", one.timestamp, one.headers[0][0]) for one in records],
    )


@given(archives, st.data(), st.integers(1, 4))
def test_of_each_story_only_what_the_log_does_not_hold_is_appended(
    said: list[Said], data: st.DataObject, partitions: int
) -> None:
    log = MemoryLog(partitions)
    prefixes = {story: data.draw(st.integers(0, len(ones))) for story, ones in by_story(said).items()}
    there = [one for story, ones in by_story(said).items() for one in ones[: prefixes[story]]]
    append(log, there)
    append(log, [("another", b"?", 0, "x")])
    before = [list(partition) for partition in log.records]

    result = restored(log, said)

    assert held(log) == {**by_story(said), "another": [("another", b"?", 0, "x")]}
    assert (result.records, result.there) == (len(said) - len(there), len(there))
    assert [now[: len(then)] for then, now in zip(before, log.records, strict=True)] == before


@given(archives, st.lists(st.integers(0, BATCH), max_size=8))
def test_an_import_that_gets_no_answer_is_gone_on_with_until_all_is_there(said: list[Said], written: list[int]) -> None:
    log = MemoryLog()
    log.written = list(written)

    for _ in range(len(written) + 1):
        try:
            restored(log, said)
        except MaybeWritten:
            continue
        break

    assert held(log) == by_story(said)
    assert restored(log, said) == Restored(0, len(said), sorted(by_story(said)), 0)


@given(archives, archives.filter(len))
def test_a_story_of_which_the_log_holds_anything_but_a_beginning_is_refused_by_name(said: list[Said], there: list[Said]) -> None:
    wanted = by_story(said)
    others = {story for story, ones in by_story(there).items() if story in wanted and ones != wanted[story][: len(ones)]}
    assume(others)
    log = MemoryLog()
    append(log, there)

    with pytest.raises(Refused) as refused:
        restored(log, said)

    assert f"of: {', '.join(sorted(others))}. " in str(refused.value)
    assert held(log) == by_story(there)


@pytest.mark.parametrize(
    "other",
    [
        ("apollo-13", b"b", 1, "x"),
        ("apollo-13", b"a", 2, "x"),
        ("apollo-13", b"a", 1, "y"),
    ],
    ids=["value", "timestamp", "headers"],
)
def test_records_are_compared_in_all_that_they_hold(other: Said) -> None:
    log = MemoryLog()
    append(log, [other])

    with pytest.raises(Refused, match="of: apollo-13"):
        restored(log, [("apollo-13", b"a", 1, "x")])


def test_where_a_desk_writes_to_the_story_meanwhile_it_is_said() -> None:
    said: list[Said] = [("apollo-13", b"a", at, "x") for at in range(2 * BATCH)]
    said.append(("artemis-2", b"a", 0, "x"))
    log = MemoryLog()

    def publish() -> None:
        log.after_append = lambda: None
        append(log, [("apollo-13", b"news", 99, "x")])

    log.after_append = publish

    with pytest.raises(DatelineError, match=r"others wrote to the same stories meanwhile.* of: apollo-13\."):
        restored(log, said)

    assert held(log)["apollo-13"] == [*said[:BATCH], ("apollo-13", b"news", 99, "x"), *said[BATCH:-1]]


def test_of_two_imports_at_once_the_last_to_end_sees_the_other() -> None:
    said: list[Said] = [("apollo-13", b"a", at, "x") for at in range(2 * BATCH)]
    log = MemoryLog()
    inner = []

    def import_too() -> None:
        log.after_append = lambda: None
        inner.append(restored(log, said))

    log.after_append = import_too

    with pytest.raises(DatelineError, match="others wrote to the same stories meanwhile"):
        restored(log, said)

    assert inner == [Restored(BATCH, BATCH, ["apollo-13"], 0)]


def test_an_error_keeps_what_it_knows_and_says_how_far_the_import_came() -> None:
    said: list[Said] = [("apollo-13", b"a", at, "x") for at in range(2 * BATCH)]
    log = MemoryLog()
    log.after_append = lambda: log.written.append(0)  # the second append gets no answer

    with pytest.raises(MaybeWritten, match=r"No answer in time\. Before that, 3 records were restored; import") as error:
        restored(log, said)

    assert error.value.event_ids == ("one", "two")
