"""Producers that lose their connection in the middle of a batch, and foreign ones that write what nobody can read."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from kafka import KafkaProducer

from consumers.intake import fingerprint
from dateline.clock import now
from dateline.errors import LogUnavailable, MaybeWritten
from dateline.log import open_log
from dateline.log.partitioner import partition_of
from dateline.verdicts import told_of
from producers.desk import Desk, Receipt
from producers.options import Said, content_of
from producers.records import record_of
from schemas.events import Event, UpdatePublished
from schemas.identity import new_event_id, update_id_for
from schemas.topics import EVENTS_TOPIC
from tests.chaos.brokers import PARTITIONS, impatient, newsroom_on
from tests.chaos.desks import Acknowledged
from tests.chaos.newsroom import Newsroom
from tests.chaos.scenario import Scenario
from tests.support.kafka_servers import kafka_broker, proxied_broker
from tests.support.proxy import Direction, Proxy

_BATCH = 200
_STORIES = 8
_HANGS = 60.0
_MEGABYTE = 1_040_000
"""The largest value that a broker takes by default, and a little less."""


def cut_connections(room: Newsroom, proxy: Proxy, *, times: int) -> str:
    """Cut a desk's connections in the middle of a batch or of its answer, and send the batch again.

    By turns it may connect again at once, so that the driver goes on by itself, and only after the append has given up.
    """
    told = Counter[str]()
    with room.consumer(), room.publishing(desks=1), Desk(open_log(f"kafka://127.0.0.1:{proxy.port}"), name="wire") as desk:
        wire = _Wire(room, desk)
        for turn in range(1, times + 1):
            wire.send_until_answered(_batch(room.dice, 1))
            batch = _batch(room.dice, _BATCH)
            direction, size_bytes = _moment(room.dice, batch)
            is_lost = turn % 3 == 0
            cuts = proxy.cuts
            proxy.cut_after(size_bytes, direction, then_refuse=is_lost)
            first = wire.send(batch)
            assert proxy.cuts == cuts + 1, f"cut {turn} did not come: {size_bytes} bytes {direction}"
            if is_lost:
                assert first is None, f"cut {turn}: an append was acknowledged over no connection"
                assert all(room.ledger.maybe[event.event_id] for event in batch), f"cut {turn}: not all were named"
                proxy.accept()
            again = wire.send_until_answered(batch)
            room.check(f"after cut {turn}, {size_bytes} bytes {direction}")
            found = told_all(room, batch, first, again)
            told += found
        told["sent again"] = wire.given_up
    return f"{times} batches of {_BATCH}, each sent twice: {_counted(told)}"


def told_all(room: Newsroom, batch: Sequence[Event], first: Sequence[Receipt] | None, again: Sequence[Receipt]) -> Counter[str]:
    """See that each event of a batch was accepted once and everything else said of it is that it is a duplicate.

    Args:
        first: What was told of the batch when it was sent first; None if nobody knows whether it was written.
    """
    entries = room.reader.verdicts([(event.story, event.event_id) for event in batch])
    told = Counter[str]()
    for place, (event, entry) in enumerate(zip(batch, entries, strict=True)):
        assert entry is not None
        assert entry.verdict.status == "accepted", entry
        if first is not None:
            assert told_of(entry, first[place], said=fingerprint(event)).status == "accepted"
        status = told_of(entry, again[place], said=fingerprint(event)).status
        assert status == "duplicate" or (first is None and status == "accepted"), status
        told[f"{status} the second time"] += 1
    return told


class _Wire:
    """A desk that sends batches, and notes what it is told.

    Attributes:
        given_up: How many batches had no answer.
    """

    def __init__(self, room: Newsroom, desk: Desk) -> None:
        self._ledger = room.ledger
        self._desk = desk
        self.given_up = 0

    def send(self, batch: Sequence[Event]) -> Sequence[Receipt] | None:
        """Send `batch` once; None if that had no answer."""
        try:
            receipts = self._desk.send_all(batch)
        except MaybeWritten as error:
            self._ledger.maybe.update(error.event_ids)
            self.given_up += 1
            return None
        except LogUnavailable:
            self._ledger.refused += len(batch)
            return None
        self._ledger.acknowledged += [
            Acknowledged("wire", one.story, one.event_id, one.partition, one.offset) for one in receipts
        ]
        return receipts

    def send_until_answered(self, batch: Sequence[Event]) -> Sequence[Receipt]:
        deadline = time.monotonic() + _HANGS
        while time.monotonic() < deadline:
            receipts = self.send(batch)
            if receipts is not None:
                return receipts
        raise AssertionError(f"no answer within {_HANGS:g} s")


def _batch(dice: random.Random, size: int) -> Sequence[Event]:
    return [_event(f"wire-{dice.randrange(_STORIES)}", body="Copy. " * dice.randrange(1, 60)) for _ in range(size)]


def _event(story: str, *, body: str) -> UpdatePublished:
    event_id = new_event_id()
    said = Said(headline=f"Wire {event_id}", body=body)
    return UpdatePublished(
        story=story, desk="wire", event_id=event_id, occurred_at=now(), update=update_id_for(event_id), content=content_of(said)
    )


def _moment(dice: random.Random, batch: Sequence[Event]) -> tuple[Direction, int]:
    """Choose where to cut: somewhere in what is sent, or before the end of the answer, which says that all is written."""
    if dice.random() < 0.5:
        return "answered", dice.randrange(40)
    return "sent", dice.randrange(sum(record_of(event).size_bytes for event in batch))


class _Foreign(NamedTuple):
    """A record that no desk of ours writes, and what becomes of it: `homeless`, `undecodable` or `accepted`."""

    fate: str
    key: bytes | None
    value: bytes | None
    partition: int


def foreign_records(story: str, other: str) -> Mapping[str, _Foreign]:
    """Return records of every kind that a view has to step over, by what is wrong with them."""
    home = partition_of(story.encode(), PARTITIONS)
    key, value = story.encode(), record_of(_event(story, body="Copy.")).value or b""
    return {
        "not in the wire format": _Foreign("undecodable", key, b"\xde\xad\xbe\xef", home),
        "cut off": _Foreign("undecodable", key, value[:-3], home),
        "too long": _Foreign("undecodable", key, value + b"!", home),
        "an unknown schema id": _Foreign("undecodable", key, b"\x00\x00\x0f\x42\x3f" + value[5:], home),
        "a null value": _Foreign("undecodable", key, None, home),
        "an empty value": _Foreign("undecodable", key, b"", home),
        "1 MB of nothing": _Foreign("undecodable", key, bytes(_MEGABYTE), home),
        "1 MB of text": _Foreign("accepted", key, record_of(_event(story, body="x" * _MEGABYTE)).value, home),
        "another story's event": _Foreign("undecodable", key, record_of(_event(other, body="Copy.")).value, home),
        "a null key": _Foreign("homeless", None, value, home),
        "a key that is no text": _Foreign("homeless", b"\xff\xfe\x00", value, home),
        "a key that is no story": _Foreign("homeless", b"user 4711/cart", value, home),
        "another key's partition": _Foreign("homeless", key, value, (home + 1) % PARTITIONS),
    }


def mix_in_garbage(room: Newsroom, *, times: int) -> str:
    """Mix what foreign producers write into what desks publish."""
    fates = Counter[str]()
    kinds = 0
    (address,) = room.log_url.removeprefix("kafka://").split(",")
    with room.consumer(), room.publishing() as desks, _foreign_producer(address) as producer:
        for turn in range(1, times + 1):
            # Stories that desks write about too, and one that begins with garbage.
            story, other = room.dice.sample([*(f"story-{number}" for number in range(40)), f"foreign-{turn}"], 2)
            records = list(foreign_records(story, other).values())
            kinds = len(records)
            room.dice.shuffle(records)
            for record in records:
                time.sleep(room.dice.uniform(0.0, 0.05))
                producer.send(EVENTS_TOPIC, record.value, record.key, partition=record.partition).get(_HANGS)
                fates[record.fate] += 1
            room.check(f"after garbage {turn}")
        said = desks.said
    found = room.reader.positions()
    counts = sum(one.homeless for one in found), sum(one.undecodable for one in found)
    assert counts == (fates["homeless"], fates["undecodable"]), f"{counts}, and {fates} were written"
    return f"{kinds} kinds of records: {_counted(fates)}; {said:,} events beside them"


@contextmanager
def _foreign_producer(address: str) -> Iterator[Any]:  # Any: the driver has no types
    producer = KafkaProducer(bootstrap_servers=address)
    try:
        yield producer
    finally:
        producer.close()


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items()))


@contextmanager
def proxied_newsroom(folder: Path, *, seed: int) -> Iterator[tuple[Newsroom, Proxy]]:
    """Open a newsroom on a broker that can be reached through a proxy too."""
    with proxied_broker(folder / "kafka") as (broker, proxy), newsroom_on(folder, [broker], seed=seed) as room:
        yield room, proxy


@contextmanager
def plain_newsroom(folder: Path, *, seed: int) -> Iterator[Newsroom]:
    """Open a newsroom on a broker."""
    with kafka_broker(folder / "kafka") as broker, newsroom_on(folder, [broker], seed=seed) as room:
        yield room


def _cut(folder: Path, times: int, seed: int) -> str:
    with impatient(), proxied_newsroom(folder, seed=seed) as (room, proxy):
        return cut_connections(room, proxy, times=times)


def _garbage(folder: Path, times: int, seed: int) -> str:
    with plain_newsroom(folder, seed=seed) as room:
        return mix_in_garbage(room, times=times)


SCENARIOS = (
    Scenario("cut-connection", "a desk's connection cut in the middle of a batch or its answer", _cut, 30, 20.0),
    Scenario("garbage", "what foreign producers write, mixed into the stream", _garbage, 10, 20.0),
)
