"""Body text: the blocks of an update as a person types them, and back.

An empty line parts blocks. `## ` begins a heading; lines beginning with `- ` are a list, those with `> ` a quote, whose
last line may name the speaker (`> — Jim Lovell`); an address alone in angle brackets (`<https://…>`) is an embed, and
text right below it goes with it. Anything else is a paragraph; the line breaks within it are kept. A backslash before
one of these signs makes it text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from schemas.content import Block

_SIGN = r"(?:## |- |> |>$|<https?://[^\s<>]+>$)"
_LOOKS_LIKE_SIGN = re.compile(rf"\\*{_SIGN}")
_EMBED = re.compile(r"<(https?://[^\s<>]+)>")
_SPEAKER = re.compile(r"(?:—|–|--)\s+(.+)")
_LOOKS_LIKE_SPEAKER = re.compile(r"\\*(?:—|–|--)\s")


def parse_body(text: str) -> tuple[Block, ...]:
    """Return the blocks that `text` stands for; empty text has none. Spaces around a line do not count."""
    blocks: list[Block] = []
    for chunk in re.split(r"\n(?:[^\S\n]*\n)+", text.replace("\r\n", "\n").replace("\r", "\n")):
        lines = [line.strip() for line in chunk.split("\n")]
        lines = [line for line in lines if line]
        while lines:
            kind = _kind(lines[0])
            size = _size(kind, lines)
            blocks.append(_READ[kind](lines[:size]))
            del lines[:size]
    return tuple(block for block in blocks if block != Block(type="quote"))


def body_text(blocks: Iterable[Block]) -> str:
    """Return `blocks` as text, such that `parse_body` returns the same blocks wherever it can make them at all."""
    written = (_WRITE.get(block.type, _write_other)(block) for block in blocks)
    return "\n\n".join(text for text in written if text)


def _kind(line: str) -> str:
    if line.startswith("## "):
        return "heading"
    if line.startswith("- "):
        return "list"
    if line == ">" or line.startswith("> "):
        return "quote"
    return "embed" if _EMBED.fullmatch(line) else "paragraph"


def _size(kind: str, lines: Sequence[str]) -> int:
    """Return how many of `lines` belong to the block of `kind` that begins with the first."""
    if kind == "heading":
        return 1
    goes_on = {"list": ("list",), "quote": ("quote",), "embed": ("paragraph",), "paragraph": ("paragraph",)}[kind]
    size = 1
    while size < len(lines) and _kind(lines[size]) in goes_on:
        size += 1
    return size


def _read_heading(lines: Sequence[str]) -> Block:
    return Block(type="heading", text=lines[0][3:].strip())


def _read_list(lines: Sequence[str]) -> Block:
    return Block(type="list", items=tuple(line[2:].strip() for line in lines))


def _read_quote(lines: Sequence[str]) -> Block:
    said = "\n".join(line[1:].strip() for line in lines).strip("\n").split("\n")
    speaker = _SPEAKER.fullmatch(said[-1]) if len(said) > 1 else None
    if speaker:
        del said[-1]
    text = "\n".join(_without_backslash(line, _LOOKS_LIKE_SPEAKER) for line in said).strip("\n")
    return Block(type="quote", text=text, speaker=speaker[1] if speaker else None)


def _read_embed(lines: Sequence[str]) -> Block:
    return Block(type="embed", uri=lines[0][1:-1], text=_read_paragraph(lines[1:]).text)


def _read_paragraph(lines: Sequence[str]) -> Block:
    return Block(text="\n".join(_without_backslash(line, _LOOKS_LIKE_SIGN) for line in lines))


def _write_heading(block: Block) -> str:
    return f"## {_on_one_line(block.text)}" if block.text.strip() else ""


def _write_list(block: Block) -> str:
    return "\n".join(f"- {_on_one_line(item)}" for item in block.items)


def _write_quote(block: Block) -> str:
    said = [_with_backslash(line, _LOOKS_LIKE_SPEAKER) for line in block.text.split("\n")]
    if block.speaker:
        said.append(f"— {block.speaker}")
    return "\n".join(f"> {line}".rstrip() for line in said)


def _write_embed(block: Block) -> str:
    return f"<{block.uri}>\n{_write_paragraph(block)}".rstrip("\n")


def _write_paragraph(block: Block) -> str:
    return "\n".join(_with_backslash(line, _LOOKS_LIKE_SIGN) for line in block.text.split("\n"))


def _write_other(block: Block) -> str:
    """Write a block of a type that this release does not know: what is in it, as far as it is text."""
    return "\n".join(part for part in (block.text, *block.items, block.uri or "") if part)


def _on_one_line(text: str) -> str:
    return text.replace("\n", " ")


def _without_backslash(line: str, sign: re.Pattern[str]) -> str:
    return line[1:] if line.startswith("\\") and sign.match(line) else line


def _with_backslash(line: str, sign: re.Pattern[str]) -> str:
    return f"\\{line}" if sign.match(line) else line


_READ: dict[str, Callable[[Sequence[str]], Block]] = {
    "heading": _read_heading,
    "list": _read_list,
    "quote": _read_quote,
    "embed": _read_embed,
    "paragraph": _read_paragraph,
}
_WRITE: dict[str, Callable[[Block], str]] = {
    "heading": _write_heading,
    "list": _write_list,
    "quote": _write_quote,
    "embed": _write_embed,
    "paragraph": _write_paragraph,
}
