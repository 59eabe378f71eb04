"""A real browser, and the pages that it opens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.support.live_site import LiveApp, LiveSite, flood, live_app
from tests.support.watched_page import WatchedPage

Open = Callable[..., WatchedPage]


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
