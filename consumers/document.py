"""An update as the bytes that a reader gets."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct
from msgspec.json import Encoder

from consumers.state import Correction, Update

_encode = Encoder().encode


class _Head(Struct, gc=False):
    """A document's fields before its words, in order."""

    id: str
    story: str
    seq: int
    revision: int


class Tail(Struct, gc=False):
    """A document's fields after its words, in order."""

    urgency: int
    key_event: bool
    pinned: bool
    verification: str | None
    from_story: str | None
    published_at: datetime | None
    updated_at: datetime | None
    corrections: tuple[Correction, ...]


def document(story: str, update: Update) -> str:
    """Return the document of an update: one JSON object on one line, its words put in as they are."""
    last = update.last
    head = _Head(update.id, story, last.seq if last is not None else 0, update.revision)
    tail = Tail(
        update.urgency,
        update.key_event,
        update.pinned,
        update.verification,
        update.from_story,
        update.published_at,
        update.updated_at,
        update.corrections,
    )
    return f"{_encode(head).decode()[:-1]},{update.words[1:-1]},{_encode(tail).decode()[1:]}"
