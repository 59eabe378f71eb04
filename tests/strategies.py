"""Hypothesis strategies for events that keep every rule, of every type; a fold's test asks for few stories and updates."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from schemas.content import BLOCK_TYPES, MEDIA_TYPES, SOURCE_KINDS, Block, Content, Media, Source
from schemas.events import EVENT_TYPES, SEVERITIES, VERIFICATIONS, Event, UpdateEvent
from schemas.times import EARLIEST, LATEST

Drawn = st.SearchStrategy

STORIES = ("apollo-13", "artemis-2")
UPDATES = ("a", "b", "c")

_CHARACTERS = st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff")
_PROSE = _CHARACTERS | st.sampled_from("\n\t")


def lines(*, max_size: int = 20) -> Drawn[str]:
    """Texts of one line that are not blank."""
    return st.text(_CHARACTERS, min_size=1, max_size=max_size).filter(str.strip)


def prose(*, max_size: int = 40) -> Drawn[str]:
    """Texts of several lines that are not blank."""
    return st.text(_PROSE, min_size=1, max_size=max_size).filter(str.strip)


def names() -> Drawn[str]:
    """Names of stories, updates and desks."""
    return st.from_regex(r"[a-z0-9é][a-z0-9é.~:@_-]{0,12}", fullmatch=True)


def uris() -> Drawn[str]:
    """Addresses on the web."""
    return st.builds("https://{}.example/{}".format, st.sampled_from(("images", "news")), st.text("abc/?=&%20é", max_size=8))


def times() -> Drawn[datetime]:
    """Moments of the whole calendar, in UTC."""
    moments = st.datetimes(EARLIEST.replace(tzinfo=None), LATEST.replace(tzinfo=None))
    return moments.map(lambda moment: moment.replace(tzinfo=UTC))


def counts() -> Drawn[int]:
    """Revisions and versions."""
    return st.integers(0, 3) | st.integers(0, 2**31 - 1)


def _maybe(strategy: Drawn[Any]) -> Drawn[Any]:  # Any: whatever the field holds
    return st.none() | strategy


def _tuples(strategy: Drawn[Any], *, max_size: int = 3) -> Drawn[tuple[Any, ...]]:  # Any: whatever the list holds
    return st.lists(strategy, max_size=max_size).map(tuple)


def blocks() -> Drawn[Block]:
    """Blocks of every type."""
    by_type = {
        "paragraph": st.builds(Block, type=st.just("paragraph"), text=prose()),
        "heading": st.builds(Block, type=st.just("heading"), text=lines()),
        "quote": st.builds(Block, type=st.just("quote"), text=prose(), speaker=_maybe(lines())),
        "list": st.builds(Block, type=st.just("list"), items=st.lists(lines(), min_size=1, max_size=3).map(tuple)),
        "embed": st.builds(Block, type=st.just("embed"), uri=uris(), text=st.just("") | prose()),
    }
    return st.one_of([by_type[block_type] for block_type in BLOCK_TYPES])


def contents() -> Drawn[Content]:
    """Contents of updates, from a bare headline to everything at once."""
    media = st.builds(
        Media,
        type=st.sampled_from(MEDIA_TYPES),
        uri=uris(),
        caption=st.just("") | prose(),
        credit=st.just("") | lines(),
        alt=st.just("") | prose(),
        width=_maybe(counts()),
        height=_maybe(counts()),
    )
    sources = st.builds(Source, name=lines(), kind=st.sampled_from(("", *SOURCE_KINDS)), uri=_maybe(uris()))
    return st.builds(
        Content,
        headline=lines(),
        body=_tuples(blocks()),
        media=_tuples(media, max_size=2),
        sources=_tuples(sources, max_size=2),
        places=_tuples(lines(), max_size=2),
        tags=_tuples(lines(), max_size=2),
    )


def events(
    *,
    stories: Sequence[str] = STORIES,
    updates: Sequence[str] = UPDATES,
    kinds: Sequence[type[Event]] = tuple(EVENT_TYPES.values()),
    content: Drawn[Content] | None = None,
) -> Drawn[Event]:
    """Events that keep the rules.

    Args:
        stories: The stories that they are about.
        updates: The ids of the updates that they are about; few, so that events meet.
        kinds: The types to draw from.
        content: What updates say; without it, any content.
    """
    common = {
        "event_id": st.uuids().map(str),
        "story": st.sampled_from(stories),
        "desk": st.sampled_from(("houston", "moscow")),
        "author": _maybe(lines()),
        "occurred_at": times(),
        "expects": _maybe(counts()),
        "caused_by": _maybe(st.uuids().map(str)),
    }
    of_update = {"update": st.sampled_from(updates)}
    own = _own_fields(updates, contents() if content is None else content)
    return st.one_of(
        [
            st.builds(kind, **common, **(of_update if issubclass(kind, UpdateEvent) else {}), **own[kind.__name__])
            for kind in kinds
        ]
    ).filter(_keeps_the_rules_together)


def _keeps_the_rules_together(event: Event) -> bool:
    marks = [getattr(event, mark, 0) for mark in ("pinned", "key_event", "verification")]
    return any(mark is not None for mark in marks) and getattr(event, "substitute", None) != getattr(event, "update", "")


def _own_fields(updates: Sequence[str], content: Drawn[Content]) -> dict[str, dict[str, Drawn[Any]]]:  # Any: one per field
    story: dict[str, Drawn[Any]] = {
        "title": lines(),
        "summary": st.just("") | prose(),
        "language": st.sampled_from(("en", "pt-BR", "zh-Hant")),
        "time_zone": st.sampled_from(("UTC", "America/Chicago")),
        "topics": _tuples(lines()),
    }
    note, version = {"note": _maybe(prose())}, {"version": _maybe(counts())}
    extra = {"extra": st.sampled_from(("", '{"slugline": "SPACE"}'))}
    flags = {"key_event": st.booleans(), "pinned": st.booleans()}
    marks = {"verification": _maybe(st.sampled_from(VERIFICATIONS)), **{name: _maybe(st.booleans()) for name in flags}}
    embargo = {"embargo_until": times()}
    published = {"urgency": st.integers(1, 9), "embargo_until": _maybe(times()), "from_story": _maybe(names())}
    return {
        "StoryOpened": story,
        "StoryRevised": story,
        "StoryClosed": note,
        "StoryReopened": note,
        "UpdatePublished": {"content": content, **extra, **version, **flags, **published},
        "UpdateRevised": {"content": content, **extra, **version, **note},
        "UpdateCorrected": {"content": content, **extra, **version, "note": prose(), "severity": st.sampled_from(SEVERITIES)},
        "UpdateWithheld": {"reason": prose()},
        "UpdateReleased": note,
        "UpdateKilled": {"reason": prose(), "substitute": _maybe(st.sampled_from(updates))},
        "UpdateMarked": marks,
        "EmbargoSet": embargo,
        "EmbargoLifted": embargo,
    }
