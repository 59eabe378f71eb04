"""What only a log in Kafka can meet: transactions, topics made anew, refusals by the broker, records that were deleted."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import Producer
from kafka import KafkaAdminClient, TopicPartition

from consumers.runner import Runner
from dateline.errors import LogUnavailable, MaybeWritten, Refused, RetentionGap
from dateline.log import kafka_member, open_log
from dateline.log.base import Batch, Log, Member, NewRecord
from schemas.codec import committed_codec
from tests.support.kafka_servers import new_topic
from tests.support.memory_view import MemoryView, Store
from tests.support.servers import eventually

PATIENCE = 20.0


@pytest.fixture
def log(kafka: str) -> Iterator[Log]:
    with open_log(f"kafka://{kafka}") as log:
        yield log


@pytest.fixture(scope="module")
def admin(kafka: str) -> Iterator[Any]:  # Any: kafka-python is untyped
    with closing(KafkaAdminClient(bootstrap_servers=kafka)) as admin:
        yield admin


class Transactional:
    """A foreign producer that writes to partition 0 of a topic in transactions."""

    def __init__(self, address: str, log: Log, topic: str) -> None:
        self._log = log
        self._topic = topic
        self._producer = Producer({"bootstrap.servers": address, "transactional.id": uuid4().hex})
        self._producer.init_transactions(PATIENCE)

    def begin(self, *values: bytes) -> None:
        """Write in a transaction and leave it open."""
        self._producer.begin_transaction()
        for value in values:
            self._producer.produce(self._topic, value, key=b"k", partition=0)
        assert self._producer.flush(PATIENCE) == 0

    def commit(self) -> None:
        with self._ended():
            self._producer.commit_transaction(PATIENCE)

    def abort(self) -> None:
        with self._ended():
            self._producer.abort_transaction(PATIENCE)

    @contextmanager
    def _ended(self) -> Iterator[None]:
        """Wait until the transaction's end lies in the partition: it is written there a moment after it was decided."""
        before = self._log.end_offsets(self._topic)[0]
        yield
        eventually(lambda: self._log.end_offsets(self._topic)[0] > before, what="the transaction's end")


def read_all(log: Log, topic: str, *, limit: int = 1000) -> tuple[list[bytes | None], int]:
    """Return the values of partition 0 up to its end, and where reading them has come to."""
    values: list[bytes | None] = []
    offset, end = 0, log.end_offsets(topic)[0]
    while offset < end:
        batch = log.read(topic, 0, offset, limit=limit)
        assert batch.next_offset > offset, "a read before the end moves on"
        assert len(batch.records) <= limit
        values += [record.value for record in batch.records]
        offset = batch.next_offset
    return values, offset


def poll_to(member: Member, end: int) -> list[bytes | None]:
    """Poll until partition 0 is read up to `end`, and return its values."""
    batches: list[Batch] = []
    deadline = time.monotonic() + PATIENCE
    while not batches or batches[-1].next_offset < end:
        assert time.monotonic() < deadline, f"it has not come to {end}, only to {batches[-1:]}"
        batches += member.poll(timeout=0.2)
    assert batches[-1].next_offset == end
    return [record.value for batch in batches for record in batch.records]


@contextmanager
def holding(log: Log, topic: str) -> Iterator[Member]:
    """Join, and hold partition 0 from its beginning."""
    with log.join(topic, group="readers") as member:
        deadline = time.monotonic() + PATIENCE
        while 0 not in member.assignment():
            assert time.monotonic() < deadline, "it holds nothing"
            member.poll(timeout=0.1)
        member.seek(0, 0)
        yield member


