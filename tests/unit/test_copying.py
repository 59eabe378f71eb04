"""Copying a log into another that has a part of it: the laws of `dateline log copy`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from typing_extensions import override

from consumers.intake import Homeless, Intake
from dateline import archive, copying
from dateline.copying import Copied, copy_log
from dateline.errors import DatelineError, LogUnavailable, MaybeWritten, Refused, RetentionGap
from dateline.log.base import MAX_RECORD_BYTES, Batch, Log, Member, NewRecord, Position, Record, check_new
from dateline.log.partitioner import partition_of
from schemas.codec import committed_codec
from schemas.topics import DELIVERIES_TOPIC, DESKS_TOPIC, EVENTS_TOPIC, STORY_TOPICS, SUBSCRIPTIONS_TOPIC, TOPICS

BATCH = 3
PAGE = 4

Whole = tuple[bytes | None, int, tuple[tuple[str, bytes], ...]]
"""What a record says, but for its key and place: value, timestamp, headers."""

Held = dict[bytes | None, list[Whole]]

records = st.builds(
    NewRecord,
    key=st.sampled_from([None, b"", b"\xff", b"apollo-13", b"artemis-2", "größe".encode()]),
    value=st.sampled_from([None, b"", b"a", b"b"]),
    headers=st.sampled_from([(), (("x", b""),), (("x", b"1"), ("x", b"2"))]),
    timestamp=st.integers(-2, 2),
    partition=st.none() | st.just(0),  # where a foreign producer puts it
)
logs = st.dictionaries(st.sampled_from(TOPICS), st.lists(records, max_size=15))


class MemoryLog(Log):
    """A log in memory, whose offsets have gaps. As in Kafka, an append may write any number of each partition's records.

    Attributes:
        written: How many records of each partition the next appends write before they give no answer; once it is
            used up, all is written.
        after_append: Called when an append has ended.
    """

    def __init__(self, name: str, partitions: int = 2) -> None:
        self._name = name
        self._count = partitions
        self.topics: dict[str, list[list[Record]]] = {topic: [[] for _ in range(partitions)] for topic in TOPICS}
        self.written: list[int] = []
        self.after_append: Callable[[], None] = lambda: None
        self.members: list[OnlyMember] = []

    @override
    def append(self, topic: str, records: Sequence[NewRecord]) -> Sequence[Position]:
        most = self.written.pop() if self.written else None
        positions, appended = [], [0] * self._count
        for record in records:
            partition = partition_of(record.key or b"", self._count) if record.partition is None else record.partition
            if most is None or appended[partition] < most + partition:
                positions.append(self._append(topic, partition, record))
            appended[partition] += 1
        self.after_append()
        if most is not None:
            raise MaybeWritten("No answer in time.")
        return positions

    def _append(self, topic: str, partition: int, record: NewRecord) -> Position:
        there = self.topics[topic][partition]
        offset = 5 + 3 * len(there)
        there.append(Record(partition, offset, record.timestamp or 0, record.key, record.value, record.headers))
        return Position(partition, offset)

    @override
    def read(self, topic: str, partition: int, offset: int, *, limit: int = 1000) -> Batch:
        within = [one for one in self.topics[topic][partition] if offset <= one.offset < offset + PAGE]
        end = self.end_offsets(topic)[partition]
        return Batch(partition, within[:limit], min(max(end, offset), offset + PAGE))

    @override
    def begin_offsets(self, topic: str) -> Mapping[int, int]:
        return dict.fromkeys(range(self._count), 0)

    @override
    def end_offsets(self, topic: str) -> Mapping[int, int]:
        return {number: there[-1].offset + 2 if there else 3 for number, there in enumerate(self.topics[topic])}

    @override
    def partitions(self, topic: str) -> int:
        return self._count

    @property
    @override
    def url(self) -> str:
        return f"memory:{self._name}"

    @override
    def id(self, topic: str) -> str:
        return f"{self._name}.{topic}"

    @override
    def join(self, topic: str, *, group: str) -> Member:
        return OnlyMember(self)

    @override
    def close(self) -> None:
        pass


class OnlyMember(Member):
    """The member of a log's one group; the first holds all."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log
        log.members.append(self)

    @override
    def assignment(self) -> frozenset[int]:
        first = self._log.members[0] is self
        return frozenset(range(self._log.partitions(EVENTS_TOPIC))) if first else frozenset()

    @override
    def seek(self, partition: int, offset: int) -> None:
        raise NotImplementedError

    @override
    def poll(self, *, limit: int = 500, timeout: float = 0.0) -> Sequence[Batch]:
        return []

    @override
    def hint(self, offsets: Mapping[int, int]) -> None:
        raise NotImplementedError

    @override
    def close(self) -> None:
        self._log.members.remove(self)


