"""Pages of a timeline, from what the scripts return; and their cursors."""

from __future__ import annotations

from collections.abc import Sequence

from consumers.timeline.answers import Page, Part, TakenOff
from consumers.timeline.documents import damaged, read_story, read_update
from dateline.errors import Refused
from dateline.redis_store import Reply

HEAD = "+inf"


def place_below(cursor: str | None) -> str:
    """Return the place below which a page begins.

    Raises:
        Refused: The cursor is none of ours.
    """
    if cursor is None:
        return HEAD
    if not (cursor.startswith("p") and cursor[1:].isascii() and cursor[1:].isdigit() and len(cursor) < 18):
        raise Refused(
            f"{cursor!r} is no cursor. Take the one that the page before gave as `next`, or leave it out for the newest."
        )
    return f"({cursor[1:]}"


def cursor_of(after: bytes) -> str | None:
    """Return the cursor of the page below a place; None where there is nothing below."""
    return f"p{int(float(after[1:]))}" if after else None


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
