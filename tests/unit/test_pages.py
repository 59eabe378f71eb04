"""The pages as text: nothing that comes from outside is obeyed, each says what there is to say, every language is complete."""

from __future__ import annotations

import gzip
import json
import re
import string
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
from lxml import html
from msgspec import structs

from consumers.timeline.answers import Listed
from consumers.web.links import Links
from consumers.web.pages.assets import asset_name, static_files
from consumers.web.pages.changes import changes_html
from consumers.web.pages.front import front_page
from consumers.web.pages.languages import direction, language_tag
from consumers.web.pages.publisher import Publisher, environment
from consumers.web.pages.refusals import gone_page, not_found_page, unavailable_page
from consumers.web.pages.security import content_security_policy
from consumers.web.pages.story import StoryView, entry_fragment, head_fragment, story_page
from consumers.web.pages.texts import Texts, languages, plural_form, texts_for
from consumers.web.pages.update import update_page
from dateline.demo.archive import read_archive
from schemas.content import Block, Content
from tests.support.told_story import NOON, ToldStory

PUBLISHER = Publisher(Links("https://live.example.org/news"), name="The Herald")
MOST_PAGE_BYTES = 40_000
MOST_SCRIPT_BYTES = 15_000


def parsed(page: str) -> Any:  # Any: what lxml's expressions give is not known to its types
    return html.fromstring(page)


def a_story(**heading: Any) -> ToldStory:  # Any: a heading's fields
    story = ToldStory("flood", **{"title": "A flood", "summary": "The river rises.", "time_zone": "Europe/Berlin", **heading})
    story.publish("one", "First")
    story.publish("two", "Second")
    return story


def page_of(story: ToldStory, **options: Any) -> Any:  # Any: of `view`; lxml's elements are untyped
    return parsed(story_page(story.view(**options), publisher=PUBLISHER))


def json_ld_of(page: Any) -> dict[str, Any]:  # Any: lxml's elements are untyped; what JSON holds
    found: dict[str, Any] = json.loads(page.xpath("//script[@id='_ld']")[0].text)
    return found


# What the page of a story says


def test_updates_stand_newest_first_under_their_days() -> None:
    story = ToldStory("flood", title="A flood", time_zone="Europe/Berlin")
    story.publish("before", at=datetime(2026, 3, 14, 22, 59, tzinfo=UTC))
    story.publish("after", at=datetime(2026, 3, 14, 23, 1, tzinfo=UTC))

    found = page_of(story).xpath("//div[@id='_entries']/*[self::h2 or self::article]")

    assert [one.get("id") or one.text_content().strip() for one in found] == [
        "Sunday 15 March 2026",
        "after",
        "Saturday 14 March 2026",
        "before",
    ]


def test_a_time_says_its_hour_and_holds_its_moment_and_zone() -> None:
    found = page_of(a_story()).xpath("//article[@id='one']//time")[0]

    assert found.text == "13:01"
    assert found.get("datetime") == "2026-03-14T12:01:00Z"
    assert found.get("title") == "Saturday 14 March 2026, 13:01:00 (CET, Europe/Berlin)"


def test_a_correction_says_what_was_wrong_and_shows_what_changed() -> None:
    story = a_story()
    story.correct("one", "First of all", "Fewer about one in a few words.", note="It was fewer, not more.")

    found = page_of(story).xpath("//article[@id='one']//*[@class='correction']")[0]

    assert "It was fewer, not more." in found.text_content()
    assert [one.text_content().strip() for one in found.xpath(".//details//del")] == ["First", "More"]
    assert [one.text_content().strip() for one in found.xpath(".//details//ins")] == ["First of all", "Fewer"]


def test_without_the_history_a_link_leads_to_what_changed() -> None:
    story = a_story()
    story.correct("one", "First of all")
    view = structs.replace(story.view(), histories={})

    found = parsed(story_page(view, publisher=PUBLISHER)).xpath("//*[@class='correction']//a/@href")

    assert found == ["/news/stories/flood/updates/one#_history"]


def test_a_pinned_update_stands_on_top_and_its_place_says_so() -> None:
    story = a_story()
    story.mark("one", pinned=True)

    page = page_of(story)

    assert page.xpath("//section[@class='pinned']/article/@id") == ["one"]
    assert len(page.xpath("//*[@id='one']")) == 1
    assert page.xpath("//article[contains(@class, 'elsewhere')]//a/@href") == ["/news/stories/flood#one"]


def test_a_key_event_leads_to_its_place_or_to_its_page() -> None:
    story = a_story()
    story.mark("one", key_event=True)
    story.mark("two", key_event=True)

    found = page_of(story, limit=1).xpath("//nav[@class='keys']//a/@href")

    assert found == ["#two", "/news/stories/flood/updates/one"]


