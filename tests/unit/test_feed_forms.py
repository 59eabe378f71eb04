"""Each form of a feed, as feed readers read it."""

from __future__ import annotations

import calendar
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import feedparser
import pytest
from lxml import etree
from msgspec import json as msgspec_json
from msgspec.structs import replace

from consumers.state import Heading, Story
from consumers.timeline.answers import Listed, ListedCorrection
from consumers.web.coverage import Coverage
from consumers.web.feeds.archives import Beside
from consumers.web.feeds.atom import atom_feed
from consumers.web.feeds.atom_corrections import corrections_feed
from consumers.web.feeds.ids import correction_id, story_id, update_id
from consumers.web.feeds.json_feed import json_feed
from consumers.web.feeds.ninjs import ninjs_feed
from consumers.web.feeds.rss import rss_feed
from consumers.web.feeds.sitemap import news_language, news_sitemap, sitemap_index, story_sitemap
from consumers.web.links import Links
from schemas.content import Block
from schemas.times import to_ms
from tests.support.coverages import LINKS, START, STORY, apollo, corrected, coverage_of, shown

ATOM = "{http://www.w3.org/2005/Atom}"
HISTORY = "{http://purl.org/syndication/history/1.0}"
TOMBSTONES = "{http://purl.org/atompub/tombstones/1.0}"
DATELINE = "{urn:dateline:feed:1}"
SITEMAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
NEWS = "{http://www.google.com/schemas/sitemap-news/0.9}"
ARCHIVE = Beside(
    "https://live.example.org/a?archive=2&v=2-9",
    current="https://live.example.org/a",
    previous="https://live.example.org/a?archive=1&v=2-8",
    following="https://live.example.org/a?archive=3",
)


def read(feed: bytes) -> Any:  # Any: feedparser is untyped
    """Return the feed as feedparser reads it, which must find nothing wrong with it."""
    found = feedparser.parse(feed)
    assert not found.bozo, found.get("bozo_exception")
    return found


def moment(parsed: Any) -> datetime:  # Any: a time of feedparser
    return datetime.fromtimestamp(calendar.timegm(parsed), tz=UTC)


def links_of(feed: bytes) -> dict[str, str]:
    tree = etree.fromstring(feed)
    return {str(link.get("rel")): str(link.get("href")) for link in tree.findall(f"{ATOM}link")}


# What all forms have in common


@pytest.mark.parametrize("form", [atom_feed, rss_feed])
def test_a_feed_reader_finds_every_update_once_the_last_changed_first(form: Any) -> None:  # Any: either function
    feed = read(form(apollo(), LINKS))

    assert feed.feed.title == "Apollo 13"
    assert feed.feed.link == "https://live.example.org/stories/apollo-13"
    assert feed.feed.language == "en"
    assert [entry.id for entry in feed.entries] == [update_id(STORY, "a-problem"), update_id(STORY, "launch")]
    assert feed.entries[0].title == "A problem aboard & about"
    assert feed.entries[0].link == "https://live.example.org/stories/apollo-13/updates/a-problem"
    assert moment(feed.entries[0].published_parsed) == START
    assert moment(feed.entries[0].updated_parsed) == START + timedelta(minutes=9)
    assert {"space", "Houston"} <= {tag.term for tag in feed.entries[0].tags}


@pytest.mark.parametrize("form", [atom_feed, rss_feed])
def test_a_correction_is_seen_in_the_text_and_read_by_machines(form: Any) -> None:  # Any: either function
    feed = form(apollo(), LINKS)

    entry = read(feed).entries[0]
    assert "Correction" in entry.content[0].value
    assert "It was tank 2, not tank 1." in entry.content[0].value
    assert "14 April 1970, 03:17 UTC" in entry.content[0].value
    assert entry.summary.startswith("Correction (14 April 1970, 03:17 UTC): It was tank 2, not tank 1. Lovell: Houston, we")
    told = [(one.get("revision"), one.get("severity"), one.text) for one in etree.fromstring(feed).iter(f"{DATELINE}correction")]
    assert told == [("2", "minor", "The time was wrong."), ("3", "substantive", "It was tank 2, not tank 1.")]