@pytest.fixture(autouse=True, scope="module")
def _small_steps() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(copying, "_BATCH", BATCH)
        patch.setattr(archive, "_PAGE", PAGE)
        yield


def log_of(content: Mapping[str, Sequence[NewRecord]], *, name: str = "source", partitions: int = 2) -> MemoryLog:
    log = MemoryLog(name, partitions)
    for topic, ones in content.items():
        log.append(topic, ones)
    return log


def held(log: MemoryLog, topic: str) -> Held:
    """Return what every view sees of a topic: the records of each key, those of no story left out."""
    intake = Intake(committed_codec(), partitions=log.partitions(topic))
    found: Held = defaultdict(list)
    for one in sorted((one for there in log.topics[topic] for one in there), key=lambda one: one.partition):
        if topic not in STORY_TOPICS or not isinstance(intake.read(one), Homeless):
            found[one.key].append((one.value, one.timestamp, one.headers))
    return dict(found)


def beginnings(log: MemoryLog, topic: str, data: st.DataObject) -> list[NewRecord]:
    """Return some of the first records of each key."""
    keys = held(log, topic)
    return [
        NewRecord(key, value, headers, timestamp)
        for key, ones in keys.items()
        for value, timestamp, headers in ones[: data.draw(st.integers(0, len(ones)))]
    ]


def without_strays(content: Mapping[str, Sequence[NewRecord]]) -> dict[str, list[NewRecord]]:
    """Put what is keyed by no story where its key belongs: in two partitions a key's records have no order."""
    return {
        topic: [one if topic in STORY_TOPICS else NewRecord(one.key, one.value, one.headers, one.timestamp) for one in ones]
        for topic, ones in content.items()
    }


@given(logs.map(without_strays), st.data(), st.integers(1, 3), st.integers(1, 4))
def test_of_each_key_only_what_the_target_does_not_hold_is_appended(
    content: dict[str, list[NewRecord]], data: st.DataObject, before: int, after: int
) -> None:
    source = log_of(content, partitions=before)
    target = log_of({topic: beginnings(source, topic, data) for topic in TOPICS}, name="target", partitions=after)
    there = {topic: [list(partition) for partition in target.topics[topic]] for topic in TOPICS}

    copied = copy_log(source, target)

    assert [held(target, topic) for topic in TOPICS] == [held(source, topic) for topic in TOPICS]
    for one, topic in zip(copied, TOPICS, strict=True):
        now = target.topics[topic]
        assert [part[: len(then)] for part, then in zip(now, there[topic], strict=True)] == there[topic]
        wanted = held(source, topic)
        count, already = sum(map(len, wanted.values())), sum(map(len, there[topic]))
        left_out = len(content.get(topic, [])) - count
        assert (one.records, one.copied, one.already_there) == (count, count - already, already)
        assert (one.left_out, one.keys) == (left_out, len(wanted))


@given(logs.map(without_strays), st.lists(st.integers(0, BATCH), max_size=8), st.integers(1, 4))
def test_a_copy_that_gets_no_answer_is_gone_on_with_until_all_is_there(
    content: dict[str, list[NewRecord]], written: list[int], partitions: int
) -> None:
    source, target = log_of(content), MemoryLog("target", partitions)
    target.written = list(written)

    for _ in range(len(written) + 1):
        try:
            copy_log(source, target)
        except MaybeWritten:
            continue
        break

    assert [held(target, topic) for topic in TOPICS] == [held(source, topic) for topic in TOPICS]
    assert not any(one.copied for one in copy_log(source, target))


def test_a_copy_that_gets_no_answer_says_what_to_do() -> None:
    source, target = log_of({EVENTS_TOPIC: [NewRecord(b"apollo-13", b"a")]}), MemoryLog("target")
    target.written = [0]

    with pytest.raises(MaybeWritten, match=r"No answer in time\. Then run the same copy again: it goes on where it stopped\."):
        copy_log(source, target)


