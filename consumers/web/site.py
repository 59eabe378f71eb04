"""The site: takes each request to what answers it, keeps answers while they hold, and says what goes wrong."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from msgspec import json
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Route, Router

from consumers.web.answers import Answer, Receive, Scope, Send, send_answer
from consumers.web.asked import read_query
from consumers.web.endpoints import Asked, Endpoint, Killed, Missing, SearchBroken, Views, no_story
from consumers.web.figures import Figures
from consumers.web.hub import Hub
from consumers.web.kept import KeptAnswers
from consumers.web.links import Links
from consumers.web.problems import BRIEFLY, Problem, problem_answer
from consumers.web.requests import (
    ALLOWED,
    ALLOWED_BOTH,
    READS,
    canonical_target,
    name_of,
    pairs_of,
    preflight,
    refuse_writing,
    target_of,
    wish_of,
)
from consumers.web.stream import Stream, Wish
from dateline.errors import DatelineError, Refused, StoreUnavailable

RETRY_AFTER_S: Final = 2
_PATIENCE_S: Final = 10.0
_THREADS: Final = {"reading": 8, "searching": 4}

ShowProblem = Callable[[Exception, Problem], Answer]


class Site:
    """An ASGI app over a hub.

    Args:
        endpoints: What there is to read.
        links: Whose base is where readers find this site.
        views: What the endpoints read.
        writes: Routes of what is written to; asked before the endpoints, at the addresses of some of which they are.
        others: Routes of other parts; asked after the endpoints.
        show_problem: Shows what went wrong to a person, where a page was asked for.
    """

    def __init__(
        self,
        hub: Hub,
        *,
        endpoints: Sequence[Endpoint],
        links: Links,
        views: Views,
        writes: Sequence[Route] = (),
        others: Sequence[BaseRoute] = (),
        show_problem: ShowProblem | None = None,
    ) -> None:
        self.hub = hub
        self.links = links
        self.views = views
        self.kept = KeptAnswers(lambda: hub.is_up)
        self._answered = [0] * 6
        self._pools = {name: ThreadPoolExecutor(most, thread_name_prefix=name) for name, most in _THREADS.items()}
        self._show_problem = show_problem or (lambda error, problem: problem_answer(problem))
        self._stream = Stream(hub)
        hub.on_changed = self.kept.changed
        written = {route.path for route in writes}
        reads = [Route(one.path, _Reading(self, one, ALLOWED_BOTH if one.path in written else ALLOWED)) for one in endpoints]
        self._streaming = _Streaming(self)
        # Sent elsewhere for a slash too many, a client would follow whatever `Host` somebody gave.
        self._router = Router([*writes, *reads, *others], default=_no_such_address, redirect_slashes=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._live(receive, send)
            return
        if scope["method"] in READS:
            kept = self.kept.get(target_of(scope))
            if kept is not None:
                await self.answer(kept, scope, send)
                return
        if streamed := _STREAM.fullmatch(scope["path"]):
            await self._streaming(scope, receive, send, story=streamed[1])  # not by the router: it would stay for hours too
            return
        try:
            scope["app"] = self
            await self._router(scope, receive, send)
        except HTTPException as error:
            allow = (error.headers or {}).get("Allow", "")
            detail = f"Nothing can be done here with {scope['method']}; there is {allow}." if allow else error.detail
            problem = Problem(error.status_code, detail, allow=allow)
            await self.answer(self._nothing_here(problem, scope), scope, send)

    async def answer(self, answer: Answer, scope: Scope, send: Send) -> None:
        """Send an answer, and count it."""
        self._answered[await send_answer(answer, scope, send) // 100] += 1

    def figures(self) -> Figures:
        """Return what this process has done so far, and how it is."""
        hub, kept = self.hub, self.kept
        return Figures(
            answered_2xx=self._answered[2],
            answered_3xx=self._answered[3],
            answered_4xx=self._answered[4],
            answered_5xx=self._answered[5],
            streams=hub.streams,
            streams_shed=hub.shed,
            slow_clients_cut=hub.slow,
            frames_written=hub.written,
            kept_bytes=kept.size_bytes,
            answers_kept=kept.hits,
            answers_made=kept.made,
            answers_shared=kept.shared,
            is_following=float(hub.is_up),
        )

    async def read(self, endpoint: Endpoint, asked: Asked) -> Answer:
        """Return what an endpoint answers; made in a thread.

        Raises:
            StoreUnavailable: Among others: it took too long.
        """
        try:
            async with asyncio.timeout(_PATIENCE_S):
                return await asyncio.get_running_loop().run_in_executor(self._pools[endpoint.pool], lambda: endpoint.read(asked))
        except TimeoutError:
            raise StoreUnavailable(f"The view gave no answer within {_PATIENCE_S:g} s.") from None

    async def stream(self, scope: Scope, receive: Receive, send: Send, *, story: str, wish: Wish) -> None:
        """Serve a client of a story's stream.

        Raises:
            Missing: There is no such story.
        """
        if not await self._stream(scope, receive, send, story=story, wish=wish):
            raise await asyncio.to_thread(lambda: no_story(Asked(self.links, story, "", {}, self.views)))
        self._answered[2] += 1

    def problem_of(self, error: Exception, scope: Scope, *, is_page: bool) -> Answer:
        """Return what tells of an error, to a person or to a program; one of our own making goes to the log too."""
        problem = _problem(error)
        if problem.status == 500 or isinstance(error, SearchBroken):
            self.hub.report(f"{scope['method']} {scope['path']}", error)
        if is_page:
            return self._show_problem(error, problem)
        return _document(error) or problem_answer(problem, instance=scope["path"])

    def _nothing_here(self, problem: Problem, scope: Scope) -> Answer:
        """Return what tells that nothing is at an address: to a person, unless it is one of the API's."""
        if problem.status == 404 and not scope["path"].startswith("/v1/"):
            return self._show_problem(Missing(problem.detail), problem)
        return problem_answer(problem, instance=scope["path"])

    async def _live(self, receive: Receive, send: Send) -> None:
        """Begin and end with the server (ASGI's lifespan)."""
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await self.hub.start()
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await self.hub.stop()
                for pool in self._pools.values():
                    pool.shutdown(wait=False, cancel_futures=True)
                await send({"type": "lifespan.shutdown.complete"})
                return


