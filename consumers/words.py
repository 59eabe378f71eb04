"""What an update says, as the JSON that readers get: encoded once when it comes in, and never taken apart again.

The fold, the history and the documents pass this text on as it is. A 500-byte update is so encoded once and not three times
(for its checksum, its document, its history), and the runner remembers one string of it instead of a dozen objects.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.json import Decoder, Encoder

from schemas.content import Block, Content, Media, Source

NO_WORDS = ""
"""Of an update that says nothing yet, and of one that was killed."""


class _ShownBlock(Struct, omit_defaults=True, gc=False):
    """A block with what its type uses, and nothing that is empty."""

    type: str
    text: str = ""
    speaker: str | None = None
    items: tuple[str, ...] = ()
    uri: str | None = None


class _Shown(Struct, gc=False):
    """A content's fields, in the order in which a document shows them."""

    headline: str
    body: list[_ShownBlock]
    media: tuple[Media, ...]
    sources: tuple[Source, ...]
    places: tuple[str, ...]
    tags: tuple[str, ...]


class _Read(Struct):
    """The same, read back."""

    headline: str
    body: tuple[Block, ...]
    media: tuple[Media, ...]
    sources: tuple[Source, ...]
    places: tuple[str, ...]
    tags: tuple[str, ...]


_encode = Encoder().encode
_decode = Decoder(_Read).decode


def words_of(content: Content) -> str:
    """Return what `content` says: one JSON object on one line."""
    body = [_ShownBlock(block.type, block.text, block.speaker, block.items, block.uri) for block in content.body]
    return _encode(_Shown(content.headline, body, content.media, content.sources, content.places, content.tags)).decode()


def content_of(words: str | bytes) -> Content:
    """Return the content that says `words`, which may be a whole document."""
    if not words:
        return Content()
    read = _decode(words)
    return Content(read.headline, read.body, read.media, read.sources, read.places, read.tags)
