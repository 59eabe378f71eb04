"""Tailing a Kafka topic as a member of a consumer group."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from typing_extensions import override

from dateline.errors import LogUnavailable, TopicMissing
from dateline.log import kafka_slots
from dateline.log.base import Batch, Member
from dateline.log.kafka_client import (
    Client,
    ConsumerRebalanceListener,
    KafkaError,
    NotAssigned,
    OffsetAndMetadata,
    TopicPartition,
)
from dateline.log.kafka_reader import records_of
from dateline.log.kafka_slots import Slot

_STEP_MS = 50
"""The longest that the driver is left alone: then the assignment is looked at."""

_LOOK_AROUND = 0.5
"""Seconds between two looks for members of this machine that are gone."""

_LOOK_FOR_GAPS = 0.2
"""Seconds between two looks, while nothing comes, whether the driver has stepped over what belongs to nobody."""

_CHECK_TOPIC = 5.0
"""Seconds between two looks whether the topic is still the one that was joined."""

_CLOSE_MS = 2_000


class KafkaMember(Member):
    """A static member, so that a process that is killed and started again goes on at once, whatever the session's length."""

    def __init__(
        self,
        client: Client,
        topic: str,
        *,
        group: str,
        names: Path | None,
        topic_id: Callable[[], str],
        on_close: Callable[[KafkaMember], None],
    ) -> None:
        """Join.

        Args:
            names: The folder in which members keep their names; the temporary folder if None.
            topic_id: Asks the cluster for the topic's id.
            on_close: Called with this member once it has left.
        """
        self._client = client
        self._topic = topic
        self._group = group
        self._topic_id = topic_id
        self._on_close = on_close
        self._guard = threading.Lock()  # the log may close a member that another thread uses
        self._closed = False
        self._joined_id = topic_id()
        self._check_at = time.monotonic() + _CHECK_TOPIC
        self._neighbours = _Neighbours(client, topic, group, names)
        self._assignment: frozenset[int] = frozenset()
        self._offsets: dict[int, int] = {}
        self._gaps_at = 0.0
        self._consumer: Any = None
        try:
            self._consumer = client.member(group=group, instance=self._neighbours.instance)
            self._subscribe()
        except BaseException:
            self._close_consumer()
            self._neighbours.let_go()  # the next try takes the same name
            raise

    def _subscribe(self) -> None:
        """Subscribe, and learn of the topic's partitions first: a leader that knows none shares out none, and stops at that."""
        self._consumer.subscribe([self._topic], listener=_Listener(self._assigned))
        with self._client.translated():
            self._consumer.partitions_for_topic(self._topic)

    @override
    def assignment(self) -> frozenset[int]:
        return self._assignment

    @override
    def seek(self, partition: int, offset: int) -> None:
        if partition not in self._assignment:
            return
        place = TopicPartition(self._topic, partition)
        self._offsets[partition] = offset
        with suppress(ValueError, KafkaError):  # taken away a moment ago; the next poll tells
            self._consumer.seek(place, offset)
            self._consumer.resume(place)

    @override
    def poll(self, *, limit: int = 500, timeout: float = 0.0) -> Sequence[Batch]:
        deadline = time.monotonic() + timeout
        with self._guard:
            self._check()
            self._neighbours.look_around()
            while True:
                left_ms = max(0.0, deadline - time.monotonic()) * 1000
                before = self._assignment
                batches = self._next_batches(limit, timeout_ms=min(left_ms, _STEP_MS))
                if batches or self._assignment != before or time.monotonic() >= deadline:
                    return batches
                self._neighbours.look_around()

    @override
    def hint(self, offsets: Mapping[int, int]) -> None:
        places = {TopicPartition(self._topic, partition): OffsetAndMetadata(offset) for partition, offset in offsets.items()}
        with suppress(KafkaError):
            self._consumer.commit_async(places)

    @override
    def close(self) -> None:
        with self._guard:
            if not self._closed:
                self._closed = True
                self._leave()
        self._on_close(self)

    def _next_batches(self, limit: int, *, timeout_ms: float) -> Sequence[Batch]:
        with self._client.translated():
            found = self._consumer.poll(timeout_ms=timeout_ms, max_records=max(limit, 1))
            self._assignment = frozenset(place.partition for place in self._consumer.assignment())
        for partition in self._offsets.keys() - self._assignment:
            del self._offsets[partition]
        looks_for_gaps = not found and time.monotonic() >= self._gaps_at
        batches = []
        for partition, offset in self._offsets.items():
            place = TopicPartition(self._topic, partition)
            records = found.get(place, ())
            if records or looks_for_gaps:
                next_offset = self._position(place, offset)
                if records or next_offset > offset:
                    batches.append(Batch(partition, records_of(records), next_offset))
        if looks_for_gaps:
            self._gaps_at = time.monotonic() + _LOOK_FOR_GAPS
        for batch in batches:
            self._offsets[batch.partition] = batch.next_offset
        return batches

    def _position(self, place: TopicPartition, otherwise: int) -> int:
        """Return where the driver reads on: past what it has returned, and past what belongs to nobody."""
        try:
            with self._client.translated():
                position: int | None = self._consumer.position(place, timeout_ms=0)
        except NotAssigned:
            return otherwise
        return otherwise if position is None else position

    def _assigned(self, places: Collection[Any]) -> None:
        """Let a new partition wait for `seek`, and one that was away for a moment go on. Runs on the driver's thread."""
        for place in places:
            offset = self._offsets.get(place.partition)
            self._consumer.seek(place, offset or 0)
            if offset is None:
                self._consumer.pause(place)

    def _check(self) -> None:
        if self._closed:
            raise LogUnavailable(f"The log {self._client.address.url} is closed.")
        if time.monotonic() < self._check_at:
            return
        self._check_at = time.monotonic() + _CHECK_TOPIC
        try:
            if self._topic_id() == self._joined_id:
                return
        except TopicMissing:
            raise
        except LogUnavailable:  # the driver finds the brokers again by itself
            return
        what = f"The topic {self._topic!r} at {self._client.address.shown} is another one now"
        raise LogUnavailable(f"{what}: it was made anew, or given more partitions.")

    def _leave(self) -> None:
        self._close_consumer()
        self._neighbours.leave()

    def _close_consumer(self) -> None:
        if self._consumer is not None:
            with suppress(KafkaError):
                self._consumer.close(autocommit=False, timeout_ms=_CLOSE_MS)


