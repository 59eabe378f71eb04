"""Reading a partition of a Kafka topic page by page, outside of any group."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from operator import itemgetter
from typing import Any

from dateline.errors import LogUnavailable
from dateline.log.base import Batch, Record
from dateline.log.kafka_client import Client, OffsetOutOfRangeError, TopicPartition

_PATIENCE = 15.0
"""Seconds to wait for records that are known to be there."""

_STEP_MS = 100
_VALUE = itemgetter(1)


class PartitionReader:
    """Reads one partition with a consumer of its own, which fetches ahead. For one thread at a time."""

    def __init__(self, client: Client, topic: str, partition: int) -> None:
        self.place = topic, partition
        self._client = client
        self._partition = TopicPartition(topic, partition)
        self._consumer: Any = None
        self._position: int | None = None

    def page(self, offset: int, limit: int) -> Batch:
        """Return up to `limit` records from `offset` on; none, and the same offset, where nothing more is committed."""
        with self._closed_on_error():
            if self._position != offset:
                return self._sought(offset, limit)
            batch = self._poll(offset, limit, timeout_ms=0)
            return batch if batch.next_offset > offset else self._awaited(offset, limit)

    def close(self) -> None:
        if self._consumer is not None:
            self._consumer.close(autocommit=False, timeout_ms=0)

    def _sought(self, offset: int, limit: int) -> Batch:
        """Read from somewhere else than where the last page ended."""
        end = self._edge(end=True)
        if offset >= end:
            return Batch(self._partition.partition, [], offset)
        self._seek(offset)
        return self._awaited(offset, limit, end=end)

    def _awaited(self, offset: int, limit: int, *, end: int | None = None) -> Batch:
        """Wait for what is known to be there; a gap up to the end holds no record."""
        end = self._edge(end=True) if end is None else end
        deadline = time.monotonic() + _PATIENCE
        batch = Batch(self._partition.partition, [], offset)
        while batch.next_offset == offset < end:
            if time.monotonic() >= deadline:
                raise LogUnavailable(f"Kafka at {self._client.address.shown} did not give the record at offset {offset} in time.")
            batch = self._poll(offset, limit, timeout_ms=_STEP_MS)
        return batch

    def _poll(self, offset: int, limit: int, *, timeout_ms: int) -> Batch:
        try:
            found = self._consumer.poll(timeout_ms=timeout_ms, max_records=limit)
        except OffsetOutOfRangeError:
            self._seek(max(self._edge(end=False), offset))
            return Batch(self._partition.partition, [], offset)
        self._position = self._consumer.position(self._partition, timeout_ms=0)
        return Batch(self._partition.partition, records_of(found.get(self._partition, ())), self._position or offset)

    def _seek(self, offset: int) -> None:
        if self._consumer is None:
            self._consumer = self._client.consumer()
            self._consumer.assign([self._partition])
        self._consumer.seek(self._partition, offset)
        self._position = offset

    def _edge(self, *, end: bool) -> int:
        topic, partition = self.place
        return self._client.offsets(topic, [partition], end=end)[partition]

    @contextmanager
    def _closed_on_error(self) -> Iterator[None]:
        try:
            with self._client.translated():
                yield
        except BaseException:
            self._position = None
            raise


def records_of(found: Sequence[Any]) -> list[Record]:
    """Return the driver's records as ours. A header without a value, which another producer may have written, is empty."""
    return [
        Record(one.partition, one.offset, one.timestamp, one.key, one.value, _headers(one.headers) if one.headers else ())
        for one in found
    ]


def _headers(found: Sequence[tuple[str, bytes | None]]) -> tuple[tuple[str, bytes], ...]:
    if all(map(_VALUE, found)):  # nearly always, and several times as fast
        return tuple(found)  # type: ignore[arg-type]  # none of the values is None
    return tuple((name, value or b"") for name, value in found)


class ReaderPool:
    """Lends readers, each to one thread at a time; a few are kept, so that the next page of a partition needs no seek."""

    def __init__(self, client: Client, *, keep: int = 32) -> None:
        self._client = client
        self._keep = keep
        self._lock = threading.Lock()
        self._idle: list[PartitionReader] = []
        self._closed = False

    @contextmanager
    def lend(self, topic: str, partition: int) -> Iterator[PartitionReader]:
        reader = self._take((topic, partition)) or PartitionReader(self._client, topic, partition)
        try:
            yield reader
        except BaseException:
            reader.close()
            raise
        self._give_back(reader)

    def keep_at_least(self, count: int) -> None:
        """Keep as many as a topic has partitions: who merges them reads a page of each in turn."""
        self._keep = max(self._keep, count)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for reader in idle:
            reader.close()

    def _take(self, place: tuple[str, int]) -> PartitionReader | None:
        with self._lock:
            found = next((reader for reader in self._idle if reader.place == place), None)
            if found is not None:
                self._idle.remove(found)
        return found

    def _give_back(self, reader: PartitionReader) -> None:
        with self._lock:
            self._idle.append(reader)
            surplus = self._idle if self._closed else self._idle[: -self._keep]
            self._idle = self._idle[len(surplus) :]
        for one in surplus:
            one.close()
