"""Every page is whole without a script, can be used by everybody, and fits each screen."""

from __future__ import annotations

import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from consumers.web.pages.security import content_security_policy
from schemas.content import Block, Content, Media, Source
from tests.browser.conftest import Open
from tests.support.live_site import LiveApp, LiveSite, flood

ROOT = Path(__file__).parents[2]
PICTURE = "https://pictures.example/levee.jpg"
EVERYTHING = Content(
    "Levee holds at **Torgau**",
    (
        Block(text="The levee *holds*, says the [office](https://office.example/).\nA second line."),
        Block("heading", "What is known"),
        Block("list", items=("One", "Two")),
        Block("quote", "We are **not** leaving.", "Anna Berg"),
        Block("embed", "A map", uri="https://maps.example/torgau"),
    ),
    (Media("image", PICTURE, "The levee at noon", "DPA", "Sandbags beside brown water", 1200, 800),),
    (Source("State office", "official", "https://office.example/"), Source("Our reporter", "own"), Source("A reader")),
    ("Torgau", "Wittenberg"),
    ("levee",),
)


def told(app: LiveApp, language: str = "en", title: str = "A flood on the Elbe") -> LiveSite:
    """The page of a story with everything that a page can show."""
    story = app.begin(title=title, summary="The river *rises*.", language=language)
    story.publish("old", "An older one", urgency=6)
    story.publish("everything", body=EVERYTHING, urgency=1, key_event=True)
    story.publish("neighbour", "From next door", from_story="dresden", urgency=2, pinned=True)
    for name, mark in (("a", "unverified"), ("b", "verified"), ("c", "disputed"), ("d", "debunked")):
        story.publish(name, f"Claim {name}")
        story.mark(name, verification=mark)
    story.correct("a", "Claim A", "More about a in other words.", note="A letter was small.")
    story.publish("gone", "Killed")
    story.kill("gone")
    return LiveSite(app, story)


@pytest.fixture(scope="module")
def whole(app: LiveApp) -> LiveSite:
    return told(app)


PAGES = {
    "story": "/stories/{story}",
    "as-of": "/stories/{story}?as_of=9",
    "update": "/stories/{story}/updates/a",
    "front": "/",
    "gone": "/stories/{story}/updates/gone",
    "not-found": "/stories/blood",
    "error": "/stories/{story}?cursor=nothing",
}


@pytest.fixture(scope="session")
def axe() -> str:
    """axe-core's script; without it, skip and say how to get it (in CI a skip is a failure)."""
    found = subprocess.run([ROOT / "scripts" / "fetch-axe.sh"], capture_output=True, text=True)
    if found.returncode != 0:
        pytest.skip(found.stderr.strip())
    return Path(found.stdout.strip()).read_text(encoding="utf-8")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", PAGES.values(), ids=PAGES)
def test_everybody_can_use_it(whole: LiveSite, open_page: Open, axe: str, path: str, scheme: str) -> None:
    page = open_page(whole.path(path), color_scheme=scheme, bypass_csp=True).page
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")

    page.evaluate(axe)
    found = page.evaluate("axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})")

    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found["violations"]] == []


@pytest.mark.parametrize("language", ["en", "ar", "zh"])
@pytest.mark.parametrize("path", PAGES.values(), ids=PAGES)
def test_it_fits_a_phone(app: LiveApp, open_page: Open, path: str, language: str) -> None:
    long = "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichen" * 3
    page = open_page(told(app, language, title=long).path(path), viewport={"width": 320, "height": 600}).page

    assert page.evaluate("document.documentElement.scrollWidth") == 320


@pytest.mark.parametrize(
    ("language", "direction"), [("en", "ltr"), ("ar", "rtl"), ("he", "rtl"), ("fa-IR", "rtl"), ("zh-Hans", "ltr")]
)
def test_the_page_runs_in_the_direction_of_its_language(app: LiveApp, open_page: Open, language: str, direction: str) -> None:
    page = open_page(told(app, language).url).page

    assert page.evaluate("getComputedStyle(document.body).direction") == direction


