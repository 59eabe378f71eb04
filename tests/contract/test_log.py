"""The laws of a log. Every backend passes this file unchanged; it relies on nothing but `dateline.log.base`."""

from __future__ import annotations

import json
import random
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dateline.errors import Refused
from dateline.log import open_log
from dateline.log.base import MAX_AHEAD_MS, MAX_RECORD_BYTES, Log, Member, NewRecord, Position, Record
from dateline.log.partitioner import partition_of
from tests.contract.conftest import Backend
from tests.contract.log_worker import PATIENCE, Worker, batch


def read_all(
    log: Log, topic: str, *, start: Mapping[int, int] | None = None, limit: int = 1000
) -> Mapping[int, Sequence[Record]]:
    """Read each partition from `start` (else from its beginning) to its end."""
    found: dict[int, list[Record]] = {}
    for partition, end in log.end_offsets(topic).items():
        offset = (start or log.begin_offsets(topic))[partition]
        found[partition] = []
        while offset < end:
            got = log.read(topic, partition, offset, limit=limit)
            assert got.next_offset > offset, "a read before the end moves on"
            assert len(got.records) <= limit
            found[partition] += got.records
            offset = got.next_offset
    return found


def values_by_key(records: Sequence[Record]) -> Mapping[bytes | None, Sequence[bytes | None]]:
    found: dict[bytes | None, list[bytes | None]] = defaultdict(list)
    for record in records:
        found[record.key].append(record.value)
    return found


def at(log: Log, topic: str, position: Position) -> Record:
    """Return the record at `position`."""
    record = log.read(topic, position.partition, position.offset, limit=1).records[0]
    assert (record.partition, record.offset) == position
    return record


def poll_until(member: Member, condition: Callable[[], bool], *, seconds: float = PATIENCE) -> Sequence[Record]:
    """Poll until `condition` holds, and return what came."""
    seen: list[Record] = []
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come to hold in time"
        for got in member.poll(timeout=0.1):
            seen += got.records
    return seen


def hold_all(log: Log, topic: str, member: Member) -> None:
    """Poll until `member` holds every partition, and read each from its end on."""
    poll_until(member, lambda: len(member.assignment()) == log.partitions(topic))
    for partition, end in log.end_offsets(topic).items():
        member.seek(partition, end)


def test_an_appended_record_is_read_back_at_its_position(log: Log, topic: str) -> None:
    new = NewRecord(b"apollo-13", b"\x00\xff we've had a problem", (("ce_id", b"1"), ("ce_id", b"\x80"), ("ötzi", b"")), -5)

    (position,) = log.append(topic, [new])

    record = at(log, topic, position)
    assert (record.key, record.value, record.headers, record.timestamp) == (new.key, new.value, new.headers, new.timestamp)


@pytest.mark.parametrize("key", [None, b"", b"apollo-13"])
@pytest.mark.parametrize("value", [None, b"", b"\x00"])
def test_nothing_and_empty_are_kept_apart(log: Log, topic: str, key: bytes | None, value: bytes | None) -> None:
    (position,) = log.append(topic, [NewRecord(key, value)])

    record = at(log, topic, position)

    assert (record.key, record.value, record.headers) == (key, value, ())


@pytest.mark.parametrize("timestamp", [-5, 0, 1, 8_553_600_000, 1_700_000_000_123])
def test_a_timestamp_is_kept_to_the_millisecond_also_before_1970(log: Log, topic: str, timestamp: int) -> None:
    (position,) = log.append(topic, [NewRecord(b"k", b"v", timestamp=timestamp)])

    assert at(log, topic, position).timestamp == timestamp


def test_a_record_without_a_timestamp_gets_the_present_one(log: Log, topic: str) -> None:
    before = time.time_ns() // 1_000_000
    (position,) = log.append(topic, [NewRecord(b"k", b"v")])
    after = time.time_ns() // 1_000_000

    assert before <= at(log, topic, position).timestamp <= after


