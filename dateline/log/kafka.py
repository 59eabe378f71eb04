"""A log in Kafka: as many machines as its partitions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from typing_extensions import override

from dateline.errors import LogUnavailable, TopicMissing
from dateline.log.base import Batch, Log, Member, NewRecord, Position, check_group, check_new, id_of
from dateline.log.kafka_address import Address
from dateline.log.kafka_client import Client, Topic
from dateline.log.kafka_member import KafkaMember
from dateline.log.kafka_reader import ReaderPool
from dateline.log.kafka_writer import KafkaWriter


class KafkaLog(Log):
    """Nothing is connected until it is needed. The topics have to be there: `dateline topics create` makes them."""

    def __init__(self, address: Address, *, names: Path | None = None) -> None:
        """Know the address.

        Args:
            names: The folder in which members of groups keep their names; the temporary folder if None.
        """
        self._client = Client(address)
        self._names = names
        self._partitions: dict[str, int] = {}
        self._writer = KafkaWriter(self._client)
        self._readers = ReaderPool(self._client)
        self._members: set[KafkaMember] = set()
        self._closed = False

    @property
    @override
    def url(self) -> str:
        return self._client.address.url

    @override
    def id(self, topic: str) -> str:
        """Holds the partition count too: where it has changed, keys lie elsewhere, and it is another log."""
        described = self._describe(topic)
        return id_of(described.id, described.partitions)

    @override
    def partitions(self, topic: str) -> int:
        if topic not in self._partitions:
            self._partitions[topic] = self._describe(topic).partitions
        return self._partitions[topic]

    @override
    def append(self, topic: str, records: Sequence[NewRecord]) -> Sequence[Position]:
        partitions = self.partitions(topic)
        check_new(records, partitions=partitions)
        return self._writer.append(topic, records, partitions=partitions) if records else []

    @override
    def begin_offsets(self, topic: str) -> Mapping[int, int]:
        return self._client.offsets(topic, range(self.partitions(topic)), end=False)

    @override
    def end_offsets(self, topic: str) -> Mapping[int, int]:
        return self._client.offsets(topic, range(self.partitions(topic)), end=True)

    @override
    def size_bytes(self, topic: str) -> int | None:
        self._check_open()
        return self._client.size_bytes(topic)

    @override
    def read(self, topic: str, partition: int, offset: int, *, limit: int = 1000) -> Batch:
        self._check_open()
        self._readers.keep_at_least(self.partitions(topic))
        with self._readers.lend(topic, partition) as reader:
            return reader.page(offset, limit)

    @override
    def join(self, topic: str, *, group: str) -> Member:
        self._check_open()
        check_group(group)
        member = KafkaMember(
            self._client,
            topic,
            group=f"{topic}.{group}",
            names=self._names,
            topic_id=lambda: self.id(topic),
            on_close=self._members.discard,
        )
        self._members.add(member)
        return member

    @override
    def close(self) -> None:
        self._closed = True
        for member in tuple(self._members):
            member.close()
        self._readers.close()
        self._writer.close()
        self._client.close()

    def _describe(self, topic: str) -> Topic:
        self._check_open()
        found = self._client.topics([topic]).get(topic)
        if found is None:
            raise TopicMissing(
                f"Kafka at {self._client.address.shown} has no topic {topic!r}. Make it with: dateline topics create"
            )
        return found

    def _check_open(self) -> None:
        if self._closed:
            raise LogUnavailable(f"The log {self.url} is closed.")
