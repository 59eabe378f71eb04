"""Which of what is found comes first.

A word in the headline says more than one in the body, one as it was typed more than another form of it, a rare one more than a
common one. Only the newest matches are looked at, and the newest of those that have the words in their headlines
(docs/decisions/0017-search.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import log
from typing import Any, Final, Protocol

from msgspec import Struct

from consumers.search.forms import alternatives
from consumers.search.fts5.asked import Asked
from consumers.search.fts5.database import Database
from consumers.search.fts5.expressions import terms_expression
from consumers.search.fts5.schema import COLUMNS, EVERY
from consumers.search.plan import AllOf, AnyOf, Node, Terms

LOOKED_AT: Final = 300
"""Of how many matches the best come first; those are all that can be paged through."""

_IN_HEADLINES: Final = 150
_FAR_BACK: Final = 5
"""How many times as far back as those headlines are looked for: else a phrase that no headline holds costs a look at all."""

_PROBED: Final = 500
"""How many of a word's newest updates tell how common it is."""

_SPAN: Final = 5_000
_WEIGHTS: Final[Sequence[float]] = [{"headline": 4.0, "tag": 2.0, "place": 2.0, "marks": 0.0}.get(name, 1.0) for name in COLUMNS]
_STEM: Final = 0.7
_K1, _B = 1.2, 0.4


class FullText(Protocol):
    """What FTS5 knows of a row that was found."""

    def phrase_locations(self, phrase: int, /) -> Sequence[Sequence[int]]: ...
    def column_size(self, column: int = -1, /) -> int: ...
    def column_total_size(self, column: int = -1, /) -> int: ...

    @property
    def row_count(self) -> int: ...


class _Word(Struct):
    """A word of the question: by which phrases of the query it is found, each with what a hit counts; and how rare it is."""

    phrases: list[tuple[int, float]]
    forms: list[Terms]
    rarity: float = 1.0


def ranked(database: Database, asked: Asked) -> list[int]:
    """Return the places of the best of what is found, the best first; of equals the newest."""
    words = _words(asked.plan.words, first=len(asked.plan.marks))
    if not words:
        return [place for place, _ in _scored(database, asked, "0.0", LOOKED_AT)]
    if len(words) > 1:
        for word in words:
            word.rarity = _rarity(database, word)
    database.add_score("score", _Scoring(words))
    found = _scored(database, asked, "score(words)", LOOKED_AT)
    if len(found) == LOOKED_AT:
        headlines = " AND ".join(_in_headline(word) for word in words)
        among = Asked(asked.plan, beside=f"({headlines})")
        among.source += " AND words.rowid >= ?"
        newest, oldest = found[0][0], found[-1][0]
        among.values.append(newest - _FAR_BACK * (newest - oldest))
        found += _scored(database, among, "score(words)", _IN_HEADLINES)
    best = sorted(dict(found).items(), key=lambda one: (-one[1], -one[0]))
    return [place for place, _ in best[:LOOKED_AT]]


def _scored(database: Database, asked: Asked, score: str, most: int) -> list[Any]:  # Any: a place and its score
    sql = f"SELECT words.rowid, {score} FROM {asked.source} ORDER BY words.rowid DESC LIMIT {most}"
    return database.rows(sql, asked.values)


class _Scoring:
    """How well an update fits, as BM25F has it."""

    def __init__(self, words: Sequence[_Word]) -> None:
        self._words = words
        self._mean = 0.0

    def __call__(self, full_text: FullText) -> float:
        if not self._mean:
            self._mean = max(1.0, full_text.column_total_size() / max(1, full_text.row_count))
        length = 1 - _B + _B * full_text.column_size() / self._mean
        score = 0.0
        for word in self._words:
            often = 0.0
            for phrase, counts in word.phrases:
                hits = 0.0
                for weight, at in zip(_WEIGHTS, full_text.phrase_locations(phrase), strict=True):
                    if at:
                        hits += weight * len(at)
                if counts * hits > often:
                    often = counts * hits
            score += word.rarity * often / (_K1 * length + often)
        return score


def _words(node: Node | None, *, first: int) -> list[_Word]:
    """Return the words that what is found may hold, with their phrases' numbers in the query, which begin at `first`."""
    words: list[_Word] = []
    for number, (group, terms) in enumerate(_phrases(node, None, is_wanted=True), first):
        if group is None:
            continue
        if not words or words[-1].forms[0] is not group:
            words.append(_Word([], [group]))
        elif terms is not group:
            words[-1].forms.append(terms)
        words[-1].phrases.append((number, _STEM if terms.tokens[0].startswith(EVERY) else 1.0))
    return words


def _phrases(node: Node | None, group: Terms | None, *, is_wanted: bool) -> Iterator[tuple[Terms | None, Terms]]:
    """Yield the phrases of a query in their order, each with the first form of its word; None where it must not be there.

    Args:
        group: The first form, if a word has several.
    """
    if isinstance(node, Terms):
        yield (group or node) if is_wanted else None, node
    elif isinstance(node, AllOf):
        for part in node.parts:
            yield from _phrases(part, None, is_wanted=is_wanted)
    elif isinstance(node, AnyOf):
        words = alternatives(node)
        forms = node.parts if len(words) == 1 else words  # one word in its forms, or words with an OR between
        for part in forms:
            first = forms[0] if len(words) == 1 and isinstance(forms[0], Terms) and isinstance(part, Terms) else None
            yield from _phrases(part, first, is_wanted=is_wanted)
    elif node is not None:
        if node.part is None:
            yield None, Terms((EVERY,))
        yield from _phrases(node.part, None, is_wanted=is_wanted)
        yield from _phrases(node.but, None, is_wanted=False)


def _in_headline(word: _Word) -> str:
    return f"({' OR '.join(terms_expression(terms, ('headline',)) for terms in word.forms)})"


def _rarity(database: Database, word: _Word) -> float:
    """Return how much a word tells: how few of the newest updates hold it, or of all if it is rare."""
    text = " OR ".join(terms_expression(terms) for terms in word.forms)
    asked = "SELECT rowid FROM words WHERE words MATCH ? ORDER BY rowid DESC LIMIT ?"
    places = database.rows(asked, (text, _PROBED))
    count = len(places)
    total = int(database.value("SELECT count(*) FROM (SELECT 1 FROM updates WHERE place IS NOT NULL LIMIT ?)", (_SPAN,)))
    if count == _PROBED:
        newer = "SELECT count(*) FROM (SELECT 1 FROM updates WHERE place >= ? LIMIT ?)"
        total = int(database.value(newer, (places[-1][0], _SPAN)))
    return log(1 + (total - count + 0.5) / (count + 0.5))
