"""Where in a text the words of a plan stand."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from consumers.search.analyser import Word, words
from consumers.search.plan import AllOf, AnyOf, Node, Terms, Without
from consumers.search.stems import stem_tokens, stemmed_as

Span = tuple[int, int]


class Spot(Struct, frozen=True):
    """A place in a text where what `terms` asks for stands."""

    start: int
    end: int
    terms: Terms


def wanted(node: Node | None, field: str) -> list[Terms]:
    """Return what a plan wants to find in `field`; not what it wants to be absent."""
    return list(dict.fromkeys(terms for terms in _wanted(node) if not terms.fields or field in terms.fields))


def spots(text: str, terms: list[Terms], language: str) -> list[Spot]:
    """Return where in `text` any of `terms` stands, by their starts.

    Args:
        language: The story's.
    """
    if not terms:
        return []
    found = list(words(text))
    alone = [one for one in terms if len(one.tokens) == 1]
    together = [one for one in terms if len(one.tokens) > 1]
    stemming = stemmed_as(language)
    spotted = [spot for at, word in found for spot in _alone(at, word, alone, stemming)]
    tokens = [(token, (at + start, at + end)) for at, word in found for token, (start, end) in _placed(word)]
    spotted += [spot for one in together for spot in _together(tokens, one)]
    return sorted(spotted, key=lambda spot: (spot.start, spot.end))


def _wanted(node: Node | None) -> Iterator[Terms]:
    if isinstance(node, Terms):
        yield node
    elif isinstance(node, Without):
        yield from _wanted(node.part)
    elif isinstance(node, AllOf | AnyOf):
        for part in node.parts:
            yield from _wanted(part)


def _placed(word: Word) -> Iterator[tuple[str, Span]]:
    return zip(word.tokens, word.spans, strict=True)


def _alone(at: int, word: Word, terms: list[Terms], language: str) -> Iterator[Spot]:
    names = list(_names(word, language))
    for one in terms:
        sought = one.tokens[0]
        for name, (start, end) in names:
            if name == sought or (one.prefix and name.startswith(sought)):
                if word.is_run and len(name) > len(sought):
                    end = _first_end(word, (start, end))
                yield Spot(at + start, at + end, one)


def _names(word: Word, language: str) -> Iterator[tuple[str, Span]]:
    """Yield all that a word is found by, each with what of the word that is."""
    yield from _placed(word)
    whole = (word.spans[0][0], word.spans[-1][1])
    if word.beside:
        yield word.beside, (_last_start(word), whole[1]) if word.is_run else whole
    if language:
        for form, span in zip(word.forms, (*word.spans, whole), strict=False):
            yield from ((stem, span) for stem in stem_tokens(form, language))


def _first_end(word: Word, span: Span) -> int:
    """Return where the first character of a run's pair ends."""
    place = word.spans.index(span)
    if place > 0:
        return word.spans[place - 1][1]
    return word.spans[1][0] if len(word.spans) > 1 else span[0] + 1


def _last_start(word: Word) -> int:
    """Return where the last character of a run begins."""
    return word.spans[-2][1] if len(word.spans) > 1 else word.spans[0][0] + 1


def _together(tokens: list[tuple[str, Span]], terms: Terms) -> Iterator[Spot]:
    *before, last = terms.tokens
    size = len(terms.tokens)
    for place in range(len(tokens) - size + 1):
        part = tokens[place : place + size]
        name, (_, end) = part[-1]
        if (name == last or (terms.prefix and name.startswith(last))) and [token for token, _ in part[:-1]] == before:
            yield Spot(part[0][1][0], end, terms)