@pytest.mark.parametrize("limit", [1, 1000])
def test_only_what_was_committed_is_read(kafka: str, log: Log, limit: int) -> None:
    topic = new_topic(kafka)
    foreign = Transactional(kafka, log, topic)
    foreign.begin(b"aborted 1", b"aborted 2")
    foreign.abort()
    foreign.begin(b"committed 1", b"committed 2")
    foreign.commit()
    log.append(topic, [NewRecord(b"k", b"ours", partition=0)])
    foreign.begin(b"aborted 3")
    foreign.abort()

    values, reached = read_all(log, topic, limit=limit)

    assert values == [b"committed 1", b"committed 2", b"ours"]
    assert reached == log.end_offsets(topic)[0] == 9, "six records and three ends of transactions"


def test_a_member_steps_over_what_was_not_committed_and_over_the_ends_of_transactions(kafka: str, log: Log) -> None:
    topic = new_topic(kafka)
    foreign = Transactional(kafka, log, topic)
    with holding(log, topic) as member:
        foreign.begin(b"committed 1")
        foreign.commit()
        assert poll_to(member, 2) == [b"committed 1"]

        foreign.begin(b"aborted")
        foreign.abort()
        assert poll_to(member, 4) == []

        foreign.begin(b"committed 2")
        foreign.commit()
        assert poll_to(member, log.end_offsets(topic)[0]) == [b"committed 2"]


def test_a_log_that_holds_nothing_that_was_committed_is_read_to_its_end(kafka: str, log: Log) -> None:
    topic = new_topic(kafka)
    foreign = Transactional(kafka, log, topic)
    foreign.begin(*(b"%d" % number for number in range(100)))
    foreign.abort()

    assert read_all(log, topic) == ([], 101)
    with holding(log, topic) as member:
        assert poll_to(member, 101) == []


def test_a_log_ends_before_a_transaction_that_is_open(kafka: str, log: Log) -> None:
    topic = new_topic(kafka)
    foreign = Transactional(kafka, log, topic)
    log.append(topic, [NewRecord(b"k", b"before", partition=0)])

    foreign.begin(b"pending")
    log.append(topic, [NewRecord(b"k", b"after", partition=0)])

    assert log.end_offsets(topic)[0] == 1
    assert read_all(log, topic) == ([b"before"], 1)
    assert log.read(topic, 0, 1) == Batch(0, [], 1)

    foreign.commit()
    assert read_all(log, topic) == ([b"before", b"pending", b"after"], 4)


def test_a_topic_that_was_made_anew_is_another_log(kafka: str, log: Log, admin: Any) -> None:
    topic = new_topic(kafka)
    before = log.id(topic)
    log.append(topic, [NewRecord(b"k", b"before", partition=0)] * 2)
    assert len(read_all(log, topic)[0]) == 2

    admin.delete_topics([topic])
    eventually(lambda: topic not in admin.list_topics(), what="the topic's end")
    with pytest.raises(LogUnavailable, match=f"has no topic '{topic}'. Make it with: dateline topics create"):
        log.id(topic)
    admin.create_topics({topic: {"num_partitions": 4}}, wait_for_metadata=True)

    assert log.id(topic) != before
    assert log.append(topic, [NewRecord(b"k", b"after", partition=0)])[0].offset == 0
    assert read_all(log, topic) == ([b"after"], 1)


def test_a_topic_that_was_given_more_partitions_is_another_log(kafka: str, log: Log, admin: Any) -> None:
    topic = new_topic(kafka, partitions=2)
    before = log.id(topic)

    admin.create_partitions({topic: 3})
    eventually(lambda: log.id(topic) != before, what="another id")

    with open_log(log.url) as again:
        assert again.partitions(topic) == 3
        assert again.id(topic) == log.id(topic)


