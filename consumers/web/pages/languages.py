"""What a language tag asks of a page: the texts to take, and the direction of its script."""

from __future__ import annotations

import re
from typing import Literal

_TAG = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8}){0,8}")
_RIGHT_TO_LEFT = frozenset(["ar", "arc", "ckb", "dv", "fa", "he", "ks", "nqo", "ps", "sd", "syr", "ug", "ur", "yi"])
_RIGHT_TO_LEFT_SCRIPTS = frozenset(["adlm", "arab", "hebr", "mand", "nkoo", "rohg", "samr", "syrc", "thaa"])


def language_tag(given: str) -> str:
    """Return `given` if it is a language tag, else `und`, as a foreign producer may have written anything."""
    return given if _TAG.fullmatch(given) else "und"


def main_language(tag: str) -> str:
    """Return `zh` of `zh-Hant-TW`."""
    return tag.partition("-")[0].lower()


def direction(tag: str) -> Literal["ltr", "rtl"]:
    """Return the direction of a language; a script in its tag counts for more than the language."""
    for part in tag.lower().split("-")[1:]:
        if len(part) == 4 and part.isalpha():
            return "rtl" if part in _RIGHT_TO_LEFT_SCRIPTS else "ltr"
    return "rtl" if main_language(tag) in _RIGHT_TO_LEFT else "ltr"
