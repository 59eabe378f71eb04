"""Atom 1.0 and its tombstones (RFC 6721): entries are told apart by what they say, since Atom numbers no versions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from dateline.errors import Refused
from producers.wires.feed_xml import (
    ATOM,
    FeedHead,
    content_from,
    date_in,
    media_of,
    own_child,
    parse_feed,
    person_in,
    plain_title,
    resolved,
    source_of,
    text_blocks,
)
from producers.wires.habits import is_correction_headline, steady_guid
from producers.wires.item import CANCELED, WITHHELD, BadItem, Found, Item, Unusable
from producers.wires.texts import given, line, moment, plain, prose, version_number
from producers.wires.xml import XML_LANG, Element, child, children, local, namespace, text_in, text_of
from schemas.names import shortened

TOMBSTONES: Final = "http://purl.org/atompub/tombstones/1.0"
_GONE: Final = "Taken off the feed."


def read_atom(data: bytes) -> Iterator[Found]:
    """Yield the entries of a feed, or the one that the document is, and its tombstones.

    Raises:
        Refused: It is no XML, or no Atom.
    """
    yield from atom_items(parse_feed(data))


def atom_items(root: Element) -> Iterator[Found]:
    if local(root) not in ("feed", "entry") or namespace(root) != ATOM:
        what = shortened(namespace(root)) if namespace(root) else "no namespace"
        raise Refused(f"line {root.sourceline}: {shortened(local(root))} with {what} is no Atom; its feed has {ATOM}.")
    head = FeedHead(
        title=plain_title(child(root, "title")) if local(root) == "feed" else "",
        language=root.get(XML_LANG) or "",
        rights=text_in(root, "rights"),
        author=person_in(root, "author"),
    )
    entries = [root] if local(root) == "entry" else list(children(root, "entry", "deleted-entry"))
    for number, entry in enumerate(entries, start=1):
        place = f"entry {number} (line {entry.sourceline})"
        try:
            yield _tombstone(entry, place) if local(entry) == "deleted-entry" else _entry(entry, head, place)
        except Unusable as error:
            yield BadItem(place, str(error))


def _entry(entry: Element, head: FeedHead, place: str) -> Item:
    link = _link(entry)
    guid = steady_guid(line(text_in(entry, "id")) or link or "")
    if not guid:
        raise Unusable("id: missing. It names the entry, and tells an edit from a new one.")
    at = date_in(entry, "updated", "modified", "published", "issued")
    text = own_child(entry, "content", "summary")
    content = content_from(
        title=plain_title(own_child(entry, "title")),
        text=text_blocks(text, kind=(text.get("type") or "text") if text is not None else ""),
        media=media_of(entry),
        tags=(one.get("label") or one.get("term") or "" for one in children(entry, "category")),
        source=source_of(plain_title(child(child(entry, "source"), "title")) or head.title, link),
    )
    return Item(
        place=place,
        guid=guid,
        version=version_number(None, at),
        at=at,
        is_correction=is_correction_headline(content.headline),
        author=person_in(entry, "author") or head.author or None,
        content=content,
        by_content=True,
        extra=_extra(entry, head, guid, link),
    )


def _extra(entry: Element, head: FeedHead, guid: str, link: str | None) -> dict[str, object]:
    published = date_in(entry, "published", "issued")
    fields = given(
        {
            "uri": guid,
            "type": "text",
            "language": entry.get(XML_LANG) or head.language,
            "firstCreated": published.isoformat() if published is not None else None,
            "copyrightNotice": line(text_in(entry, "rights") or head.rights),
            "by": person_in(entry, "author") or head.author,
            "renditions": [{"name": "web", "href": link, "contentType": "text/html"}] if link else None,
        }
    )
    cleaned: dict[str, object] = plain(fields)
    return cleaned


def _tombstone(element: Element, place: str) -> Item:
    """Return what a tombstone says: taken off, and by another Dateline's feed also whether for good."""
    if namespace(element) != TOMBSTONES:
        raise Unusable(f"deleted-entry has {shortened(namespace(element))}; a tombstone's namespace is {TOMBSTONES}.")
    guid = line(element.get("ref"))
    if not guid:
        raise Unusable("ref: missing. It names the entry that was deleted.")
    at = moment("when", element.get("when"))
    is_killed = any(local(one) == "gone" and one.get("kind") == "killed" for one in element)
    note = prose(text_of(child(element, "comment")))
    return Item(
        place=place,
        guid=guid,
        version=version_number(None, at),
        at=at,
        status=CANCELED if is_killed else WITHHELD,
        note=note or _GONE,
        by_content=True,
        extra={"uri": guid},
    )


def _link(entry: Element) -> str | None:
    links = [one for one in children(entry, "link") if (one.get("rel") or "alternate") == "alternate"]
    return next((address for one in links if (address := resolved(one.base, one.get("href")))), None)
