"""RSS 2.0, 0.9x and 1.0: entries are told apart by what they say, since RSS numbers no versions."""

from __future__ import annotations

from collections.abc import Iterator

from dateline.errors import Refused
from producers.wires.feed_xml import (
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
from producers.wires.item import BadItem, Found, Item, Unusable
from producers.wires.texts import given, line, plain, version_number, web_address
from producers.wires.xml import Element, child, children, local, text_in, text_of
from schemas.names import shortened


def read_rss(data: bytes) -> Iterator[Found]:
    """Yield the entries of a feed.

    Raises:
        Refused: It is no XML, or no RSS.
    """
    yield from rss_items(parse_feed(data))


def rss_items(root: Element) -> Iterator[Found]:
    if local(root) not in ("rss", "RDF"):
        raise Refused(f"line {root.sourceline}: the element {shortened(local(root))} begins no RSS feed.")
    channel = child(root, "channel")
    if channel is None:
        raise Refused(f"line {root.sourceline}: the feed has no channel.")
    head = FeedHead(
        title=plain_title(child(channel, "title")),
        base=text_in(channel, "link"),
        language=line(text_in(channel, "language")),
        rights=text_in(channel, "copyright"),
    )
    entries = [*children(channel, "item"), *children(root, "item")]  # RSS 1.0 has them beside the channel
    for number, entry in enumerate(entries, start=1):
        place = f"entry {number} (line {entry.sourceline})"
        try:
            yield _entry(entry, head, place)
        except Unusable as error:
            yield BadItem(place, str(error))


def _entry(entry: Element, head: FeedHead, place: str) -> Item:
    link = next((address for one in children(entry, "link") if (address := _address(head.base, one))), None)
    guid = _guid(entry)
    if not guid:
        raise Unusable("guid and link: both missing. One of them tells an edit from a new entry.")
    at = date_in(entry, "updated", "pubDate", "date")
    content = content_from(
        title=plain_title(own_child(entry, "title")),
        text=text_blocks(own_child(entry, "encoded", "description", "summary")),
        media=media_of(entry),
        tags=(text_of(one) for one in children(entry, "category", "subject")),
        source=source_of(plain_title(child(entry, "source")) or head.title, link),
    )
    return Item(
        place=place,
        guid=guid,
        version=version_number(None, at),
        at=at,
        is_correction=is_correction_headline(content.headline),
        author=person_in(entry, "creator", "author") or None,
        content=content,
        by_content=True,
        extra=_extra(entry, head, guid, link),
    )


def _address(base: str, link: Element) -> str | None:
    """Return where a link leads, RSS's own or Atom's in RSS."""
    words = line(link.get("href") or text_of(link))
    return resolved(base, words) if words else None


def _guid(entry: Element) -> str:
    """Return what names the entry: its guid, else its address, also one that leads nowhere from here."""
    about = entry.get("{http://www.w3.org/1999/02/22-rdf-syntax-ns#}about")
    links = (one.get("href") or text_of(one) for one in children(entry, "link"))
    named = map(line, (text_in(entry, "guid"), about, *links, text_in(entry, "identifier")))
    return steady_guid(next(filter(None, named), ""))


def _extra(entry: Element, head: FeedHead, guid: str, link: str | None) -> dict[str, object]:
    fields = given(
        {
            "uri": guid,
            "type": "text",
            "language": head.language,
            "copyrightNotice": line(text_in(entry, "rights") or head.rights),
            "by": person_in(entry, "creator", "author"),
            "renditions": [{"name": "web", "href": web_address(link), "contentType": "text/html"}] if link else None,
        }
    )
    cleaned: dict[str, object] = plain(fields)
    return cleaned