def test_reading_on_is_a_link_that_keeps_the_time_one_looks_at() -> None:
    now = page_of(a_story(), limit=1).xpath("//a[@id='_more']/@href")
    then = page_of(a_story(), limit=1, as_of=NOON).xpath("//a[@id='_more']/@href")

    assert now == ["/news/stories/flood?cursor=p3"]
    assert then == ["/news/stories/flood?cursor=p3&as_of=2026-03-14T12%3A00%3A00Z"]


def test_the_page_as_it_was_says_when_and_has_no_script() -> None:
    page = page_of(a_story(), as_of=NOON)

    assert "14 March 2026, 13:00" in page.xpath("string(//*[@class='banner'])")
    assert page.xpath("//script[@src] | //script[@id='_ld']") == []
    assert page.xpath("//main/@data-stream") == []
    assert page.xpath("//*[contains(@class, 'live') and contains(@class, 'badge')]") == []


def test_addresses_for_others_are_absolute_and_those_within_are_not() -> None:
    page = page_of(a_story())

    assert page.xpath("//link[@rel='canonical']/@href") == ["https://live.example.org/news/stories/flood"]
    assert page.xpath("//meta[@property='og:url']/@content") == ["https://live.example.org/news/stories/flood"]
    assert {urlsplit(one).netloc for one in page.xpath("//body//a/@href | //link[@rel='alternate']/@href")} == {""}
    assert [one.get("type") for one in page.xpath("//link[@rel='alternate']")] == [
        "application/atom+xml",
        "application/rss+xml",
        "application/feed+json",
    ]


# For search engines


def test_search_engines_are_told_of_corrections_and_of_an_end_only_once_there_is_one() -> None:
    story = a_story()
    story.publish("wrong", "Not so")
    story.kill("wrong")
    story.correct("one", "First of all", note="It was not the second.")
    running = json_ld_of(page_of(story))
    story.close()
    ended = json_ld_of(page_of(story))

    assert "coverageEndTime" not in running
    assert running["coverageStartTime"] == "2026-03-14T12:00:00Z"
    assert ended["coverageEndTime"] == "2026-03-14T12:06:00Z"
    assert [one["url"] for one in running["liveBlogUpdate"]] == [
        f"https://live.example.org/news/stories/flood#{n}" for n in ("two", "one")
    ]
    assert running["liveBlogUpdate"][1]["correction"][0]["@type"] == "CorrectionComment"
    assert running["liveBlogUpdate"][1]["correction"][0]["text"] == "It was not the second."


# Parts and other pages


def test_a_part_is_the_same_as_on_the_whole_page() -> None:
    story = a_story()
    story.correct("one", "First of all")
    shown = story.shown("one")
    assert shown is not None

    place, history = story.updates["one"].place, story.histories["one"]
    part = entry_fragment(shown, place=place, story=story.story, history=history, publisher=PUBLISHER)
    head = head_fragment(story.view(), publisher=PUBLISHER)

    page = story_page(story.view(), publisher=PUBLISHER)
    assert part.strip() in page
    assert head.strip() in page


def test_the_page_of_an_update_tells_its_history_newest_first() -> None:
    story = a_story()
    story.correct("one", "First of all", note="It was not the second.")
    story.mark("one", verification="verified")
    shown = story.shown("one")
    assert shown is not None

    page = parsed(update_page(shown, story=story.story, history=story.histories["one"], publisher=PUBLISHER))

    steps = page.xpath("//section[@id='_history']//li")
    assert [one.xpath("string(.//strong)") for one in steps] == ["Marked", "Corrected", "Published"]
    assert "now: Verified" in steps[0].text_content()
    assert "It was not the second." in steps[1].text_content()


def test_the_page_of_a_killed_update_says_nothing_of_it() -> None:
    story = a_story()
    story.publish("the-mayor-is-dead", "The mayor is dead")
    story.kill("the-mayor-is-dead")

    page = gone_page(story.story, killed_at=NOON, publisher=PUBLISHER)

    assert "mayor" not in page
    assert "14 March 2026, 13:00" in page


def test_the_page_for_what_is_not_there_names_what_may_have_been_meant() -> None:
    page = parsed(not_found_page(publisher=PUBLISHER, nearest=[a_story().story]))

    assert page.xpath("//main//li/a/@href") == ["/news/stories/flood"]


def test_the_page_for_when_nothing_can_be_read_asks_again_by_itself() -> None:
    assert parsed(unavailable_page(publisher=PUBLISHER, retry_after_s=7)).xpath("//meta[@http-equiv]/@content") == ["7"]


