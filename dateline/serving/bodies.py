"""What clients send: read whole or line by line, within bounds of size and time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from typing import Final

from consumers.web.answers import Receive, Scope
from consumers.web.problems import Problem
from dateline.log.base import MAX_RECORD_BYTES

LONGEST: Final = MAX_RECORD_BYTES
"""Bytes of one event's JSON: about what a record may hold."""

LONGEST_BATCH: Final = 64_000_000
_WITHIN_S: Final = 20.0
_BATCH_WITHIN_S: Final = 300.0


def header(scope: Scope, name: bytes) -> str | None:
    """Return a header's value, None if there is none."""
    return next((value.decode("latin-1").strip() for key, value in scope["headers"] if key == name), None)


def refuse_other_types(scope: Scope, types: Collection[str]) -> None:
    """Take what is of one of these media types, or says nothing of its type.

    Raises:
        Problem: It is of another, or packed (415).
    """
    given = (header(scope, b"content-type") or "").partition(";")[0].strip().lower()
    if given and given not in types:
        raise Problem(415, f"Content-Type {given!r}: send {' or '.join(types)}.")
    coding = header(scope, b"content-encoding")
    if coding and coding.lower() != "identity":
        raise Problem(415, f"Content-Encoding {coding!r}: send it as it is.")


async def read_body(scope: Scope, receive: Receive) -> bytes:
    """Return a request's body.

    Raises:
        Problem: It is too long (413), comes too slowly (408), or ends early (400).
    """
    _refuse_long(scope, LONGEST)
    body = bytearray()
    try:
        async with asyncio.timeout(_WITHIN_S):
            async for part in _parts(receive):
                body += part
                if len(body) > LONGEST:
                    raise _too_long(LONGEST)
    except TimeoutError:
        raise Problem(408, f"The body was not there within {_WITHIN_S:g} s. Nothing was written.") from None
    return bytes(body)


async def read_lines(scope: Scope, receive: Receive) -> AsyncIterator[tuple[int, bytes | None]]:
    """Yield the lines of a body that are not empty, with their numbers from 1, without their ends; None for one that is too long.

    Raises:
        Problem: As for `read_body`; the lines before it were yielded.
    """
    _refuse_long(scope, LONGEST_BATCH)
    rest, size, number, is_too_long = bytearray(), 0, 0, False
    try:
        async with asyncio.timeout(_BATCH_WITHIN_S):
            async for part in _parts(receive):
                size += len(part)
                if size > LONGEST_BATCH:
                    raise _too_long(LONGEST_BATCH)
                rest += part
                *lines, last = rest.split(b"\n")
                for line in lines:
                    number += 1
                    if line.strip() or is_too_long:
                        yield number, None if is_too_long or len(line) > LONGEST else bytes(line)
                    is_too_long = False
                rest = bytearray(last)
                if len(rest) > LONGEST:
                    rest, is_too_long = bytearray(), True
    except TimeoutError:
        raise Problem(408, f"The body was not there within {_BATCH_WITHIN_S:g} s.") from None
    if rest.strip() or is_too_long:
        yield number + 1, None if is_too_long else bytes(rest)


async def _parts(receive: Receive) -> AsyncIterator[bytes]:
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Problem(400, "The body ended early.")
        yield message.get("body", b"")
        if not message.get("more_body"):
            return


def _refuse_long(scope: Scope, most: int) -> None:
    given = header(scope, b"content-length") or ""
    if given.isascii() and given.isdigit() and int(given[:20]) > most:
        raise _too_long(most)


def _too_long(most: int) -> Problem:
    return Problem(413, f"The body is longer than {most:,} bytes. Split it into several.")
