"""Sitemaps: an index, one of what is in the news, and one a story of its updates' pages."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from consumers.state import Story
from consumers.timeline.answers import Listed
from consumers.web.coverage import Coverage
from consumers.web.feeds.entry import changed_at
from consumers.web.feeds.xml import Element, add, document, root
from consumers.web.links import Links
from consumers.web.markup import one_line
from schemas.times import from_ms

CONTENT_TYPE: Final = "application/xml"

_SITEMAP: Final = "http://www.sitemaps.org/schemas/sitemap/0.9"
_NEWS: Final = "http://www.google.com/schemas/sitemap-news/0.9"

_NEWS_AGE: Final = timedelta(days=2)
_MOST_NEWS: Final = 1_000
_MOST_SITEMAPS: Final = 49_999

_CHINESE: Final = {"tw": "zh-tw", "hk": "zh-tw", "mo": "zh-tw", "hant": "zh-tw"}


def sitemap_index(stories: Iterable[Listed], links: Links) -> bytes:
    """Return the index: the sitemap of the news, then one of each story that has an update."""
    index = root(_SITEMAP, "sitemapindex", prefixes={None: _SITEMAP})
    _entry(index, "sitemap", links.news_sitemap(), changed=None)
    for listed in _with_updates(stories)[:_MOST_SITEMAPS]:
        _entry(index, "sitemap", links.sitemap(listed.story.id), changed=from_ms(listed.story.recorded_at))
    return document(index)


def news_sitemap(stories: Iterable[Listed], links: Links, *, now: datetime, publication: str = "Dateline") -> bytes:
    """Return the pages of the stories that were on in the last two days, which is what a sitemap of news may hold."""
    urls = root(_SITEMAP, "urlset", prefixes={None: _SITEMAP, "news": _NEWS})
    fresh = [one.story for one in _with_updates(stories) if from_ms(one.story.recorded_at) > now - _NEWS_AGE]
    for story in fresh[:_MOST_NEWS]:
        changed = from_ms(story.recorded_at)
        url = _entry(urls, "url", links.story(story.id), changed=changed)
        news = add(url, _NEWS, "news")
        paper = add(news, _NEWS, "publication")
        add(paper, _NEWS, "name", publication)
        add(paper, _NEWS, "language", news_language(story))
        add(news, _NEWS, "publication_date", story.heading.opened_at or changed)
        add(news, _NEWS, "title", one_line(story.heading.title))
    return document(urls)


def story_sitemap(coverage: Coverage, links: Links) -> bytes:
    """Return the pages of a story and of its updates, as many as the coverage holds."""
    urls = root(_SITEMAP, "urlset", prefixes={None: _SITEMAP})
    _entry(urls, "url", links.story(coverage.story.id), changed=changed_at(coverage))
    for update in coverage.updates:
        _entry(urls, "url", links.update(update.story, update.id), changed=update.updated_at)
    return document(urls)


def news_language(story: Story) -> str:
    """Return a story's language as a sitemap of news writes it: without a region, Chinese aside."""
    first, *rest = story.heading.language.lower().split("-")
    if first != "zh":
        return first
    return next((_CHINESE[part] for part in rest if part in _CHINESE), "zh-cn")


def _entry(parent: Element, name: str, address: str, *, changed: datetime | None) -> Element:
    entry = add(parent, _SITEMAP, name)
    add(entry, _SITEMAP, "loc", address)
    if changed is not None:
        add(entry, _SITEMAP, "lastmod", changed)
    return entry


def _with_updates(stories: Iterable[Listed]) -> list[Listed]:
    return [one for one in stories if one.updates]