def test_it_is_whole_without_a_script(whole: LiveSite, open_page: Open) -> None:
    page = open_page(whole.url, java_script_enabled=False)

    expect(page.page.get_by_role("heading", level=1)).to_have_text("A flood on the Elbe")
    expect(page.page.locator(".keys")).to_contain_text("Levee holds")
    expect(page.page.locator(".pinned")).to_contain_text("From next door")
    expect(page.page.locator(".zone")).to_have_text("Times of Europe/Berlin")
    everything = page.update("everything")
    for said in ("The levee holds", "We are not leaving.", "Anna Berg", "The levee at noon", "DPA", "State office", "official"):
        expect(everything).to_contain_text(said)
    expect(everything.locator("time").first).to_have_text("13:02")
    expect(page.update("a")).to_contain_text("A letter was small.")
    page.update("a").get_by_text("What changed").click()
    expect(page.update("a").locator("ins").first).to_be_visible()
    expect(page.page.get_by_role("main").get_by_role("button")).to_have_count(0)


def test_without_a_script_one_reads_on_by_a_link(app: LiveApp, open_page: Open) -> None:
    site = flood(app, updates=45)
    page = open_page(site.url, java_script_enabled=False).page
    seen: list[str] = []
    while True:
        seen += [one.get_attribute("data-update") or "" for one in page.locator("#_entries > article").all()]
        if not page.locator("#_more").count():
            break
        page.locator("#_more").click()

    assert seen == [f"u{number}" for number in range(45, 0, -1)]


def test_nothing_but_pictures_comes_from_elsewhere(whole: LiveSite, open_page: Open) -> None:
    page = open_page(whole.url)
    page.update("everything").scroll_into_view_if_needed()

    expect(page.page.locator(".badge.live")).to_have_text("Live")
    assert page.hosts <= {urlsplit(whole.address).netloc, "pictures.example"}


@pytest.mark.parametrize("path", PAGES.values(), ids=PAGES)
def test_the_policy_for_content_refuses_nothing_of_ours(whole: LiveSite, open_page: Open, path: str) -> None:
    page = open_page(whole.path(path))
    page.page.wait_for_load_state()

    assert [one for one in page.complaints if "status of 4" not in one and "net::" not in one] == []


def test_the_policy_refuses_what_is_not_ours(whole: LiveSite, open_page: Open) -> None:
    page = open_page(whole.url)

    outcome = page.page.evaluate(
        "(() => { try { document.body.innerHTML = '<b>x</b>'; return 'done'; } catch (e) { return e.name; } })()"
    )

    assert outcome == "TypeError"
    assert "'unsafe" not in content_security_policy()


def test_a_picture_does_not_push_the_text_away_when_it_comes(whole: LiveSite, open_page: Open) -> None:
    page = open_page(whole.url)
    picture = page.update("everything").locator("img")

    box = picture.bounding_box()

    assert box is not None
    assert abs(box["width"] / box["height"] - 1.5) < 0.02
    assert picture.get_attribute("loading") == "lazy"


def test_what_can_be_pressed_is_large_enough(whole: LiveSite, open_page: Open) -> None:
    page = open_page(whole.url, viewport={"width": 360, "height": 640}).page

    small = page.evaluate(
        "[...document.querySelectorAll('footer a, button:not([hidden]), .when a, summary, .keys a, .more a')]"
        ".filter(one => one.getBoundingClientRect().height && one.getBoundingClientRect().height < 24).map(one => one.outerHTML)"
    )

    assert small == []


def test_a_page_that_cannot_be_read_comes_back_by_itself(own_app: LiveApp, open_page: Open) -> None:
    site = flood(own_app)
    own_app.redis.kill()
    page = open_page(site.url, java_script_enabled=False).page
    expect(page.get_by_role("heading", level=1)).to_have_text("Back in a moment")

    own_app.redis.start()

    expect(page.get_by_role("heading", level=1)).to_have_text("A flood", timeout=20_000)


def test_the_page_as_it_was_has_no_script_and_says_so(whole: LiveSite, open_page: Open) -> None:
    page = open_page(f"{whole.url}?as_of=9").page

    expect(page.locator(".banner")).to_contain_text("as readers had it at position 9")
    assert page.locator("script[src]").count() == 0


def test_print_leaves_out_what_paper_cannot_do(whole: LiveSite, open_page: Open) -> None:
    page = open_page(whole.url).page

    page.emulate_media(media="print")

    expect(page.locator("[data-share]").first).to_be_hidden()
    expect(page.locator("#everything .text")).to_be_visible()