@pytest.mark.parametrize("form", [atom_feed, rss_feed])
def test_the_text_arrives_as_html_with_its_picture_and_its_sources(form: Any) -> None:  # Any: either function
    value = read(form(apollo(), LINKS)).entries[0].content[0].value

    for part in ("<em>Houston</em>", "&lt;have&gt;", "<blockquote>", "<li>", "<img", "NASA", "Three men", "Sources:", "Disputed"):
        assert part in value, part


@pytest.mark.parametrize("form", [atom_feed, rss_feed, json_feed])
def test_ids_do_not_follow_the_address(form: Any) -> None:  # Any: any of the functions
    elsewhere = Links("http://127.0.0.1:8000")

    for update in ("a-problem", "launch"):
        assert update_id(STORY, update).encode() in form(apollo(), elsewhere)
        assert update_id(STORY, update).encode() in form(apollo(), LINKS)


def test_ids_are_what_they_were_in_the_first_release() -> None:
    assert story_id(STORY) == "urn:uuid:7da651df-f87c-5eb6-abd0-d75059016af7"
    assert update_id(STORY, "a-problem") == "urn:uuid:abf664a6-8a54-5d57-95c4-16b09a170fa7"
    assert correction_id(STORY, "a-problem", 2) == "urn:uuid:b623b3ad-ed92-5f86-97eb-5d9b63871973"


def test_no_two_names_share_an_id() -> None:
    ids = [story_id("a"), update_id("a", "b"), update_id("a", "b%2Fc"), update_id("a", "b/c"), correction_id("a", "b", 1)]

    assert len({*ids, update_id("a", "b:c"), story_id("a:b"), update_id("é", "1"), update_id("e", "1")}) == 9


@pytest.mark.parametrize("form", [atom_feed, rss_feed, json_feed, ninjs_feed])
def test_a_summary_is_told_without_its_markup(form: Any) -> None:  # Any: any of the functions
    story = Story(STORY, Heading("Apollo 13", summary="To the **Moon** and [back](https://example.org)", opened_at=START), 1)

    feed = form(replace(coverage_of([]), story=story), LINKS).decode()

    assert "To the Moon and back" in feed
    assert "**" not in feed


@pytest.mark.parametrize("form", [atom_feed, rss_feed])
def test_a_story_without_updates_is_a_feed_too(form: Any) -> None:  # Any: either function
    feed = read(form(coverage_of([]), LINKS))

    assert feed.entries == []
    assert moment(feed.feed.updated_parsed) == START


# Atom


def test_what_was_taken_off_leaves_a_tombstone() -> None:
    """RFC 6721: `ref` and `when`, in the feed, with no entry of that id."""
    tree = etree.fromstring(atom_feed(apollo(), LINKS))

    found = {one.get("ref"): one for one in tree.findall(f"{TOMBSTONES}deleted-entry")}
    assert set(found) == {update_id(STORY, "rumour"), update_id(STORY, "doubt")}
    killed = found[update_id(STORY, "rumour")]
    assert datetime.fromisoformat(str(killed.get("when"))) == START + timedelta(minutes=30)
    assert killed.findtext(f"{TOMBSTONES}comment") == "Killed: not to be used in any version."
    assert not set(found) & {one.text for one in tree.iter(f"{ATOM}id")}


def test_the_head_names_itself_and_the_newest_archive_and_how_the_story_stands() -> None:
    beside = Beside("https://live.example.org/a", previous="https://live.example.org/a?archive=2&v=2-9")
    feed = atom_feed(apollo(), LINKS, beside=beside)

    links = links_of(feed)
    assert links.pop("alternate") == "https://live.example.org/stories/apollo-13"
    assert links == {"self": beside.itself, "prev-archive": beside.previous}
    tree = etree.fromstring(feed)
    assert tree.find(f"{HISTORY}archive") is None
    story = tree.find(f"{DATELINE}story")
    assert story is not None
    assert [story.get(name) for name in ("id", "seq", "status")] == [STORY, "9", "open"]


