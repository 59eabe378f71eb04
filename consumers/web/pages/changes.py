"""What a correction or a revision changed, word by word, as HTML."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby, islice, zip_longest

from markupsafe import Markup

from consumers.timeline.answers import HistoryEntry
from consumers.timeline.diff import diff, laid_over
from consumers.timeline.shown import read_document
from consumers.web.markup import clean

_TAGS = {"same": Markup("{}"), "old": Markup("<del>{}</del>"), "new": Markup("<ins>{}</ins>")}
_LINE = Markup("<p>{}</p>")
MOST_LINES = 40
MOST_BLOCKS = 400
"""Of longer texts it is not said on a page what changed: the time to find out grows faster than they do."""


def changes_html(old: bytes, new: bytes) -> Markup:
    """Return what is different between two documents, nothing where they say the same."""
    if any(len(read_document(one).body) > MOST_BLOCKS for one in (old, new)):
        return Markup("")
    lines = [line for line in diff(old, new, context=0) if line[:1] in "+-" and line[1:].strip()]
    shown = list(islice(_lines(lines), MOST_LINES + 1))
    cut = [_LINE.format("…")] if len(shown) > MOST_LINES else []
    return Markup("").join(shown[:MOST_LINES] + cut)


def correction_changes(told: Sequence[HistoryEntry]) -> dict[int, Markup]:
    """Return of each correction in an update's history, by its revision, what it changed."""
    found: dict[int, Markup] = {}
    before: bytes | None = None
    for one in told:
        if one.document is None or one.about.kind == "late":
            continue
        if one.about.kind == "corrected" and before is not None:
            found[one.about.revision] = changes_html(before, one.document)
        before = one.document
    return found


def _lines(changed: Sequence[str]) -> Iterator[Markup]:
    """Yield a line for each that changed; one that was changed little is shown once, with both words."""
    runs = [(sign, [_words(line[1:]) for line in run]) for sign, run in groupby(changed, key=lambda line: line[:1])]
    at = 0
    while at < len(runs):
        sign, lines = runs[at]
        follows = runs[at + 1][1] if sign == "-" and at + 1 < len(runs) else []
        at += 2 if follows else 1
        for old, new in zip_longest(lines, follows) if sign == "-" else ((None, line) for line in lines):
            yield from _line(old, new)


def _words(line: str) -> str:
    """Return what a line says without the sign that makes it a quote's."""
    return clean(line).removeprefix("> ")


def _line(old: str | None, new: str | None) -> Iterator[Markup]:
    both = laid_over(old, new) if old is not None and new is not None else []
    if both:
        yield _LINE.format(Markup("").join(_TAGS[side].format(text) for side, text in both))
        return
    for side, line in (("old", old), ("new", new)):
        if line is not None:
            yield _LINE.format(_TAGS[side].format(line))
