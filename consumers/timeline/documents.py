"""An update as the bytes a reader gets, and the fold's states as text for Redis.

A public update's words lie in its document only; its state holds the rest. A hidden one's state holds everything.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct
from msgspec.json import Decoder, Encoder

from consumers.state import Change, Correction, Entry, Heading, Story, Update
from schemas.content import Block, Content, Media, Source


class _ShownBlock(Struct, omit_defaults=True, gc=False):
    """A block with what its type uses, and nothing that is empty."""

    type: str
    text: str = ""
    speaker: str | None = None
    items: tuple[str, ...] = ()
    uri: str | None = None


class _Document(Struct, gc=False):
    """What a reader gets of an update, in this order."""

    id: str
    story: str
    seq: int
    revision: int
    headline: str
    body: list[_ShownBlock]
    media: tuple[Media, ...]
    sources: tuple[Source, ...]
    places: tuple[str, ...]
    tags: tuple[str, ...]
    urgency: int
    key_event: bool
    pinned: bool
    verification: str | None
    from_story: str | None
    published_at: datetime | None
    updated_at: datetime | None
    corrections: tuple[Correction, ...]


class _Words(Struct):
    """A document read back: what its state does not hold."""

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


class _PublicState(Struct, array_like=True, gc=False):
    """A public update's state: what its document does not hold."""

    published: bool
    version: int | None
    place: int
    last: Change


class _LateCopy(Struct, gc=False):
    """What late copy said."""

    version: int | None
    headline: str
    body: list[_ShownBlock]
    media: tuple[Media, ...]
    sources: tuple[Source, ...]
    places: tuple[str, ...]
    tags: tuple[str, ...]


_encode = Encoder().encode
_read_words = Decoder(_Words).decode
_read_public = Decoder(_PublicState).decode
_read_hidden = Decoder(Update).decode
_read_story = Decoder(Story).decode
_read_entry = Decoder(Entry).decode
_read_change = Decoder(Change).decode
_read_heading = Decoder(Heading).decode


def document(story: str, update: Update) -> str:
    """Return the document of an update: one JSON object on one line."""
    content, last = update.content, update.last
    return _encode(
        _Document(
            update.id,
            story,
            last.seq if last is not None else 0,
            update.revision,
            content.headline,
            _shown(content.body),
            content.media,
            content.sources,
            content.places,
            content.tags,
            update.urgency,
            update.key_event,
            update.pinned,
            update.verification,
            update.from_story,
            update.published_at,
            update.updated_at,
            update.corrections,
        )
    ).decode()


def late_document(version: int | None, content: Content) -> str:
    """Return what late copy said: a document's words and the wire's version."""
    said = (content.media, content.sources, content.places, content.tags)
    return _encode(_LateCopy(version, content.headline, _shown(content.body), *said)).decode()


def _shown(body: tuple[Block, ...]) -> list[_ShownBlock]:
    return [_ShownBlock(block.type, block.text, block.speaker, block.items, block.uri) for block in body]


def state_text(update: Update) -> str:
    """Return the update's state, without what its document holds if it is public."""
    if update.is_public:
        assert update.last is not None
        return _encode(_PublicState(update.published, update.version, update.place, update.last)).decode()
    return _encode(update).decode()


def read_update(update: str, state: bytes | str, shown: bytes | str | None) -> Update:
    """Return the update with this id from its state and, if it is public, its document."""
    if not shown:
        return _read_hidden(state)
    kept, words = _read_public(state), _read_words(shown)
    return Update(
        update,
        words.revision,
        kept.published,
        kept.version,
        Content(words.headline, words.body, words.media, words.sources, words.places, words.tags),
        words.urgency,
        words.key_event,
        words.pinned,
        words.verification,
        words.from_story,
        place=kept.place,
        published_at=words.published_at,
        updated_at=words.updated_at,
        corrections=words.corrections,
        last=kept.last,
    )


def story_text(story: Story) -> str:
    return _encode(story).decode()


def read_story(text: bytes | str) -> Story:
    return _read_story(text)


def entry_text(entry: Entry) -> str:
    return _encode(entry).decode()


def read_entry(text: bytes | str) -> Entry:
    return _read_entry(text)


def change_text(change: Change) -> str:
    return _encode(change).decode()


def read_change(text: bytes | str) -> Change:
    return _read_change(text)


def read_heading(text: bytes | str) -> Heading:
    return _read_heading(text)


def history_entry(about: Change, shown: str) -> str:
    """Return an entry of the history: what brought it about, and on a second line what was then shown, if anything."""
    return f"{change_text(about)}\n{shown}"


def read_history(entry: bytes) -> tuple[Change, bytes]:
    """Return what brought an entry about, and what was then shown."""
    about, _, shown = entry.partition(b"\n")
    return _read_change(about), shown


def heading_text(heading: Heading) -> str:
    return _encode(heading).decode()
