"""What a desk may give with an act, by name, and how it becomes an event's fields."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TypedDict, TypeVar

from dateline.errors import Refused
from schemas.body import parse_body
from schemas.content import Block, Content, Media, Source
from schemas.names import shortened
from schemas.sources import parse_source

T = TypeVar("T")


class Said(TypedDict, total=False):
    """The content of an update.

    `body` is text (an empty line parts paragraphs; `## `, `- `, `> ` as in the command line) or blocks; a source is a
    `Source` or `NAME[:KIND]`.
    """

    headline: str
    body: str | Sequence[Block]
    media: Sequence[Media]
    sources: Sequence[str | Source]
    places: Sequence[str]
    tags: Sequence[str]


class About(TypedDict, total=False):
    """What goes with any event.

    `event_id` or `idempotency_key` make sending again safe; `occurred_at` is now if it is not given; `expects` is the revision
    in front of the desk.
    """

    event_id: str
    idempotency_key: str
    author: str
    occurred_at: datetime
    expects: int
    caused_by: str


class StoryOptions(About, total=False):
    """A story's own words."""

    title: str
    summary: str
    language: str
    time_zone: str
    topics: Sequence[str]


class PublishOptions(About, Said, total=False):
    """A new update; without `update` its id derives from the event's."""

    update: str
    urgency: int
    key_event: bool
    pinned: bool
    embargo_until: datetime
    version: int
    from_story: str


class RewriteOptions(About, Said, total=False):
    """New content of an update, whole."""

    version: int


def content_of(said: Said) -> Content:
    """Return the content that `said` describes; it is checked with the event."""
    body = said.get("body", ())
    return Content(
        said.get("headline", ""),
        parse_body(body) if isinstance(body, str) else listed("body", body),
        listed("media", said.get("media", ())),
        tuple(parse_source(one) if isinstance(one, str) else one for one in listed("sources", said.get("sources", ()))),
        listed("places", said.get("places", ())),
        listed("tags", said.get("tags", ())),
    )


def listed(name: str, value: Iterable[T]) -> tuple[T, ...]:
    """Return the items of an option that is a list.

    Raises:
        Refused: It is none; a text is none either, although it could be taken apart.
    """
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        raise Refused(f"{name} {shortened(value)}: give a list.")
    return tuple(value)