def test_an_archive_says_that_it_is_one_and_names_those_beside_it() -> None:
    """RFC 5005, section 4."""
    feed = atom_feed(apollo(), LINKS, beside=ARCHIVE)

    assert etree.fromstring(feed).find(f"{HISTORY}archive") is not None
    assert links_of(feed) == {
        "alternate": "https://live.example.org/stories/apollo-13",
        "self": ARCHIVE.itself,
        "current": ARCHIVE.current,
        "prev-archive": ARCHIVE.previous,
        "next-archive": ARCHIVE.following,
    }


@pytest.mark.parametrize("now", [apollo(), coverage_of([]), coverage_of([], opened_at=None)])
def test_an_archive_does_not_change_when_the_story_goes_on_or_closes(now: Coverage) -> None:
    heading = replace(now.story.heading, closed_at=START)
    later = Coverage(Story(STORY, heading, seq=99, recorded_at=5), 99, "g2", now.updates, now.places, now.gone, now.next)

    assert atom_feed(later, LINKS, beside=ARCHIVE) == atom_feed(now, LINKS, beside=ARCHIVE)
    assert atom_feed(later, LINKS) != atom_feed(now, LINKS)


def test_atom_has_what_it_must_have() -> None:
    """RFC 4287, section 4.1: id, title and updated of the feed and of each entry, and an author."""
    tree = etree.fromstring(atom_feed(apollo(), LINKS, publication="The Houston Post"))

    for element in (tree, *tree.findall(f"{ATOM}entry")):
        assert all(len(element.findall(f"{ATOM}{name}")) == 1 for name in ("id", "title", "updated"))
    assert tree.findtext(f"{ATOM}author/{ATOM}name") == "The Houston Post"
    assert tree.findtext(f"{ATOM}id") == story_id(STORY)
    assert tree.get("{http://www.w3.org/XML/1998/namespace}lang") == "en"


def test_corrections_across_stories_are_a_feed() -> None:
    update = corrected()
    document = msgspec_json.encode(update)
    found = [ListedCorrection(STORY, update.id, told, document) for told in reversed(update.corrections)]

    feed = read(corrections_feed(found, LINKS, publication="The Houston Post"))

    assert feed.feed.title == "The Houston Post: corrections"
    assert moment(feed.feed.updated_parsed) == START + timedelta(minutes=9)
    assert [entry.id for entry in feed.entries] == [correction_id(STORY, update.id, revision) for revision in (3, 2)]
    assert feed.entries[0].title == "Correction: A problem aboard & about"
    assert feed.entries[0].link == "https://live.example.org/stories/apollo-13/updates/a-problem"
    assert "It was tank 2, not tank 1." in feed.entries[0].content[0].value


def test_a_feed_of_no_corrections_is_a_feed() -> None:
    assert read(corrections_feed([], LINKS)).entries == []


# RSS


def test_rss_has_its_own_address_and_guids_that_are_no_links() -> None:
    tree = etree.fromstring(rss_feed(apollo(), LINKS))

    assert tree.get("version") == "2.0"
    own = tree.find(f"channel/{ATOM}link")
    assert own is not None
    assert own.get("href") == "https://live.example.org/v1/stories/apollo-13/feed.rss"
    assert {guid.get("isPermaLink") for guid in tree.iter("guid")} == {"false"}
    assert next(date.text for date in tree.iter("pubDate")) == format_datetime(START) == "Tue, 14 Apr 1970 03:08:20 +0000"


# JSON Feed


