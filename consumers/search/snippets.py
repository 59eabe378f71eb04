"""What is shown of an update that was found: its headline and the part of its body that says it, the words found marked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Final
from unicodedata import category

from markupsafe import Markup
from msgspec import Struct

from consumers.search.hits import Spot, spots, wanted
from consumers.search.indexed import body_texts
from consumers.search.plan import Plan
from consumers.web.markup import clean, one_line
from schemas.content import Content

LENGTH: Final = 200
_LEAD: Final = 50
"""How many characters stand before the first hit."""

_LOOKED_AT: Final = 200
"""Of how many hits the surroundings are compared."""

Segments = Sequence[tuple[str, bool]]
"""A text in pieces, each with whether it is what was sought. Text of users, not escaped."""


class Snippets(Struct, frozen=True):
    """What is shown: the whole headline, and a part of the body."""

    headline: Segments
    body: Segments


def snippets(content: Content, plan: Plan, language: str) -> Snippets:
    """Return what to show of `content`, found by `plan`.

    Args:
        language: The story's.
    """
    headline = one_line(content.headline)
    texts = [line for line in map(one_line, body_texts(content)) if line]
    return Snippets(
        tuple(_segments(headline, spots(headline, wanted(plan.words, "headline"), language), 0, len(headline))),
        tuple(_best(texts, plan, language)),
    )


def as_html(segments: Segments) -> Markup:
    """Return `segments` as HTML that is safe wherever it stands; what was sought is in `<mark>`."""
    pieces = ((escape(clean(text)), is_hit) for text, is_hit in segments)
    return Markup("".join(f"<mark>{html}</mark>" if is_hit else html for html, is_hit in pieces))  # escaped just now


def _best(texts: Sequence[str], plan: Plan, language: str) -> Iterator[tuple[str, bool]]:
    """Yield the part of a body where most of what was sought stands, the earliest of several."""
    terms = wanted(plan.words, "body")
    found: list[Spot] = []
    at = 0
    for text in texts:
        found += (Spot(at + spot.start, at + spot.end, spot.terms) for spot in spots(text, terms, language))
        at += len(text) + 1
    body = " ".join(texts)
    start, end = _window(body, found)
    if start > 0:
        yield "… ", False
    yield from _segments(body, found, start, end)
    if end < len(body):
        yield " …", False


def _window(text: str, found: Sequence[Spot]) -> tuple[int, int]:
    if len(text) <= LENGTH:
        return 0, len(text)
    near = found[:_LOOKED_AT]
    first = max(near, key=lambda spot: _worth(spot.start, near), default=None)
    start = _start(text, first.start) if first is not None else 0
    return start, _end(text, start, min(first.end, start + LENGTH) if first is not None else 0)


def _worth(start: int, found: Sequence[Spot]) -> tuple[int, int]:
    inside = [spot for spot in found if start <= spot.start and spot.end <= start + LENGTH - _LEAD]
    return len({spot.terms for spot in inside}), len({(spot.start, spot.end) for spot in inside})


def _start(text: str, hit: int) -> int:
    start = min(hit - _LEAD, len(text) - LENGTH)
    if start <= 0:
        return 0
    if text[start - 1] == " ":
        return start
    space = text.find(" ", start, hit)
    return space + 1 if space >= 0 else _whole(text, start)


def _end(text: str, start: int, hit: int) -> int:
    end = start + LENGTH
    if end >= len(text):
        return len(text)
    space = text.rfind(" ", max(hit, start + 1), end + 1)
    return space if space >= 0 else max(_whole(text, end), start + 1)


def _whole(text: str, place: int) -> int:
    """Return `place`, or one before it, so that no character is cut from its marks."""
    while place > 0 and category(text[place])[0] == "M":
        place -= 1
    return place


def _segments(text: str, found: Sequence[Spot], start: int, end: int) -> Iterator[tuple[str, bool]]:
    at = start
    for begin, stop in _merged(found):
        begin, stop = max(begin, start), min(stop, end)
        if begin < stop:
            if at < begin:
                yield text[at:begin], False
            yield text[begin:stop], True
            at = stop
    if at < end:
        yield text[at:end], False


def _merged(found: Sequence[Spot]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for spot in found:
        if merged and spot.start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], spot.end))
        else:
            merged.append((spot.start, spot.end))
    return merged
