"""Pages of a timeline, from what the scripts return; and their cursors."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import TypeVar

from msgspec import MsgspecError, json

from consumers.timeline import answers
from consumers.timeline.answers import Listing, Page, Part, TakenOff, no_cursor
from consumers.timeline.documents import damaged, read_story, read_update
from dateline.redis_store import Reply

T = TypeVar("T")

HEAD = "+inf"


def place_below(cursor: str | None) -> str:
    """Return the place below which a page begins.

    Raises:
        Refused: The cursor is none of ours.
    """
    place = answers.place_below(cursor)
    return HEAD if place is None else f"({place}"


def cursor_of(after: bytes) -> str | None:
    """Return the cursor of the page below a place; None where there is nothing below."""
    return answers.cursor_after(int(float(after[1:]))) if after else None


def page_of(state: bytes, after: bytes, documents: Sequence[bytes | None], places: Sequence[bytes], generation: bytes) -> Page:
    """Return the page that `page.lua` and its like answer with."""
    kept = read_story(state)
    return Page(kept, kept.seq, cursor_of(after), _whole(documents, kept.id), places_of(places), generation.decode())


def part_of(page: Reply, others: Reply, hidden: Reply) -> Part:
    """Return the part that `recent.lua` and `window.lua` answer with."""
    shown = page_of(*page)
    story = shown.story.id
    beside = sorted(zip(_whole(others[0], story), places_of(others[1]), strict=True), key=lambda one: -one[1])
    names, states = hidden
    gone = (read_update(name.decode(), state, None) for name, state in zip(names, _whole(states, story), strict=True))
    return Part(shown, beside, [TakenOff(one.last, one.place) for one in gone if one.last is not None])


def places_of(scores: Sequence[bytes | int]) -> Sequence[int]:
    return [int(score) for score in scores]


def _whole(found: Sequence[bytes | None], story: str) -> Sequence[bytes]:
    there = [one for one in found if one is not None]
    if len(there) < len(found):
        raise damaged(f"a document of story {story!r} is missing")
    return there


def listed_below(cursor: str | None) -> tuple[str | int, str]:
    """Return the place in a list over stories that a cursor names: a score, and what stands there."""
    if cursor is None:
        return HEAD, ""
    try:
        at, name = json.decode(urlsafe_b64decode(cursor.encode("ascii") + b"=="), type=tuple[int, str])
        return at, name
    except (ValueError, MsgspecError):
        raise no_cursor(cursor) from None


def listing(found: Sequence[T], limit: int, place: Callable[[T], tuple[int, str]]) -> Listing[T]:
    """Return the first `limit` of what was found, and the cursor of what is below them."""
    if len(found) <= limit:
        return Listing(found, None)
    return Listing(found[:limit], urlsafe_b64encode(json.encode(place(found[limit - 1]))).decode().rstrip("="))
