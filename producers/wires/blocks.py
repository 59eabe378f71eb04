"""HTML, XHTML and NITF as the blocks of a body. Scripts, styles and forms are left out; nothing is ever executed or fetched.

The parser tells what begins and ends, and `_Writer` writes it down flat: how deep a text is nested makes no difference.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from lxml import etree

from producers.wires.texts import line, pixels, prose, web_address
from producers.wires.xml import Element, local
from schemas.content import LONGEST_LIST, Block, Media

_SKIPPED: Final = frozenset(
    [
        "script",
        "style",
        "head",
        "template",
        "noscript",
        "object",
        "applet",
        "form",
        "button",
        "select",
        "textarea",
        "svg",
        "math",
        "hedline",
        "byline",
        "distributor",
    ]
)
_HEADINGS: Final = frozenset(["h1", "h2", "h3", "h4", "h5", "h6", "hl1", "hl2"])
_QUOTES: Final = frozenset(("blockquote", "bq"))
_LISTS: Final = frozenset(("ul", "ol", "dl"))
_POINTS: Final = frozenset(("li", "dt", "dd"))
_BREAKING: Final = frozenset(
    [
        "p",
        "div",
        "section",
        "article",
        "main",
        "header",
        "footer",
        "aside",
        "pre",
        "address",
        "figure",
        "figcaption",
        "table",
        "tr",
        "caption",
        "hr",
        "block",
        "lead",
        "abstract",
        "body",
        "body.content",
        "body.head",
        "body.end",
        "note",
        "media-caption",
        "media-producer",
        "media",
        "tagline",
    ]
)
_OF_A_BEACON: Final = frozenset(("0", "1", "2", "1px"))
_MARKS: Final = {"b": "**", "strong": "**", "i": "*", "em": "*"}
_SIGNS = re.compile(r"\\(?=[\\*_\[\]()`>#-])|\*|(?<!\w)_|_(?!\w)|\[")
_SPACES = re.compile(r"[^\S\n]+")
_ANY_SPACES = re.compile(r"\s+")
_LINK = re.compile(r"(?:https?://|mailto:)[^\s()<>\"]{1,4096}")
_LONGEST = 2_000_000


def blocks_from_html(html: str) -> tuple[tuple[Block, ...], tuple[Media, ...]]:
    """Return the blocks and the pictures of a text in HTML, whatever is wrong with it."""
    return _written(html, _Writer())


def text_from_html(html: str) -> str:
    """Return the words of a text in HTML, a line for each block, without any marks."""
    return "\n".join(block.text for block in _written(html, _Writer(is_plain=True))[0])


def _written(html: str, writer: _Writer) -> tuple[tuple[Block, ...], tuple[Media, ...]]:
    target: Any = writer  # Any: lxml gives texts, and its stubs allow bytes too
    parser = etree.HTMLParser(target=target, encoding="utf-8", no_network=True, huge_tree=False)
    with suppress(etree.XMLSyntaxError):  # what was read before it stays
        parser.feed(prose(html)[:_LONGEST].encode())
        parser.close()
    return writer.finish()


def blocks_from_xml(element: Element) -> tuple[tuple[Block, ...], tuple[Media, ...]]:
    """Return the blocks and the pictures of an element of XHTML or NITF."""
    writer = _Writer()
    for event, found in etree.iterwalk(element, events=("start", "end")):
        name = local(found)
        if event == "start":
            writer.start(name, {str(key): str(value) for key, value in found.attrib.items()})
            writer.data(found.text or "")
        else:
            writer.end(name)
            if found is not element:
                writer.data(found.tail or "")
    return writer.finish()


def blocks_from_text(text: str) -> tuple[Block, ...]:
    """Return the paragraphs of plain text: an empty line parts them, and where there is none, each line is one."""
    whole = prose(text)
    parts = re.split(r"\n\s*\n", whole) if re.search(r"\n\s*\n", whole) else whole.split("\n")
    paragraphs = ("\n".join(_SPACES.sub(" ", row).strip() for row in part.split("\n")).strip() for part in parts)
    return tuple(Block(text=escape_marks(paragraph)) for paragraph in paragraphs if paragraph)[:LONGEST_LIST]


def escape_marks(text: str) -> str:
    """Return plain text so that the small Markdown shows it as it is."""
    return _SIGNS.sub(lambda sign: f"\\{sign[0]}", text)


def without_headline(body: tuple[Block, ...], headline: str) -> tuple[Block, ...]:
    """Return a body without a first line that only says the headline again."""
    if len(body) > 1 and line(body[0].text) in (headline, escape_marks(headline)):
        return body[1:]
    return body


class _Writer:
    """Takes what a parser tells, and makes blocks of it; where `is_plain`, of its words alone."""

    def __init__(self, *, is_plain: bool = False) -> None:
        self._is_plain = is_plain
        self._blocks: list[Block] = []
        self._media: list[Media] = []
        self._spans: list[tuple[str, str, list[str]]] = [("", "", [])]
        self._skipping = 0
        self._kind = "paragraph"
        self._lists = 0
        self._items: list[str] = []
        self._quotes = 0
        self._said: list[str] = []
        self._speaker = ""
        self._is_embed = False
        self._shown_before = 0
        self._figures = 0

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        tag = tag.lower()
        if self._skipping or tag in _SKIPPED:
            self._skipping += 1
        elif tag in _MARKS or tag == "a":
            self._spans.append((tag, attributes.get("href", ""), []))
        elif tag == "br":
            self._put("\n")
        elif tag in ("img", "media-reference", "iframe", "video", "audio", "embed", "source"):
            self._shown(tag, attributes)
        elif tag in ("td", "th") and self._text().strip():
            self._put(" | ")
        elif tag == "span" and self._figures and attributes.get("class") == "credit":
            self._flush()
            self._spans.append(("credit", "", []))
        else:
            self._begin(tag, attributes)

    def data(self, text: str) -> None:
        if not self._skipping and text:
            words = _ANY_SPACES.sub(" ", text)
            self._put(words if self._is_plain else escape_marks(words))

    def end(self, tag: str) -> None:
        tag = tag.lower()
        if self._skipping:
            self._skipping -= 1
        elif tag in _MARKS or tag == "a":
            self._close_span(tag)
        elif tag == "span" and self._spans[-1][0] == "credit":
            self._credited("".join(self._spans.pop()[2]))
        elif tag == "figure":
            self._flush()
            self._figures = max(self._figures - 1, 0)
        elif tag in _HEADINGS or tag in _BREAKING or tag in _POINTS or tag == "cite":
            self._flush(as_speaker=tag in ("footer", "cite"))
            self._kind = "paragraph"
        elif tag in _LISTS:
            self._flush()
            self._lists = max(self._lists - 1, 0)
            self._end_list()
        elif tag in _QUOTES:
            self._flush()
            self._quotes = max(self._quotes - 1, 0)
            self._end_quote()

    def comment(self, text: str) -> None:
        """A comment says nothing to readers."""

    def pi(self, target: str, data: str | None = None) -> None:
        """Nor does an instruction to a program."""

    def close(self) -> None:
        """The parser is done."""

    def finish(self) -> tuple[tuple[Block, ...], tuple[Media, ...]]:
        self._flush()
        self._lists = self._quotes = 0
        self._end_list()
        self._end_quote()
        return tuple(self._blocks[:LONGEST_LIST]), tuple(dict.fromkeys(self._media))[:LONGEST_LIST]

    def _begin(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag == "cite" and not self._quotes:
            return
        if tag in _HEADINGS or tag in _BREAKING or tag in _POINTS or tag in _LISTS or tag in _QUOTES or tag == "cite":
            self._flush()
            self._is_embed = attributes.get("class", "") == "embed"
        if tag in _HEADINGS:
            self._kind = "heading"
        if tag == "figure":
            self._figures += 1
            self._shown_before = len(self._media)
        self._lists += tag in _LISTS
        self._quotes += tag in _QUOTES

    def _put(self, text: str) -> None:
        self._spans[-1][2].append(text)

    def _text(self) -> str:
        return "".join(self._spans[-1][2])

    def _close_span(self, tag: str) -> None:
        if self._spans[-1][0] == tag:
            name, address, parts = self._spans.pop()
            words = "".join(parts)
            self._put(words if self._is_plain else _marked(name, address, words))

    def _flush(self, *, as_speaker: bool = False) -> None:
        """End the line that is being written, and put it where it belongs."""
        while len(self._spans) > 1:
            self._close_span(self._spans[-1][0])
        text = _tidy(self._text())
        self._spans = [("", "", [])]
        if not text:
            return
        if self._figures and len(self._media) > self._shown_before:
            self._captioned(text)
        elif as_speaker and self._quotes:
            self._speaker = line(text.lstrip("—–- "))
        elif self._lists:
            self._items.append(text)
        elif self._quotes:
            self._said.append(text)
        else:
            self._blocks.append(self._block(text))

    def _captioned(self, text: str) -> None:
        """Give a figure's picture the words below it."""
        words = re.sub(r"\\(?=[*_\[\\])", "", text)
        last = self._media[-1]
        self._media[-1] = replace(last, caption=f"{last.caption}\n{words}".strip())

    def _credited(self, text: str) -> None:
        if len(self._media) > self._shown_before:
            self._media[-1] = replace(self._media[-1], credit=line(text.replace("\\", "")))

    def _block(self, text: str) -> Block:
        found = re.fullmatch(r"\[[^\]]*\]\((https?://[^)]*)\)", text) if self._is_embed else None
        address = web_address(found[1]) if found else None
        if address is not None:
            return Block(type="embed", uri=address)
        return Block(type=self._kind, text=text.replace("\n", " ") if self._kind == "heading" else text)

    def _end_list(self) -> None:
        if self._items and not self._lists:
            if self._quotes:
                self._said += self._items
            else:
                self._blocks.append(Block(type="list", items=tuple(self._items[:LONGEST_LIST])))
            self._items = []

    def _end_quote(self) -> None:
        if self._said and not self._quotes:
            self._blocks.append(Block(type="quote", text="\n".join(self._said), speaker=self._speaker or None))
            self._said, self._speaker = [], ""

    def _shown(self, tag: str, attributes: Mapping[str, str]) -> None:
        address = web_address(attributes.get("src") or attributes.get("source") or "")
        if address is None:
            return
        if tag in ("iframe", "embed"):
            self._flush()
            if not (self._lists or self._quotes):
                self._blocks.append(Block(type="embed", uri=address))
            return
        kind = tag if tag in ("video", "audio") else "image"
        is_beacon = {attributes.get("width"), attributes.get("height")} & _OF_A_BEACON
        if tag != "source" and not is_beacon:
            alt, width, height = prose(attributes.get("alt")), attributes.get("width"), attributes.get("height")
            self._media.append(Media(type=kind, uri=address, alt=alt, width=pixels(width), height=pixels(height)))


def _marked(tag: str, address: str, text: str) -> str:
    """Return what stands within a mark or a link, marked where the small Markdown can say it."""
    words = text.strip()
    if not words or "\n" in words:
        return text
    before, after = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
    if tag == "a":
        target = address.strip().replace("(", "%28").replace(")", "%29")
        can = _LINK.fullmatch(target) and "[" not in words and "]" not in words
        return f"{before}[{words}]({target}){after}" if can else text
    sign = _MARKS[tag]
    return text if "*" in words or words.endswith("\\") else f"{before}{sign}{words}{sign}{after}"


def _tidy(text: str) -> str:
    rows = (_SPACES.sub(" ", row).strip() for row in prose(text).split("\n"))
    return re.sub(r"\n{2,}", "\n", "\n".join(rows)).strip()
