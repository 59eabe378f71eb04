"""The events of subscriptions: who is to be told of what. Each class is one Avro record; every field has a default."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

from msgspec import Meta

from schemas.content import Texts
from schemas.events import EPOCH, Count, Urgency

CHANGE_KINDS: Final = (
    "published",
    "revised",
    "corrected",
    "withheld",
    "released",
    "killed",
    "marked",
    "story_opened",
    "story_revised",
    "story_closed",
    "story_reopened",
)
"""What a change may be, as readers are told."""

LONGEST_TARGET: Final = 2048
MOST_STORIES: Final = 1000
LEAST_URGENT: Final = 9

Stories = Annotated[tuple[str, ...], Meta(max_length=MOST_STORIES)]


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionEvent:
    """What every event of a subscription carries.

    Attributes:
        event_id: Its identity within the subscription: the same id again is the same event.
        subscription: The subscription's id; the key of its record.
        desk: Who says it.
        author: The person at the desk.
        occurred_at: When it was said; UTC, to the microsecond. What counts is when the log recorded it.
        caused_by: The id of what led to this one.
    """

    event_id: str = ""
    subscription: str = ""
    desk: str = ""
    author: str | None = None
    occurred_at: datetime = EPOCH
    caused_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionAdded(SubscriptionEvent):
    """Somebody wants to be told, from when the log recorded this on.

    Attributes:
        target: The address, as it may be shown: a webhook's URL, or an address of a person's in Apprise's form without what is
            secret in it.
        sealed: The whole address where it holds a secret, encrypted under the master key; else empty.
        key: Tells the master key from another one that its secret does not derive from (`dateline.master_key`); no secret.
        label: What people call it.
        stories: The stories that it is about; all if none is named.
        question: The words of a saved search (`consumers.search.question`); the fields below are its filters.
        since, until: Bounds of `published_at`: from, and before.
        source, tag, place: The whole of one of an update's names.
        verification: `unverified`, `verified`, `disputed` or `debunked`.
        key_events: Key events only.
        corrected: Updates that were corrected only.
        kinds: Of changes; all that a subscriber is told of if none is named.
        minimum_urgency: 1 lets only flashes through, 9 everything.
        corrections_only: Only what puts an error right or takes it away.
        language: Of messages to people, a BCP 47 tag; the story's where it is empty.
    """

    target: str = ""
    sealed: str = ""
    key: str = ""
    label: str = ""
    stories: Stories = ()
    question: str = ""
    since: datetime | None = None
    until: datetime | None = None
    source: str | None = None
    tag: str | None = None
    place: str | None = None
    verification: str | None = None
    key_events: bool = False
    corrected: bool = False
    kinds: Texts = ()
    minimum_urgency: Urgency = LEAST_URGENT
    corrections_only: bool = False
    language: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionRemoved(SubscriptionEvent):
    """Nobody is told any more; for good."""

    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionPaused(SubscriptionEvent):
    """Nothing goes out for now."""

    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionResumed(SubscriptionEvent):
    """Messages go out again."""

    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionRotated(SubscriptionEvent):
    """Its signing secret is another one from now on; for a while messages are signed with both.

    Attributes:
        number: 1, 2, 3 …; the secret it was added with has 0.
        key: As in `SubscriptionAdded`, of the key that the new secret derives from.
    """

    number: Count = 0
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionEnded(SubscriptionEvent):
    """The target itself ended it, for good, such as by answering 410."""

    reason: str = ""


SUBSCRIPTION_TYPES: dict[str, type[SubscriptionEvent]] = {
    kind.__name__: kind
    for kind in (
        SubscriptionAdded,
        SubscriptionRemoved,
        SubscriptionPaused,
        SubscriptionResumed,
        SubscriptionRotated,
        SubscriptionEnded,
    )
}
"""Every event of a subscription by its name, which is also its Avro record's."""
