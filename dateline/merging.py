"""What a desk gives, merged onto what is there: events carry the whole content, people name only what changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypedDict

from consumers.state import Heading
from producers.options import Said, StoryOptions, content_of
from schemas.content import Content, Media, Source


class Picture(TypedDict, total=False):
    """What is given of the first picture; `uri` makes it another picture."""

    uri: str
    caption: str
    credit: str
    alt: str


def merged(current: Content, said: Said) -> Content:
    """Return `current` with each part that `said` names replaced by what it says; the other parts stay.

    A source that stays the same in name and kind keeps its address.

    Raises:
        Refused: The kind of a source is a mistyped one.
    """
    given = content_of(said)
    content = replace(current, **{part: getattr(given, part) for part in said})
    if "sources" not in said:
        return content
    return replace(content, sources=tuple(_with_address(source, current.sources) for source in content.sources))


def as_said(content: Content) -> Said:
    """Return the whole of `content` as a desk gives it."""
    return Said(
        headline=content.headline,
        body=content.body,
        media=content.media,
        sources=content.sources,
        places=content.places,
        tags=content.tags,
    )


def with_picture(media: Sequence[Media], given: Picture) -> tuple[Media, ...] | None:
    """Return `media` with the first picture as `given` says; None if there is no picture and `given` names none.

    Words about a picture stay with it: another `uri` is another picture, with only the words that come with it.
    """
    at, uri = _first_picture(media), given.get("uri")
    if at is None:
        return (*media, Media(**given)) if uri is not None else None
    first = media[at] if uri in (None, media[at].uri) else Media()
    return (*media[:at], replace(first, **given), *media[at + 1 :])


def without_picture(media: Sequence[Media]) -> tuple[Media, ...]:
    """Return `media` without its first picture."""
    at = _first_picture(media)
    return tuple(one for index, one in enumerate(media) if index != at)


def merged_heading(heading: Heading, given: StoryOptions) -> StoryOptions:
    """Return `given` with the words of `heading` for whatever it does not say."""
    current = StoryOptions(
        title=heading.title,
        summary=heading.summary,
        language=heading.language,
        time_zone=heading.time_zone,
        topics=heading.topics,
    )
    return {**current, **given}


def _first_picture(media: Sequence[Media]) -> int | None:
    return next((index for index, one in enumerate(media) if one.type == "image"), None)


def _with_address(source: Source, known: Sequence[Source]) -> Source:
    if source.uri is not None:
        return source
    return next((one for one in known if (one.name, one.kind) == (source.name, source.kind)), source)
