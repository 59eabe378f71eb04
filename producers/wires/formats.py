"""Which format a document is in, and its reader."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from dateline.errors import Refused
from producers.wires.item import Found
from schemas.names import shortened

FORMATS: Final = ("ninjs", "newsml-g2", "rss", "atom")

Reader = Callable[[bytes], Iterator[Found]]

_LOOKED_AT = 4096


def read_items(data: bytes, form: str) -> Iterator[Found]:
    """Yield what stands in a document of one of `FORMATS`, or of `auto`: of the format that it seems to be in.

    Raises:
        Refused: It is not of this format, or cannot be read; the message says where.
    """
    return _readers()[detect(data) if form == "auto" else form](data)


def detect(data: bytes) -> str:
    """Return the format that a document seems to be in.

    Raises:
        Refused: It is none that is known.
    """
    start = data[:_LOOKED_AT].replace(b"\x00", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
    if not start:
        raise Refused("line 1: it is empty.")
    if start[:1] in (b"{", b"["):
        return "ninjs"
    if start[:1] != b"<":
        raise Refused(f"line 1: it begins with {shortened(bytes(start[:12]))}, which is neither JSON nor XML.")
    return _detect_xml(data)


def _detect_xml(data: bytes) -> str:
    from producers.wires.feed_xml import parse_feed  # lxml is loaded only for XML
    from producers.wires.xml import local, namespace

    root = parse_feed(data)
    by_element: Mapping[str, str] = {"rss": "rss", "RDF": "rss", "feed": "atom", "entry": "atom"}
    name = local(root)
    if name in by_element:
        return by_element[name]
    if "iptc.org/std/nar" in namespace(root) or name in ("newsItem", "packageItem", "newsMessage"):
        return "newsml-g2"
    if name.lower() == "html":
        raise Refused("line 1: this is a page in HTML. Give the feed's address, not the page's.")
    raise Refused(f"line {root.sourceline}: the element {shortened(name)} begins no format that is known: {', '.join(FORMATS)}.")


def _readers() -> Mapping[str, Reader]:
    from producers.wires.atom import read_atom
    from producers.wires.newsml_g2 import read_newsml_g2
    from producers.wires.ninjs import read_ninjs
    from producers.wires.rss import read_rss

    return {"ninjs": read_ninjs, "newsml-g2": read_newsml_g2, "rss": read_rss, "atom": read_atom}
