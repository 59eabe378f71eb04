"""Where the feeds are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from weakref import WeakKeyDictionary

from consumers.timeline.reader import TimelineReader
from consumers.web.answers import Answer, content_tag
from consumers.web.asked import CURSOR, STORY, Parameter, limit, whole
from consumers.web.coverage import Coverage
from consumers.web.endpoints import Asked, Endpoint, no_story
from consumers.web.feeds import atom, json_feed, newsml, ninjs, rss, sitemap
from consumers.web.feeds.archives import HEAD, OTHERS, archive_address, beside_archive, beside_head
from consumers.web.feeds.atom_corrections import corrections_feed
from consumers.web.reading import FeedReader, read_corrections, read_coverage
from dateline.clock import now

_ARCHIVE: Final = Parameter(
    "archive",
    "An archive's number (RFC 5005); leave it out for what is new.",
    {"type": "integer", "minimum": 1, "maximum": 10**9},
    whole(least=1, most=10**9),
)
_VERSION: Final = Parameter("v", "The archive's version, from the address that a feed gave.", {"type": "string"}, str)
_SITEMAP_UPDATES: Final = 1000
_SITEMAP_STORIES: Final = 20_000


class Feeds:
    """Makes feeds; remembers how each story's is cut."""

    def __init__(self) -> None:
        self._readers: WeakKeyDictionary[TimelineReader, FeedReader] = WeakKeyDictionary()

    def atom(self, asked: Asked) -> Answer:
        """Return the head of a story's feed, or one of its archives; an archive's old address leads to the present one."""
        feeds = self._readers.setdefault(asked.reader, FeedReader(asked.reader))
        if asked.given["archive"] is not None:
            return self._archive(feeds, asked, asked.given["archive"])
        found = feeds.head(asked.story)
        if found is None:
            raise no_story(asked)
        coverage, archives = found
        body = atom.atom_feed(coverage, asked.links, beside=beside_head(asked.links, asked.story, archives))
        return Answer(body, atom.CONTENT_TYPE, etag=content_tag(body))

    def _archive(self, feeds: FeedReader, asked: Asked, number: int) -> Answer:
        found = feeds.archive(asked.story, number=number)
        if found is None:
            if asked.reader.story(asked.story) is None:
                raise no_story(asked)
            return _elsewhere(asked.links.feed(asked.story, "atom"))
        coverage, archives = found
        if asked.given["v"] != archives.version(number):
            return _elsewhere(archive_address(asked.links, asked.story, number=number, version=archives.version(number)))
        body = atom.atom_feed(coverage, asked.links, beside=beside_archive(asked.links, asked.story, archives, number=number))
        return Answer(body, atom.CONTENT_TYPE, etag=content_tag(body))


def _rss(asked: Asked) -> Answer:
    body = rss.rss_feed(_head(asked), asked.links)
    return Answer(body, rss.CONTENT_TYPE, etag=content_tag(body))


def _json(asked: Asked) -> Answer:
    cursor = asked.given["cursor"]
    coverage = _head(asked) if cursor is None else read_coverage(asked.reader, asked.story, limit=HEAD, cursor=cursor)
    if coverage is None:
        raise no_story(asked)
    body = json_feed.json_feed(coverage, asked.links, cursor=cursor)
    return Answer(body, json_feed.CONTENT_TYPE, etag=content_tag(body))


def _ninjs(asked: Asked) -> Answer:
    body = ninjs.ninjs_feed(_head(asked), asked.links)
    return Answer(body, ninjs.CONTENT_TYPE, etag=content_tag(body))


def _newsml(asked: Asked) -> Answer:
    body = newsml.newsml_feed(_head(asked), asked.links)
    return Answer(body, newsml.CONTENT_TYPE, etag=content_tag(body))


def _corrections(asked: Asked) -> Answer:
    body = corrections_feed(read_corrections(asked), asked.links)
    return Answer(body, atom.CONTENT_TYPE, etag=content_tag(body))


def _sitemaps(asked: Asked) -> Answer:
    return _sitemap(sitemap.sitemap_index(asked.reader.stories(limit=_SITEMAP_STORIES), asked.links))


def _news(asked: Asked) -> Answer:
    return _sitemap(sitemap.news_sitemap(asked.reader.stories(limit=_SITEMAP_STORIES), asked.links, now=now()))


def _story_sitemap(asked: Asked) -> Answer:
    coverage = read_coverage(asked.reader, asked.story, limit=_SITEMAP_UPDATES)
    if coverage is None:
        raise no_story(asked)
    return _sitemap(sitemap.story_sitemap(coverage, asked.links))


def _sitemap(body: bytes) -> Answer:
    return Answer(body, sitemap.CONTENT_TYPE, etag=content_tag(body))


def _head(asked: Asked) -> Coverage:
    coverage = read_coverage(asked.reader, asked.story, limit=HEAD, others=OTHERS)
    if coverage is None:
        raise no_story(asked)
    return coverage


def _elsewhere(address: str) -> Answer:
    return Answer(b"", "text/plain", status=302, headers={"location": address})


_FEED: Final = "/v1/stories/{story}/feed"


def feed_endpoints() -> Sequence[Endpoint]:
    """Return the feeds and sitemaps."""
    missing = (404,)
    return (
        Endpoint(
            f"{_FEED}.atom",
            "feedAtom",
            "A story as an Atom feed, with tombstones (RFC 6721) and archives (RFC 5005).",
            Feeds().atom,
            parameters=(_ARCHIVE, _VERSION),
            media_type=atom.CONTENT_TYPE,
            problems=missing,
            moves="The archive is at another address now.",
        ),
        Endpoint(f"{_FEED}.rss", "feedRss", "A story as RSS 2.0.", _rss, media_type=rss.CONTENT_TYPE, problems=missing),
        Endpoint(
            f"{_FEED}.json",
            "feedJson",
            "A story as JSON Feed 1.1.",
            _json,
            parameters=(CURSOR,),
            media_type=json_feed.CONTENT_TYPE,
            problems=missing,
        ),
        Endpoint(f"{_FEED}.ninjs", "feedNinjs", "A story as ninjs 3.", _ninjs, media_type=ninjs.CONTENT_TYPE, problems=missing),
        Endpoint(
            f"{_FEED}.newsml", "feedNewsml", "A story as NewsML-G2.", _newsml, media_type=newsml.CONTENT_TYPE, problems=missing
        ),
        Endpoint(
            "/v1/corrections.atom",
            "correctionsAtom",
            "What was put right, as an Atom feed: of one story, or of all.",
            _corrections,
            parameters=(STORY, limit(default=50, most=500)),
            media_type=atom.CONTENT_TYPE,
            problems=missing,
        ),
        *_sitemap_endpoints(),
    )


def _sitemap_endpoints() -> Sequence[Endpoint]:
    return (
        Endpoint("/sitemap.xml", "sitemaps", "The sitemaps.", _sitemaps, media_type=sitemap.CONTENT_TYPE, is_strict=False),
        Endpoint("/sitemap-news.xml", "newsSitemap", "Of the news.", _news, media_type=sitemap.CONTENT_TYPE, is_strict=False),
        Endpoint(
            "/stories/{story}/sitemap.xml",
            "storySitemap",
            "A story's updates as a sitemap.",
            _story_sitemap,
            media_type=sitemap.CONTENT_TYPE,
            problems=(404,),
            is_strict=False,
        ),
    )
