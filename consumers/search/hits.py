"""Where in a text the words of a plan stand."""

from __future__ import annotations

from collections.abc import Iterator, Set

from msgspec import Struct

from consumers.search.analyser import Word, words
from consumers.search.plan import AllOf, AnyOf, Node, Terms, Without
from consumers.search.stems import stem_tokens, stemmed_as


class Spot(Struct, frozen=True):
    """A place in a text where what `terms` asks for stands."""

    start: int
    end: int
    terms: Terms


class _Name(Struct, frozen=True):
    """What a word is found by, and what of it that is; `first_end` is where the first character of a run's pair ends."""

    token: str
    start: int
    end: int
    first_end: int

    def ends(self, terms: Terms) -> bool:
        """Whether it is what `terms` ends with."""
        return self.token == terms.tokens[-1] or (terms.prefix and self.token.startswith(terms.tokens[-1]))

    def end_of(self, terms: Terms) -> int:
        """Return where of this word ends what `terms` asks for."""
        return self.end if self.token == terms.tokens[-1] else self.first_end


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
    exact = frozenset(one.tokens[0] for one in alone)
    prefixes = tuple(one.tokens[0] for one in alone if one.prefix)
    meant = ((at, word) for at, word in found if _is_meant(word, exact, prefixes, stemming))
    spotted = [spot for at, word in meant for spot in _alone(at, word, alone, stemming)]
    names = [(at, name) for at, word in found for name in _in_order(word)] if together else []
    spotted += [spot for one in together for spot in _together(names, one)]
    return sorted(spotted, key=lambda spot: (spot.start, spot.end))


def _wanted(node: Node | None) -> Iterator[Terms]:
    if isinstance(node, Terms):
        yield node
    elif isinstance(node, Without):
        yield from _wanted(node.part)
    elif isinstance(node, AllOf | AnyOf):
        for part in node.parts:
            yield from _wanted(part)


def _is_meant(word: Word, exact: Set[str], prefixes: tuple[str, ...], language: str) -> bool:
    """Return whether any of what a word is found by is sought. Most words are not, and are not looked at more closely."""
    for token in (*word.tokens, word.beside):
        if token in exact or token.startswith(prefixes):
            return True
    return bool(language) and any(not exact.isdisjoint(stem_tokens(form, language)) for form in word.forms)


def _in_order(word: Word) -> Iterator[_Name]:
    for place, (token, (start, end)) in enumerate(zip(word.tokens, word.spans, strict=True)):
        yield _Name(token, start, end, _first_end(word, place))


def _names(word: Word, language: str) -> Iterator[_Name]:
    """Yield all that a word is found by."""
    yield from _in_order(word)
    start, end = word.spans[0][0], word.spans[-1][1]
    if word.beside:
        yield _Name(word.beside, _last_start(word) if word.is_run else start, end, end)
    if language:
        for form, span in zip(word.forms, (*word.spans, (start, end)), strict=False):
            yield from (_Name(stem, *span, span[1]) for stem in stem_tokens(form, language))


def _first_end(word: Word, place: int) -> int:
    """Return where the first character of a run's pair ends; of any other word, where the word ends."""
    start, end = word.spans[place]
    if not word.is_run or len(word.tokens[place]) == 1:
        return end
    if place > 0:
        return word.spans[place - 1][1]
    return word.spans[1][0] if len(word.spans) > 1 else start + 1


def _last_start(word: Word) -> int:
    """Return where the last character of a run begins."""
    return word.spans[-2][1] if len(word.spans) > 1 else word.spans[0][0] + 1


def _alone(at: int, word: Word, terms: list[Terms], language: str) -> Iterator[Spot]:
    names = list(_names(word, language))
    for one in terms:
        for name in names:
            if name.ends(one):
                yield Spot(at + name.start, at + name.end_of(one), one)


def _together(names: list[tuple[int, _Name]], terms: Terms) -> Iterator[Spot]:
    *before, _ = terms.tokens
    for place in range(len(names) - len(before)):
        begin, first = names[place]
        at, last = names[place + len(before)]
        if last.ends(terms) and all(names[place + step][1].token == token for step, token in enumerate(before)):
            yield Spot(begin + first.start, at + last.end_of(terms), terms)
