"""An answer over HTTP, and how it is sent: whole, or in few words to whom has it already; packed, if that is asked for."""

from __future__ import annotations

import asyncio
import gzip
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final

import brotli
from msgspec import Struct, field

Scope = MutableMapping[str, Any]  # Any: ASGI's own form
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]  # Any: as above
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]  # Any: as above
Headers = list[tuple[bytes, bytes]]

JSON: Final = "application/json"
HTML: Final = "text/html; charset=utf-8"

FRESH: Final = "public, max-age=1, stale-while-revalidate=3"
"""A kill has to win over every cache within ten seconds: so these two together are less, also twice, where a browser's cache lies
behind a server's that does not tell the age of what it gives."""

NOT_KEPT: Final = "no-store"

_SMALLEST_PACKED: Final = 600
_LONG: Final = 64 * 1024
"""Bytes from which on packing takes milliseconds, in which nobody else is to wait."""

_PACKED: Final = ("json", "html", "xml", "javascript", "css", "svg", "text")
_BROTLI_QUALITY: Final = 5
_GZIP_LEVEL: Final = 6


class Answer(Struct, gc=False):
    """What is answered.

    Attributes:
        etag: What this content is known by, without quotes; empty if it has no name.
        caching: The `Cache-Control` it is sent with.
        next_poll: Seconds after which to ask again, more or less: each who asks is told another time; 0 to say nothing.
        headers: Others, by name in small letters.
        packed: The body in each coding that was asked for so far.
        heads: The headers in each coding, and those of a 304 under none, as far as they are the same for all who ask.
    """

    body: bytes
    media_type: str = JSON
    status: int = 200
    etag: str = ""
    caching: str = FRESH
    next_poll: float = 0.0
    headers: Mapping[str, str] = {}
    packed: dict[str, bytes] = field(default_factory=dict)
    heads: dict[str, Headers] = field(default_factory=dict)

    def body_in(self, coding: str) -> bytes:
        """Return the body in a content coding: `br`, `gzip` or `identity`."""
        if coding == "identity":
            return self.body
        found = self.packed.get(coding)
        if found is None:
            found = self.packed[coding] = _PACK[coding](self.body)
        return found

    def head_in(self, coding: str) -> Headers:
        """Return the headers for the body in a content coding; for none, those that also a 304 has."""
        found = self.heads.get(coding)
        if found is None:
            found = self.heads[coding] = _common(self) + (_of_body(self, coding) if coding else [])
        return [*found, (b"next-poll", b"%.1f" % spread(self.next_poll))] if self.next_poll else found

    @property
    def is_packable(self) -> bool:
        return len(self.body) >= _SMALLEST_PACKED and any(kind in self.media_type for kind in _PACKED)


_PACK: Mapping[str, Callable[[bytes], bytes]] = {
    "br": lambda body: brotli.compress(body, quality=_BROTLI_QUALITY),
    "gzip": lambda body: gzip.compress(body, _GZIP_LEVEL, mtime=0),
}


def content_tag(content: bytes) -> str:
    """Return a name for content that no other has."""
    return blake2b(content, digest_size=12).hexdigest()


async def send_answer(answer: Answer, scope: Scope, send: Send) -> int:
    """Send `answer` as the request asks for it: 304 if it has this very content, no body for `HEAD`, packed if it may be.

    Returns:
        The status that was sent.
    """
    asked = _asked(scope["headers"])
    if answer.status == 200 and answer.etag and _has_it(asked.get(b"if-none-match", b""), answer.etag.encode()):
        await send({"type": "http.response.start", "status": 304, "headers": answer.head_in("")})
        await send({"type": "http.response.body"})
        return 304
    coding = coding_for(asked.get(b"accept-encoding", b"").decode("latin-1")) if answer.is_packable else "identity"
    is_quick = coding in answer.packed or len(answer.body) < _LONG
    body = answer.body_in(coding) if is_quick else await asyncio.to_thread(answer.body_in, coding)
    await send({"type": "http.response.start", "status": answer.status, "headers": answer.head_in(coding)})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
    return answer.status


def _asked(headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Return what a request says of the form that it wants; several lines of one name are one list (RFC 9110, 5.3)."""
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in _ASKED:
            found[name] = found[name] + b"," + value if name in found else value
    return found


_ASKED = frozenset({b"if-none-match", b"accept-encoding"})


def _of_body(answer: Answer, coding: str) -> Headers:
    if answer.status == 204:
        return []
    headers = [(b"content-type", answer.media_type.encode()), (b"content-length", b"%d" % len(answer.body_in(coding)))]
    return headers if coding == "identity" else [*headers, (b"content-encoding", coding.encode())]


def _common(answer: Answer) -> Headers:
    """Return the headers that also a 304 has."""
    headers = [
        (b"cache-control", answer.caching.encode()),
        (b"access-control-allow-origin", b"*"),
        (b"access-control-expose-headers", b"etag, next-poll, retry-after"),
        (b"x-content-type-options", b"nosniff"),
    ]
    if answer.etag:
        headers.append((b"etag", b'W/"%s"' % answer.etag.encode()))
    if answer.is_packable:
        headers.append((b"vary", b"accept-encoding"))
    return headers + [(name.encode(), value.encode("latin-1", "replace")) for name, value in answer.headers.items()]


def spread(seconds: float) -> float:
    """Return about so many seconds, other ones each time, so that clients do not march in step."""
    return seconds * random.uniform(0.8, 1.2)


def _has_it(given: bytes, etag: bytes) -> bool:
    """Tell whether `If-None-Match` names this content; how strongly it does makes no difference here."""
    if not given:
        return False
    return given.strip() == b"*" or any(one.strip().removeprefix(b"W/") == b'"%s"' % etag for one in given.split(b","))


@lru_cache(maxsize=64)
def coding_for(accepted: str) -> str:
    """Return the content coding to use, by an `Accept-Encoding`; the best that is not refused (RFC 9110, 12.5.3)."""
    if not accepted:
        return "identity"
    wishes = dict(_wishes(accepted.lower().split(",")))
    for coding in _PACK:
        if wishes.get(coding, wishes.get("*", 0.0)) > 0:
            return coding
    return "identity"


def _wishes(parts: Iterable[str]) -> Iterable[tuple[str, float]]:
    for part in parts:
        name, _, parameters = part.partition(";")
        yield name.strip(), _weight(parameters)


def _weight(parameters: str) -> float:
    name, _, value = parameters.partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
