"""Puts the web app together: what reads, what is read, and how it is shown."""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from functools import partial
from threading import Lock
from typing import Final, Generic, TypeVar

from starlette.routing import Route

from consumers.search.answers import SearchReader
from consumers.timeline.reader import TimelineReader
from consumers.web.answers import JSON, NOT_KEPT, Answer, Receive, Scope, Send
from consumers.web.api import READ_API
from consumers.web.endpoints import Endpoint, Views
from consumers.web.feeds.endpoints import feed_endpoints
from consumers.web.hub import Hub, Limits
from consumers.web.links import Links
from consumers.web.openapi import openapi_document
from consumers.web.pages.endpoints import page_endpoints, show_problem, static_answers
from consumers.web.pages.publisher import Publisher
from consumers.web.problems import Problem, problem_answer
from consumers.web.reference import openapi_answer, reference_answer
from consumers.web.requests import preflight, refuse_writing
from consumers.web.searching import SEARCH_API
from consumers.web.site import RETRY_AFTER_S, Site
from dateline.cli.lines import say
from dateline.deployment import Deployment
from dateline.errors import DatelineError, StoreUnavailable
from dateline.metrics import TEXT_FORMAT
from dateline.serving.entrance import Entrance
from dateline.serving.operating import OperateApi
from dateline.serving.scrape import Scrape
from dateline.serving.writing import WriteApi
from dateline.settings import Settings
from producers.keys import KeyRing

NAME = "Dateline"

_PATIENCE_S = 1.0
"""Seconds that a request waits while another thread opens what it needs."""


R = TypeVar("R", TimelineReader, SearchReader)


class SharedReader(Generic[R]):
    """A view's reader, for several threads; made anew where its store was lost, since a private Redis comes back elsewhere.

    Args:
        name: What the deployment calls it.
    """

    def __init__(self, settings: Settings, name: str) -> None:
        self._deployment = Deployment(settings)
        self._name = name
        self._lock = Lock()

    def reader(self) -> R:
        """Return the reader to use now.

        Raises:
            DatelineError: There is none: the store or the log cannot be reached, or somebody still looks for them.
        """
        found: R | None = self._deployment.__dict__.get(self._name)
        if found is not None:
            return found
        if not self._lock.acquire(timeout=_PATIENCE_S):
            raise StoreUnavailable("The view is being looked for.")
        try:
            opened: R = getattr(self._deployment, self._name)
            return opened
        finally:
            self._lock.release()

    def renew(self, failed: R | None) -> None:
        """Let go of a reader whose store was lost, unless another thread did it."""
        with self._lock:
            if failed is None or failed is self._deployment.__dict__.get(self._name):
                self._deployment.reconnect()

    def home(self, story: str) -> int:
        """Return the partition of a story."""
        return self._deployment.home(story)

    def close(self) -> None:
        with self._lock:
            self._deployment.close()


class SharedViews:
    """The readers of all views; each is opened when it is first asked for, and none waits for another."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._open = ExitStack()
        self.timeline: SharedReader[TimelineReader] = SharedReader(settings, "reader")
        self.search: SharedReader[SearchReader] = SharedReader(settings, "search_reader")

    def closing(self, close: Callable[[], None]) -> None:
        """Have something closed before the readers are."""
        self._open.callback(close)

    def close(self) -> None:
        self._open.close()
        self.timeline.close()
        self.search.close()


ENDPOINTS: Final[Sequence[Endpoint]] = (*READ_API, *SEARCH_API, *feed_endpoints(), *page_endpoints(NAME))
"""Everything that is read from the view, and by this list routed and described."""


def make_site(source: SharedViews, *, public_url: str, limits: Limits | None = None, scrape: Scrape | None = None) -> Site:
    """Return the site over the views.

    Args:
        public_url: Where readers find it, for what has to name itself.
        scrape: Finds the metrics; without it there are none to ask for.
    """
    hub, links = Hub(source.timeline, limits=limits, report=_report), Links(public_url)
    others = [
        *_about_itself(hub),
        *_described(public_url),
        Route("/static/{name}", _Static()),
        *([_metrics(scrape)] if scrape is not None else []),
    ]
    show = partial(show_problem, publisher=Publisher(links, NAME))
    views = Views(source.timeline, source.search)
    writes = _writes(source, links, views)
    site = Site(hub, endpoints=ENDPOINTS, links=links, views=views, writes=writes, others=others, show_problem=show)
    if scrape is not None:
        scrape.start(site.figures)
    return site


def _writes(source: SharedViews, links: Links, views: Views) -> list[Route]:
    entrance = Entrance(KeyRing(source.settings.data_folder))
    writing = WriteApi(source.settings, source, entrance, links=links, views=views)
    operating = OperateApi(source.settings, entrance)
    for api in (writing, operating):
        source.closing(api.close)
    return [*writing.routes(read={one.path for one in ENDPOINTS}), *operating.routes()]


def _report(what: str, error: Exception) -> None:
    """Say what went wrong; where in our code, unless it is one of the things that do go wrong."""
    about = {} if isinstance(error, DatelineError) else {"trace": "".join(traceback.format_exception(error))}
    say("failed", level="warning" if getattr(error, "retriable", False) else "error", what=what, error=str(error), **about)


def _about_itself(hub: Hub) -> Sequence[Route]:
    async def healthz() -> Answer:
        return Answer(b'{"status":"ok"}', JSON, caching=NOT_KEPT)

    async def readyz() -> Answer:
        if hub.is_up:
            return Answer(b'{"status":"ready"}', JSON, caching=NOT_KEPT)
        headers = {"retry-after": str(RETRY_AFTER_S)}
        return Answer(b'{"status":"the view cannot be followed"}', JSON, status=503, caching=NOT_KEPT, headers=headers)

    return [Route("/healthz", _Told(healthz)), Route("/readyz", _Told(readyz))]


def _described(public_url: str) -> Sequence[Route]:
    document = openapi_document(ENDPOINTS, base=Links(public_url).base)
    for_programs, for_people = openapi_answer(document), reference_answer(document)

    async def openapi() -> Answer:
        return for_programs

    async def docs() -> Answer:
        return for_people

    return [Route("/openapi.json", _Told(openapi)), Route("/docs", _Told(docs))]


def _metrics(scrape: Scrape) -> Route:
    async def metrics() -> Answer:
        return Answer(await scrape.text(), TEXT_FORMAT, caching=NOT_KEPT)

    return Route("/metrics", _Told(metrics))


class _Static:
    """What pages load, as an ASGI app."""

    def __init__(self) -> None:
        self._answers = static_answers()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = self._answers.get(scope["path_params"]["name"])
        missing = Problem(404, "There is no such file.")
        await scope["app"].answer(found or problem_answer(missing, instance=scope["path"]), scope, send)


class _Told:
    """What the site tells of itself, as an ASGI app that can only be read."""

    def __init__(self, tell: Callable[[], Awaitable[Answer]]) -> None:
        self._tell = tell

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            refuse_writing(scope)
            answer = await self._tell()
        except Problem as problem:
            answer = preflight() if scope["method"] == "OPTIONS" else problem_answer(problem, instance=scope["path"])
        await scope["app"].answer(answer, scope, send)
