"""A real browser, and the pages that it opens."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.support.live_site import LiveApp, LiveSite, flood, live_app
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
    """What opens an address in a browser context of its own; options are the context's.

    `before`, if given, is called with the page before it goes to the address.
    """
    contexts = []

    def open_(address: str, *, before: Callable[[Page], object] = lambda page: None, **options: object) -> WatchedPage:
        context = chromium.new_context(**options)  # type: ignore[arg-type]  # the test names its options
        contexts.append(context)
        page: Page = context.new_page()
        watched = WatchedPage(page)
        before(page)
        page.goto(address)
        return watched

    yield open_
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApp]:
    """One app for all tests that leave its servers alone."""
    with live_app(tmp_path_factory.mktemp("app")) as running:
        yield running


@pytest.fixture
def own_app(tmp_path: Path) -> Iterator[LiveApp]:
    """An app whose servers a test may stop."""
    with live_app(tmp_path) as running:
        yield running


@pytest.fixture
def site(app: LiveApp) -> LiveSite:
    """A running story with three updates, served; what is done to it reaches whoever has its page open."""
    return flood(app)
