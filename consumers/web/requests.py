"""A request of ASGI, taken apart: what it names, what it gives, what it may do, and what its answer is kept under."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from consumers.web.answers import Answer, Scope
from consumers.web.asked import HEALTH, SINCE, name, read_query
from consumers.web.endpoints import Missing
from consumers.web.problems import Problem
from consumers.web.stream import Wish
from schemas.times import FURTHEST_SEQ

READS: Final = ("GET", "HEAD")
ALLOWED: Final = "GET, HEAD, OPTIONS"
ALLOWED_BOTH: Final = "GET, HEAD, POST, OPTIONS"
_LONGEST_QUERY: Final = 8192
_MOST_PARAMETERS: Final = 50


def wish_of(scope: Scope) -> Wish:
    """Return what a client wants to be told; the `seq` that it has by its `Last-Event-ID`, newer than its address, or by `since`.

    A `Last-Event-ID` that is none of ours is as one from past the end: EventSource could not put it right and would give up.
    """
    pairs = pairs_of(scope)
    given = read_query((SINCE, HEALTH), pairs)
    since = given["since"] if any(key == SINCE.name for key, _ in pairs) else None
    last = next((value for key, value in scope["headers"] if key == b"last-event-id"), b"").decode("latin-1").strip()
    if last:
        try:
            since = SINCE.read(last)
        except ValueError:
            since = FURTHEST_SEQ
    return Wish(since, given["health"])


def name_of(kind: str, given: str) -> str:
    """Return the name of a story or update that an address gives, in its normal form.

    Raises:
        Missing: Nothing can have that name.
    """
    try:
        return name(given)
    except ValueError as error:
        raise Missing(f"No {kind} of that name: {error}") from None


def pairs_of(scope: Scope, *, errors: str = "strict") -> list[tuple[str, str]]:
    """Return the names and values of the query, in their order.

    Args:
        errors: What becomes of what is no UTF-8, as for `bytes.decode`.

    Raises:
        Problem: It is too long (414), or no query (400).
    """
    query: bytes = scope["query_string"]
    if len(query) > _LONGEST_QUERY:
        raise Problem(414, f"The query is longer than {_LONGEST_QUERY} bytes.")
    if query.count(b"&") >= _MOST_PARAMETERS:
        raise Problem(400, f"The query has more than {_MOST_PARAMETERS} parameters.")
    try:
        return parse_qsl(query.decode("ascii"), keep_blank_values=True, errors=errors)
    except ValueError:
        raise Problem(400, "The query is no list of names and values in UTF-8.") from None


def refuse_writing(scope: Scope, *, allowed: str = ALLOWED) -> None:
    """Let nobody do anything but read.

    Args:
        allowed: What can be done at the address, for who tries something else.

    Raises:
        Problem: The method is for something else (405).
    """
    if scope["method"] not in READS:
        raise Problem(405, f"Nothing can be done here with {scope['method']}; read it with GET.", allow=allowed)


def target_of(scope: Scope) -> bytes:
    """Return the address as it was asked for: path and query."""
    query: bytes = scope["query_string"]
    path: bytes = scope["raw_path"]
    return path + b"?" + query if query else path


def canonical_target(scope: Scope, given: Mapping[str, Any]) -> bytes:  # Any: each parameter's own
    """Return the address without what it was given beside its own parameters, so that it is kept once."""
    held = sorted((key, str(value)) for key, value in given.items() if value is not None)
    path: bytes = scope["raw_path"]
    return path + b"#" + urlencode(held).encode()


def preflight(allowed: str = ALLOWED) -> Answer:
    """Return what tells a browser, or anybody, what can be done here."""
    headers = {
        "access-control-allow-methods": allowed,
        "access-control-allow-headers": "accept, authorization, content-type, idempotency-key, if-none-match, last-event-id",
        "access-control-max-age": "86400",
        "allow": allowed,
    }
    return Answer(b"", status=204, caching="public, max-age=86400", headers=headers)
