""" "Did you mean": words like a misspelt one, and the question with them in its place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from consumers.search.query import parsed
from consumers.web.markup import clean

SHORTEST: Final = 4
"""Shorter words are like too many others."""


def doubtful(text: str) -> tuple[str, ...]:
    """Return the tokens of a question that may be misspelt: its words, but not what is cut short, numbers, or to be absent."""
    return tuple(dict.fromkeys(token for token, _, _ in _spellable(text)))


def candidates(word: str, letters: Iterable[str]) -> Iterator[str]:
    """Yield the words that one slip away from `word` was meant, each once, the likelier slips first.

    Args:
        letters: Those that words are written with.
    """
    seen = {word, ""}
    for other in _edits(word, tuple(letters)):
        if other not in seen:
            seen.add(other)
            yield other


def respelt(text: str, wrong: Mapping[str, str]) -> str:
    """Return a question with other words in place of those misspelt, and everything else as it was typed.

    Args:
        wrong: For tokens of the question, what was meant.
    """
    text = clean(text)
    put: list[str] = []
    at = 0
    for token, start, end in sorted(_spellable(text), key=lambda found: found[1]):
        if token in wrong:
            put += (text[at:start], _like(wrong[token], text[start:end]))
            at = end
    return "".join((*put, text[at:]))


def _spellable(text: str) -> Iterator[tuple[str, int, int]]:
    for asked in (asked for group in parsed(text) for asked in group if not asked.is_not):
        placed = (*asked.before, *asked.words)
        for at, word in placed[:-1] if asked.is_prefix else placed:
            for token, (start, end) in () if word.is_run else zip(word.tokens, word.spans, strict=True):
                if len(token) >= SHORTEST and token.isalpha():
                    yield token, at + start, at + end


def _edits(word: str, letters: tuple[str, ...]) -> Iterator[str]:
    cuts = [(word[:place], word[place:]) for place in range(len(word) + 1)]
    yield from (left + right[1] + right[0] + right[2:] for left, right in cuts if len(right) > 1)
    yield from (left + right[1:] for left, right in cuts if right)
    yield from (left + letter + right for left, right in cuts for letter in letters)
    yield from (left + letter + right[1:] for left, right in cuts if right for letter in letters)


def _like(word: str, typed: str) -> str:
    """Return `word` in capitals where what was typed is."""
    if len(typed) > 1 and typed.isupper():
        return word.upper()
    return word.capitalize() if typed[:1].isupper() else word
