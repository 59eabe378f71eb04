"""Corrections across stories as Atom: each is an entry of its own, which never changes."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from consumers.timeline.answers import ListedCorrection
from consumers.timeline.shown import read_document
from consumers.web.feeds.atom import CONTENT_TYPE, correction_element
from consumers.web.feeds.entry import NEVER, correction_html, correction_text, title_of
from consumers.web.feeds.ids import correction_id, corrections_feed_id, update_id
from consumers.web.feeds.xml import ATOM, DATELINE, Element, add, document, root
from consumers.web.links import Links
from consumers.web.markup import link_html, one_line


def corrections_feed(found: Sequence[ListedCorrection], links: Links, *, publication: str = "Dateline") -> bytes:
    """Return corrections as a feed, in the order in which they are given."""
    feed = root(ATOM, "feed", prefixes={None: ATOM, "d": DATELINE})
    add(feed, ATOM, "id", corrections_feed_id())
    add(feed, ATOM, "title", one_line(f"{publication}: corrections"))
    add(feed, ATOM, "updated", max((one.told.corrected_at for one in found), default=NEVER))
    add(add(feed, ATOM, "author"), ATOM, "name", one_line(publication))
    add(feed, ATOM, "generator", "Dateline")
    add(feed, ATOM, "link", rel="self", type=CONTENT_TYPE, href=links.corrections_feed())
    add(feed, ATOM, "link", rel="alternate", type="text/html", href=links.front())
    for one in found:
        _entry(feed, one, links)
    return document(feed)


def _entry(feed: Element, one: ListedCorrection, links: Links) -> None:
    told, update = one.told, read_document(one.document)
    address = links.update(one.story, one.update)
    entry = add(feed, ATOM, "entry")
    add(entry, ATOM, "id", correction_id(one.story, one.update, told.revision))
    add(entry, ATOM, "title", f"Correction: {title_of(update)}")
    add(entry, ATOM, "published", told.corrected_at)
    add(entry, ATOM, "updated", told.corrected_at)
    add(entry, ATOM, "link", rel="alternate", type="text/html", href=address)
    add(entry, ATOM, "link", rel="related", type="text/html", href=links.story(one.story))
    add(entry, ATOM, "category", term=told.severity, scheme=f"{DATELINE}:severity")
    add(entry, ATOM, "summary", correction_text(told))
    corrected = Markup("<p>{}</p>").format(link_html(address, update.headline))
    add(entry, ATOM, "content", correction_html(told) + corrected, type="html")
    add(entry, DATELINE, "update", ref=update_id(one.story, one.update), story=one.story, id=one.update)
    correction_element(entry, told)
