"""What the fold keeps of a story and of an update, and what it says of a record. Values only; `consumers.story` has the meaning.

They are frozen `msgspec.Struct`s, not dataclasses: the fold makes several of them for each record, and a struct is made and
replaced 6 to 20 times as fast (docs/decisions/0003-structs-in-the-fold.md).
"""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from consumers.record_digest import BEGINNING
from consumers.words import NO_WORDS, content_of
from schemas.content import Content
from schemas.events import Event


class Heading(Struct, frozen=True):
    """What readers see of the story itself.

    Attributes:
        opened_at: When the desk says that coverage began; None while no event says so.
        closed_at: When it ended; None while the story is open.
    """

    title: str
    summary: str = ""
    language: str = "en"
    time_zone: str = "UTC"
    topics: tuple[str, ...] = ()
    opened_at: datetime | None = None
    closed_at: datetime | None = None


class Change(Struct, frozen=True, array_like=True, gc=False):
    """What one record means to a reader.

    Attributes:
        seq: The record's place within its story.
        after: The `seq` of the story's change before it; 0 for the first.
        kind: `published`, `revised`, `corrected`, `withheld`, `released`, `killed`, `marked`, `story_opened`,
            `story_revised`, `story_closed` or `story_reopened`.
        update: The update's id; None for a change of the story itself.
        revision: The update's revision after it; 0 for a change of the story itself.
        note: What the desk tells readers about it, such as what was wrong.
        severity: Of a correction: `substantive` or `minor`.
        occurred_at: When the desk says that it happened.
        recorded_at: When the log recorded it: milliseconds since 1970, never going back within a story.
    """

    seq: int
    after: int
    kind: str
    update: str | None
    revision: int
    note: str | None
    severity: str | None
    occurred_at: datetime
    recorded_at: int


class Story(Struct, frozen=True, array_like=True, gc=False):
    """A story as the fold keeps it.

    Attributes:
        seq: How many records of the story there were, of whatever kind.
        last_change: The `seq` of its last change.
        recorded_at: The latest record's time in milliseconds since 1970.
        opened: Whether an event opened it; a story never opened is open all the same, titled by its id.
        undecodable: How many of its records could not be read.
        heading_change: The change that gave the heading its present form, None while none did.
        digest: Of its record up to `seq` (`consumers.record_digest`).
    """

    id: str
    heading: Heading
    seq: int = 0
    last_change: int = 0
    recorded_at: int = 0
    opened: bool = False
    undecodable: int = 0
    heading_change: Change | None = None
    digest: bytes = BEGINNING

    @property
    def is_closed(self) -> bool:
        return self.heading.closed_at is not None


class Correction(Struct, frozen=True, gc=False):
    """What a reader is told about an error put right."""

    revision: int
    note: str
    severity: str
    corrected_at: datetime


class Update(Struct, frozen=True, array_like=True):
    """An update as the fold keeps it, public or not.

    Attributes:
        revision: 0 before there is any content, 1 on publication, +1 each time the content changes.
        published: Whether an `UpdatePublished` was accepted (else only a correction, a kill … came so far).
        version: The wire's own number of the current content.
        words: The current content as the JSON of a document (`consumers.words`).
        place: The `seq` at which it first became public, which orders the timeline; 0 while it never was.
        published_at: The desk's time of the event that first made it public.
        updated_at: The desk's time of its last public change.
        last: Its last public change, None while there was none.
    """

    id: str
    revision: int = 0
    published: bool = False
    version: int | None = None
    words: str = NO_WORDS
    urgency: int = 5
    key_event: bool = False
    pinned: bool = False
    verification: str | None = None
    from_story: str | None = None
    withheld: bool = False
    embargo_until: datetime | None = None
    killed_at: datetime | None = None
    place: int = 0
    published_at: datetime | None = None
    updated_at: datetime | None = None
    corrections: tuple[Correction, ...] = ()
    last: Change | None = None

    @property
    def content(self) -> Content:
        """What it says, taken apart."""
        return content_of(self.words)

    @property
    def is_public(self) -> bool:
        return self.revision > 0 and not self.withheld and self.embargo_until is None and self.killed_at is None


class Verdict(Struct, frozen=True, array_like=True, gc=False):
    """What became of an event.

    Attributes:
        status: `accepted`, `rejected` or `duplicate`.
        seq: The record's place within its story (a duplicate's: its own).
        offset: The record's offset in its partition.
        revision: The update's current revision after it.
        reason: Why it was rejected, for the user.
        conflict: Whether it was rejected because `expects` was not the current revision.
        late: Whether it is late copy: kept in the history, not shown.
    """

    status: str
    seq: int
    offset: int
    revision: int = 0
    reason: str | None = None
    conflict: bool = False
    late: bool = False


class Entry(Struct, frozen=True, array_like=True, gc=False):
    """What is kept of each event id: enough to know the same event again, and to say what became of it."""

    fingerprint: str
    update: str | None
    verdict: Verdict


class Incoming(Struct, frozen=True, gc=False):
    """A record of a story as the fold takes it.

    Attributes:
        event: The event; None where the record could not be decoded.
        fingerprint: Of what the caller gave; empty where there is no event.
        timestamp: The record's own time, milliseconds since 1970.
        problem: Why it could not be decoded.
        words: What the event's content says, if it has one; the fold makes it of the event where it is not given.
        digest: Of the record's bytes and time (`consumers.record_digest`).
        claimed: Of a record that could not be decoded: the event id and the update that its headers name, if any.
    """

    story: str
    offset: int
    timestamp: int
    event: Event | None
    fingerprint: str = ""
    problem: str | None = None
    words: str = NO_WORDS
    digest: bytes = b""
    claimed: tuple[str | None, str | None] = (None, None)


class State(Struct, frozen=True, gc=False):
    """What the fold needs to know for one record: its story, its update and its event id's entry, None where there is none."""

    story: Story
    update: Update | None
    entry: Entry | None


class Late(Struct, frozen=True, gc=False):
    """Late copy: content for the history that was never shown. `about.kind` is `late`; it is no reader's change."""

    about: Change
    version: int | None
    words: str

    @property
    def content(self) -> Content:
        """What it said, taken apart."""
        return content_of(self.words)


class Outcome(Struct, frozen=True, gc=False):
    """What the fold says: the state after the record, what it means to a reader, and what became of the event.

    `verdict` is None only for a record that could not be decoded; `late` is given only for late copy.
    """

    story: Story
    update: Update | None
    change: Change | None
    verdict: Verdict | None
    late: Late | None = None
