"""The driver: the only module that knows kafka-python. It makes clients that are set up as a log needs them.

What kafka-python returns has no types, so its clients pass through here as `Any`.
"""

from __future__ import annotations

import logging
import re
import socket
import struct
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple, TypeVar

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, MemberToRemove, OffsetSpec
from kafka.consumer.subscription_state import ConsumerRebalanceListener
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.errors import (
    AuthorizationError,
    BrokerResponseError,
    CorruptRecordError,
    GroupMaxSizeReachedError,
    IllegalStateError,
    InvalidSessionTimeoutError,
    KafkaConfigurationError,
    KafkaError,
    NoError,
    NotEnoughReplicasAfterAppendError,
    OffsetOutOfRangeError,
    RequestTimedOutError,
    SaslAuthenticationFailedError,
    TopicAlreadyExistsError,
    UnknownTopicOrPartitionError,
    UnsupportedCodecError,
    UnsupportedSaslMechanismError,
    for_code,
)
from kafka.net.compat import KafkaNetClient
from kafka.protocol.consumer import IsolationLevel
from kafka.serializer import Serializer
from kafka.structs import OffsetAndMetadata

from dateline.errors import DatelineError, LogUnavailable, LogUnreadable, Refused
from dateline.log.kafka_address import Address
from dateline.log.kafka_shared import Shared

__all__ = [
    "AuthorizationError",
    "Client",
    "ConfigResource",
    "ConfigResourceType",
    "ConsumerRebalanceListener",
    "IllegalStateError",
    "KafkaError",
    "NoError",
    "OffsetAndMetadata",
    "OffsetOutOfRangeError",
    "Topic",
    "TopicAlreadyExistsError",
    "TopicPartition",
    "UnknownTopicOrPartitionError",
    "for_code",
    "is_certain",
]

T = TypeVar("T")

NOTHING = object()
"""Sent as the value of a record that has none: kafka-python refuses a record without a key and a value."""

_BOOTSTRAP_MS = 6_000
_REQUEST_MS = 10_000
_PATIENCE = 8.0
"""Seconds for which a question is asked again while a partition's leader moves."""

_PAUSE = 0.1
_RETRY_MS = 25
"""Pause of the driver between two tries; it also makes one such pause whenever it meets a new topic."""

_METADATA_MS = 5_000
"""How long a producer may go by an old partition count."""

_FETCH_BYTES = 4 << 20
_BATCH_BYTES = 128 << 10
_REQUEST_BYTES = 2 << 20

_FORGETFUL = [
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)),
]
"""A producer's connection forgets what has not left this machine when it is closed. By default the system goes on sending it
for minutes, so that what was given up is written behind what came later."""

# A driver's own words on stderr would be a second, untidy voice; what matters is raised.
logging.getLogger("kafka").addHandler(logging.NullHandler())


class Topic(NamedTuple):
    """A topic as the cluster has it."""

    id: str
    partitions: int
    replication: int


class NotAssigned(DatelineError):
    """The driver was asked about a partition that was taken away a moment ago."""