class _Neighbours:
    """This member's name, and the group's other members on this machine."""

    def __init__(self, client: Client, topic: str, group: str, names: Path | None) -> None:
        self._client = client
        self._group = group
        self._look_at = 0.0
        self._slot: Slot | None = None
        with suppress(OSError):  # without a place for names, the session's end is waited for
            self._folder = kafka_slots.folder_of(names, client.address.shown, topic, group)
            self._slot = kafka_slots.take(self._folder)

    @property
    def instance(self) -> str | None:
        return self._slot.name if self._slot is not None else None

    def look_around(self) -> None:
        """Take members whose process is gone out of the group."""
        if self._slot is None or time.monotonic() < self._look_at:
            return
        for slot in kafka_slots.abandoned(self._folder):
            self._client.remove_member(self._group, slot.name)
            slot.give_up()
        self._look_at = time.monotonic() + _LOOK_AROUND

    def let_go(self) -> None:
        if self._slot is not None:
            self._slot.let_go()

    def leave(self) -> None:
        if self._slot is not None:
            self._client.remove_member(self._group, self._slot.name)
            self._slot.give_up()


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # the driver has no types
    def __init__(self, assigned: Callable[[Collection[Any]], None]) -> None:
        self._assigned = assigned

    def on_partitions_revoked(self, revoked: Collection[Any]) -> None:
        pass

    def on_partitions_assigned(self, assigned: Collection[Any]) -> None:
        self._assigned(assigned)