@given(st.lists(records, max_size=15), st.lists(records, min_size=1, max_size=15), st.sampled_from(TOPICS))
def test_a_target_that_holds_anything_but_beginnings_is_refused_by_name(
    wanted: list[NewRecord], there: list[NewRecord], topic: str
) -> None:
    content = without_strays({topic: wanted})
    source, target = log_of(content), log_of(without_strays({topic: there}), name="target")
    expected, found = held(source, topic), held(target, topic)
    others = {key for key, ones in found.items() if expected.get(key, [])[: len(ones)] != ones}
    assume(others)
    before = target.end_offsets(topic)

    with pytest.raises(Refused) as refused:
        copy_log(source, target)

    shown = sorted({key.decode(errors="backslashreplace") if key else "(no key)" for key in others})
    assert f"memory:target holds other records in {topic} than memory:source, or more, of: {', '.join(shown[:5])}" in str(
        refused.value
    )
    assert target.end_offsets(topic) == before


@pytest.mark.parametrize("topic", TOPICS)
def test_nothing_is_written_to_any_topic_if_one_is_refused(topic: str) -> None:
    source = log_of({one: [NewRecord(b"apollo-13", b"a")] for one in TOPICS})
    target = log_of({topic: [NewRecord(b"apollo-13", b"b")]}, name="target")

    with pytest.raises(Refused, match=f"holds other records in {topic}"):
        copy_log(source, target)

    assert [one for one in TOPICS if held(target, one)] == [topic]


@pytest.mark.parametrize(
    "other",
    [
        NewRecord(b"apollo-13", None, (("x", b""),), 1),
        NewRecord(b"apollo-13", b"", (("x", b""),), 2),
        NewRecord(b"apollo-13", b"", (), 1),
    ],
    ids=["value", "timestamp", "headers"],
)
def test_records_are_compared_in_all_that_they_hold(other: NewRecord) -> None:
    source = log_of({EVENTS_TOPIC: [NewRecord(b"apollo-13", b"", (("x", b""),), 1)]})

    with pytest.raises(Refused, match="of: apollo-13"):
        copy_log(source, log_of({EVENTS_TOPIC: [other]}, name="target"))


@pytest.mark.parametrize("topic", [EVENTS_TOPIC, DELIVERIES_TOPIC])
def test_records_of_no_story_are_left_out_where_the_topic_is_keyed_by_story(topic: str) -> None:
    strays = [NewRecord(None, b"a"), NewRecord(b"\xff", b"a"), NewRecord(b"apollo-13", b"a", partition=0)]
    assert partition_of(b"apollo-13", 2) == 1
    source, target = log_of({topic: [*strays, NewRecord(b"apollo-13", b"b")]}), MemoryLog("target", 3)

    copied = copy_log(source, target)

    assert next(one for one in copied if one.topic == topic) == Copied(topic, 1, 1, 0, 3, 1, 1)
    assert held(target, topic) == {b"apollo-13": [(b"b", 0, ())]}


@pytest.mark.parametrize("topic", [SUBSCRIPTIONS_TOPIC, DESKS_TOPIC])
def test_other_topics_are_copied_whatever_their_keys_are(topic: str) -> None:
    source, target = (
        log_of({topic: [NewRecord(None, b"a"), NewRecord(b"\xff", b"a"), NewRecord(b"x", None)]}),
        MemoryLog("target"),
    )

    copied = copy_log(source, target)

    assert next(one for one in copied if one.topic == topic) == Copied(topic, 3, 3, 0, 0, 0, 3)


def test_stories_come_in_the_order_of_their_times() -> None:
    said = [NewRecord(key, b"a", (), at) for at, key in enumerate([b"apollo-13", b"artemis-2", b"apollo-13", b"artemis-2"])]
    assert {partition_of(one.key or b"", 2) for one in said} == {0, 1}
    source, target = log_of({EVENTS_TOPIC: said}), MemoryLog("target", 1)

    copy_log(source, target)

    assert [one.timestamp for one in target.topics[EVENTS_TOPIC][0]] == [0, 1, 2, 3]


def test_a_source_that_grows_is_said_and_copied_by_the_next_run() -> None:
    source, target = log_of({EVENTS_TOPIC: [NewRecord(b"apollo-13", b"a", (), 1)]}), MemoryLog("target")

    def publish() -> None:
        target.after_append = lambda: None
        source.append(EVENTS_TOPIC, [NewRecord(b"apollo-13", b"news"), NewRecord(b"artemis-2", b"news")])

    target.after_append = publish

    with pytest.raises(DatelineError, match=r"The source grew by 2 records while it was copied; stop what writes to it"):
        copy_log(source, target)
    copied = copy_log(source, target)

    assert (copied[0].copied, copied[0].already_there) == (2, 1)
    assert held(target, EVENTS_TOPIC) == held(source, EVENTS_TOPIC)


