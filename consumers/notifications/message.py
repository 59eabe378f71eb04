"""What a message says, and what the ledger says of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Raw, Struct, json

from consumers.notifications.attempt import Attempt
from consumers.notifications.news import News
from consumers.notifications.pairs import Told
from consumers.notifications.records import entry_id
from consumers.state import Change
from dateline.clock import now, now_ms
from schemas.deliveries import NotificationGaveUp, NotificationSent
from schemas.identity import notification_id_for
from schemas.times import from_ms

_STORY: Final = "story_"


class Notification(Struct, frozen=True):
    """One message to one subscription: a change, told as it is now.

    Attributes:
        id: The same on each attempt.
        after: The `seq` last sent to the subscription for the story.
        document: The update as it is now; None once it is gone, and for a change of the story itself.
        revision: The update's revision that is said.
    """

    id: str
    subscription: str
    story: str
    news: News
    after: int
    document: bytes | None
    revision: int
    told: Told

    @property
    def change(self) -> Change:
        return self.news.change

    @property
    def body(self) -> str:
        """The message as JSON."""
        change = self.change
        data: dict[str, Any] = {  # Any: what JSON holds
            "story": self.story,
            "seq": change.seq,
            "after": self.after,
            "kind": change.kind,
            "update": change.update,
            "revision": change.revision,
            "note": change.note if change.update is None or self.document is not None else None,
            "document": Raw(self.document) if self.document is not None else None,
        }
        body = {"type": type_of(change.kind), "timestamp": from_ms(change.recorded_at), "data": data}
        return json.encode(body).decode()


def notification(subscription: str, told: Told, news: News, *, after: int) -> Notification:
    """Return the message that tells a subscription of a change."""
    name = news.change.update
    update = told.updates.get(name) if name is not None else None
    document = told.documents.get(name) if name is not None else None
    revision = update.revision if update is not None and document is not None else news.change.revision
    message = notification_id_for(news.event_id, subscription)
    return Notification(message, subscription, told.story.id, news, after, document, revision, told)


def type_of(kind: str) -> str:
    """Return what a message of a kind of change is called: `update.corrected`, `story.closed`."""
    return f"story.{kind.removeprefix(_STORY)}" if kind.startswith(_STORY) else f"update.{kind}"


def sent_entry(message: Notification, attempt: Attempt, *, attempts: int, redriven: str = "") -> NotificationSent:
    """Return the ledger's entry of a message that arrived; said twice, it is one.

    Args:
        redriven: The entry that asked for it to be sent once more, if one did.
    """
    latency = max(0, now_ms() - message.change.recorded_at)
    what = f"sent {redriven}" if redriven else "sent"
    return NotificationSent(status=attempt.status, latency_ms=latency, attempts=attempts, **_about(message, what))


def gave_up_entry(
    message: Notification, attempt: Attempt, *, attempts: int, reason: str, redriven: str = ""
) -> NotificationGaveUp:
    """Return the ledger's entry of a message that is not tried any more."""
    what = f"gave up {redriven}" if redriven else "gave up"
    return NotificationGaveUp(status=attempt.status, attempts=attempts, reason=reason, **_about(message, what))


def _about(message: Notification, what: str) -> Mapping[str, Any]:  # Any: an entry's fields
    change = message.change
    return {
        "event_id": entry_id(message.id, what),
        "story": message.story,
        "occurred_at": now(),
        "notification": message.id,
        "subscription": message.subscription,
        "caused_by": message.news.event_id,
        "update": change.update or "",
        "seq": change.seq,
        "kind": change.kind,
        "revision": message.revision,
    }
