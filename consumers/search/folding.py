"""Letters without what people leave out when they type: case, width, accents, vowel points."""

from __future__ import annotations

import re
from typing import Final
from unicodedata import category, decimal, normalize

IGNORED: Final = (
    "\u00ad\u034f\u061c\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufe00-\ufe0f\ufeff\U000e0000-\U000e0fff"
)
"""What shapes a word and is no part of it, as ranges of a character class: joiners, soft hyphens, marks of direction."""

LONGEST: Final = 100
"""How many characters of a token count. OpenSearch cuts tokens in pieces at 255 halves of a character."""

_LEFT_OUT: Final = re.compile(
    f"[{IGNORED}"
    "\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"  # accents
    "\u0483-\u0489"  # Cyrillic
    "\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7"  # Hebrew points and accents
    "\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed"  # Arabic
    "\u08d3-\u08e1\u08e3-\u08ff]+"
)
_SHAPING: Final = re.compile(f"[{IGNORED}]+")
_LETTERS: Final = str.maketrans(
    {
        **{"ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe", "ı": "i", "ð": "d", "þ": "th", "ħ": "h", "ŧ": "t"},
        **{"\u0649": "\u064a", "\u06cc": "\u064a", "\u06a9": "\u0643"},  # Arabic and Persian forms of yeh and kaf
    }
)
"""Letters that Unicode does not take apart."""


def folded(text: str) -> str:
    """Return `text` without regard to case, width, accents and vowel points; marks that make another letter stay."""
    if text.isascii():
        return text.lower()
    apart = normalize("NFKD", normalize("NFKC", text).casefold())
    together = normalize("NFC", _LEFT_OUT.sub("", apart).translate(_LETTERS))
    return together if together.isascii() else "".join(map(_digit, together))


def token(word: str) -> str:
    """Return the token of a word: folded letters and digits, empty if it has none."""
    text = folded(word)
    if text.isascii() and text.isalnum():
        return text[:LONGEST]
    return "".join(sign for sign in text if sign.isalnum() or category(sign)[0] == "M")[:LONGEST]


def lowered(word: str) -> str:
    """Return a word with its accents, as stemmers want it."""
    if word.isascii():
        return word.lower()
    return normalize("NFC", _SHAPING.sub("", normalize("NFKC", word).casefold()))


def _digit(sign: str) -> str:
    return str(decimal(sign)) if sign.isdecimal() else sign
