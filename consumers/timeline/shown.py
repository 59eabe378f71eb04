"""A reader's document, read: what is needed to show an update, whoever shows it."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct
from msgspec.json import Decoder

from consumers.state import Correction
from schemas.content import Block, Media, Source


class Shown(Struct, frozen=True):
    """An update as a reader gets it; the fields are the document's."""

    id: str
    story: str
    seq: int
    revision: int
    headline: str
    body: tuple[Block, ...]
    media: tuple[Media, ...]
    sources: tuple[Source, ...]
    places: tuple[str, ...]
    tags: tuple[str, ...]
    urgency: int
    key_event: bool
    pinned: bool
    verification: str | None
    from_story: str | None
    published_at: datetime
    updated_at: datetime
    corrections: tuple[Correction, ...]


read_document = Decoder(Shown).decode
