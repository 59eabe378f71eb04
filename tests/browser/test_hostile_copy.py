"""Copy that wants to do harm is shown, in a real browser, and does none."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Route, expect

from consumers.web.pages.assets import static_files
from consumers.web.pages.security import content_security_policy
from consumers.web.pages.story import story_page
from tests.support import hostile
from tests.support.watched_page import WatchedPage

_PAGE = "http://page.test/page"
_WILD = (
    "body :is(iframe, object, embed, form:not(.search[action='/search']), base, style, svg, plaintext, "
    "script:not([src], [type='application/json']))"
)
_TOUCH_EVERYTHING = """for (const one of document.querySelectorAll('body *'))
    for (const kind of ['mouseover', 'focus', 'error', 'load']) one.dispatchEvent(new Event(kind))"""
_SCHEMES = "[...document.querySelectorAll('[href], [src]')].map(one => new URL(one.href ?? one.src).protocol)"
_QUIET = '{"since": 3, "seq": 3, "more": false, "next_poll": 60, "changes": []}'


class Enclosed:
    """A browser for which there is no other server than what is said here."""

    def __init__(self, chromium: Browser) -> None:
        self.context = chromium.new_context()
        self.html = ""

    def open(self, html: str) -> WatchedPage:
        self.html = html
        page = self.context.new_page()
        page.route("**/*", self._answer)
        watched = WatchedPage(page)
        page.goto(_PAGE)
        return watched

    def _answer(self, route: Route) -> None:
        path = route.request.url.removeprefix("http://page.test")
        if path == "/page":
            headers = {"content-security-policy": content_security_policy()}
            route.fulfill(body=self.html.encode(), headers=headers, content_type="text/html")
        elif path.startswith("/static/"):
            content, kind = static_files()[path.removeprefix("/static/")]
            route.fulfill(body=content, content_type=kind)
        elif "/stream" in path:
            route.fulfill(status=204)
        else:
            route.fulfill(body=_QUIET, content_type="application/json")


@pytest.fixture
def enclosed(chromium: Browser) -> Iterator[Enclosed]:
    found = Enclosed(chromium)
    yield found
    found.context.close()


@pytest.mark.parametrize("text", hostile.VECTORS.values(), ids=hostile.VECTORS)
def test_it_is_shown_on_every_page_and_does_nothing(enclosed: Enclosed, text: str) -> None:
    for name, html in hostile.pages(text).items():
        page = enclosed.open(html)

        page.page.evaluate(_TOUCH_EVERYTHING)

        assert page.page.evaluate("window.harmed") is None, name
        assert page.complaints == [], name
        assert {one for one in page.requests if "/static/" not in one and "/v1/" not in one} == {_PAGE}, name
        assert page.page.locator(_WILD).count() == 0, name
        assert set(page.page.evaluate(_SCHEMES)) <= {"http:", "https:", "mailto:"}, name
        assert page.page.url == _PAGE, name


def test_ten_thousand_blocks_are_shown_in_good_time(enclosed: Enclosed) -> None:
    began = time.monotonic()
    html = story_page(hostile.view("<b>much</b>", blocks=1700), publisher=hostile.PUBLISHER)
    rendered = time.monotonic() - began

    page = enclosed.open(html)

    expect(page.page.locator("#one")).to_be_visible()
    assert page.complaints == []
    assert rendered < 5
