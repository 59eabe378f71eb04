"""Whatever users wrote, every feed can be read and none of it comes to life."""

from __future__ import annotations

import json
import re
from typing import Any

import feedparser
import pytest
from hypothesis import given
from lxml import etree
from msgspec.json import encode as json_of

from consumers.state import Correction
from consumers.timeline.answers import ListedCorrection
from consumers.web.coverage import Coverage
from consumers.web.feeds.atom import atom_feed
from consumers.web.feeds.atom_corrections import corrections_feed
from consumers.web.feeds.json_feed import json_feed
from consumers.web.feeds.ninjs import ninjs_feed
from consumers.web.feeds.rss import rss_feed
from consumers.web.feeds.sitemap import story_sitemap
from tests.support.coverages import HOSTILE, LINKS, START, STORY, coverage_of, hostile_coverages, shown
from tests.unit.test_markup import ATTRIBUTES, ELEMENTS, parsed

OURS = {*ELEMENTS, "div", "time"}

FEED_ELEMENTS = {
    *("feed", "id", "title", "subtitle", "updated", "author", "name", "category", "generator", "link", "archive", "story"),
    *("deleted-entry", "comment", "gone", "entry", "published", "summary", "content", "update", "correction"),
    *("rss", "channel", "description", "language", "lastBuildDate", "item", "guid", "pubDate", "encoded"),
    *("urlset", "url", "loc", "lastmod"),
}


def check_content(content: str) -> None:
    """Fail unless the content of an entry holds our own elements and attributes only."""
    for element in parsed(content).iterdescendants():
        assert element.tag in OURS
        assert {*map(str, element.attrib)} <= {*ATTRIBUTES, "datetime"}
        for name in ("href", "src"):
            assert re.match(r"https?://|mailto:", str(element.get(name, "https://")), re.IGNORECASE)


def contents(tree: etree._Element) -> list[str]:
    return [element.text or "" for element in tree.iter("{*}content", "{*}encoded")]


@pytest.mark.parametrize("form", [atom_feed, rss_feed, story_sitemap])
def test_xml_always_parses_and_holds_our_elements_only(form: Any) -> None:  # Any: any of the functions
    @given(hostile_coverages())
    def check(coverage: Coverage) -> None:
        tree = etree.fromstring(form(coverage, LINKS))

        assert {etree.QName(element).localname for element in tree.iter(etree.Element)} <= FEED_ELEMENTS
        assert all(isinstance(element.tag, str) for element in tree.iter()), "no comment, no instruction"
        for content in contents(tree):
            check_content(content)

    check()


@given(hostile_coverages())
def test_rss_is_harmless_for_readers_that_take_titles_and_descriptions_for_html(coverage: Coverage) -> None:
    tree = etree.fromstring(rss_feed(coverage, LINKS))

    for element in tree.iter("title", "description"):
        assert not re.search(r"<[a-z/!?]", element.text or "", re.IGNORECASE)


@given(hostile_coverages())
def test_json_always_parses_and_its_html_is_harmless(coverage: Coverage) -> None:
    for item in json.loads(json_feed(coverage, LINKS))["items"]:
        check_content(item["content_html"])
    for part in json.loads(ninjs_feed(coverage, LINKS))["associations"]:
        for body in part.get("bodies", ()):
            check_content(body["value"])


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("form", [atom_feed, rss_feed])
def test_feedparser_reads_what_means_harm(form: Any, text: str) -> None:  # Any: either function
    update = shown(headline=f"A {text}", places=(f"B {text}",), tags=(f"C {text}",))

    found = feedparser.parse(form(coverage_of([update], title=f"T {text}"), LINKS))

    assert not found.bozo, found.get("bozo_exception")
    assert len(found.entries) == 1


@pytest.mark.parametrize("text", HOSTILE)
def test_a_correction_that_means_harm_is_shown_as_text(text: str) -> None:
    update = shown(headline=text.encode("utf-8", "replace").decode())
    told = Correction(2, text, "minor", START)

    tree = etree.fromstring(corrections_feed([ListedCorrection(STORY, update.id, told, json_of(update))], LINKS))

    [content] = contents(tree)
    check_content(content)
