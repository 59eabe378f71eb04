"""Puts the web app together: what reads, what is read, and how it is shown."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from threading import Lock

from starlette.routing import BaseRoute, Route

from consumers.timeline.reader import TimelineReader
from consumers.web.answers import JSON, NOT_KEPT, Answer, Receive, Scope, Send, send_answer
from consumers.web.api import READ_API
from consumers.web.hub import Hub, Limits
from consumers.web.links import Links
from consumers.web.site import Site
from dateline.cli.lines import say
from dateline.deployment import Deployment
from dateline.errors import DatelineError, StoreUnavailable
from dateline.settings import Settings

_PATIENCE_S = 1.0
"""Seconds that a request waits while another thread opens what it needs."""


class SharedReader:
    """The view's reader, for several threads; made anew where Redis was lost, since a private one comes back elsewhere."""

    def __init__(self, settings: Settings) -> None:
        self._deployment = Deployment(settings)
        self._lock = Lock()

    def reader(self) -> TimelineReader:
        """Return the reader to use now.

        Raises:
            DatelineError: There is none: Redis or the log cannot be reached, or somebody still looks for them.
        """
        found: TimelineReader | None = self._deployment.__dict__.get("reader")
        if found is not None:
            return found
        if not self._lock.acquire(timeout=_PATIENCE_S):
            raise StoreUnavailable("The view is being looked for.")
        try:
            return self._deployment.reader
        finally:
            self._lock.release()

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
    hub = Hub(source, limits=limits, report=_report)
    return Site(hub, endpoints=READ_API, links=Links(public_url), others=_about_itself(hub))


def _report(what: str, error: Exception) -> None:
    """Say what went wrong; where in our code, unless it is one of the things that do go wrong."""
    about = {} if isinstance(error, DatelineError) else {"trace": "".join(traceback.format_exception(error))}
    say("failed", level="warning" if getattr(error, "retriable", False) else "error", what=what, error=str(error), **about)


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
