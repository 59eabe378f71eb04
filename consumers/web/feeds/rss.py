"""A story as RSS 2.0. It has no word for what was taken off: that leaves the list, and Atom says so."""

from __future__ import annotations

import re
from email.utils import format_datetime
from typing import Final

from consumers.timeline.shown import Shown
from consumers.web.coverage import Coverage
from consumers.web.feeds.entry import changed_at, content_html, last_changed_first, summary_text, title_of
from consumers.web.feeds.ids import update_id
from consumers.web.feeds.xml import ATOM, DATELINE, Element, add, document, root
from consumers.web.links import Links
from consumers.web.markup import clean, escaped, one_line, plain_text

CONTENT_TYPE: Final = "application/rss+xml"

_LOOKS_LIKE_MARKUP: Final = re.compile(r"<[a-z/!?]", re.IGNORECASE)

_CONTENT: Final = "http://purl.org/rss/1.0/modules/content/"
_PREFIXES: Final[dict[str | None, str]] = {"atom": ATOM, "content": _CONTENT, "d": DATELINE}


def rss_feed(coverage: Coverage, links: Links) -> bytes:
    """Return a story's feed, the last changed first; a corrected item keeps its `guid` and its `pubDate`."""
    rss = root(None, "rss", prefixes=_PREFIXES)
    rss.set("version", "2.0")
    channel = add(rss, None, "channel")
    story, heading = coverage.story, coverage.story.heading
    title = _title(one_line(heading.title))
    add(channel, None, "title", title)
    add(channel, None, "link", links.story(story.id))
    add(channel, None, "description", escaped(plain_text(heading.summary).strip()) or title)
    add(channel, None, "language", heading.language)
    add(channel, None, "lastBuildDate", format_datetime(changed_at(coverage)))
    add(channel, None, "generator", "Dateline")
    for topic in heading.topics:
        add(channel, None, "category", topic)
    add(channel, ATOM, "link", rel="self", type=CONTENT_TYPE, href=links.feed(story.id, "rss"))
    for update in last_changed_first(coverage.updates):
        _item(channel, update, links)
    return document(rss)


def _item(channel: Element, update: Shown, links: Links) -> None:
    item = add(channel, None, "item")
    add(item, None, "title", _title(title_of(update)))
    add(item, None, "link", links.update(update.story, update.id))
    add(item, None, "guid", update_id(update.story, update.id), isPermaLink="false")
    add(item, None, "pubDate", format_datetime(update.published_at))
    add(item, ATOM, "updated", update.updated_at)
    for tag in update.tags:
        add(item, None, "category", tag)
    for place in update.places:
        add(item, None, "category", place, domain=f"{DATELINE}:place")
    add(item, None, "description", escaped(summary_text(update)))
    add(item, _CONTENT, "encoded", content_html(update, links))
    for told in update.corrections:
        when = told.corrected_at.isoformat()
        add(item, DATELINE, "correction", clean(told.note), revision=str(told.revision), severity=told.severity, when=when)


def _title(text: str) -> str:
    """Return a title that holds no tag for the many readers that take it for HTML, and is as it was for the others if it can."""
    return escaped(text) if _LOOKS_LIKE_MARKUP.search(text) else text
