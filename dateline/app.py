"""Puts the web app together: what reads, what is read, and how it is shown."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from threading import Lock

from starlette.routing import BaseRoute, Route

from consumers.timeline.reader import TimelineReader
from consumers.web.answers import JSON, NOT_KEPT, Answer, Receive, Scope, Send, send_answer
from consumers.web.api import READ_API
from consumers.web.feeds.endpoints import feed_endpoints
from consumers.web.hub import Hub, Limits
from consumers.web.links import Links
from consumers.web.pages.endpoints import page_endpoints, show_problem, static_answers
from consumers.web.pages.site import Site as PageSite
from consumers.web.problems import Problem, problem_answer
from consumers.web.site import Site
from dateline.deployment import Deployment
from dateline.settings import Settings

NAME = "Dateline"


class SharedReader:
    """The view's reader, for several threads; made anew where Redis was lost, since a private one comes back elsewhere."""

    def __init__(self, settings: Settings) -> None:
        self._deployment = Deployment(settings)
        self._lock = Lock()

    def reader(self) -> TimelineReader:
        """Return the reader to use now.

        Raises:
            DatelineError: There is none: Redis or the log cannot be reached.
        """
        with self._lock:
            return self._deployment.reader

    def renew(self, failed: TimelineReader | None) -> None:
        """Let go of a reader whose Redis was lost, unless another thread did it."""
        with self._lock:
            if failed is None or failed is self._deployment.__dict__.get("reader"):
                self._deployment.reconnect()

    def close(self) -> None:
        with self._lock:
            self._deployment.close()


def make_site(source: SharedReader, *, public_url: str, limits: Limits | None = None) -> Site:
    """Return the site over a view.

    Args:
        public_url: Where readers find it, for what has to name itself.
    """
    hub, links = Hub(source, limits=limits), Links(public_url)
    return Site(
        hub,
        endpoints=(*READ_API, *feed_endpoints(), *page_endpoints(NAME)),
        links=links,
        others=[*_about_itself(hub), Route("/static/{name}", _App(_static()))],
        show_problem=partial(show_problem, site=PageSite(links, NAME)),
    )


def _static() -> object:
    answers = static_answers()

    async def static(scope: Scope, receive: Receive, send: Send) -> None:
        answer = answers.get(scope["path_params"]["name"])
        await send_answer(answer or problem_answer(Problem(404, "There is no such file.")), scope, send)

    return static


def _about_itself(hub: Hub) -> Sequence[BaseRoute]:
    async def healthz(scope: Scope, receive: Receive, send: Send) -> None:
        await send_answer(Answer(b'{"status":"ok"}', JSON, caching=NOT_KEPT), scope, send)

    async def readyz(scope: Scope, receive: Receive, send: Send) -> None:
        status, said = (200, b'{"status":"ready"}') if hub.is_up else (503, b'{"status":"the view cannot be followed"}')
        await send_answer(Answer(said, JSON, status=status, caching=NOT_KEPT), scope, send)

    return [Route("/healthz", _App(healthz)), Route("/readyz", _App(readyz))]


class _App:
    """An ASGI function, which a route would take for one of a request."""

    def __init__(self, answer: object) -> None:
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._answer(scope, receive, send)  # type: ignore[operator]
