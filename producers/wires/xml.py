"""XML of strangers: parsed without entities, network and external files, in bounded memory and depth."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from lxml import etree

from dateline.errors import Refused
from producers.wires.item import MOST_BYTES

Element = etree._Element

XML_LANG: Final = "{http://www.w3.org/XML/1998/namespace}lang"

_DECLARES = re.compile(rb"(?>\s+|<\?(?>[^?]|\?(?!>))*+\?>|<!--(?>[^-]|-(?!->))*+-->)*+<!DOCTYPE[^>\[]*+\[", re.IGNORECASE)
_UTF16 = (b"\xff\xfe", b"\xfe\xff", b"<\x00", b"\x00<")
_LONGEST_WORDS = 160


def parse_xml(data: bytes) -> Element:
    """Return the root of a document.

    Raises:
        Refused: It is too large or no XML, or it declares entities; the message says where.
    """
    refuse_too_large(data)
    if data[:1].isspace() and data.lstrip().startswith(b"<?xml"):  # nothing may stand before it, and drops often have a line
        data = data.lstrip()
    if _DECLARES.match(_one_byte_a_sign(data)):
        raise Refused("line 1: it declares entities or a type of its own in a DOCTYPE; no wire's item needs that. Take it out.")
    try:
        root = etree.fromstring(data, _parser())
    except etree.XMLSyntaxError as error:
        row, column = error.position
        raise Refused(f"line {max(row, 1)}, column {max(column, 1)}: this is no well-formed XML: {_words(error)}.") from None
    except (ValueError, LookupError) as error:
        raise Refused(f"line 1: this is no XML: {_words(error)}.") from None
    if root is None:
        raise Refused("line 1: this is no XML: it holds no element.")
    return root


def refuse_too_large(data: bytes) -> None:
    if len(data) > MOST_BYTES:
        raise Refused(f"it has more than {MOST_BYTES:,} bytes; one document of a wire is far smaller. Split it.")


def local(element: Element) -> str:
    """Return an element's name without its namespace; empty for what is no element."""
    tag = element.tag
    return _local(tag) if isinstance(tag, str) else ""


@lru_cache(maxsize=4096)
def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def namespace(element: Element) -> str:
    tag = element.tag
    return tag[1:].partition("}")[0] if isinstance(tag, str) and tag.startswith("{") else ""


def children(element: Element | None, *names: str) -> Iterator[Element]:
    """Yield the children with one of these local names, in order."""
    for child in element if element is not None else ():
        if local(child) in names:
            yield child


def child(element: Element | None, name: str) -> Element | None:
    return next(children(element, name), None)


def text_of(element: Element | None) -> str:
    """Return all text within an element."""
    return "".join(str(part) for part in element.itertext()) if element is not None else ""


def text_in(element: Element | None, name: str) -> str:
    """Return all text within the first child with this local name."""
    return text_of(child(element, name))


def _parser() -> etree.XMLParser:
    return etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )


def _one_byte_a_sign(data: bytes) -> bytes:
    """Return the beginning of a document so that its ASCII signs can be looked for, also where it is UTF-16."""
    start = data[:65_536].removeprefix(b"\xef\xbb\xbf")
    return start.replace(b"\x00", b"").lstrip(b"\xff\xfe") if start[:2] in _UTF16 else start


def _words(error: Exception) -> str:
    words = " ".join(str(error).split())
    return re.sub(r", line \d+, column \d+(?: \(.*\))?$", "", words)[:_LONGEST_WORDS].rstrip(".") or type(error).__name__
