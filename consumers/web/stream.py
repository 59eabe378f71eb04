"""`GET /v1/stories/{story}/stream`: a story's changes as they come, as server-sent events.

Raw ASGI, since a client is to cost a socket and an integer. The connection's own transport is written to, where the server lends
it (`dateline.serving.server`): a change is one buffer for all, and what a client has not taken yet can be seen.

Whoever cannot be served now gets 200, a time to come back at and the end: EventSource gives up for good on 429 and 5xx.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from msgspec import Struct

from consumers.timeline.answers import PublicChange
from consumers.web.answers import Receive, Scope, Send
from consumers.web.channel import Channel, Client, chunked
from consumers.web.frames import AT_ONCE, LOST, come_back, frame_of, reset_frame
from consumers.web.hub import Hub
from dateline.errors import DatelineError, StoreUnavailable

TRANSPORT = "dateline.transport"
"""The extension of ASGI by which the server lends a connection's transport, as `transport`.

Its `unframed`, called before the answer begins, has what is sent go out as it is, where the client knows no chunked coding; such
an answer ends with the connection.
"""

_HEAD = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"access-control-allow-origin", b"*"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-accel-buffering", b"no"),
)
_CLOSE = (b"connection", b"close")
_BEGINNING = b"retry: 2000\n"
_PAGE = 100
_BUSY_SPREAD = 30.0
_LOST_SPREAD = 5.0
_SLOWEST = 30.0
"""Seconds that a client may take for a part of what it has missed."""


class Wish(Struct, frozen=True, gc=False):
    """What a client of a stream wants to be told.

    Attributes:
        since: The `seq` that it has; None for from now on.
        health: Whether it wants to know when the view cannot be followed, and when it can again.
    """

    since: int | None = None
    health: bool = False


class Stream:
    """Serves one client after another; each call is one, for as long as it listens."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def __call__(self, scope: Scope, receive: Receive, send: Send, *, story: str, wish: Wish) -> bool:
        """Serve a client; return False if there is no such story, and nothing was sent.

        Args:
            wish: What the client wants to be told.
        """
        try:
            channel = await self._hub.channel(story)
        except StoreUnavailable:
            await _shed(scope, send, spread=_LOST_SPREAD)
            return True
        if channel is None:
            return False
        address = scope["client"][0] if scope.get("client") else ""
        if scope["method"] == "HEAD":
            await send({"type": "http.response.start", "status": 200, "headers": list(_HEAD)})
            await send({"type": "http.response.body"})
        elif not self._hub.admit(address):
            await _shed(scope, send, spread=_BUSY_SPREAD)
        else:
            try:
                await self._serve(channel, wish, receive, _Line(scope, send))
            finally:
                self._hub.go(address)
        return True

    async def _serve(self, channel: Channel, wish: Wish, receive: Receive, line: _Line) -> None:
        try:
            with channel.expecting():
                await line.begin()
                client = line.client(await self._bring_up(channel, wish.since, line))
                client.hears_health = wish.health
                channel.join(client)
        except Exception as error:
            self._give_up(error, line)
            await _gone(receive)
            return
        try:
            if wish.health and not self._hub.is_up:
                client.write(LOST, chunked(LOST))
            if self._hub.is_ending:
                client.end(come_back(_LOST_SPREAD))
            await _gone(receive)
        finally:
            channel.leave(client)

    def _give_up(self, error: Exception, line: _Line) -> None:
        if isinstance(error, DatelineError):
            line.end(come_back(_LOST_SPREAD))
            return
        line.cut()
        if isinstance(error, _TooSlow):
            self._hub.cut += 1
        else:
            self._hub.report("stream", error)

    async def _bring_up(self, channel: Channel, since: int | None, line: _Line) -> int:
        """Write what a client has missed since a `seq`; return the one that it has then, which is the ring's last or later."""
        if since is None:
            seq = channel.ring.seq
            # An event without data is none to a browser, but its id is kept: who is cut off before the first change resumes here.
            line.write_now(b"id: %d\n\n" % seq)
            return seq
        seq = since
        if await self._must_begin_anew(channel, since):
            seq = channel.ring.seq
            await line.write(reset_frame(seq))
        while seq < channel.ring.seq:
            found = channel.ring.since(seq) or await self._missed(channel, seq)
            await line.write(found[0])
            seq = found[1]
        return seq

    async def _must_begin_anew(self, channel: Channel, since: int) -> bool:
        """Tell whether a client may hold what is not so any more: from before a beginning anew, or past the story's end."""
        if since <= channel.ring.seq:
            return since <= channel.ring.anew
        kept = await asyncio.to_thread(lambda: self._hub.source.reader().story(channel.story))
        return kept is None or since > kept.seq

    async def _missed(self, channel: Channel, seq: int) -> tuple[bytes, int]:
        """Return some of what came after `seq`, read from the view since the ring does not hold it any more."""
        found = await asyncio.to_thread(lambda: self._hub.source.reader().changes(channel.story, since=seq, limit=_PAGE))
        changes = found[1] if found else ()
        if not changes:
            return reset_frame(channel.ring.seq), channel.ring.seq
        return _frames(changes)


def _frames(changes: Sequence[PublicChange]) -> tuple[bytes, int]:
    """Return the frames of the first changes, no more than fit at once, and the `seq` of the last of them."""
    written, last = bytearray(), 0
    for one in changes:
        written += frame_of(one).data
        last = one.change.seq
        if len(written) >= AT_ONCE:
            break
    return bytes(written), last


async def _gone(receive: Receive) -> None:
    """Wait until the client is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _shed(scope: Scope, send: Send, *, spread: float) -> None:
    """Send a client away, to come back at a time of its own within so many seconds."""
    word = come_back(spread)
    length = (b"content-length", b"%d" % len(word))
    await send({"type": "http.response.start", "status": 200, "headers": [*_HEAD, length, _CLOSE]})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else word})


class _TooSlow(Exception):
    """A client does not read."""


class _Line:
    """A connection: written to with patience at first, and then lent to a channel."""

    __slots__ = ("_is_chunked", "_send", "_transport")

    def __init__(self, scope: Scope, send: Send) -> None:
        self._send = send
        # A stream lives for hours, and nobody reads these again.
        lent = scope.pop("extensions")[TRANSPORT]
        scope["headers"].clear()
        self._transport: asyncio.Transport = lent["transport"]
        self._is_chunked = scope["http_version"] == "1.1"
        if not self._is_chunked:
            lent["unframed"]()

    async def begin(self) -> None:
        """Write the answer's head and first line at once: what stands in between would hold the head back."""
        await self._send({"type": "http.response.start", "status": 200, "headers": [*_HEAD, _CLOSE]})
        await self._send({"type": "http.response.body", "body": _BEGINNING, "more_body": True})

    async def write(self, data: bytes) -> None:
        """Write `data` once the client has taken what was written before.

        Raises:
            _TooSlow: It took too long about it.
        """
        try:
            async with asyncio.timeout(_SLOWEST):
                await self._send({"type": "http.response.body", "body": data, "more_body": True})
        except TimeoutError:
            raise _TooSlow from None

    def write_now(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self.client(0).write(data, chunked(data))

    def end(self, data: bytes) -> None:
        """Write a last word and close."""
        self.client(0).end(data)

    def cut(self) -> None:
        self._transport.abort()

    def client(self, seq: int) -> Client:
        return Client(self._transport, seq, is_chunked=self._is_chunked)
