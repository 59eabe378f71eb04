"""Saying who is to be told of what: appends the subscriptions' events. What stands now is a reader's business."""

from __future__ import annotations

from typing import Any

from dateline.clock import now
from dateline.log.base import Log, NewRecord
from schemas.codec import subscription_codec
from schemas.headers import headers
from schemas.identity import new_event_id, subscription_id_for
from schemas.names import check_name
from schemas.rules import check
from schemas.subscriptions import (
    SubscriptionAdded,
    SubscriptionEvent,
    SubscriptionPaused,
    SubscriptionRemoved,
    SubscriptionResumed,
    SubscriptionRotated,
)
from schemas.topics import SUBSCRIPTIONS_TOPIC


class SubscriptionDesk:
    """Appends subscriptions' events to a log under one name. Safe for use by several threads.

    Every method returns once the event is durable in the log, and raises:
        Refused: The event breaks a rule; nothing was written.
        LogUnavailable: Nothing was written.
        MaybeWritten: There was no answer in time.
    """

    def __init__(self, log: Log, *, name: str) -> None:
        self._log = log
        self.name = check_name("desk", name)

    def begin(self, **fields: Any) -> SubscriptionAdded:  # Any: the fields of many types, held to the rules here
        """Return the event of a new subscription, which has an id now; `add` says it.

        Args:
            fields: Those of `SubscriptionAdded`; `target` is needed.
        """
        event_id = new_event_id()
        event = SubscriptionAdded(
            event_id=event_id, subscription=subscription_id_for(event_id), desk=self.name, occurred_at=now(), **fields
        )
        check(event)
        return event

    def add(self, event: SubscriptionAdded) -> None:
        """Begin a subscription."""
        self._append(event)

    def remove(self, subscription: str, *, note: str | None = None) -> None:
        """End a subscription, for good."""
        self._append(SubscriptionRemoved(note=note, **self._said(subscription)))

    def pause(self, subscription: str, *, note: str | None = None) -> None:
        """Let nothing go out for now."""
        self._append(SubscriptionPaused(note=note, **self._said(subscription)))

    def resume(self, subscription: str, *, note: str | None = None) -> None:
        """Let messages go out again."""
        self._append(SubscriptionResumed(note=note, **self._said(subscription)))

    def rotate(self, subscription: str, *, number: int, key: str) -> None:
        """Give a subscription the secret `number`, the one after the present one, which derives from the master key `key`."""
        self._append(SubscriptionRotated(number=number, key=key, **self._said(subscription)))

    def _said(self, subscription: str) -> dict[str, Any]:  # Any: fields of several types
        return {"event_id": new_event_id(), "subscription": subscription, "desk": self.name, "occurred_at": now()}

    def _append(self, event: SubscriptionEvent) -> None:
        check(event)
        self._log.append(SUBSCRIPTIONS_TOPIC, [subscription_record(event)])


def subscription_record(event: SubscriptionEvent, *, timestamp: int | None = None) -> NewRecord:
    """Return the record that says `event`."""
    return NewRecord(event.subscription.encode(), subscription_codec().encode(event), headers(event), timestamp)