def test_the_front_page_has_running_stories_above_those_that_ended() -> None:
    ended, running = a_story(title="An old flood"), a_story(title="A new flood")
    ended.close()

    page = parsed(front_page([Listed(ended.story, 2), Listed(running.story, 1)], publisher=PUBLISHER))

    assert [one.text_content() for one in page.xpath("//h3")] == ["A new flood", "An old flood"]
    assert "1 update" in page.xpath("string((//p[@class='about'])[1])")


# Languages


@pytest.mark.parametrize("language", sorted(languages()))
def test_a_language_says_everything_that_english_does(language: str) -> None:
    english, other = texts_for("en"), texts_for(language)

    assert other.keys == english.keys
    assert {key for key in english.keys if _blanks(english, key) != _blanks(other, key)} <= {
        "new_updates",
        "updates",
        "day",
        "short",
    }
    assert (len(other.names("weekdays")), len(other.names("months"))) == (7, 12)
    for key in ("new_updates", "updates"):
        assert {plural_form(language, n) for n in range(200)} <= set(other.forms(key))


def _blanks(texts: Texts, key: str) -> set[str]:
    if key in ("weekdays", "months"):
        return set()
    return {name for form in texts.forms(key).values() for _, name, _, _ in string.Formatter().parse(form) if name}


@pytest.mark.parametrize("language", sorted(languages()))
def test_each_language_makes_each_page(language: str) -> None:
    story = a_story(language=language)
    story.correct("one", "First of all")
    story.close()

    page = page_of(story)

    assert page.get("lang") == language
    assert page.get("dir") == ("rtl" if language == "ar" else "ltr")


def test_a_language_without_texts_speaks_english_around_its_own_words() -> None:
    page = page_of(a_story(language="he", title="שיטפון"))

    assert (page.get("lang"), page.get("dir")) == ("en", "rtl")
    assert page.xpath("//h1/@lang") == ["he"]
    assert set(page.xpath("//h3/@lang")) == {"he"}


@pytest.mark.parametrize(
    ("tag", "runs"),
    [("ar-EG", "rtl"), ("ku-Arab", "rtl"), ("az-Latn-IR", "ltr"), ("ur", "rtl"), ("en", "ltr"), ("uz-Latn", "ltr")],
)
def test_a_script_has_its_direction(tag: str, runs: str) -> None:
    assert direction(tag) == runs


def test_what_is_no_language_tag_is_none() -> None:
    assert language_tag('en" onload="x') == "und"


# What is loaded with them


def test_files_are_named_by_their_content() -> None:
    found = static_files()

    assert {kind for _, kind in found.values()} == {"text/css; charset=utf-8", "text/javascript; charset=utf-8", "image/svg+xml"}
    assert asset_name("page.js") in found
    assert re.fullmatch(r"page\.[0-9a-f]{10}\.css", asset_name("page.css"))


def test_the_demo_with_twenty_updates_weighs_little() -> None:
    story = ToldStory("apollo-13")
    for one in read_archive():
        story.tell(one.event)
    files = [
        story_page(story.view(), publisher=PUBLISHER).encode(),
        *(static_files()[asset_name(name)][0] for name in ("page.css", "page.js")),
    ]

    assert sum(len(gzip.compress(file)) for file in files) < MOST_PAGE_BYTES
    assert len(files[2]) < MOST_SCRIPT_BYTES


def test_nothing_inline_and_nothing_from_elsewhere_is_allowed() -> None:
    policy = content_security_policy()

    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert page_of(a_story()).xpath("//*[@style] | //style | //script[not(@src) and not(contains(@type, 'json'))]") == []


def test_every_template_can_be_read() -> None:
    for name in environment().list_templates():
        environment().get_template(name)


# What changed


def test_a_text_of_thousands_of_blocks_is_not_compared_on_a_page() -> None:
    story = a_story()
    story.publish("long", body=Content("Long", tuple(Block(text=f"{n}") for n in range(2000))))
    before = story.document("long")
    story.revise("long", body=Content("Long", tuple(Block(text=f"{n + 1}") for n in range(2000))))
    after = story.document("long")
    assert before is not None
    assert after is not None

    assert changes_html(before, after) == ""


def test_words_are_compared_one_by_one_in_chinese_too() -> None:
    story = a_story()
    story.publish("moon", body=Content("月球上的第一步。"))
    before = story.document("moon")
    story.revise("moon", body=Content("月亮上的第一步。"))
    after = story.document("moon")
    assert before is not None
    assert after is not None

    assert "月<del>球</del><ins>亮</ins>上的第一步。" in changes_html(before, after)


def test_a_view_has_its_defaults() -> None:
    view = StoryView(a_story().view().coverage)

    assert "Second" in story_page(view, publisher=PUBLISHER)
