"""`GET /v1/stories/{story}/stream`: a story's changes as they come, as server-sent events.

Raw ASGI, since a client is to cost a socket and an integer. The connection's own transport is written to, where the server lends
it (`dateline.serving.server`): a change is one buffer for all, and what a client has not taken yet can be seen.
"""

from __future__ import annotations

import asyncio

from consumers.timeline.answers import PublicChange
from consumers.web.answers import Receive, Scope, Send
from consumers.web.channel import Channel, Client, chunked
from consumers.web.frames import LOST, frame_of, reset_frame
from consumers.web.hub import Hub, come_back
from dateline.errors import DatelineError

TRANSPORT = "dateline.transport"
"""The extension of ASGI by which the server lends a connection's transport."""

_HEAD = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"access-control-allow-origin", b"*"),
    (b"x-accel-buffering", b"no"),
)
_BEGINNING = b"retry: 2000\n"
_PAGE = 500
_BUSY_SPREAD = 30.0
_LOST_SPREAD = 5.0
_SLOWEST = 30.0
"""Seconds that a client may take for what it has missed, page by page."""


class Stream:
    """Serves one client after another; each call is one, for as long as it listens."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def __call__(self, scope: Scope, receive: Receive, send: Send, *, story: str, since: int | None) -> bool:
        """Serve a client; return False if there is no such story, and nothing was sent.

        Args:
            since: The `seq` that the client has; None for from now on.

        Raises:
            StoreUnavailable: Redis cannot be asked, and nothing was sent.
        """
        channel = await self._hub.channel(story)
        if channel is None:
            return False
        await send({"type": "http.response.start", "status": 200, "headers": list(_HEAD)})
        address = scope["client"][0] if scope.get("client") else ""
        if scope["method"] == "HEAD" or not self._hub.admit(address):
            await send({"type": "http.response.body", "body": come_back(_BUSY_SPREAD)})
            return True
        scope["headers"].clear()  # a stream lives for hours, and nobody reads them again
        line = _Line(scope, send)
        try:
            await self._serve(channel, since, receive, line)
        except _TooSlow:
            line.cut()
        except DatelineError:
            await send({"type": "http.response.body", "body": come_back(_LOST_SPREAD)})
        finally:
            self._hub.go(address)
        return True

    async def _serve(self, channel: Channel, since: int | None, receive: Receive, line: _Line) -> None:
        await line.write(_BEGINNING)
        seq = channel.ring.seq if since is None else await self._bring_up(channel, since, line)
        client = line.client(seq)
        channel.join(client)
        if not self._hub.is_up:
            client.write(LOST, chunked(LOST))
        try:
            while (await receive())["type"] != "http.disconnect":
                pass
        finally:
            channel.leave(client)

    async def _bring_up(self, channel: Channel, since: int, line: _Line) -> int:
        """Write what a client has missed since a `seq`; return the one that it has then, which is the ring's last."""
        seq = await self._placed(channel, since)
        if seq is None:
            seq = channel.ring.seq
            await line.write(reset_frame(seq))
        while seq != channel.ring.seq:
            found = channel.ring.since(seq)
            if found is not None:
                seq = channel.ring.seq
                await line.write(found)
                continue
            missed = await self._missed(channel.story, seq)
            await line.write(b"".join(frame_of(one).data for one in missed) or reset_frame(channel.ring.seq))
            seq = missed[-1].change.seq if missed else channel.ring.seq
        return seq

    async def _placed(self, channel: Channel, since: int) -> int | None:
        """Return the last change that a client has that has read up to `since`, None if the story never came so far."""
        if since <= channel.ring.seq:
            return since
        kept = await asyncio.to_thread(lambda: self._hub.source.reader().story(channel.story))
        if kept is None or since > kept.seq:
            return None
        return min(since, channel.ring.seq)

    async def _missed(self, story: str, seq: int) -> list[PublicChange]:
        found = await asyncio.to_thread(lambda: self._hub.source.reader().changes(story, since=seq, limit=_PAGE))
        return list(found[1]) if found else []


class _TooSlow(Exception):
    """A client does not read."""


class _Line:
    """A connection: written to with patience at first, and then lent to a channel."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._send = send
        self._transport: asyncio.Transport = scope["extensions"][TRANSPORT]["transport"]
        self._is_chunked = scope["http_version"] == "1.1"

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

    def cut(self) -> None:
        self._transport.abort()

    def client(self, seq: int) -> Client:
        return Client(self._transport, seq, is_chunked=self._is_chunked)
