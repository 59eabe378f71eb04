"""Append to and read from the Kafka log, beside a plain kafka-python of the same run with the same settings.

Everything is measured on topics that are made for it and removed at the end, on a broker such as the tests use.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition

from benchmarks.harness import QUICK, Row, compare, rates
from benchmarks.work import fill, update
from dateline.log import open_log
from dateline.log.base import Log, Member
from producers.records import record_of
from tests.support.kafka_servers import kafka_broker, new_topic

PLAIN = "plain kafka-python"
READ = 1000
"""Records that one read asks for at most, as the runner does."""

PARTITIONS = 4
BATCHES = 5 if QUICK else 30
RECORDS = 40_000 if QUICK else 200_000


@contextmanager
def broker() -> Iterator[str | None]:
    """Yield the URL of the broker that DATELINE_TEST_KAFKA names, else of one from the jars; None, and say so, without any."""
    with ExitStack() as stack:
        url = None
        try:
            url = f"kafka://{os.environ.get('DATELINE_TEST_KAFKA') or _own_broker(stack)}"
        except pytest.skip.Exception as error:
            print(f"Kafka is left out: {error}", file=sys.stderr)
        yield url


def _own_broker(stack: ExitStack) -> str:
    folder = stack.enter_context(TemporaryDirectory(prefix="dateline-kafka-", ignore_cleanup_errors=True))
    return stack.enter_context(kafka_broker(Path(folder), {"broker.session.timeout.ms": "9000"})).address


@contextmanager
def topic_at(url: str, *, partitions: int = PARTITIONS) -> Iterator[str]:
    """Make a topic of the benchmark's own, which ends with it."""
    address = url.removeprefix("kafka://")
    name = new_topic(address, partitions=partitions)
    try:
        yield name
    finally:
        with closing(KafkaAdminClient(bootstrap_servers=address)) as admin:
            admin.delete_topics([name])


@contextmanager
def plain_consumer(log: Log, topic: str, partitions: Sequence[int]) -> Iterator[Any]:  # Any: the driver has no types
    """Make a consumer that reads the partitions from their beginning, with the settings that matter as the log has them."""
    consumer = KafkaConsumer(
        bootstrap_servers=log.url.removeprefix("kafka://"),
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=4 << 20,
    )
    with closing(consumer):
        places = [TopicPartition(topic, partition) for partition in partitions]
        consumer.assign(places)
        for place in places:
            consumer.seek(place, 0)
        yield consumer


def rows(url: str) -> list[Row]:
    with open_log(url) as log, topic_at(url) as written, topic_at(url) as read:
        fill(log, RECORDS, stories=1000, topic=read)
        return [*(_append(log, written, size) for size in (1, 100, 1000)), _member(log, read), _pages(log, read)]


def _append(log: Log, topic: str, size: int) -> Row:
    count = BATCHES * (50 if size == 1 else 10 if size == 100 else 1)
    records = [record_of(update(n, story=f"story-{n % 1000}")) for n in range(size)]
    producer = KafkaProducer(
        bootstrap_servers=log.url.removeprefix("kafka://"), acks="all", enable_idempotence=True, batch_size=128 << 10
    )

    def ours() -> int:
        for _ in range(count):
            log.append(topic, records)
        return count * size

    def peer() -> int:
        for _ in range(count):
            sent = [producer.send(topic, record.value, record.key, list(record.headers)) for record in records]
            for future in sent:
                future.get(30)
        return count * size

    size_bytes = sum(record.size_bytes for record in records) // size
    with closing(producer):
        return compare(
            f"Kafka: append {size_bytes} bytes, durable, {size} at a time",
            "records/s",
            ours=rates(ours),
            peer=rates(peer),
            peer_name=PLAIN,
            goal=">= 0.9",
        )


def _member(log: Log, topic: str) -> Row:
    ends = log.end_offsets(topic)

    def ours() -> float:
        with log.join(topic, group="benchmark") as member:
            _hold(member, len(ends))
            for partition in ends:
                member.seek(partition, 0)
            return _rate(sum(ends.values()), lambda: _polled(member))

    def peer() -> float:
        with plain_consumer(log, topic, list(ends)) as consumer:
            return _rate(sum(ends.values()), lambda: _plainly_polled(consumer))

    question = f"Kafka: poll as a member, {len(ends)} partitions"
    return compare(question, "records/s", ours=ours, peer=peer, peer_name=f"{PLAIN}, no group")


def _pages(log: Log, topic: str) -> Row:
    """Read one partition; making the consumer costs a tenth of a second and is not measured."""
    end = log.end_offsets(topic)[0]

    def ours() -> float:
        with open_log(log.url) as own:
            offset = own.read(topic, 0, 0, limit=1).next_offset

            def page() -> int:
                nonlocal offset
                before, offset = offset, own.read(topic, 0, offset, limit=READ).next_offset
                return offset - before

            return _rate(end - 1, page)

    def peer() -> float:
        with plain_consumer(log, topic, [0]) as consumer:
            while not consumer.poll(timeout_ms=50, max_records=1):
                pass
            return _rate(end - 1, lambda: _plainly_polled(consumer))

    return compare(f"Kafka: read, pages of {READ}", "records/s", ours=ours, peer=peer, peer_name=PLAIN)


def _hold(member: Member, partitions: int) -> None:
    """Poll until the member holds all partitions."""
    deadline = time.monotonic() + 30
    while len(member.assignment()) < partitions:
        assert time.monotonic() < deadline, "no partitions in time"
        member.poll(timeout=0.05)


def _polled(member: Member) -> int:
    return sum(len(batch.records) for batch in member.poll(limit=READ, timeout=0.05))


def _plainly_polled(consumer: Any) -> int:  # Any: the driver has no types
    return sum(map(len, consumer.poll(timeout_ms=50, max_records=READ).values()))


def _rate(count: int, poll: Callable[[], int]) -> float:
    """Poll until `count` records were read; return how many a second that were."""
    start, left = time.perf_counter(), count
    while left > 0:
        left -= poll()
    return count / (time.perf_counter() - start)
