"""What goes wrong over HTTP, as RFC 9457 has it: `application/problem+json`."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from msgspec import json

from consumers.web.answers import NOT_KEPT, Answer

PROBLEM_JSON: Final = "application/problem+json"

BRIEFLY: Final = "public, max-age=1"
"""What is not there now may be there in a moment."""


class Problem(Exception):
    """A request that cannot be answered as it was meant; its text says what, with which value, and what to do.

    Attributes:
        status: HTTP's.
        fields: What else the document holds.
        retry_after: Seconds, None unless it may be well then.
        allow: The methods that there are, where the one that was used is not.
        challenge: How to say who one is, where that is needed (`WWW-Authenticate`).
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        retry_after: int | None = None,
        allow: str = "",
        challenge: str = "",
        **fields: Any,  # Any: JSON
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.retry_after = retry_after
        self.allow = allow
        self.challenge = challenge
        self.fields = fields

    @property
    def title(self) -> str:
        return HTTPStatus(self.status).phrase


def problem_answer(problem: Problem, *, instance: str = "") -> Answer:
    """Return the document of a problem."""
    document = {"type": "about:blank", "title": problem.title, "status": problem.status, "detail": problem.detail}
    document |= {"instance": instance} if instance else {}
    body = json.encode(document | problem.fields)
    headers = problem_headers(problem)
    return Answer(body, PROBLEM_JSON, status=problem.status, caching=problem_caching(problem), headers=headers)


def problem_headers(problem: Problem) -> dict[str, str]:
    """Return the headers that say what would do: when, or by which method."""
    headers = {"retry-after": str(problem.retry_after)} if problem.retry_after is not None else {}
    headers |= {"allow": problem.allow} if problem.allow else {}
    return headers | ({"www-authenticate": problem.challenge} if problem.challenge else {})


def problem_caching(problem: Problem) -> str:
    """Return the `Cache-Control` of a problem."""
    return BRIEFLY if problem.status in (404, 410) else NOT_KEPT
