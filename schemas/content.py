"""What an update says: a headline, blocks of text, media, sources. The type of a block is a string, so that it can grow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

BLOCK_TYPES = ("paragraph", "quote", "heading", "list", "embed")
MEDIA_TYPES = ("image", "video", "audio")
SOURCE_KINDS = ("agency", "official", "broadcaster", "eyewitness", "social", "own")

LONGEST_LIST = 10_000

Pixels = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Texts = Annotated[tuple[str, ...], Meta(max_length=LONGEST_LIST)]


@dataclass(frozen=True, slots=True)
class Block:
    """One block of a body.

    Attributes:
        type: One of `BLOCK_TYPES`.
        text: A small safe Markdown; empty for a list.
        speaker: Who is quoted, for a quote.
        items: The points of a list.
        uri: What an embed shows.
    """

    type: str = "paragraph"
    text: str = ""
    speaker: str | None = None
    items: Texts = ()
    uri: str | None = None


@dataclass(frozen=True, slots=True)
class Media:
    """A picture, video or sound. `width` and `height` are in pixels; `alt` says what it shows to those who cannot see it."""

    type: str = "image"
    uri: str = ""
    caption: str = ""
    credit: str = ""
    alt: str = ""
    width: Pixels | None = None
    height: Pixels | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """Who says so. `kind` is one of `SOURCE_KINDS`, or empty where the desk did not say."""

    name: str = ""
    kind: str = ""
    uri: str | None = None


@dataclass(frozen=True, slots=True)
class Content:
    """The whole of what an update says. A correction replaces all of it, so that each revision stands alone."""

    headline: str = ""
    body: Annotated[tuple[Block, ...], Meta(max_length=LONGEST_LIST)] = ()
    media: Annotated[tuple[Media, ...], Meta(max_length=LONGEST_LIST)] = ()
    sources: Annotated[tuple[Source, ...], Meta(max_length=LONGEST_LIST)] = ()
    places: Texts = ()
    tags: Texts = ()


NO_CONTENT = Content()
"""What an event says that was given no content."""
