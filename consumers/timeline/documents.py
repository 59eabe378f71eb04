"""The fold's states as text for Redis.

A public update's words lie in its document only; its state holds the rest. A hidden one's state holds everything.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from msgspec import MsgspecError, Struct
from msgspec.json import Decoder, Encoder

from consumers.document import Tail
from consumers.state import Change, Entry, Heading, Story, Update
from consumers.view import Parked
from consumers.words import content_of, words_of
from dateline.errors import ContentDamaged

T = TypeVar("T")


class _Document(Tail):
    """What the fold wants to know of a document, its words aside."""

    revision: int


class _LateCopy(Struct, gc=False):
    """A late copy's fields before its words."""

    version: int | None


class _PublicState(Struct, array_like=True, gc=False):
    """A public update's state: what its document does not hold."""

    published: bool
    version: int | None
    place: int
    last: Change


def _reader(kind: type[T]) -> Callable[[bytes | str], T]:
    """Return what reads a `kind` as the view keeps it; a view that holds anything else was damaged from outside."""
    decode = Decoder(kind).decode

    def read(text: bytes | str) -> T:
        try:
            return decode(text)
        except (MsgspecError, UnicodeDecodeError) as error:
            raise damaged(f"no {kind.__name__.strip('_')}: {error}") from error

    return read


def damaged(what: str) -> ContentDamaged:
    """Return the error for a view that does not hold what a timeline holds."""
    return ContentDamaged(
        f"The timeline in Redis is damaged ({what}); something else wrote there, or keys were evicted. Build the story anew, "
        "while readers have all others: dateline replay timeline --story STORY (dateline verify names what is damaged), or if it "
        "is much, the whole: dateline replay timeline",
        what=what,
    )


_encode = Encoder().encode
_read_document = _reader(_Document)
_read_public = _reader(_PublicState)
_read_hidden = _reader(Update)
_read_story = _reader(Story)
_read_entry = _reader(Entry)
_read_change = _reader(Change)
_read_heading = _reader(Heading)
_read_parked = _reader(Parked)


def late_document(version: int | None, words: str) -> str:
    """Return what late copy said: a document's words and the wire's version."""
    return f"{_encode(_LateCopy(version)).decode()[:-1]},{words[1:]}"


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
    kept, read = _read_public(state), _read_document(shown)
    return Update(
        update,
        read.revision,
        kept.published,
        kept.version,
        words_of(content_of(shown)),
        read.urgency,
        read.key_event,
        read.pinned,
        read.verification,
        read.from_story,
        place=kept.place,
        published_at=read.published_at,
        updated_at=read.updated_at,
        corrections=read.corrections,
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


def parked_text(parked: Parked) -> str:
    return _encode(parked).decode()


def read_parked(text: bytes | str) -> Parked:
    return _read_parked(text)


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