def test_where_somebody_writes_to_the_target_meanwhile_it_is_said() -> None:
    source, target = log_of({EVENTS_TOPIC: [NewRecord(b"apollo-13", b"a")]}), MemoryLog("target")

    def publish() -> None:
        target.after_append = lambda: None
        target.append(EVENTS_TOPIC, [NewRecord(b"artemis-2", b"news")])

    target.after_append = publish

    with pytest.raises(DatelineError, match=r"memory:target does not hold the same as memory:source of: artemis-2\."):
        copy_log(source, target)


def test_of_two_copies_at_once_the_second_is_refused() -> None:
    source, target = log_of({EVENTS_TOPIC: [NewRecord(b"apollo-13", b"a")]}), MemoryLog("target")
    inner: list[str] = []

    def copy_too() -> None:
        with pytest.raises(Refused) as refused:
            copy_log(source, target, patience=0.0)
        inner.append(str(refused.value))

    target.after_append = copy_too

    copy_log(source, target)

    assert [one.partition(".")[0] for one in inner] == ["Another copy into memory:target is under way; nothing was written"]
    assert held(target, EVENTS_TOPIC) == held(source, EVENTS_TOPIC)


def test_a_log_is_not_copied_to_itself() -> None:
    with pytest.raises(Refused, match="are the same log"):
        copy_log(MemoryLog("one"), MemoryLog("one"))


def test_a_record_that_fits_no_log_is_refused_with_its_story() -> None:
    source, target = MemoryLog("source"), StrictLog("target")
    source.append(EVENTS_TOPIC, [NewRecord(b"apollo-13", b"a"), NewRecord(b"artemis-2", b"x" * MAX_RECORD_BYTES)])

    with pytest.raises(Refused, match=r"A record of artemis-2 in dateline\.events cannot be copied\. .* holds 1,048,524 bytes"):
        copy_log(source, target)


def test_a_log_that_gives_less_than_it_holds_is_no_whole_copy() -> None:
    source = ForgetfulLog("source")
    source.append(EVENTS_TOPIC, [NewRecord(b"apollo-13", b"a")])

    with pytest.raises(LogUnavailable, match=r"memory:source gave nothing of dateline\.events from offset 0 of partition"):
        copy_log(source, MemoryLog("target"))


class StrictLog(MemoryLog):
    """Refuses what both backends refuse."""

    @override
    def append(self, topic: str, records: Sequence[NewRecord]) -> Sequence[Position]:
        check_new(records, partitions=self.partitions(topic))
        return super().append(topic, records)


class ForgetfulLog(MemoryLog):
    """A failing driver: it says where a partition ends, and gives nothing of it."""

    @override
    def read(self, topic: str, partition: int, offset: int, *, limit: int = 1000) -> Batch:
        return Batch(partition, [], offset)


def test_what_lies_in_a_wrong_partition_is_taken_along_by_time_where_that_is_asked_for() -> None:
    """A topic that was given more partitions: what came before lies where its key was, what came after where it is."""
    news = [NewRecord(b"apollo-13", b"%d" % at, (), at, partition=at % 2) for at in range(6)]
    source, target = log_of({EVENTS_TOPIC: [*news, NewRecord(None, b"?", timestamp=9)]}), MemoryLog("target", 3)

    copied = copy_log(source, target, rehome=True)

    assert next(one for one in copied if one.topic == EVENTS_TOPIC) == Copied(EVENTS_TOPIC, 6, 6, 0, 1, 0, 1)
    assert held(target, EVENTS_TOPIC) == {b"apollo-13": [(b"%d" % at, at, ()) for at in range(6)]}


def test_a_log_whose_beginning_is_gone_is_not_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = log_of({EVENTS_TOPIC: [NewRecord(b"apollo-13", b"a")]}), MemoryLog("target")
    monkeypatch.setattr(source, "begin_offsets", lambda topic: {0: 0, 1: 1})

    with pytest.raises(RetentionGap, match="begins at offset 1 in partition 1"):
        copy_log(source, target)

    assert not any(held(target, topic) for topic in TOPICS)
