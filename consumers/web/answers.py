"""An answer over HTTP, and how it is sent: whole, or in few words to whom has it already; packed, if that is asked for."""

from __future__ import annotations

import gzip
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from hashlib import blake2b
from typing import Any, Final

import brotli
from msgspec import Struct, field

Scope = MutableMapping[str, Any]  # Any: ASGI's own form
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]  # Any: as above
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]  # Any: as above

JSON: Final = "application/json"
HTML: Final = "text/html; charset=utf-8"

FRESH: Final = "public, max-age=2, stale-while-revalidate=5"
"""A kill has to win over every cache within ten seconds, so these two together are less."""

NOT_KEPT: Final = "no-store"

_SMALLEST_PACKED: Final = 600
_PACKED: Final = ("json", "html", "xml", "javascript", "css", "svg", "text")
_BROTLI_QUALITY: Final = 5
_GZIP_LEVEL: Final = 6


class Answer(Struct, gc=False):
    """What is answered.

    Attributes:
        etag: What this content is known by, without quotes; empty if it has no name.
        caching: The `Cache-Control` it is sent with.
        headers: Others, by name in small letters.
        packed: The body in each coding that was asked for so far.
    """

    body: bytes
    media_type: str = JSON
    status: int = 200
    etag: str = ""
    caching: str = FRESH
    headers: Mapping[str, str] = {}
    packed: dict[str, bytes] = field(default_factory=dict)

    def body_in(self, coding: str) -> bytes:
        """Return the body in a content coding: `br`, `gzip` or `identity`."""
        if coding == "identity":
            return self.body
        if coding not in self.packed:
            self.packed[coding] = _PACK[coding](self.body)
        return self.packed[coding]

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
    asked = {name: value for name, value in scope["headers"] if name in _ASKED}
    etag = answer.etag.encode()
    headers = _common(answer)
    if answer.status == 200 and etag and _has_it(asked.get(b"if-none-match", b""), etag):
        await send({"type": "http.response.start", "status": 304, "headers": headers})
        await send({"type": "http.response.body"})
        return 304
    coding = coding_for(asked.get(b"accept-encoding", b"").decode("latin-1")) if answer.is_packable else "identity"
    body = answer.body_in(coding)
    headers += [(b"content-type", answer.media_type.encode()), (b"content-length", b"%d" % len(body))]
    if coding != "identity":
        headers.append((b"content-encoding", coding.encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
    return answer.status


_ASKED = frozenset({b"if-none-match", b"accept-encoding"})


def _common(answer: Answer) -> list[tuple[bytes, bytes]]:
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


def _has_it(given: bytes, etag: bytes) -> bool:
    """Tell whether `If-None-Match` names this content; how strongly it does makes no difference here."""
    if not given:
        return False
    return given.strip() == b"*" or any(one.strip().removeprefix(b"W/") == b'"%s"' % etag for one in given.split(b","))


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
