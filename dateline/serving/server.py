"""uvicorn as the site needs it: no connection that never asks, no head without end, streams that are let go before the end."""

from __future__ import annotations

import asyncio
import socket
from asyncio.events import TimerHandle
from collections.abc import Awaitable, Callable
from typing import Any, Final

from typing_extensions import override
from uvicorn import Config, Server
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

TRANSPORT: Final = "dateline.transport"
"""The extension of ASGI by which a connection's transport is lent to an app; see `consumers.web.stream`."""

HEAD_WITHIN_S: Final = 10.0
"""Seconds in which a request's head has to be there, from the connection or the request's first byte on."""

LONGEST_HEAD: Final = 64 * 1024
"""Bytes of a request's line and headers."""

_SEND_BUFFER: Final = 64 * 1024
"""Bytes that the system keeps for a client that does not read; with its own choice, megabytes (shared/facts.md)."""


class GuardedProtocol(HttpToolsProtocol):
    """HTTP by httptools, with bounds that uvicorn has not, and the transport for those who write to thousands."""

    _patience: TimerHandle | None = None
    _head_bytes = 0
    _is_in_head = True

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn narrows it too
        super().connection_made(transport)
        self._wait_for_head()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_there()
        super().connection_lost(exc)

    @override
    def data_received(self, data: bytes) -> None:
        self._head_bytes += len(data)
        super().data_received(data)
        if self._is_in_head and self._head_bytes > LONGEST_HEAD and not self.transport.is_closing():
            self._refuse(431, f"The request's head is longer than {LONGEST_HEAD} bytes.")

    @override
    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {TRANSPORT: {"transport": self.transport}}
        self._head_bytes = 0
        self._is_in_head = True
        self._wait_for_head()

    @override
    def on_headers_complete(self) -> None:
        self._is_in_head = False
        self._head_is_there()
        super().on_headers_complete()

    def _wait_for_head(self) -> None:
        self._head_is_there()
        self._patience = self.loop.call_later(HEAD_WITHIN_S, self._give_up)

    def _head_is_there(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _give_up(self) -> None:
        if not self.transport.is_closing():
            self._refuse(408, f"The request's head was not there within {HEAD_WITHIN_S:.0f} s.")

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
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        await self._drain()
        await super().shutdown(sockets)


def configuration(app: Any) -> Config:  # Any: uvicorn takes an ASGI app in several forms
    """Return uvicorn's configuration for the site."""
    return Config(
        app,
        http=GuardedProtocol,
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        backlog=4096,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=10,
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
        listener.bind(address)
        listener.listen(4096)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener
