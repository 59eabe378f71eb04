"""The proof of a correction: who was told what of an update, and when, read from the ledger."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from consumers.notifications.ledger import entry_of
from consumers.notifications.news import MENDING
from dateline.log.base import Log
from dateline.log.partitioner import partition_of
from schemas.deliveries import DeliveryEvent, NotificationGaveUp, NotificationSent
from schemas.topics import DELIVERIES_TOPIC

_PAGE = 5000

Json = dict[str, Any]  # Any: what JSON holds


class Told(Struct, frozen=True):
    """What became of one message: a kind of change, with one revision of the words.

    Attributes:
        subscribers: Who was to be told: whoever it was sent to or given up for; who waits; and of a change that mends an error,
            everyone who got an earlier revision and has not ended.
        delivered: Subscription to the seconds from when the log recorded the change until it was taken.
        gave_up: Subscription to why.
    """

    seq: int
    kind: str
    revision: int
    subscribers: frozenset[str]
    delivered: Mapping[str, float]
    gave_up: Mapping[str, str]

    @property
    def waiting(self) -> frozenset[str]:
        return self.subscribers - self.delivered.keys() - self.gave_up.keys()

    @property
    def last_after_s(self) -> float | None:
        """Seconds until the last of them had it; None while nobody has."""
        return max(self.delivered.values(), default=None)


def entries_of(log: Log, story: str, update: str | None = None) -> Iterator[DeliveryEvent]:
    """Yield what the ledger says of a story, or of one update; what it says twice, once."""
    key, seen, offset = story.encode(), set[str](), 0
    partition = partition_of(key, log.partitions(DELIVERIES_TOPIC))
    while (batch := log.read(DELIVERIES_TOPIC, partition, offset, limit=_PAGE)).next_offset > offset:
        offset = batch.next_offset
        for record in batch.records:
            entry = entry_of(record) if record.key == key else None
            if entry is not None and entry.event_id not in seen and update in (None, entry.update):
                seen.add(entry.event_id)
                yield entry


def proof(
    entries: Sequence[DeliveryEvent], *, ended: Collection[str] = (), waiting: Mapping[str, int] | None = None
) -> list[Told]:
    """Return what became of each message about an update, in the order of its changes.

    Args:
        entries: What the ledger says of the update.
        ended: Subscriptions that have ended, which are told nothing any more.
        waiting: Subscriptions for which more of the story is due, and up to which `seq` they were told.
    """
    groups = sorted(
        {(one.seq, one.kind, one.revision) for one in entries if isinstance(one, NotificationSent | NotificationGaveUp)}
    )
    return [_told(entries, group, frozenset(ended), waiting or {}) for group in groups]


def _told(
    entries: Sequence[DeliveryEvent], group: tuple[int, str, int], ended: frozenset[str], waiting: Mapping[str, int]
) -> Told:
    seq, kind, revision = group
    mine = [one for one in entries if (one.seq, one.kind, one.revision) == group]
    delivered: dict[str, float] = {}
    for one in mine:
        if isinstance(one, NotificationSent):
            delivered.setdefault(one.subscription, one.latency_ms / 1000)
    gave_up = {
        one.subscription: one.reason for one in mine if isinstance(one, NotificationGaveUp) and one.subscription not in delivered
    }
    elsewhere = {one.subscription for one in entries if one.seq == seq and isinstance(one, NotificationSent | NotificationGaveUp)}
    expected = {name for name, at in waiting.items() if at < seq} - elsewhere
    if kind in MENDING:
        expected |= {one.subscription for one in entries if one.seq < seq and isinstance(one, NotificationSent)} - elsewhere
    subscribers = frozenset(delivered) | frozenset(gave_up) | (expected - ended)
    return Told(seq, kind, revision, subscribers, delivered, gave_up)


def proof_json(story: str, update: str, found: Sequence[Told]) -> Json:
    """Return the proof as `hooks deliveries --json` and `/v1/stories/{s}/updates/{u}/deliveries` give it."""
    return {"story": story, "update": update, "revisions": [_json(one) for one in found]}


def _json(one: Told) -> Json:
    return {
        "revision": one.revision,
        "kind": one.kind,
        "seq": one.seq,
        "subscribers": len(one.subscribers),
        "delivered": len(one.delivered),
        "gave_up": len(one.gave_up),
        "waiting": len(one.waiting),
        "last_after_s": one.last_after_s,
        "gave_up_by": [{"subscription": name, "reason": reason} for name, reason in sorted(one.gave_up.items())],
    }
