"""Readers search from every page, without a script, and what they find can be used by everybody and does no harm."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.integration.cli import run
from tests.support.served import PATIENCE
from tests.support.servers import eventually
from tests.support.site_server import restore_coverage, site

ROOT = Path(__file__).parents[2]
HARM = "<script>window.harmed=1</script><img src=x onerror=window.harmed=1> smoke"
ASKED = {
    "results": "/search?q=oxygen",
    "in a story": "/search?q=oxygen&story=apollo-13&sort=newest",
    "nothing": "/search?q=anceint",
    "meant": "/search?q=oxigen",
    "not asked": "/search",
    "arabic": "/search?q=%D8%AF%D8%AE%D8%A7%D9%86&story=mina",
    "many": "/search?q=crew",
}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A site with the coverage of Apollo 13, a story in Arabic, and one that wants to do harm."""
    data = tmp_path_factory.mktemp("found") / "data"
    restore_coverage(data)
    for story, title, zone, language in (("mina", "حريق في الميناء", "Asia/Beirut", "ar"), ("harm", HARM, "UTC", "en")):
        run(data, "story", "open", story, "--title", title, "--time-zone", zone, "--language", language)
    run(data, "publish", "mina", "--id", "dukhan", "--headline", "دخان فوق الميناء")
    run(data, "correct", "mina", "dukhan", "--headline", "دخان فوق الميناء الشرقي", "--note", "كان الرصيف خطأ.")
    run(data, "publish", "harm", "--id", "one", "--headline", HARM, "--body", HARM)
    with site(data) as running:
        said = ["search", "--json", "--", "smoke"]
        eventually(lambda: '"id":"one"' in run(data, *said).out, within=PATIENCE, what="an index of all")
        yield running


@pytest.fixture(scope="module")
def axe() -> str:
    found = subprocess.run([ROOT / "scripts" / "fetch-axe.sh"], capture_output=True, text=True)
    if found.returncode != 0:
        pytest.skip(found.stderr.strip())
    return Path(found.stdout.strip()).read_text(encoding="utf-8")


def test_a_reader_without_a_script_searches_the_story_and_then_everything(address: str, open_page: Open) -> None:
    page = open_page(f"{address}/stories/apollo-13", java_script_enabled=False).page

    page.get_by_role("searchbox").fill("oxygen")
    page.get_by_role("button", name="Search").click()

    expect(page.get_by_role("combobox")).to_have_value("apollo-13")
    expect(page.locator("mark").first).to_contain_text("xygen")
    expect(page.get_by_role("status")).to_contain_text("updates")
    page.get_by_role("link", name="Newest").click()
    expect(page.locator("[aria-current]")).to_have_text("Newest")
    page.get_by_role("combobox").select_option("")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("combobox")).to_have_count(0)
    expect(page.locator(".result .about a").first).to_have_text("Apollo 13: bringing the crew home")
    page.locator(".result h2 a").first.click()
    assert "/stories/apollo-13/updates/" in page.url


def test_the_front_page_asks_of_all_stories(address: str, open_page: Open) -> None:
    page = open_page(address, java_script_enabled=False).page

    page.get_by_role("searchbox").fill("oxigen")
    page.get_by_role("searchbox").press("Enter")

    expect(page.get_by_role("status")).to_have_text("No update holds “oxigen”.")
    page.get_by_role("link", name="oxygen").click()
    expect(page.get_by_role("searchbox")).to_have_value("oxygen")
    expect(page.locator(".result").first).to_be_visible()


def test_the_pages_of_results_lead_on(address: str, open_page: Open) -> None:
    page = open_page(f"{address}/search?q=story:apollo+OR+the&sort=newest", java_script_enabled=False).page
    first = page.locator(".result h2").first.inner_text()

    page.get_by_role("link", name="More results").click()

    assert page.locator(".result h2").first.inner_text() != first
    page.get_by_role("link", name="First results").click()
    assert page.locator(".result h2").first.inner_text() == first


def test_what_wants_to_do_harm_is_shown_and_does_none(address: str, open_page: Open) -> None:
    found = open_page(f"{address}/search?q=smoke")

    expect(found.page.locator(".result h2")).to_have_text(HARM)
    assert found.page.locator("mark").all_inner_texts() == ["smoke", "smoke"]
    assert found.page.evaluate("window.harmed") is None
    assert found.page.locator("main :is(script, img)").count() == 0
    assert found.complaints == []


def test_a_result_is_told_in_its_storys_zone(address: str, open_page: Open) -> None:
    page = open_page(f"{address}/search?q=headline:oxygen").page

    expect(page.locator(".result .about")).to_contain_text("13 April 1970")
    expect(page.locator(".result .about")).to_contain_text("CST")


def test_a_search_of_an_arabic_story_runs_from_right_to_left(address: str, open_page: Open) -> None:
    page = open_page(address + ASKED["arabic"]).page

    assert page.evaluate("getComputedStyle(document.body).direction") == "rtl"
    expect(page.get_by_role("button")).to_have_text("بحث")
    expect(page.locator(".put-right")).to_contain_text("كان الرصيف خطأ.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ASKED.values(), ids=ASKED)
def test_everybody_can_use_it(address: str, open_page: Open, axe: str, path: str, scheme: str) -> None:
    page = open_page(address + path, color_scheme=scheme, bypass_csp=True).page

    page.evaluate(axe)
    found = page.evaluate("axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})")

    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found["violations"]] == []


@pytest.mark.parametrize("path", [*ASKED.values(), "/", "/stories/apollo-13"])
def test_it_fits_a_phone(address: str, open_page: Open, path: str) -> None:
    page = open_page(address + path, viewport={"width": 320, "height": 600}).page

    assert page.evaluate("document.documentElement.scrollWidth") == 320
