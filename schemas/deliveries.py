"""The entries of the ledger: who was told what, and when. Each class is one Avro record; every field has a default."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from msgspec import Meta

from schemas.events import EPOCH, Count

Whole = Annotated[int, Meta(ge=0, le=2**63 - 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryEvent:
    """What every entry of the ledger carries: which message it is about.

    Attributes:
        event_id: Its identity within the story: the same id again is the same entry.
        story: The story; the key of its record.
        occurred_at: When it happened; UTC, to the microsecond.
        notification: The message's id, the same on each attempt (`webhook-id`).
        subscription: Who was told.
        caused_by: The id of the story's event that the message is about.
        update: The update's id, empty for a change of the story itself.
        seq: The change's place within its story.
        kind: The kind of change that was said.
        revision: The update's revision that was said.
    """

    event_id: str = ""
    story: str = ""
    occurred_at: datetime = EPOCH
    notification: str = ""
    subscription: str = ""
    caused_by: str | None = None
    update: str = ""
    seq: Whole = 0
    kind: str = ""
    revision: Count = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationSent(DeliveryEvent):
    """The target took it.

    Attributes:
        status: Its HTTP status; 0 where there is none, as of a message to a person.
        latency_ms: From the time at which the log recorded the change to the target's answer.
        attempts: How often it was tried, with this one.
    """

    status: Count = 0
    latency_ms: Whole = 0
    attempts: Count = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationGaveUp(DeliveryEvent):
    """It is not tried any more. `status` is that of the last answer, 0 where there was none; `reason` says why."""

    status: Count = 0
    attempts: Count = 0
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationRedriven(DeliveryEvent):
    """Somebody, by name and with a reason, had it sent once more."""

    by: str = ""
    reason: str = ""


DELIVERY_TYPES: dict[str, type[DeliveryEvent]] = {
    kind.__name__: kind for kind in (NotificationSent, NotificationGaveUp, NotificationRedriven)
}
"""Every entry of the ledger by its name, which is also its Avro record's."""
