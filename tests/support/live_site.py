"""A small real server with the live page of one told story, and all that the page's script talks to."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import uvicorn
from msgspec import json
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Route

from consumers.timeline.answers import Listed, change_json
from consumers.web.links import Links
from consumers.web.pages.assets import static_files
from consumers.web.pages.front import front_page
from consumers.web.pages.refusals import error_page, gone_page, not_found_page, unavailable_page
from consumers.web.pages.security import content_security_policy
from consumers.web.pages.site import Site
from consumers.web.pages.story import entry_fragment, head_fragment, story_page
from consumers.web.pages.update import update_page
from tests.support.servers import eventually, free_port
from tests.support.told_story import ToldStory

_TICK = 0.01


@dataclass
class LiveSite:
    """The page of `story`, served; what the story is told next reaches whoever has the page open.

    Attributes:
        is_down: Every answer is a 503, and streams end.
        resets: Raised to tell every stream of a gap.
        requests: What was asked for, in order.
        page_size: Updates on a page.
        held: Updates whose entry, read already, arrives only later.
    """

    story: ToldStory
    port: int = field(default_factory=free_port)
    is_down: bool = False
    has_streams: bool = True
    resets: int = 0
    streams: int = 0
    next_poll: float = 0.2
    page_size: int = 20
    requests: list[str] = field(default_factory=list)
    held: dict[str, threading.Event] = field(default_factory=dict)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def site(self) -> Site:
        return Site(Links(self.address))

    @property
    def url(self) -> str:
        """The story's page."""
        return self.site.links.story(self.story.story.id)

    def app(self) -> Starlette:
        page = "/stories/{story}"
        routes = {
            "/": self._front,
            page: self._story,
            f"{page}/head": self._head,
            f"{page}/updates/{{update}}": self._update,
            f"{page}/updates/{{update}}/entry": self._entry,
            "/v1/stories/{story}/changes": self._changes,
            "/v1/stories/{story}/stream": self._stream,
            "/static/{name}": self._static,
            "/error": self._error,
        }
        return Starlette(routes=[Route(path, self._guarded(answer)) for path, answer in routes.items()])

    def _guarded(self, answer: Callable[[Request], Response]) -> Callable[[Request], Response]:
        def guarded(request: Request) -> Response:
            self.requests.append(str(request.url).removeprefix(self.address))
            if self.is_down:
                return self._page(unavailable_page(site=self.site), 503)
            story = request.path_params.get("story", self.story.story.id)
            return answer(request) if story == self.story.story.id else self._not_found(request)

        return guarded

    def _page(self, page: str, status: int = 200) -> Response:
        headers = {"content-security-policy": content_security_policy(), "cache-control": "no-cache"}
        return HTMLResponse(page, status, headers)

    def _front(self, request: Request) -> Response:
        listed = Listed(self.story.story, len(self.story.view(limit=10_000).coverage.updates))
        return self._page(front_page([listed], site=self.site))

    def _story(self, request: Request) -> Response:
        given = request.query_params.get("as_of")
        as_of = int(given) if given else None
        view = self.story.view(limit=self.page_size, cursor=request.query_params.get("cursor"), as_of=as_of)
        return self._page(story_page(view, site=self.site))

    def _head(self, request: Request) -> Response:
        return self._page(head_fragment(self.story.view(), site=self.site))

    def _update(self, request: Request) -> Response:
        name = request.path_params["update"]
        shown, known = self.story.shown(name), self.story.updates.get(name)
        if shown is not None:
            return self._page(update_page(shown, story=self.story.story, history=self.story.histories[name], site=self.site))
        if known is not None and known.killed_at is not None:
            return self._page(gone_page(self.story.story, killed_at=known.killed_at, site=self.site), 410)
        return self._not_found(request)

    def _entry(self, request: Request) -> Response:
        name = request.path_params["update"]
        shown = self.story.shown(name)
        if shown is None:
            return self._page("", 410)
        place, history = self.story.updates[name].place, self.story.histories[name]
        entry = entry_fragment(shown, place=place, story=self.story.story, history=history, site=self.site)
        if name in self.held:
            self.held[name].wait(timeout=20)
        return self._page(entry)

    def _not_found(self, request: Request) -> Response:
        return self._page(not_found_page(site=self.site, nearest=[self.story.story]), 404)

    def _error(self, request: Request) -> Response:
        return self._page(error_page("'p0x' is no cursor. Leave it out for the newest.", site=self.site), 400)

    def _changes(self, request: Request) -> Response:
        since = int(request.query_params["since"])
        head = json.encode({"since": since, "seq": self.story.story.seq, "more": False, "next_poll": self.next_poll})
        changes = b",".join(change_json(one) for one in self.story.since(since))
        return Response(head[:-1] + b',"changes":[' + changes + b"]}", media_type="application/json")

    def _stream(self, request: Request) -> Response:
        if not self.has_streams:
            return Response(status_code=404)
        since = int(request.headers.get("last-event-id") or request.query_params["since"])
        return StreamingResponse(self._frames(since), media_type="text/event-stream", headers={"cache-control": "no-store"})

    async def _frames(self, since: int) -> AsyncIterator[bytes]:
        resets = self.resets
        self.streams += 1
        try:
            yield b"retry: 100\n\n"
            while not self.is_down:
                if resets != self.resets:
                    resets = self.resets
                    since = self.story.story.seq
                    yield b"event: reset\ndata: {}\n\n"
                for one in self.story.since(since):
                    since = one.change.seq
                    yield b"id: %d\nevent: %s\ndata: %s\n\n" % (since, one.change.kind.encode(), change_json(one))
                await asyncio.sleep(_TICK)
        finally:
            self.streams -= 1

    def _static(self, request: Request) -> Response:
        content, kind = static_files()[request.path_params["name"]]
        return Response(content, media_type=kind, headers={"cache-control": "max-age=31536000, immutable"})


@contextmanager
def serving(site: LiveSite) -> Iterator[LiveSite]:
    """Serve a site from a thread of its own."""
    config = uvicorn.Config(site.app(), port=site.port, log_level="error", ws="none", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        eventually(lambda: server.started, what="the site")
        yield site
    finally:
        site.is_down = True
        server.should_exit = True
        thread.join()
