"""The words of a text, as both indexes, saved searches and highlighting see them.

A word is folded to a token. One with hyphens or apostrophes inside (O'Hara, al-Harir) is the tokens of its parts, and the
joined form stands beside it. Scripts that put no spaces between words are cut into overlapping pairs of characters.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Final

from msgspec import Struct

from consumers.search.folding import IGNORED, LONGEST, token
from consumers.search.stems import STEMMERS_VERSION

ANALYSER_VERSION: Final = f"1-{unicodedata.unidata_version}-{STEMMERS_VERSION}"
"""What the tokens depend on. An index made by another version has other tokens, and is to be built anew."""

_UNSPACED: Final = (
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ecf\u0edc-\u0edf"  # Thai, Lao
    "\u1000-\u103f\u1050-\u108f\u109a-\u109f\ua9e0-\ua9ef\uaa60-\uaa7f"  # Burmese
    "\u1780-\u17d3\u17d7\u17dc\u17dd"  # Khmer
    "\u1100-\u11ff\ua960-\ua97f\uac00-\ud7ff\uffa0-\uffdc"  # Hangul
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u302f\u3031-\u3035\u3038-\u303c\u31a0-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
    "\u3041-\u309f\u30a1-\u30fa\u30fc-\u318f\uff66-\uff9f\U0001aff0-\U0001b16f"  # kana
)
_APOSTROPHES: Final = "'\u2018\u2019\u201b\uff07`\u00b4\u2032\u02b9-\u02bf\u05f3\u05f4"
_JOINING: Final = f"{_APOSTROPHES}\u00b7\u2027\u05be\u2010\u2011\ufe63\uff0d-"
_PICTURES: Final = "\U0001f1e6-\U0001f1ff\U0001f300-\U0001f3fa\U0001f400-\U0001faff\u2600-\u27bf\u2b50\u2b55"


def _marks() -> str:
    """Return all marks that are part of a word, as ranges of a character class."""
    unspaced = re.compile(f"[{_UNSPACED}]")
    found = (code for code in range(0x300, 0x1F000) if unicodedata.category(chr(code))[0] == "M")
    codes = [code for code in found if not unspaced.match(chr(code))]
    starts = [code for before, code in pairwise([-1, *codes]) if code != before + 1]
    ends = [code for code, after in pairwise([*codes, -1]) if after != code + 1]
    return "".join(f"{chr(start)}-{chr(end)}" for start, end in zip(starts, ends, strict=True))


_LETTER: Final = rf"[^\W_{_UNSPACED}\u02b9-\u02bf]"
_PART_TEXT: Final = rf"{_LETTER}+(?:[{_marks()}{IGNORED}]+{_LETTER}*)*"
_PART: Final = re.compile(_PART_TEXT)
_WORD: Final = re.compile(
    rf"(?P<word>{_PART_TEXT}(?:[{_JOINING}]{_PART_TEXT})*)|(?P<run>[{_UNSPACED}][{_UNSPACED}{IGNORED}]*)|(?P<picture>[{_PICTURES}])"
)
_POSSESSIVE: Final = re.compile(rf"[{_APOSTROPHES}][sS\uff53\uff33]\Z")
_CHARACTER: Final = re.compile(rf"[{_UNSPACED}][\u3099\u309a\uff9e\uff9f\u1160-\u11ff\ud7b0-\ud7fb\uffc2-\uffdc{IGNORED}]*")


class Word(Struct, frozen=True, gc=False):
    """A word of a text.

    Attributes:
        tokens: What it is found by, in order; never empty.
        spans: Of each of them, where it stands: its start and its end. Those of a run's pairs overlap.
        beside: What it is found by besides, out of order: its parts as one word; of a run, its last character.
        forms: Of each part, and of all as one word, its letters as they are written. None of a run: it has no stems.
        is_run: Whether it is a run of a script that puts no spaces between words.
    """

    tokens: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]
    beside: str = ""
    forms: tuple[str, ...] = ()
    is_run: bool = False


def words(text: str) -> Iterator[tuple[int, Word]]:
    """Yield the words of `text` in order, each with the place that its spans count from."""
    for chunk in re.finditer(r"\S+", text):
        for word in words_of(chunk[0]):
            yield chunk.start(), word


def words_of(chunk: str) -> tuple[Word, ...]:
    """Return the words of a text without spaces."""
    return _remembered(chunk) if len(chunk) <= 40 else tuple(_words_of(chunk))


def _words_of(chunk: str) -> Iterator[Word]:
    for found in _WORD.finditer(chunk):
        if found.lastgroup == "word":
            word = _word(found[0], found.start())
        elif found.lastgroup == "run":
            word = _run(found[0], found.start())
        else:
            word = Word((found[0],), (found.span(),))
        if word.tokens:
            yield word


_remembered = lru_cache(maxsize=2**14)(lambda chunk: tuple(_words_of(chunk)))


def _word(text: str, start: int) -> Word:
    said = _POSSESSIVE.sub("", text)
    parts = [(token(part[0]), part[0], (start + part.start(), start + part.end())) for part in _PART.finditer(said)]
    parts = [part for part in parts if part[0]]
    forms = [form for _, form, _ in parts]
    tokens = tuple(name for name, _, _ in parts)
    spans = tuple(span for _, _, span in parts)
    if len(parts) < 2:
        return Word(tokens, spans, forms=tuple(forms))
    return Word(tokens, spans, "".join(tokens)[:LONGEST], (*forms, "".join(forms)))


def _run(text: str, start: int) -> Word:
    signs = [
        (sign, (start + found.start(), start + found.end())) for found in _CHARACTER.finditer(text) for sign in token(found[0])
    ]
    if len(signs) < 2:
        return Word(tuple(sign for sign, _ in signs), tuple(span for _, span in signs), is_run=True)
    pairs = list(pairwise(signs))
    tokens = tuple(first + second for (first, _), (second, _) in pairs)
    spans = tuple((begin, end) for (_, (begin, _)), (_, (_, end)) in pairs)
    return Word(tokens, spans, signs[-1][0], is_run=True)