_STREAM: Final = re.compile(r"/v1/stories/([^/]+)/stream")


class _Reading:
    """One endpoint as an ASGI app."""

    def __init__(self, site: Site, endpoint: Endpoint, allowed: str) -> None:
        self._site = site
        self._allowed = allowed
        self._endpoint = endpoint
        self._is_page = endpoint.media_type.startswith("text/html")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "OPTIONS":
            await self._site.answer(preflight(self._allowed), scope, send)
            return
        try:
            refuse_writing(scope, allowed=self._allowed)
            answer = await self._answer(scope)
        except Exception as error:  # the boundary: whatever it is, who asks gets an answer
            answer = self._site.problem_of(error, scope, is_page=self._is_page)
        await self._site.answer(answer, scope, send)

    async def _answer(self, scope: Scope) -> Answer:
        names, given = self._named(scope), self._given(scope)
        story = names.get("story") or given.get("story")
        is_plain = self._endpoint.is_strict or not scope["query_string"]
        target = target_of(scope) if is_plain else canonical_target(scope, given)
        kept = self._site.kept.get(target)
        if kept is not None:
            return kept
        asked = Asked(self._site.links, names.get("story", ""), names.get("update", ""), given, self._site.views)
        if not self._endpoint.is_kept:
            return await self._site.read(self._endpoint, asked)
        return await self._site.kept.make(target, story, lambda: self._site.read(self._endpoint, asked))

    def _named(self, scope: Scope) -> Mapping[str, str]:
        return {kind: name_of(kind, given) for kind, given in scope["path_params"].items()}

    def _given(self, scope: Scope) -> Mapping[str, Any]:  # Any: each parameter's own
        is_strict = self._endpoint.is_strict
        # What others add to a page's address may be in Latin-1.
        pairs = pairs_of(scope, errors="strict" if is_strict else "replace")
        if not is_strict:
            known = {one.name for one in self._endpoint.parameters}
            pairs = [pair for pair in pairs if pair[0] in known]
        return read_query(self._endpoint.parameters, pairs)


class _Streaming:
    """The stream as an ASGI app."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def __call__(self, scope: Scope, receive: Receive, send: Send, *, story: str) -> None:
        if scope["method"] == "OPTIONS":
            await self._site.answer(preflight(), scope, send)
            return
        try:
            refuse_writing(scope)
            story = name_of("story", story)
            wish = wish_of(scope)
        except Exception as error:  # as above
            await self._site.answer(self._site.problem_of(error, scope, is_page=False), scope, send)
            return
        try:
            await self._site.stream(scope, receive, send, story=story, wish=wish)
        except DatelineError as error:  # before the stream began
            await self._site.answer(self._site.problem_of(error, scope, is_page=False), scope, send)


def _problem(error: Exception) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, Missing):
        return Problem(404, str(error))
    if isinstance(error, Killed):
        return Problem(410, str(error))
    if isinstance(error, Refused):
        return Problem(400, str(error))
    if isinstance(error, SearchBroken):
        return Problem(503, "The search index cannot be read until it is built anew.", retry_after=RETRY_AFTER_S)
    if isinstance(error, StoreUnavailable):
        return Problem(503, "The view cannot be read for now; it comes back by itself.", retry_after=RETRY_AFTER_S)
    return Problem(500, "Something is wrong on this side. The operator finds it in the log.")


def _document(error: Exception) -> Answer | None:
    """Return the document of what is not there any more, which the contract gives a form of its own."""
    if not isinstance(error, Killed):
        return None
    document = {"id": error.update, "status": "killed", "killed_at": error.killed_at}
    return Answer(json.encode(document), status=410, caching=BRIEFLY)


async def _no_such_address(scope: Scope, receive: Receive, send: Send) -> None:
    raise HTTPException(404, "There is nothing at this address. What there is: /openapi.json")
