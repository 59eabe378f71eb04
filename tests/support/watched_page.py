"""An open page, and all that it did which a harmless page does not do."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from playwright.sync_api import ConsoleMessage, Dialog, Locator, Page, Request

from tests.support.servers import eventually


class WatchedPage:
    """A page in a real browser.

    Attributes:
        complaints: Errors, warnings of the console such as for the Content-Security-Policy, and dialogs.
        requests: The addresses that it asked for.
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("dialog", self._dialog)
        page.on("request", self._request)

    @property
    def hosts(self) -> set[str]:
        """The hosts that it asked for anything."""
        return {urlsplit(address).netloc for address in self.requests}

    def articles(self) -> Sequence[str]:
        """Return the ids of the updates that the stream of entries shows, from the top."""
        ids: list[str] = self.page.eval_on_selector_all("#_entries > article", "found => found.map(one => one.dataset.update)")
        return ids

    def shows(self, *updates: str) -> None:
        """Wait until the stream of entries shows just these."""
        eventually(lambda: tuple(self.articles()) == updates, within=10, what=f"a page that shows {updates}")

    def update(self, name: str) -> Locator:
        return self.page.locator(f"#{name}")

    def text(self) -> str:
        """Return all that is in the document, seen or not."""
        whole: str = self.page.content()
        return whole

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text}")

    def _dialog(self, dialog: Dialog) -> None:
        self.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _request(self, request: Request) -> None:
        self.requests.append(request.url)
