"""The events: immutable facts about a story or an update, named in the past tense.

Each class is one Avro record of the same name (`schemas/avro/NAME.VERSION.avsc`) and one JSON object whose `type` is that name.
Every field has a default, so that any version reads any other.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from msgspec import Meta

from schemas.content import NO_CONTENT, Content, Texts

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

VERIFICATIONS = ("unverified", "verified", "disputed", "debunked")
SEVERITIES = ("substantive", "minor")

Urgency = Annotated[int, Meta(ge=1, le=9)]
Count = Annotated[int, Meta(ge=0, le=2**31 - 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What every event carries.

    Attributes:
        event_id: Its identity within the story: the same id again is the same event (UUIDv7, or a UUIDv5 that
            derives from desk, story and idempotency key).
        story: The running coverage it belongs to; the key of its record.
        desk: Who says it.
        author: The person at the desk.
        occurred_at: When the desk says that it happened; UTC, to the microsecond.
        expects: The revision that the desk had in front of it; the event is rejected where another one is current.
        caused_by: The id of the event that led to this one.
    """

    event_id: str = ""
    story: str = ""
    desk: str = ""
    author: str | None = None
    occurred_at: datetime = EPOCH
    expects: Count | None = None
    caused_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryOpened(Event):
    """Coverage begins. `language` is a BCP 47 tag, `time_zone` an IANA name."""

    title: str = ""
    summary: str = ""
    language: str = "en"
    time_zone: str = "UTC"
    topics: Texts = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryRevised(Event):
    """The story's own words changed; carries all of them."""

    title: str = ""
    summary: str = ""
    language: str = "en"
    time_zone: str = "UTC"
    topics: Texts = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryClosed(Event):
    """Coverage ends; open pages are told."""

    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryReopened(Event):
    """Coverage goes on."""

    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateEvent(Event):
    """An event about one update, whose id never changes."""

    update: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentEvent(UpdateEvent):
    """An event that carries the whole content of an update.

    Attributes:
        extra: What else the wire's item says, for systems and not for readers: a JSON object with the fields of ninjs 3 that an
            event has no place for. Empty where there is nothing of the kind.
    """

    content: Content = NO_CONTENT
    extra: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdatePublished(ContentEvent):
    """A new update.

    Attributes:
        urgency: 1 is a flash, 9 can wait.
        embargo_until: Not to be shown before; lifted by an `EmbargoLifted`, never by a reader's clock.
        version: The wire's own version number; a higher one replaces, a lower one is late copy.
        from_story: The neighbouring story whose item this is.
    """

    urgency: Urgency = 5
    key_event: bool = False
    pinned: bool = False
    embargo_until: datetime | None = None
    version: Count | None = None
    from_story: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateRevised(ContentEvent):
    """New information (a wire's write-thru); carries the whole content."""

    note: str | None = None
    version: Count | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateCorrected(ContentEvent):
    """An error put right; `note` says what was wrong. Carries the whole content."""

    note: str = ""
    severity: str = "substantive"
    version: Count | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateWithheld(UpdateEvent):
    """Held back while in doubt."""

    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateReleased(UpdateEvent):
    """No longer held back."""

    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateKilled(UpdateEvent):
    """Never to be used again, in any version; only a tombstone stays. `substitute` is the update to use instead."""

    reason: str = ""
    substitute: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateMarked(UpdateEvent):
    """The desk's marks on an update; None leaves a mark as it is."""

    pinned: bool | None = None
    key_event: bool | None = None
    verification: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbargoSet(UpdateEvent):
    """An embargo is put on an update, or moved."""

    embargo_until: datetime = EPOCH


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbargoLifted(UpdateEvent):
    """The embargo that ends at `embargo_until` is over; ignored where the update's is another one."""

    embargo_until: datetime = EPOCH


EVENT_TYPES: dict[str, type[Event]] = {
    kind.__name__: kind
    for kind in (
        StoryOpened,
        StoryRevised,
        StoryClosed,
        StoryReopened,
        UpdatePublished,
        UpdateRevised,
        UpdateCorrected,
        UpdateWithheld,
        UpdateReleased,
        UpdateKilled,
        UpdateMarked,
        EmbargoSet,
        EmbargoLifted,
    )
}
"""Every event by its name, which is also its Avro record's and its JSON `type`."""