def test_records_of_one_key_keep_their_order_within_and_between_appends(log: Log, topic: str) -> None:
    for number in range(10):
        log.append(topic, batch("desk", number))

    found = {key: values for records in read_all(log, topic).values() for key, values in values_by_key(records).items()}

    for key in (b"desk-0", b"desk-1", b"desk-2"):
        assert found[key] == [new.value for number in range(10) for new in batch("desk", number) if new.key == key]


def test_offsets_rise_within_a_partition(log: Log, topic: str) -> None:
    positions = [position for number in range(10) for position in log.append(topic, batch("desk", number))]

    for partition, records in read_all(log, topic).items():
        offsets = [record.offset for record in records]
        assert offsets == sorted(set(offsets))
        assert offsets == [position.offset for position in positions if position.partition == partition]


def test_a_key_goes_to_the_partition_of_its_murmur2(log: Log, topic: str) -> None:
    count = log.partitions(topic)
    keys = [f"story-{number}".encode() for number in range(40)]

    first = log.append(topic, [NewRecord(key, b"1") for key in keys])
    again = log.append(topic, [NewRecord(key, b"2") for key in keys])

    assert [position.partition for position in first] == [partition_of(key, count) for key in keys]
    assert [position.partition for position in again] == [position.partition for position in first]


def test_a_record_goes_where_it_says_and_one_without_a_key_to_partition_0(log: Log, topic: str) -> None:
    count = log.partitions(topic)
    records = [NewRecord(b"same", b"v", partition=partition) for partition in range(count)]

    positions = log.append(topic, [*records, NewRecord(None, b"v")])

    assert [position.partition for position in positions] == [*range(count), 0]


def test_a_partition_count_and_an_id_are_the_same_once_the_log_is_opened_again(log: Log, topic: str) -> None:
    before = log.partitions(topic), log.id(topic)
    log.append(topic, [NewRecord(b"k", b"v")])

    with open_log(log.url) as again:
        assert (again.partitions(topic), again.id(topic)) == before


def test_no_two_topics_share_an_id(log: Log, topic: str, backend: Backend) -> None:
    assert log.id(topic) != log.id(backend.new_topic())


def test_a_fresh_topic_ends_where_it_begins(log: Log, topic: str) -> None:
    begin, end = log.begin_offsets(topic), log.end_offsets(topic)

    assert begin == end
    assert set(end) == set(range(log.partitions(topic)))


def test_a_topic_begins_at_its_first_record_and_ends_after_its_last(log: Log, topic: str) -> None:
    begin = log.begin_offsets(topic)

    positions = log.append(topic, [NewRecord(None, b"%d" % number) for number in range(5)])

    assert log.begin_offsets(topic) == begin
    assert begin[0] <= positions[0].offset
    assert log.end_offsets(topic)[0] > positions[-1].offset
    assert [record.value for record in read_all(log, topic)[0]] == [b"0", b"1", b"2", b"3", b"4"]


def test_the_size_is_more_than_what_was_written(log: Log, topic: str) -> None:
    log.append(topic, [NewRecord(b"apollo-13", random.Random(13).randbytes(100_000)) for _ in range(3)])

    size = log.size_bytes(topic)

    assert size is not None
    assert size > 300_000


def test_reading_begins_in_the_middle_and_stops_at_the_limit(log: Log, topic: str) -> None:
    positions = log.append(topic, [NewRecord(None, b"%d" % number) for number in range(10)])

    got = log.read(topic, 0, positions[3].offset, limit=4)
    onward = log.read(topic, 0, got.next_offset, limit=100)

    assert got.partition == 0
    assert [record.value for record in got.records] == [b"3", b"4", b"5", b"6"]
    assert [record.value for record in onward.records] == [b"7", b"8", b"9"]


