"""The tokens that filters ask for: a letter for what it is, and a digest of its folded value."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from hashlib import blake2b

from consumers.search.folding import folded
from consumers.search.question import Filters
from consumers.state import Update
from schemas.content import Content

_STORY, _SOURCE, _TAG, _PLACE, _KEY_EVENT, _CORRECTED, _VERIFICATION = "sotpkcv"


def marks_of(story: str, update: Update, content: Content) -> tuple[str, ...]:
    """Return the marks of an update that says `content`."""
    return tuple(dict.fromkeys(_marks(story, update, content)))


def marks_asked(filters: Filters) -> tuple[str, ...]:
    """Return the marks that an update must have."""
    asked = [_story(filters.story)] if filters.story is not None else []
    named = ((_SOURCE, filters.source), (_TAG, filters.tag), (_PLACE, filters.place), (_VERIFICATION, filters.verification))
    asked += [_mark(kind, value) for kind, value in named if value is not None]
    return (*asked, *[_KEY_EVENT] * filters.key_events, *[_CORRECTED] * filters.corrected)


def _marks(story: str, update: Update, content: Content) -> Iterator[str]:
    yield _story(story)
    yield from (_mark(_SOURCE, source.name) for source in content.sources)
    yield from (_mark(_TAG, tag) for tag in content.tags)
    yield from (_mark(_PLACE, place) for place in content.places)
    if update.verification is not None:
        yield _mark(_VERIFICATION, update.verification)
    if update.key_event:
        yield _KEY_EVENT
    if update.corrections:
        yield _CORRECTED


@lru_cache(maxsize=2**13)
def _mark(kind: str, value: str) -> str:
    return kind + _digest(" ".join(folded(value).split()))


@lru_cache(maxsize=2**10)
def _story(story: str) -> str:
    return _STORY + _digest(story)


def _digest(value: str) -> str:
    return blake2b(value.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