@pytest.mark.parametrize(
    ("config", "refused", "why"),
    [
        ({"max.message.bytes": "1000"}, NewRecord(b"k", b"." * 5_000, partition=0), "MessageSizeTooLarge"),
        ({"message.timestamp.before.max.ms": "1000"}, NewRecord(b"k", b"v", timestamp=0, partition=0), "Timestamp 0 of .+"),
    ],
)
def test_after_a_refusal_by_the_broker_nothing_is_written_and_the_next_append_works_at_once(
    kafka: str, log: Log, config: Mapping[str, str], refused: NewRecord, why: str
) -> None:
    topic, other = new_topic(kafka, config=config), new_topic(kafka)
    log.append(topic, [NewRecord(b"k", b"first", partition=0)])

    with pytest.raises(Refused, match=rf"^Kafka at {kafka} refused this \({why}\); nothing was written\.$"):
        log.append(topic, [refused])

    started = time.monotonic()
    log.append(topic, [NewRecord(b"k", b"second", partition=0)])
    log.append(other, [NewRecord(b"k", b"elsewhere", partition=0)])
    assert time.monotonic() - started < 5.0
    assert read_all(log, topic) == ([b"first", b"second"], 2)
    assert read_all(log, other) == ([b"elsewhere"], 1)


def test_of_records_of_which_the_broker_refused_one_the_others_may_be_written(kafka: str, log: Log) -> None:
    topic = new_topic(kafka, partitions=2, config={"max.message.bytes": "1000"})

    with pytest.raises(MaybeWritten, match=r"did not confirm all of the 2 records \(MessageSizeTooLarge\)"):
        log.append(topic, [NewRecord(b"k", b"v", partition=0), NewRecord(b"k", b"." * 5_000, partition=1)])

    assert log.end_offsets(topic)[1] == 0
    log.append(topic, [NewRecord(b"k", b"next", partition=0)])
    assert read_all(log, topic)[0] in ([b"v", b"next"], [b"next"])


@pytest.mark.parametrize("compression", ["gzip", "lz4", "snappy", "zstd"])
def test_what_another_producer_compressed_is_read(kafka: str, log: Log, compression: str) -> None:
    topic = new_topic(kafka, partitions=1)
    producer = Producer({"bootstrap.servers": kafka, "compression.type": compression, "linger.ms": 50})
    values = [b"the same words, " * 100] * 20
    for value in values:
        producer.produce(topic, value, key=b"k")
    assert producer.flush(PATIENCE) == 0

    assert read_all(log, topic) == (values, 20)


def test_a_member_of_a_topic_that_was_deleted_says_so(kafka: str, log: Log, admin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_member, "_CHECK_TOPIC", 0.0)
    topic = new_topic(kafka, partitions=1)
    with holding(log, topic) as member:
        admin.delete_topics([topic])

        def gone() -> bool:
            try:
                member.poll()
            except LogUnavailable as error:
                return "has no topic" in str(error)
            return False

        eventually(gone, what="the news")


def test_a_view_whose_next_records_were_deleted_stops_and_says_so(kafka: str, log: Log, admin: Any) -> None:
    topic, view = new_topic(kafka, partitions=1), MemoryView(Store())
    log.append(topic, _records(10))
    _run_to_the_end(log, topic, view)
    log.append(topic, _records(10))

    admin.delete_records({TopicPartition(topic, 0): 15})

    assert log.begin_offsets(topic) == {0: 15}
    assert read_all(log, topic)[1] == 20, "reading from before the beginning goes on from it"
    with pytest.raises(RetentionGap, match=r"needs partition 0 from offset 10, and kafka://.* begins at 15"):
        _run_to_the_end(log, topic, view)


def test_a_view_that_has_seen_what_was_deleted_goes_on(kafka: str, log: Log, admin: Any) -> None:
    topic, view = new_topic(kafka, partitions=1), MemoryView(Store())
    log.append(topic, _records(10))
    _run_to_the_end(log, topic, view)

    admin.delete_records({TopicPartition(topic, 0): 10})
    log.append(topic, _records(1))

    _run_to_the_end(log, topic, view)
    assert view.cursors(1)[0].offset == 11


def _records(count: int) -> Sequence[NewRecord]:
    return [NewRecord(b"apollo-13", b"no event") for _ in range(count)]


def _run_to_the_end(log: Log, topic: str, view: MemoryView) -> None:
    with closing(Runner(log, view, topic=topic, codec=committed_codec())) as runner:
        assert runner.run_until(log.end_offsets(topic), deadline=time.monotonic() + PATIENCE)
