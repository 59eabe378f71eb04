"""What changed between two revisions: a unified diff of their words, a line for each thing that is said."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher, unified_diff
from typing import Literal

from consumers.words import content_of
from schemas.body import body_text
from schemas.content import Content, Media
from schemas.sources import source_text

_ALIKE = 0.5
_MOST_WORDS = 2000
"""Beyond these a line's words are not compared one by one: the time grows with their square."""

_MOST_PAIRS = 500_000
"""The same for two lines that are laid over each other; what one correction costs every page is bounded so."""

_IDEOGRAPHS = r"\u2e80-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_PIECE = re.compile(rf"\s+|(?:[{_IDEOGRAPHS}]|(?:(?![{_IDEOGRAPHS}])\w)+(?:['’]\w+)*|[^\w\s])\s*")
"""What counts as one when two lines are laid over each other: a word, an ideograph or a sign, with the space after it."""

_LEAST_BETWEEN = 4
"""Less than so many characters between two changes are no ground to stand on: the two are shown as one."""

Side = Literal["same", "old", "new"]


def diff(old: bytes, new: bytes, *, context: int = 3) -> list[str]:
    """Return the unified diff of two documents, without the two lines that name files; empty if they say the same.

    Args:
        context: How many lines that stayed to show around those that did not.
    """
    before, after = (list(_lines(content_of(one))) for one in (old, new))
    return list(unified_diff(before, after, n=context, lineterm=""))[2:]


def changed_words(line: str, other: str) -> Sequence[tuple[int, int]]:
    """Return the parts of `line` that are not in `other`, from character to character; none if they have little in common."""
    words, others = _split(line), _split(other)
    if max(len(words), len(others)) > _MOST_WORDS:
        return []
    matcher = SequenceMatcher(None, [line[a:b] for a, b in words], [other[a:b] for a, b in others], autojunk=False)
    if matcher.ratio() < _ALIKE:
        return []
    changed = [(start, end) for kind, start, end, _, _ in matcher.get_opcodes() if kind != "equal" and end > start]
    return [(words[start][0], words[end - 1][1]) for start, end in changed]


def laid_over(old: str, new: str) -> Sequence[tuple[Side, str]]:
    """Return two lines as one: what both say, what only the old one said, what only the new one says.

    Empty if they have little in common.
    """
    olds, news = _PIECE.findall(old), _PIECE.findall(new)
    if len(olds) * len(news) > _MOST_PAIRS:
        return []
    matcher = SequenceMatcher(None, olds, news, autojunk=False)
    if matcher.ratio() < _ALIKE:
        return []
    return [side for change in _joined(matcher, olds, news) for side in change if side[1]]


def _joined(matcher: SequenceMatcher[str], olds: Sequence[str], news: Sequence[str]) -> Iterator[Sequence[tuple[Side, str]]]:
    """Yield what stayed and what changed in turn; changes with next to nothing between them are one."""
    old = new = ""
    for kind, start, end, new_start, new_end in matcher.get_opcodes():
        before, after = "".join(olds[start:end]), "".join(news[new_start:new_end])
        if kind == "equal" and not ((old or new) and len(before.strip()) < _LEAST_BETWEEN and end < len(olds)):
            yield ("old", old), ("new", new), ("same", before)
            old = new = ""
        else:
            old, new = old + before, new + after
    yield ("old", old), ("new", new)


def _split(line: str) -> list[tuple[int, int]]:
    """Return where each word of `line` begins and ends."""
    places, start = [], 0
    for word in line.split(" "):
        if word:
            places.append((start, start + len(word)))
        start += len(word) + 1
    return places


def _lines(words: Content) -> Iterator[str]:
    yield f"Headline: {words.headline}"
    yield ""
    yield from body_text(words.body).split("\n")
    yield ""
    for media in words.media:
        yield f"{media.type.capitalize()}: {media.uri}"
        yield from (f"  {name}: {said}" for name, said in _about(media) if said)
    for source in words.sources:
        yield f"Source: {source_text(source)}{f' {source.uri}' if source.uri else ''}"
    for name, said in (("Places", words.places), ("Tags", words.tags)):
        if said:
            yield f"{name}: {', '.join(said)}"


def _about(media: Media) -> tuple[tuple[str, str], ...]:
    size = f"{media.width} by {media.height} pixels" if media.width and media.height else ""
    return ("Caption", media.caption), ("Credit", media.credit), ("Alt", media.alt), ("Size", size)
