"""A story as Atom 1.0, with tombstones for what was taken off (RFC 6721) and archives (RFC 5005)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from consumers.state import Correction
from consumers.timeline.shown import Shown
from consumers.web.coverage import Coverage, Gone
from consumers.web.feeds.archives import Beside
from consumers.web.feeds.entry import changed_at, content_html, last_changed_first, summary_text, title_of
from consumers.web.feeds.ids import story_id, update_id
from consumers.web.feeds.xml import ATOM, DATELINE, XML_LANG, Element, add, document, root
from consumers.web.links import Links
from consumers.web.markup import clean, one_line, plain_text, web_address

CONTENT_TYPE: Final = "application/atom+xml"

_HISTORY: Final = "http://purl.org/syndication/history/1.0"
_TOMBSTONES: Final = "http://purl.org/atompub/tombstones/1.0"
_PREFIXES: Final = {None: ATOM, "at": _TOMBSTONES, "fh": _HISTORY, "d": DATELINE}

_GONE_NOTES: Final = {"killed": "Killed: not to be used in any version.", "withheld": "Held back for now."}


def atom_feed(coverage: Coverage, links: Links, *, beside: Beside | None = None, publication: str | None = None) -> bytes:
    """Return a story's feed: its head, or an archive if `beside` says so; the last changed first.

    An archive holds nothing that changes while its version does not: neither the story's `seq` nor whether it is closed.

    Args:
        beside: The addresses that the document names; without it, it is a head without archives.
        publication: Who publishes; the story's title stands for it where there is none.
    """
    beside = beside or Beside(links.feed(coverage.story.id, "atom"))
    feed = root(ATOM, "feed", prefixes=_PREFIXES)
    _head(feed, coverage, links, publication)
    _places(feed, coverage, links, beside)
    if beside.current is None:
        _now(feed, coverage)
    for gone in coverage.gone:
        _tombstone(feed, coverage.story.id, gone)
    for update in last_changed_first(coverage.updates):
        _entry(feed, update, links)
    return document(feed)


def _head(feed: Element, coverage: Coverage, links: Links, publication: str | None) -> None:
    story, heading = coverage.story, coverage.story.heading
    feed.set(XML_LANG, clean(heading.language))
    add(feed, ATOM, "id", story_id(story.id))
    add(feed, ATOM, "title", one_line(heading.title))
    if summary := plain_text(heading.summary).strip():
        add(feed, ATOM, "subtitle", summary)
    add(feed, ATOM, "updated", changed_at(coverage))
    add(add(feed, ATOM, "author"), ATOM, "name", one_line(publication or heading.title))
    for topic in heading.topics:
        add(feed, ATOM, "category", term=topic)
    add(feed, ATOM, "generator", "Dateline")
    add(feed, ATOM, "link", rel="alternate", type="text/html", href=links.story(story.id))


def _places(feed: Element, coverage: Coverage, links: Links, beside: Beside) -> None:
    """Add where the document lies and where those beside it do, and say of an archive that it is one."""
    if beside.current is not None:
        add(feed, _HISTORY, "archive")
    addresses = (
        ("self", beside.itself),
        ("current", beside.current),
        ("prev-archive", beside.previous),
        ("next-archive", beside.following),
    )
    for rel, href in addresses:
        if href is not None:
            add(feed, ATOM, "link", rel=rel, type=CONTENT_TYPE, href=href)


def _now(feed: Element, coverage: Coverage) -> None:
    """Add how the story stands."""
    status = "closed" if coverage.story.is_closed else "open"
    add(feed, DATELINE, "story", id=coverage.story.id, seq=str(coverage.seq), status=status)


def _tombstone(feed: Element, story: str, gone: Gone) -> None:
    when = gone.at.isoformat()
    tombstone = add(feed, _TOMBSTONES, "deleted-entry", ref=update_id(story, gone.update), when=when)
    add(tombstone, _TOMBSTONES, "comment", _GONE_NOTES.get(gone.kind, gone.kind))
    add(tombstone, DATELINE, "gone", kind=gone.kind, update=gone.update, seq=str(gone.seq))


def _entry(feed: Element, update: Shown, links: Links) -> None:
    entry = add(feed, ATOM, "entry")
    add(entry, ATOM, "id", update_id(update.story, update.id))
    add(entry, ATOM, "title", title_of(update))
    add(entry, ATOM, "published", update.published_at)
    add(entry, ATOM, "updated", update.updated_at)
    for rel, href in _entry_links(update, links):
        add(entry, ATOM, "link", rel=rel, type="text/html" if rel == "alternate" else None, href=href)
    for scheme, term in _categories(update):
        add(entry, ATOM, "category", term=term, scheme=f"{DATELINE}:{scheme}")
    if summary := summary_text(update):
        add(entry, ATOM, "summary", summary)
    add(entry, ATOM, "content", content_html(update, links), type="html")
    _facts(entry, update)


def _entry_links(update: Shown, links: Links) -> Iterator[tuple[str, str]]:
    yield "alternate", links.update(update.story, update.id)
    for source in update.sources:
        if address := web_address(source.uri):
            yield "via", address
    for media in update.media:
        if address := web_address(media.uri):
            yield "enclosure", address


def _categories(update: Shown) -> Iterator[tuple[str, str]]:
    yield from (("tag", tag) for tag in update.tags)
    yield from (("place", place) for place in update.places)
    if update.key_event:
        yield "mark", "key event"
    if update.corrections:
        yield "mark", "corrected"


def _facts(entry: Element, update: Shown) -> None:
    """Add for machines what Atom has no words for."""
    facts = {"id": update.id, "seq": str(update.seq), "revision": str(update.revision), "urgency": str(update.urgency)}
    add(entry, DATELINE, "update", verification=update.verification, **facts)
    for told in update.corrections:
        correction_element(entry, told)


def correction_element(parent: Element, told: Correction) -> None:
    """Add a correction for machines."""
    when: datetime = told.corrected_at
    add(parent, DATELINE, "correction", told.note, revision=str(told.revision), severity=told.severity, when=when.isoformat())
