"""Addresses that need a key, as ASGI apps: what comes by which method, and what is told when it goes wrong."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from starlette.routing import Route

from consumers.web.answers import Answer, Receive, Scope, Send
from consumers.web.problems import Problem, problem_answer
from consumers.web.requests import preflight
from dateline.errors import LogUnavailable, MaybeWritten, Refused
from producers.api import Forbidden, NoJson
from producers.keys import KeysUnreadable

Take = Callable[[Scope, Receive], Awaitable[Answer]]

_RETRY_AFTER_S: Final = 2


def keyed_route(path: str, takers: Mapping[str, Take], *, is_read_freely: bool = False) -> Route:
    """Return the route of an address.

    Args:
        takers: What takes a request, by its method.
        is_read_freely: Whether others answer GET there, without a key.
    """
    read = ("GET", "HEAD") if is_read_freely or "GET" in takers else ()
    written = [method for method in takers if method != "GET"]
    app = _Keyed(takers, ", ".join([*read, *written, "OPTIONS"]))
    return Route(path, app, methods=[*takers, "OPTIONS"])


class _Keyed:
    """One address.

    Args:
        allowed: What can be done there.
    """

    def __init__(self, takers: Mapping[str, Take], allowed: str) -> None:
        self._takers, self._allowed = takers, allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        if method == "OPTIONS":
            await scope["app"].answer(preflight(self._allowed), scope, send)
            return
        try:
            answer = await self._takers[method](scope, receive)
        except Exception as error:  # the boundary: whatever it is, who asks gets an answer
            answer = _told(error, scope)
        await scope["app"].answer(answer, scope, send)


def _told(error: Exception, scope: Scope) -> Answer:
    """Return what tells of an error; one of our own making goes to the log too."""
    problem = _problem(error)
    if problem is None:
        answer: Answer = scope["app"].problem_of(error, scope, is_page=False)
        return answer
    return problem_answer(problem, instance=scope["path"])


def _problem(error: Exception) -> Problem | None:
    """Return the problem that an error is to a writer; None if it is none of theirs."""
    if isinstance(error, Forbidden):
        return Problem(403, str(error))
    if isinstance(error, NoJson):
        return Problem(400, str(error))
    if isinstance(error, Refused):
        return Problem(422, str(error))
    if isinstance(error, MaybeWritten):
        return Problem(503, f"{error} It may have been written; sending the same again is safe.", retry_after=_RETRY_AFTER_S)
    if isinstance(error, LogUnavailable):
        return Problem(503, "The log cannot be written for now: nothing was written.", retry_after=_RETRY_AFTER_S)
    if isinstance(error, KeysUnreadable):
        return Problem(503, "The keys cannot be read for now.", retry_after=_RETRY_AFTER_S)
    return None