def test_a_json_feed_has_what_it_must_have() -> None:
    feed = json.loads(json_feed(apollo(), LINKS))

    assert feed["version"] == "https://jsonfeed.org/version/1.1"
    assert feed["title"] == "Apollo 13"
    assert feed["feed_url"] == "https://live.example.org/v1/stories/apollo-13/feed.json"
    assert [item["id"] for item in feed["items"]] == [update_id(STORY, "a-problem"), update_id(STORY, "launch")]
    assert all(item["content_html"] and datetime.fromisoformat(item["date_published"]) for item in feed["items"])
    assert "next_url" not in feed


def test_a_json_feed_says_what_was_corrected_and_what_is_gone() -> None:
    feed = json.loads(json_feed(apollo(), LINKS))

    item = feed["items"][0]
    assert "It was tank 2, not tank 1." in item["content_html"]
    assert [one["note"] for one in item["_dateline"]["corrections"]] == ["The time was wrong.", "It was tank 2, not tank 1."]
    assert [(one["id"], one["kind"]) for one in feed["_dateline"]["gone"]] == [
        (update_id(STORY, "rumour"), "killed"),
        (update_id(STORY, "doubt"), "withheld"),
    ]


def test_a_json_feed_leads_to_the_part_below() -> None:
    feed = json.loads(json_feed(coverage_of([shown()], next="p7"), LINKS, cursor="p9"))

    assert feed["feed_url"] == "https://live.example.org/v1/stories/apollo-13/feed.json?cursor=p9"
    assert feed["next_url"] == "https://live.example.org/v1/stories/apollo-13/feed.json?cursor=p7"


# Sitemaps


def listed(story: str, *, age: timedelta = timedelta(0), updates: int = 1, language: str = "en") -> Listed:
    heading = Heading(f"The {story}", language=language)
    return Listed(Story(story, heading, recorded_at=to_ms(START - age)), updates)


def test_a_sitemap_of_news_holds_the_stories_of_the_last_two_days() -> None:
    stories = [listed("new", language="pt-BR"), listed("old", age=timedelta(days=3)), listed("empty", updates=0)]

    tree = etree.fromstring(news_sitemap(stories, LINKS, now=START + timedelta(hours=1), publication="The Post"))

    assert [loc.text for loc in tree.iter(f"{SITEMAP}loc")] == ["https://live.example.org/stories/new"]
    news = tree.find(f"{SITEMAP}url/{NEWS}news")
    assert news is not None
    assert news.findtext(f"{NEWS}publication/{NEWS}name") == "The Post"
    assert news.findtext(f"{NEWS}publication/{NEWS}language") == "pt"
    assert news.findtext(f"{NEWS}publication_date") == "1970-04-14T03:08:20.000000Z"
    assert news.findtext(f"{NEWS}title") == "The new"


@pytest.mark.parametrize(
    ("tag", "expected"), [("en-GB", "en"), ("zh-Hant", "zh-tw"), ("zh-Hans-CN", "zh-cn"), ("zh", "zh-cn"), ("zh-TW", "zh-tw")]
)
def test_a_sitemap_of_news_writes_languages_in_its_own_way(tag: str, expected: str) -> None:
    assert news_language(listed("a", language=tag).story) == expected


def test_the_index_leads_to_a_sitemap_of_each_story() -> None:
    index = etree.fromstring(sitemap_index([listed("one"), listed("empty", updates=0)], LINKS))
    story = etree.fromstring(story_sitemap(apollo(), LINKS))

    assert [loc.text for loc in index.iter(f"{SITEMAP}loc")] == [LINKS.news_sitemap(), LINKS.sitemap("one")]
    pages = [loc.text for loc in story.iter(f"{SITEMAP}loc")]
    assert pages == [LINKS.story(STORY), LINKS.update(STORY, "launch"), LINKS.update(STORY, "a-problem")]


# Size


@pytest.mark.parametrize("form", [atom_feed, rss_feed, json_feed])
def test_an_update_of_ten_thousand_blocks_is_in_a_feed(form: Any) -> None:  # Any: any of the functions
    update = shown(body=tuple(Block(text=f"No. {number}") for number in range(10_000)))

    assert b"No. 9999" in form(coverage_of([update]), LINKS)