def test_reading_at_the_end_or_past_it_gives_nothing_and_stays(log: Log, topic: str) -> None:
    log.append(topic, [NewRecord(None, b"v")])
    end = log.end_offsets(topic)[0]

    for offset in (end, end + 100):
        got = log.read(topic, 0, offset)
        assert (list(got.records), got.next_offset) == ([], offset)


def test_appending_nothing_writes_nothing(log: Log, topic: str) -> None:
    before = log.end_offsets(topic)

    assert list(log.append(topic, [])) == []

    assert log.end_offsets(topic) == before


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (NewRecord(b"k", b"." * MAX_RECORD_BYTES), f"{MAX_RECORD_BYTES + 1:,} bytes"),
        (NewRecord(b"k", b"v", (("h", b"." * MAX_RECORD_BYTES),)), f"{MAX_RECORD_BYTES + 3:,} bytes"),
        (NewRecord(b"k", b"v", timestamp=time.time_ns() // 1_000_000 + 2 * MAX_AHEAD_MS), "ahead"),
        (NewRecord(b"k", b"v", partition=100_000), "partition 100000"),
        (NewRecord(b"k", b"v", partition=-1), "partition -1"),
    ],
)
def test_a_batch_with_one_bad_record_is_refused_and_writes_none(log: Log, topic: str, bad: NewRecord, reason: str) -> None:
    before = log.end_offsets(topic)

    with pytest.raises(Refused, match=reason):
        log.append(topic, [NewRecord(b"k", b"good"), bad])

    assert log.end_offsets(topic) == before
    log.append(topic, [NewRecord(b"k", b"next")])
    assert [record.value for records in read_all(log, topic).values() for record in records] == [b"next"]


def test_the_largest_record_is_taken_whole(log: Log, topic: str) -> None:
    value = random.Random(13).randbytes(MAX_RECORD_BYTES - 1)

    (position,) = log.append(topic, [NewRecord(b"k", value)])

    assert at(log, topic, position).value == value


headers = st.lists(st.tuples(st.text(max_size=8), st.binary(max_size=8)), max_size=3).map(tuple)
timestamps = st.none() | st.just(-5) | st.integers(0, 1_700_000_000_000)
new_records = st.builds(
    NewRecord,
    key=st.none() | st.binary(max_size=8),
    value=st.none() | st.binary(max_size=64),
    headers=headers,
    timestamp=timestamps,
    partition=st.none() | st.just(0),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(st.lists(new_records, max_size=6), max_size=5), limit=st.integers(1, 7))
def test_the_log_agrees_with_a_list(log: Log, topic: str, batches: list[list[NewRecord]], limit: int) -> None:
    start = log.end_offsets(topic)
    model: dict[int, list[tuple[Position, NewRecord]]] = {partition: [] for partition in start}

    for records in batches:
        for position, new in zip(log.append(topic, records), records, strict=True):
            model[position.partition].append((position, new))

    for partition, found in read_all(log, topic, start=start, limit=limit).items():
        assert [(record.partition, record.offset) for record in found] == [position for position, _ in model[partition]]
        for record, (_, new) in zip(found, model[partition], strict=True):
            assert (record.key, record.value, record.headers) == (new.key, new.value, new.headers)
            assert new.timestamp in (None, record.timestamp)


def test_threads_that_append_at_once_lose_nothing_and_keep_their_order(log: Log, topic: str) -> None:
    def append(name: str) -> Sequence[Position]:
        return [position for number in range(10) for position in log.append(topic, batch(name, number))]

    with ThreadPoolExecutor(8) as threads:
        positions = [position for found in threads.map(append, "abcdefgh") for position in found]

    assert len(set(positions)) == 8 * 10 * 20
    found = {key: values for records in read_all(log, topic).values() for key, values in values_by_key(records).items()}
    for name in "abcdefgh":
        sent = [new for number in range(10) for new in batch(name, number)]
        for key in {new.key for new in sent}:
            assert found[key] == [new.value for new in sent if new.key == key]


