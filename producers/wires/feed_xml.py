"""What RSS and Atom share: a feed's document, and pictures, people and dates as their extensions write them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from html.entities import html5
from typing import Final
from urllib.parse import urljoin

from dateline.errors import Refused
from producers.wires.blocks import blocks_from_html, blocks_from_text, blocks_from_xml, text_from_html, without_headline
from producers.wires.item import Unusable
from producers.wires.texts import headline_from, line, lines, moment, pixels, prose, web_address
from producers.wires.xml import Element, child, children, local, namespace, parse_xml, text_in, text_of
from schemas.content import Block, Content, Media, Source

ATOM: Final = "http://www.w3.org/2005/Atom"
MEDIA_RSS: Final = "http://search.yahoo.com/mrss/"
_OF_OTHER_THINGS: Final = frozenset(
    (MEDIA_RSS, "http://www.itunes.com/dtds/podcast-1.0.dtd", "http://www.google.com/schemas/play-podcasts/1.0")
)
"""Whose titles and descriptions are those of a picture or a sound, not of the entry."""

_XML_OWN: Final = frozenset((b"amp", b"lt", b"gt", b"quot", b"apos"))
_MENDABLE = re.compile(
    rb"(?P<cdata><!\[CDATA\[(?>[^\]]++|\](?!\]>))*+(?:\]\]>|\Z))"
    rb"|&(?P<name>[A-Za-z][A-Za-z0-9]{1,31});|(?P<lone>&)(?!#(?:\d{1,7}|x[0-9a-fA-F]{1,6});|[A-Za-z][A-Za-z0-9]{1,31};)|[\x00-\x08\x0b\x0c\x0e-\x1f]"
)
_CONTROLS: Final = bytes({*range(0x20)} - set(b"\t\n\r"))
_TAG = re.compile(r"<[a-zA-Z/!][^>]*>|&(?:#\d+|#x[0-9a-fA-F]+|[A-Za-z]+);")
_TYPES: Final = {"image": "image", "video": "video", "audio": "audio"}


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedHead:
    """What a feed says of itself, read once: a feed may have very many entries.

    Attributes:
        base: What its entries' paths lead on from.
    """

    title: str
    base: str = ""
    language: str = ""
    rights: str = ""
    author: str = ""


def parse_feed(data: bytes) -> Element:
    """Return the root of a feed's document.

    Feeds are often put together by hand: HTML's names of signs are taken as what they mean, a lone `&` as itself, and controls
    are left out, as long as the document is whole then.

    Raises:
        Refused: It is no XML.
    """
    try:
        return parse_xml(data)
    except Refused as error:
        mended = _MENDABLE.sub(_mended, data)
        if mended == data:
            raise
        with suppress(Refused):
            return parse_xml(mended)
        raise error


def content_from(
    *,
    title: str,
    text: tuple[tuple[Block, ...], tuple[Media, ...]],
    media: Iterator[Media],
    tags: Iterator[str],
    source: Source | None,
) -> Content:
    """Return the content of an entry."""
    body, inline = text
    headline = line(title)
    own = list(media)
    known = {one.uri for one in own}
    return Content(
        headline=headline or headline_from(body[0].text if body else ""),
        body=without_headline(body, headline),
        media=tuple(dict.fromkeys([*own, *(one for one in inline if one.uri not in known)])),
        sources=(source,) if source is not None else (),
        tags=lines(tags),
    )


def own_child(entry: Element, *names: str) -> Element | None:
    """Return the first child by the first of these names that says something about the entry itself."""
    for name in names:
        for one in children(entry, name):
            if namespace(one) not in _OF_OTHER_THINGS and (len(one) or (one.text or "").strip()):
                return one
    return None


def text_blocks(element: Element | None, *, kind: str = "") -> tuple[tuple[Block, ...], tuple[Media, ...]]:
    """Return the blocks of an element that holds XHTML, or HTML or plain text as its text."""
    if element is None:
        return (), ()
    if kind == "xhtml" or (kind == "" and len(element)):
        return blocks_from_xml(element)
    text = text_of(element)
    if kind in ("text", "text/plain") or not _TAG.search(text):
        return blocks_from_text(text), ()
    return blocks_from_html(text)


def plain_title(element: Element | None) -> str:
    """Return a title as plain text: feeds write HTML in it, whatever they declare."""
    text = text_of(element)
    if element is not None and _TAG.search(text):
        return line(text_from_html(text))
    return text


def media_of(entry: Element) -> Iterator[Media]:
    """Yield the pictures, videos and sounds of an entry: Media RSS, enclosures, links."""
    found = {one.uri: one for one in reversed([*_media_rss(entry), *_enclosures(entry)])}
    yield from reversed(found.values())


def _media_rss(entry: Element) -> Iterator[Media]:
    for group in (entry, *children(entry, "group")):
        shown = list(_from_media_rss(group, "content")) or list(_from_media_rss(group, "thumbnail"))
        yield from shown


def _from_media_rss(group: Element, name: str) -> Iterator[Media]:
    """Yield what stands in a group; of pictures in several sizes, the widest alone."""
    found = [one for one in children(group, name) if namespace(one) == MEDIA_RSS and web_address(one.get("url"))]
    pictures = [one for one in found if _media_kind(one, name) == "image"]
    widest = max(pictures, key=lambda one: pixels(one.get("width")) or 0, default=None)
    for one in found:
        kind = _media_kind(one, name)
        if kind is not None and (kind != "image" or one is widest):
            yield Media(
                type=kind,
                uri=web_address(one.get("url")) or "",
                caption=prose(text_in(one, "description") or text_in(one, "title") or _of_media(group, "description")),
                credit=line(text_in(one, "credit") or _of_media(group, "credit")),
                alt=prose(text_in(one, "text")),
                width=pixels(one.get("width")),
                height=pixels(one.get("height")),
            )


def _of_media(group: Element, name: str) -> str:
    return next((text_of(one) for one in children(group, name) if namespace(one) == MEDIA_RSS), "")


def _media_kind(element: Element, name: str) -> str | None:
    if name == "thumbnail":
        return "image"
    kind = element.get("medium") or (element.get("type") or "").partition("/")[0]
    return _TYPES.get(kind or "image")


def _enclosures(entry: Element) -> Iterator[Media]:
    for one in children(entry, "enclosure", "link"):
        if local(one) == "link" and one.get("rel") != "enclosure":
            continue
        address = web_address(one.get("url") or one.get("href"))
        kind = _TYPES.get((one.get("type") or "").partition("/")[0])
        if address is not None and kind is not None:
            yield Media(type=kind, uri=address)


def date_in(entry: Element, *names: str) -> datetime | None:
    """Return the first date that can be read; a feed with a broken date is not worth losing an entry for."""
    for name in names:
        for one in children(entry, name):
            try:
                when = moment(name, text_of(one))
            except Unusable:
                continue
            if when is not None:
                return when
    return None


def source_of(name: str, address: str | None) -> Source | None:
    return Source(name=line(name), uri=web_address(address)) if line(name) else None


def person_in(entry: Element, *names: str) -> str:
    """Return who wrote an entry: Atom's person by name, else the text as it stands."""
    for name in names:
        for one in children(entry, name):
            found = line(text_in(one, "name") if child(one, "name") is not None else text_of(one))
            if found:
                return found
    return ""


def resolved(base: str | None, address: str | None) -> str | None:
    """Return the web address that a feed gives, against its base where it is only a path."""
    try:
        return web_address(urljoin((base or "").strip(), line(address)))
    except ValueError:  # no address at all
        return None


def _mended(found: re.Match[bytes]) -> bytes:
    if found["cdata"] is not None:
        return found[0].translate(None, _CONTROLS)
    if found["name"] in _XML_OWN:
        return found[0]
    if found["lone"] is not None:
        return b"&amp;"
    if found["name"] is None:
        return b""
    signs = html5.get(f"{found['name'].decode()};")
    return b"".join(f"&#{ord(sign)};".encode() for sign in signs) if signs else b"&amp;" + found[0][1:]