class Client:
    """Makes consumers and producers for one cluster, and asks it what is there. Safe for use by several threads."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._admin = Shared(lambda: self._make(KafkaAdminClient), url=address.url)

    def producer(self, *, delivery_timeout: float) -> Any:
        """Make an idempotent producer, which waits for every replica in sync."""
        return self._make(
            KafkaProducer,
            acks="all",
            enable_idempotence=True,
            allow_auto_create_topics=False,
            delivery_timeout_ms=int(delivery_timeout * 1000),
            max_block_ms=_REQUEST_MS,
            batch_size=_BATCH_BYTES,
            max_request_size=_REQUEST_BYTES,
            value_serializer=_Values(),
            metadata_max_age_ms=_METADATA_MS,
            socket_options=_FORGETFUL,
        )

    def consumer(self, **more: object) -> Any:
        """Make a consumer of what is committed, which commits nothing by itself and never chooses an offset of its own."""
        return self._make(
            KafkaConsumer,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="none",
            allow_auto_create_topics=False,
            max_partition_fetch_bytes=_FETCH_BYTES,
            fetch_max_wait_ms=250,
            **more,
        )

    def member(self, *, group: str, instance: str | None) -> Any:
        """Make a consumer that shares a topic's partitions with the others of its group."""
        session = self.address.session_timeout_ms
        return self.consumer(
            group_id=group,
            group_instance_id=instance,
            partition_assignment_strategy=[CooperativeStickyAssignor],
            session_timeout_ms=session,
            heartbeat_interval_ms=min(500, session // 4),
            max_poll_interval_ms=self.address.max_poll_interval_ms,
        )

    def topics(self, names: Sequence[str]) -> Mapping[str, Topic]:
        """Return those of the topics that are there."""
        described = self.ask(lambda admin: admin.describe_topics(list(names)))
        for one in described:
            refusal = for_code(one["error_code"])
            if issubclass(refusal, AuthorizationError):
                raise self.translate(refusal(one["name"]))
        return {
            one["name"]: Topic(
                str(one["topic_id"]), len(one["partitions"]), min(len(p["replica_nodes"]) for p in one["partitions"])
            )
            for one in described
            if one["partitions"]
        }

    def offsets(self, topic: str, partitions: Iterable[int], *, end: bool) -> Mapping[int, int]:
        """Return where each of the partitions begins, or where what is committed ends."""
        spec = OffsetSpec.LATEST if end else OffsetSpec.EARLIEST
        wanted = {TopicPartition(topic, partition): spec for partition in partitions}
        found = self.ask(lambda admin: admin.list_partition_offsets(wanted, isolation_level=IsolationLevel.READ_COMMITTED))
        return {place.partition: found[place].offset for place in wanted}

    def size_bytes(self, topic: str) -> int | None:
        """Return the bytes of all replicas of `topic`; None where a broker does not say, or this user may not know."""
        try:
            brokers = self.ask(lambda admin: admin.describe_log_dirs([topic]), patience=0.0)
        except DatelineError:
            return None
        folders = [folder for broker in brokers for folder in broker["log_dirs"]]
        sizes = [part["partition_size"] for folder in folders for of in folder["topics"] for part in of["partitions"]]
        return sum(sizes) if sizes else None

    def remove_member(self, group: str, instance: str) -> None:
        """Take a static member out of its group, so that its partitions go to others at once. Best effort."""
        with suppress(DatelineError):
            self.ask(lambda admin: admin.remove_group_members(group, [MemberToRemove(group_instance_id=instance)]), patience=0.0)

    def ask(self, question: Callable[[Any], T], *, patience: float = _PATIENCE) -> T:
        """Ask the cluster, again if the answer may be another in a moment.

        Raises:
            LogUnavailable: It gave none in time.
        """
        deadline = time.monotonic() + patience
        while True:
            admin = self._admin.get()
            try:
                return question(admin)
            except (KafkaError, RuntimeError) as error:  # a cluster without a controller is a RuntimeError to the driver
                self._admin.forget(admin)  # one that met a broker's death does not find the others again
                _close_admin(admin)
                if not getattr(error, "retriable", True) or time.monotonic() >= deadline:
                    raise self.translate(error) from error
            time.sleep(_PAUSE)

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turn the driver's errors into ours."""
        try:
            yield
        except KafkaError as error:
            raise self.translate(error) from error

    def translate(self, error: Exception) -> DatelineError:
        if isinstance(error, (SaslAuthenticationFailedError, UnsupportedSaslMechanismError)):
            return Refused(
                f"Kafka at {self.address.shown} does not know this user or password. "
                "Check DATELINE_KAFKA_USERNAME, DATELINE_KAFKA_PASSWORD and the URL's sasl_mechanism."
            )
        where = f"Kafka at {self.address.shown}"
        if isinstance(error, IllegalStateError):
            return NotAssigned(words(error))
        if isinstance(error, InvalidSessionTimeoutError):
            mine = self.address.session_timeout_ms
            return Refused(
                f"{where} does not allow sessions of {mine} ms. Change the URL's session_timeout_ms, or the brokers' "
                "group.min.session.timeout.ms and group.max.session.timeout.ms."
            )
        if isinstance(error, (KafkaConfigurationError, GroupMaxSizeReachedError)):
            return Refused(f"{where} cannot be used so ({words(error)}). Check the URL's options and the brokers' settings.")
        if isinstance(error, (CorruptRecordError, UnsupportedCodecError)):
            return LogUnreadable(f"{where} gave a record that the driver cannot take apart ({words(error)}).")
        if isinstance(error, AuthorizationError):
            return Refused(f"{where} does not allow this ({words(error)}). Ask for the right, or for another user.")
        # The driver does not tell a server that is not there from one that closes the door on a wrong password.
        doors = ", user, password and certificates" if self.address.is_secured else ""
        return LogUnavailable(f"{where} gives no answer ({words(error)}). Check DATELINE_LOG, the brokers{doors}.")

    def close(self) -> None:
        _close_admin(self._admin.close())

    def _make(self, kind: Callable[..., Any], **options: object) -> Any:
        """Make a client of the driver.

        Raises:
            LogUnavailable: No broker answers.
            Refused: The brokers do not let this client in, or a certificate's file cannot be read.
        """
        networks: list[Any] = []

        def network(**config: object) -> Any:
            networks.append(KafkaNetClient(**config))
            return networks[-1]

        try:
            return kind(
                bootstrap_servers=list(self.address.brokers),
                bootstrap_timeout_ms=_BOOTSTRAP_MS,
                request_timeout_ms=_REQUEST_MS,
                reconnect_backoff_max_ms=1_000,
                retry_backoff_ms=_RETRY_MS,
                client_id="dateline",
                kafka_client=network,
                **self.address.security,
                **options,
            )
        except BaseException as error:
            for one in networks:  # the driver leaves a thread behind, which would try for ever
                one.close()
            if isinstance(error, KafkaError):
                raise self.translate(error) from error
            if isinstance(error, OSError):
                raise Refused(f"A file that the Kafka URL names cannot be used ({error}).") from error
            raise


def _close_admin(admin: Any) -> None:
    if admin is not None:
        with suppress(KafkaError):
            admin.close()


def is_certain(error: BaseException) -> bool:
    """Whether a failed send certainly wrote nothing: the broker looked at it and said no."""
    doubtful = (RequestTimedOutError, NotEnoughReplicasAfterAppendError)
    return isinstance(error, BrokerResponseError) and not isinstance(error, doubtful) and not error.retriable


def discard(producer: Any) -> None:
    """End a producer without sending what it still holds. `close` would wait for that first."""
    with suppress(KafkaError, AttributeError):
        producer._sender.force_close()
        producer._sender.join(1.0)
    with suppress(KafkaError):
        producer.close(timeout=0)


def words(error: BaseException) -> str:
    """Return a driver's error on one short line: what it says, without its number and name, else its name."""
    name = type(error).__name__
    text = re.sub(rf"^(\[Error -?\d+\] )?({name}:?( |$))?", "", " ".join(str(error).split()))
    return name.removesuffix("Error") if text in ("", "None") else text[:200]


class _Values(Serializer):  # type: ignore[misc]  # the driver has no types
    def serialize(self, topic: str, headers: object, data: object) -> object:
        return None if data is NOTHING else data
