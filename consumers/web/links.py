"""Where things are: the address of each thing that a reader can ask for."""

from __future__ import annotations

from typing import Final, Literal
from urllib.parse import quote, urlencode

FeedForm = Literal["atom", "rss", "json", "ninjs", "newsml"]

_SAFE: Final = "-._~"


class Links:
    """Addresses below one base, each absolute.

    Args:
        base: What all of them begin with, such as `https://live.example.org`; a `/` at its end does not count. Empty for
            addresses that begin with `/`, for use within a page.
    """

    def __init__(self, base: str) -> None:
        self.base = base.rstrip("/")

    def front(self) -> str:
        return f"{self.base}/"

    def story(self, story: str, **query: str | int | None) -> str:
        return f"{self.base}/stories/{_part(story)}{_query(query)}"

    def anchor(self, story: str, update: str) -> str:
        """Return the place of an update on its story's page."""
        return f"{self.story(story)}#{_part(update)}"

    def update(self, story: str, update: str) -> str:
        """Return the page of one update."""
        return f"{self.story(story)}/updates/{_part(update)}"

    def entry(self, story: str, update: str, **query: str | int | None) -> str:
        """Return one update as it stands on its story's page: what an open page asks for, with the `seq` it heard of."""
        return f"{self.update(story, update)}/entry{_query(query)}"

    def head(self, story: str, **query: str | int | None) -> str:
        """Return the top of a story's page: what an open page asks for, with the `seq` it heard of."""
        return f"{self.story(story)}/head{_query(query)}"

    def feed(self, story: str, form: FeedForm, **query: str | int | None) -> str:
        return f"{self._api(story)}/feed.{form}{_query(query)}"

    def search(self, **query: str | int | None) -> str:
        """Return the page of what was found, or where to ask."""
        return f"{self.base}/search{_query(query)}"

    def corrections_feed(self) -> str:
        return f"{self.base}/v1/corrections.atom"

    def sitemap_index(self) -> str:
        return f"{self.base}/sitemap.xml"

    def news_sitemap(self) -> str:
        return f"{self.base}/sitemap-news.xml"

    def sitemap(self, story: str) -> str:
        return f"{self.story(story)}/sitemap.xml"

    def updates(self, story: str, **query: str | int | None) -> str:
        return f"{self._api(story)}/updates{_query(query)}"

    def document(self, story: str, update: str) -> str:
        return f"{self._api(story)}/updates/{_part(update)}"

    def history(self, story: str, update: str) -> str:
        return f"{self.document(story, update)}/history"

    def changes(self, story: str, **query: str | int | None) -> str:
        return f"{self._api(story)}/changes{_query(query)}"

    def stream(self, story: str, **query: str | int | None) -> str:
        return f"{self._api(story)}/stream{_query(query)}"

    def static(self, name: str) -> str:
        return f"{self.base}/static/{name}"

    def _api(self, story: str) -> str:
        return f"{self.base}/v1/stories/{_part(story)}"


def _part(name: str) -> str:
    return quote(name.encode("utf-8", "surrogatepass"), safe=_SAFE)


def _query(given: dict[str, str | int | None]) -> str:
    held = {name: value for name, value in given.items() if value is not None}
    return f"?{urlencode(held, errors='surrogatepass')}" if held else ""
