"""The small safe Markdown of a text: bold, italic, links and escaped signs. Whatever else it holds is text.

A terminal and a page show the same text each in its way; what the signs mean is said here once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

_SIGNS = re.compile(
    r"\\(?P<escaped>[\\*_\[\]()`>#-])"
    r"|\*\*(?=\S)(?P<bold>[^*\n]+)(?<=\S)\*\*"
    r"|(?<!\w)__(?=\S)(?P<bold_too>[^_\n]+)(?<=\S)__(?!\w)"
    r"|\*(?=\S)(?P<italic>[^*\n]+)(?<=\S)\*"
    r"|(?<!\w)_(?=\S)(?P<italic_too>[^_\n]+)(?<=\S)_(?!\w)"
    r"|\[(?P<words>[^\[\]\n]+)\]\((?P<address>(?:https?://|mailto:)[^\s()<>\"]{1,4096})\)"
)


@dataclass(frozen=True, slots=True)
class Marked:
    """A part of a text that stands out.

    Attributes:
        parts: What it holds, which may stand out in its turn.
        address: Where a link leads: `http:`, `https:` or `mailto:`; empty for anything else.
    """

    kind: Literal["bold", "italic", "link"]
    parts: tuple[str | Marked, ...]
    address: str = ""


def parse_markdown(text: str) -> tuple[str | Marked, ...]:
    """Return the parts of `text` in order."""
    return tuple(_parts(text))


def _parts(text: str) -> Iterator[str | Marked]:
    end = 0
    for found in _SIGNS.finditer(text):
        if found.start() > end:
            yield text[end : found.start()]
        end = found.end()
        yield _part(found)
    if end < len(text):
        yield text[end:]


def _part(found: re.Match[str]) -> str | Marked:
    kind = found.lastgroup or ""
    if kind == "escaped":
        return found[kind]
    if kind == "address":
        return Marked("link", parse_markdown(found["words"]), found["address"])
    return Marked("bold" if kind.startswith("bold") else "italic", parse_markdown(found[kind]))
