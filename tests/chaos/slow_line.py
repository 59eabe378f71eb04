"""A connection to Redis on which nothing passes for a while: what was sent arrives late, after others have gone on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from typing_extensions import override

from tests.support.proxy import Direction, Proxy
from tests.support.servers import free_port


class SlowLine(Proxy):
    """A proxy that holds bytes back, and loses none."""

    def __init__(self, port: int, *, server_port: int) -> None:
        super().__init__(port, server_port=server_port)
        self._flows = threading.Event()
        self._flows.set()

    def hold(self) -> None:
        """Let nothing pass, either way, until `release`."""
        self._flows.clear()

    def release(self) -> None:
        """Let through what was held, and what comes."""
        self._flows.set()

    @override
    def _allowed(self, direction: Direction, size_bytes: int) -> int:
        self._flows.wait()
        return super()._allowed(direction, size_bytes)


@contextmanager
def slow_line(server_port: int) -> Iterator[SlowLine]:
    """Run a slow line to a server of this machine."""
    line = SlowLine(free_port(), server_port=server_port)
    line.accept()
    try:
        yield line
    finally:
        line.release()
        line.close()
