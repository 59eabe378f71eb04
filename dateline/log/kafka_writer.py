"""Appending to Kafka: one idempotent producer, thrown away whenever it did not deliver."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from dateline.errors import DatelineError, LogUnavailable, MaybeWritten, Refused
from dateline.log.base import NewRecord, Position
from dateline.log.kafka_client import NOTHING, Client, IllegalStateError, KafkaError, discard, is_certain, words
from dateline.log.kafka_shared import Shared
from dateline.log.partitioner import partition_of

DELIVERY_TIMEOUT = 30.0
"""Seconds to wait for an acknowledgement: longer than a partition is without a leader when its broker dies."""

_REFUSALS = 1.0
"""Seconds to wait for the answers to what was sent together with a record that was refused."""


class KafkaWriter:
    """Sends what threads append through one producer. Safe for use by several threads.

    After one refusal or time-out a producer fails all that comes later, and a record that timed out may still be written.
    So a producer that did not deliver is discarded, with all that other threads have in flight; each of them is told.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._producer = Shared(lambda: client.producer(delivery_timeout=DELIVERY_TIMEOUT), url=client.address.url)

    def append(self, topic: str, records: Sequence[NewRecord], *, partitions: int) -> Sequence[Position]:
        futures: list[Any] = []
        while True:
            producer = self._producer.get()
            try:
                self._check_count(producer, topic, partitions)
                for record in records:
                    futures.append(_send(producer, topic, record, partitions))
                return _await(futures, deadline=time.monotonic() + DELIVERY_TIMEOUT)
            except KafkaError as error:
                if isinstance(error, IllegalStateError) and not futures:
                    self._discard(producer)  # it was closed behind our back, or another thread has just discarded it
                    continue
                self._discard(producer, futures if is_certain(error) else ())
                raise self._explain(error, futures, len(records)) from error
            except DatelineError:
                raise
            except BaseException:  # interrupted: what is in flight must not be written later, behind what comes next
                self._discard(producer)
                raise

    def close(self) -> None:
        producer = self._producer.close()
        if producer is not None:
            discard(producer)  # every append has waited for its records: nothing is left to send

    def _check_count(self, producer: Any, topic: str, partitions: int) -> None:
        """Refuse to write by a partition count that is no longer the topic's: keys would lie where nobody looks for them."""
        count = len(producer.partitions_for(topic))
        if count != partitions:
            raise LogUnavailable(
                f"The topic {topic!r} at {self._client.address.shown} has {count} partitions, and had {partitions} when it was "
                "opened; nothing was written. Start again; the views will say what to do."
            )

    def _discard(self, producer: Any, waiting: Sequence[Any] = ()) -> None:
        """Throw `producer` away, once what is `waiting` has been answered; a refusal seldom comes alone."""
        self._producer.forget(producer)
        deadline = time.monotonic() + _REFUSALS
        for future in waiting:
            with suppress(KafkaError):
                future.get(max(0.0, deadline - time.monotonic()))
        discard(producer)

    def _explain(self, error: KafkaError, futures: Sequence[Any], count: int) -> DatelineError:
        """Return what became of the `count` records, of which `futures` were sent."""
        where = self._client.address.shown
        if not futures and is_certain(error):
            return Refused(f"Kafka at {where} takes no such record ({words(error)}); nothing was written.")
        if not futures:
            return self._client.translate(error)
        failures = [future.exception for future in futures if future.is_done and future.failed()]
        if len(failures) == len(futures) == count and all(map(is_certain, failures)):
            return Refused(f"Kafka at {where} refused this ({words(failures[0])}); nothing was written.")
        what = "the record" if count == 1 else f"all of the {count} records"
        return MaybeWritten(f"Kafka at {where} did not confirm {what} ({words(error)}); what is not confirmed may be written.")


def _send(producer: Any, topic: str, record: NewRecord, partitions: int) -> Any:
    partition = record.partition
    if partition is None:
        partition = 0 if record.key is None else partition_of(record.key, partitions)
    value = NOTHING if record.value is None else record.value
    return producer.send(topic, value, record.key, list(record.headers), partition, record.timestamp)


def _await(futures: Sequence[Any], *, deadline: float) -> Sequence[Position]:
    positions = []
    for future in futures:
        told = future.get(max(0.0, deadline - time.monotonic()))
        if told.offset < 0:
            raise KafkaError("the broker had it already, and does not say where")
        positions.append(Position(told.partition, told.offset))
    return positions
