"""Copy as plain text, where a page cannot show any markup: titles, descriptions, what search engines read."""

from __future__ import annotations

from collections.abc import Iterable

from consumers.web.markup import cut_at_word, one_line, plain_text
from schemas.content import Block

_DESCRIPTION = 200


def plain_line(text: str) -> str:
    """Return `text` without its Markdown, on one line."""
    return one_line(plain_text(text))


def plain_body(blocks: Iterable[Block]) -> str:
    """Return what the blocks say, a line for each."""
    said = (plain_line(" ".join((block.text, *block.items))) for block in blocks)
    return "\n".join(text for text in said if text)


def described(text: str) -> str:
    """Return the beginning of `text` as plain text, cut at a word where it is long."""
    plain = plain_line(text)
    return plain if len(plain) <= _DESCRIPTION else cut_at_word(plain, length=_DESCRIPTION - 1)