def test_what_append_returned_for_outlives_a_kill(log: Log, topic: str) -> None:
    with Worker("append-and-die", log, topic, "desk") as worker:
        said = worker.rest()

    assert said == ["appended"]
    with open_log(log.url) as again:
        found = [record.value for records in read_all(again, topic).values() for record in records]
    assert sorted(value or b"" for value in found) == sorted(new.value or b"" for new in batch("desk", 0))


def test_a_kill_in_the_middle_of_appending_loses_and_breaks_nothing(log: Log, topic: str) -> None:
    moments = random.Random(13)
    acknowledged: dict[str, int] = {}

    for name in "abcdefghij":
        with Worker("append-batches", log, topic, name, 1_000_000) as worker:
            heard = [worker.line() for _ in range(moments.randint(1, 40))]
            heard += worker.kill()
            acknowledged[name] = len(heard)

    found = {key: values for records in read_all(log, topic).values() for key, values in values_by_key(records).items()}
    for name, count in acknowledged.items():
        sent = [new for number in range(count + 1) for new in batch(name, number)]
        certain = [new for number in range(count) for new in batch(name, number)]
        for key in {new.key for new in sent}:
            values = [new.value for new in sent if new.key == key]
            assert found[key] == values[: len(found[key])], "whole, in order, none twice"
            assert len(found[key]) >= len([new for new in certain if new.key == key]), "nothing acknowledged is lost"


def test_processes_that_append_and_tail_at_once_see_each_record_once(log: Log, topic: str) -> None:
    names, batches = ("a", "b", "c"), 20
    sent = {name: [new for number in range(batches) for new in batch(name, number)] for name in names}
    log.partitions(topic)

    with ExitStack() as stack:
        total = sum(map(len, sent.values()))
        tails = [stack.enter_context(Worker("tail", log, topic, f"reader-{number}", total)) for number in range(2)]
        writers = [stack.enter_context(Worker("append-batches", log, topic, name, batches)) for name in names]
        assert [len(writer.rest()) for writer in writers] == [batches] * 3
        seen = [json.loads(tail.line()) for tail in tails]

    for reader in seen:
        for new in (new for name in names for new in sent[name][:3]):
            key = (new.key or b"").decode()
            values = [(other.value or b"").decode() for other in sent[key[0]] if other.key == new.key]
            assert [value for found, value in reader if found == key] == values
        assert len(reader) == total


def test_a_poll_returns_as_soon_as_a_record_comes(log: Log, topic: str) -> None:
    with log.join(topic, group="readers") as member, ThreadPoolExecutor(1) as threads:
        hold_all(log, topic, member)

        polled = threads.submit(member.poll, timeout=PATIENCE)
        started = time.monotonic()
        (position,) = log.append(topic, [NewRecord(b"k", b"news")])
        (got,) = polled.result()

    assert time.monotonic() - started < 5.0
    assert [(record.partition, record.offset, record.value) for record in got.records] == [(*position, b"news")]


def test_a_poll_without_news_returns_at_its_deadline_and_rests_until_then(log: Log, topic: str) -> None:
    with log.join(topic, group="readers") as member:
        hold_all(log, topic, member)

        started, worked = time.monotonic(), time.process_time()
        got = [record for found in member.poll(timeout=1.0) for record in found.records]
        took, worked = time.monotonic() - started, time.process_time() - worked

    assert got == []
    assert 0.95 < took < 3.0
    assert worked < 0.25


def test_polls_page_through_all_partitions_each_record_once_and_in_order(log: Log, topic: str) -> None:
    sent = [new for number in range(10) for new in batch("desk", number)]
    with log.join(topic, group="readers") as member:
        hold_all(log, topic, member)
        positions = log.append(topic, sent)

        seen: list[Record] = []
        deadline = time.monotonic() + PATIENCE
        while len(seen) < len(sent) and time.monotonic() < deadline:
            batches = member.poll(limit=7, timeout=1.0)
            assert sum(len(got.records) for got in batches) <= 7
            assert len({got.partition for got in batches}) == len(batches)
            seen += [record for got in batches for record in got.records]

    assert sorted((record.partition, record.offset) for record in seen) == sorted(positions)
    for partition in {record.partition for record in seen}:
        offsets = [record.offset for record in seen if record.partition == partition]
        assert offsets == sorted(offsets)


