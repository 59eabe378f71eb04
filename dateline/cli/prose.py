"""Copy as text for a terminal: nothing in it is obeyed, a small safe Markdown is shown, lines break as people break them."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Iterator

from rich.cells import cell_len, chop_cells
from rich.text import Text

from schemas.markdown import Marked, parse_markdown

_LINE_ENDS = re.compile(r"\r\n?|[\x85\u2028\u2029]")
_COMMANDS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff\ufeff\ufffe\uffff]")

_SPACE = r"[^\S\xa0\u202f]"
_BLACK = rf"(?:(?!{_SPACE}).)"
_IDEOGRAPH = r"[\u2e80-\u2fff\u3040-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]"
_OPENING = "[「『（〈《【〔［｛“‘(]"
_CLOSING = "[、。」』）〉》】〕］｝”’，．！？：；・ー)…々ぁぃぅぇぉっゃゅょァィゥェォッャュョ]"
_ADDRESS = rf"{_BLACK}*://{_BLACK}+"
_CHARACTER = rf"{_OPENING}*{_IDEOGRAPH}{_CLOSING}*"
_WORD = rf"(?:(?!{_OPENING}*{_IDEOGRAPH}){_BLACK})+"
_PIECE = re.compile(rf"(?:{_ADDRESS}|{_CHARACTER}|{_WORD}){_SPACE}*|{_SPACE}+")
"""What stays on one line: a word, an address, or an ideograph with the signs that may not part from it."""


def plain(text: str) -> str:
    """Return `text` without anything that a terminal would obey: escapes, controls, signs that turn the line around."""
    if text.isascii() and text.isprintable():
        return text
    return _COMMANDS.sub("", _LINE_ENDS.sub("\n", text)).replace("\t", "    ")


def one_line(text: str) -> str:
    """Return `text` without anything that a terminal would obey, on one line."""
    return " ".join(plain(text).split())


def markdown(text: str) -> Text:
    """Return `text` with bold, italic and links as one sees them; whatever else it holds is text."""
    shown = Text()
    _append(shown, parse_markdown(plain(text)), "")
    return shown


def wrap(text: Text, width: int) -> list[Text]:
    """Return the lines of `text`, none wider than `width` cells; an address is never cut."""
    lines: list[Text] = []
    for line in text.split("\n", allow_blank=True):
        parts = line.divide(list(_breaks(line.plain, width)))
        for part in parts:
            part.rstrip()
        lines += parts
    return lines


def _append(shown: Text, parts: Iterable[str | Marked], style: str) -> None:
    for part in parts:
        if isinstance(part, str):
            shown.append(part, style)
        elif part.kind == "link":
            _append(shown, part.parts, f"{style} underline".strip())
            shown.append(f" ({part.address})", "dim")
        else:
            _append(shown, part.parts, f"{style} {part.kind}".strip())


def _breaks(line: str, width: int) -> Iterator[int]:
    """Yield the places at which `line` goes on below."""
    used = 0
    for found in _PIECE.finditer(line):
        piece = found[0]
        size = cell_len(piece.rstrip())
        if used and used + size > width:
            yield found.start()
            used = 0
        if size > width and "://" not in piece:
            used = yield from _cuts(piece, found.start(), width)
        else:
            used += cell_len(piece)


def _cuts(piece: str, start: int, width: int) -> Generator[int, None, int]:
    """Yield the places at which a word that is too long for any line is cut, and return the width of its last part."""
    parts = chop_cells(piece, width)
    for part in parts[:-1]:
        start += len(part)
        yield start
    return cell_len(parts[-1])
