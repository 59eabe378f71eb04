"""Copy as plain text, where a page cannot show any markup: titles, descriptions, what search engines read."""

from __future__ import annotations

from collections.abc import Iterable

from consumers.web.markup import clean
from schemas.content import Block
from schemas.markdown import Marked, parse_markdown

_DESCRIPTION = 200


def one_line(text: str) -> str:
    """Return `text`, which has no Markdown, on one line."""
    return " ".join(clean(text).split())


def plain_text(text: str) -> str:
    """Return `text` without its Markdown, on one line."""
    return " ".join(_flat(parse_markdown(clean(text))).split())


def plain_body(blocks: Iterable[Block]) -> str:
    """Return what the blocks say, a line for each."""
    said = (plain_text(" ".join((block.text, *block.items))) for block in blocks)
    return "\n".join(text for text in said if text)


def described(text: str) -> str:
    """Return the beginning of `text` as plain text, cut at a word where it is long."""
    plain = plain_text(text)
    if len(plain) <= _DESCRIPTION:
        return plain
    cut = plain[: _DESCRIPTION - 1]
    return f"{cut.rpartition(' ')[0] or cut} …"


def _flat(parts: Iterable[str | Marked]) -> str:
    return "".join(part if isinstance(part, str) else _flat(part.parts) for part in parts)
