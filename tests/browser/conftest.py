"""A real browser, and the pages that it opens."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.support.live_site import LiveSite, serving
from tests.support.told_story import ToldStory
from tests.support.watched_page import WatchedPage

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
_OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

Open = Callable[..., WatchedPage]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for all tests; without one, skip and say how to get it (in CI a skip is a failure)."""
    program = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if program is None:
        pytest.skip("no chromium: apt install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=_OPTIONS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Browser) -> Iterator[Open]:
    """What opens an address in a browser context of its own; options are the context's."""
    contexts = []

    def open_(address: str, **options: object) -> WatchedPage:
        context = chromium.new_context(**options)  # type: ignore[arg-type]  # the test names its options
        contexts.append(context)
        page: Page = context.new_page()
        watched = WatchedPage(page)
        page.goto(address)
        return watched

    yield open_
    for context in contexts:
        context.close()


@pytest.fixture
def site() -> Iterator[LiveSite]:
    """A running story, served; what is done to it reaches whoever has its page open."""
    story = ToldStory(title="A flood", summary="The river rises.", time_zone="Europe/Berlin")
    for number in range(1, 4):
        story.publish(f"u{number}", f"Update {number}")
    with serving(LiveSite(story)) as served:
        yield served