def test_a_seek_goes_back_and_forth(log: Log, topic: str) -> None:
    positions = log.append(topic, [NewRecord(None, b"%d" % number) for number in range(5)])
    with log.join(topic, group="readers") as member:
        hold_all(log, topic, member)

        for place in (3, 0, 4):
            member.seek(0, positions[place].offset)
            seen: list[Record] = []
            deadline = time.monotonic() + PATIENCE
            while len(seen) < 5 - place and time.monotonic() < deadline:
                seen += [record for got in member.poll(timeout=1.0) for record in got.records]
            assert [record.offset for record in seen] == [position.offset for position in positions[place:]]


def test_a_newly_assigned_partition_yields_nothing_until_it_is_sought(log: Log, topic: str) -> None:
    (position,) = log.append(topic, [NewRecord(b"k", b"v")])
    with log.join(topic, group="readers") as member:
        early = poll_until(member, lambda: position.partition in member.assignment())
        early = [*early, *(record for got in member.poll(timeout=0.3) for record in got.records)]

        member.seek(position.partition, position.offset)
        (got,) = member.poll(timeout=PATIENCE)

    assert early == []
    assert [record.value for record in got.records] == [b"v"]


def test_seeking_a_partition_that_is_not_held_is_ignored(log: Log, topic: str) -> None:
    log.append(topic, [NewRecord(b"k", b"v")])
    with log.join(topic, group="readers") as member:
        hold_all(log, topic, member)

        member.seek(100_000, 0)

        assert [record for got in member.poll(timeout=0.1) for record in got.records] == []


def test_two_members_never_hold_one_partition_and_together_hold_all(log: Log, topic: str) -> None:
    everything = set(range(log.partitions(topic)))
    with log.join(topic, group="readers") as one, open_log(log.url) as again, again.join(topic, group="readers") as other:
        deadline = time.monotonic() + PATIENCE
        while one.assignment() | other.assignment() != everything:
            assert time.monotonic() < deadline
            for member in (one, other):
                member.poll(timeout=0.05)
                assert not one.assignment() & other.assignment()


def test_members_of_two_groups_hold_the_same_partitions(log: Log, topic: str) -> None:
    with log.join(topic, group="timeline") as one, log.join(topic, group="search") as other:
        hold_all(log, topic, one)
        hold_all(log, topic, other)

        assert one.assignment() == other.assignment()


def test_a_group_may_be_joined_on_two_topics(log: Log, topic: str, backend: Backend) -> None:
    second = backend.new_topic()

    with log.join(topic, group="readers") as one, log.join(second, group="readers") as other:
        hold_all(log, topic, one)
        hold_all(log, second, other)


def test_a_member_that_leaves_is_followed_by_one_that_stands_by(log: Log, topic: str) -> None:
    with log.join(topic, group="readers") as holder, log.join(topic, group="readers") as follower:
        poll_until(holder, lambda: bool(holder.assignment()))

        holder.close()
        hold_all(log, topic, follower)
        (position,) = log.append(topic, [NewRecord(b"k", b"v")])

        (got,) = follower.poll(timeout=PATIENCE)
        assert [record.offset for record in got.records] == [position.offset]


def test_a_member_that_is_killed_is_followed_by_one_that_stands_by(log: Log, topic: str) -> None:
    with Worker("hold", log, topic, "readers") as worker:
        assert worker.line() == "holding"
        with log.join(topic, group="readers") as follower:
            worker.kill()

            hold_all(log, topic, follower)
