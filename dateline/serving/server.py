"""uvicorn as the site needs it: no connection that never asks, no head without end, streams that are let go before the end."""

from __future__ import annotations

import asyncio
import socket
import sys
from asyncio.events import TimerHandle
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import FrameType
from typing import Any, Final

from typing_extensions import override
from uvicorn import Config, Server
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

TRANSPORT: Final = "dateline.transport"
"""The extension of ASGI by which a connection's transport is lent to an app; see `consumers.web.stream`."""

HEAD_WITHIN_S: Final = 10.0
"""Seconds in which a request's head has to be there, from the connection or the request's first byte on."""

LONGEST_HEAD: Final = 64 * 1024
"""Bytes of a request's line and headers."""

_LAST_WORDS_S: Final = 3.0
"""Seconds that clients have to take what they were last sent, once the server ends."""

_SEND_BUFFER: Final = 64 * 1024
"""Bytes that the system keeps for a client that does not read; with its own choice, megabytes (shared/facts.md)."""

_VANISHED_S: Final = 60
"""Seconds without any sign from a client's machine after which its connection is given up."""


class GuardedProtocol(HttpToolsProtocol):
    """HTTP by httptools, with bounds that uvicorn has not, and the transport for those who write to thousands."""

    head_within_s = HEAD_WITHIN_S

    # In slots: CPython shares the keys of up to 30 attributes, and uvicorn has 28; with more, each connection takes 1.2 KB more.
    __slots__ = ("_answering", "_counted", "_head_bytes", "_is_in_head", "_is_too_long", "_patience")

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn narrows it too
        super().connection_made(transport)
        self._patience: TimerHandle | None = None
        self._head_bytes = self._counted = 0
        self._is_in_head = self._is_too_long = False
        self._answering: RequestResponseCycle | None = None
        self._wait_for_head()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_there()
        self._tell_answering()
        super().connection_lost(exc)

    @override
    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        super().data_received(data)
        if self._is_in_head:
            self._head_bytes += len(data)
            if self._head_bytes > LONGEST_HEAD:
                self._refuse_long()
        if self._patience is None and (self._is_in_head or self._is_idle):
            self._wait_for_head()  # most heads come whole; or what came began no request, and ended uvicorn's own patience

    @override
    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {TRANSPORT: {"transport": self.transport, "unframed": self._unframe}}
        self._head_bytes = self._counted = 0
        self._is_in_head = True
        if self._patience is not None:
            self._wait_for_head()

    @override
    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    @override
    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value) + 4)
        super().on_header(name, value)

    @override
    def on_headers_complete(self) -> None:
        self._is_in_head = False
        self._head_is_there()
        super().on_headers_complete()

    @override
    def send_400_response(self, msg: str) -> None:
        self._is_in_head = False
        if self._is_too_long:
            self._refuse_long()
        elif not self.transport.is_closing():
            super().send_400_response(msg)

    def abort(self) -> None:
        """Cut the connection, whatever is still to be sent."""
        self.transport.abort()

    @override
    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:  # Any: uvicorn takes an ASGI app in several forms
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    def _tell_answering(self) -> None:
        """Tell the answer under way that its client is gone; uvicorn tells the last request's, which may wait behind it."""
        if self._answering is not None and not self._answering.response_complete:
            self._answering.disconnected = True
            self._answering.message_event.set()
        self._answering = None

    def _unframe(self) -> None:
        """Have the answer under way go out as it is written, until the connection ends."""
        if self._answering is not None:
            self._answering.chunked_encoding = False
            self._answering.expected_content_length = sys.maxsize

    def _count(self, size_bytes: int) -> None:
        """Count a part of a head that came whole: a long one may be there before anybody has looked at the bytes."""
        self._counted += size_bytes
        if self._counted > LONGEST_HEAD:
            self._is_too_long = True
            raise ValueError  # ends the parser, and calls `send_400_response`

    @property
    def _is_idle(self) -> bool:
        is_free = self.cycle is None or self.cycle.response_complete
        return is_free and self.timeout_keep_alive_task is None and not self.transport.is_closing()

    def _wait_for_head(self) -> None:
        self._head_is_there()
        self._patience = self.loop.call_later(self.head_within_s, self._give_up)

    def _head_is_there(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _give_up(self) -> None:
        self._patience = None
        if self.transport.is_closing():
            return
        if self._is_in_head:
            self._refuse(408, f"The request's head was not there within {self.head_within_s:g} s.")
        else:
            self.transport.close()

    def _refuse_long(self) -> None:
        if not self.transport.is_closing():
            self._refuse(431, f"The request's head is longer than {LONGEST_HEAD} bytes.")

    def _refuse(self, status: int, detail: str) -> None:
        head = b"content-type: text/plain; charset=utf-8\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(detail)
        self.transport.write(STATUS_LINE[status] + head + detail.encode())
        self.transport.close()


class DrainingServer(Server):
    """A server that lets streams go before it ends.

    Args:
        config: uvicorn's.
        drain: Lets them go; called when no new connections are taken any more.
    """

    def __init__(self, config: Config, *, drain: Callable[[], Awaitable[None]]) -> None:
        super().__init__(config)
        self._drain = drain

    @override
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Note that it is to end; told once more, it ends without patience."""
        self.force_exit = self.should_exit
        super().handle_exit(sig, frame)

    @override
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        await self._drain_unless_forced()
        cut = asyncio.get_running_loop().call_later(_LAST_WORDS_S, self._cut)
        await super().shutdown(sockets)
        cut.cancel()

    async def _drain_unless_forced(self) -> None:
        draining = asyncio.ensure_future(self._drain())
        while not draining.done() and not self.force_exit:
            await asyncio.wait([draining], timeout=0.1)
        draining.cancel()

    def _cut(self) -> None:
        """Cut those who do not take their last words."""
        for connection in list(self.server_state.connections):
            if isinstance(connection, GuardedProtocol):
                connection.abort()


def configuration(app: Any, *, head_within_s: float = HEAD_WITHIN_S) -> Config:  # Any: uvicorn takes an ASGI app in several forms
    """Return uvicorn's configuration for the site.

    Args:
        head_within_s: Seconds in which a request's head has to be there.
    """
    protocol = type("Protocol", (GuardedProtocol,), {"head_within_s": head_within_s, "__slots__": ()})
    return Config(
        app,
        http=protocol,
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        backlog=4096,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=5,
    )


def listening_socket(host: str, port: int) -> socket.socket:
    """Return a socket that listens; workers share it.

    Raises:
        OSError: The address is taken, or is not this machine's.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        _notice_the_vanished(listener)
        listener.bind(address)
        listener.listen(4096)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def _notice_the_vanished(listener: socket.socket) -> None:
    """Have connections end whose other machine is gone without a word, as far as this system can; what it takes is inherited."""
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    options = {"TCP_KEEPIDLE": _VANISHED_S // 2, "TCP_KEEPINTVL": _VANISHED_S // 6, "TCP_USER_TIMEOUT": _VANISHED_S * 1000}
    for name, value in options.items():
        with suppress(AttributeError, OSError):
            listener.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
