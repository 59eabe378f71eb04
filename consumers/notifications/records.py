"""What the notifier says, as records of the log: entries of the ledger, and the end of a subscription."""

from __future__ import annotations

from uuid import UUID, uuid5

from dateline.clock import now
from dateline.log.base import NewRecord
from schemas.codec import delivery_codec, subscription_codec
from schemas.deliveries import DeliveryEvent
from schemas.headers import headers
from schemas.identity import NAMESPACE
from schemas.subscriptions import SubscriptionEnded

NOTIFIER = "notifier"


def entry_id(notification: str, what: str) -> str:
    """Return the id of the ledger's entry that says this of a message: said twice, it is one entry."""
    return str(uuid5(UUID(notification), what))


def entry_record(entry: DeliveryEvent, *, timestamp: int | None = None) -> NewRecord:
    """Return the record of an entry of the ledger, for the topic of the deliveries; it lies where its story's events lie."""
    return NewRecord(entry.story.encode(), delivery_codec().encode(entry), headers(entry), timestamp)


def ended_record(subscription: str, *, reason: str) -> NewRecord:
    """Return the record that ends a subscription, for the topic of the subscriptions; said twice, it is one event."""
    event = SubscriptionEnded(
        event_id=str(uuid5(NAMESPACE, f"ended {subscription}")),
        subscription=subscription,
        desk=NOTIFIER,
        occurred_at=now(),
        reason=reason,
    )
    return NewRecord(subscription.encode(), subscription_codec().encode(event), headers(event))
