"""A network that fails when it is told to: it stands between clients and one server, and cuts their connections."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Literal

Direction = Literal["sent", "answered"]
"""What clients send to the server, and what it answers."""

_CHUNK_BYTES = 1 << 16
_PATIENCE = 10.0


class Proxy:
    """Passes bytes on as they come, over connections that it cuts all at once.

    A cut ends both sides in order, so what was passed on before it arrives. Kafka's clients go where a broker says it is, so a
    broker behind a proxy has to advertise the proxy's address.

    Attributes:
        port: Where clients find it on loopback.
        cuts: How often connections were cut because the bytes of `cut_after` had passed.
    """

    def __init__(self, port: int, *, server_port: int) -> None:
        self.port = port
        self.cuts = 0
        self._server = ("127.0.0.1", server_port)
        self._lock = threading.Lock()
        self._left: dict[Direction, int] = {}
        self._then_refuse = False
        self._flows = threading.Event()
        self._flows.set()
        self._listener: socket.socket | None = None
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []

    def accept(self) -> None:
        """Take connections, from now on."""
        assert self._listener is None, "the proxy accepts already"
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._start(self._take, self._listener)

    def refuse(self) -> None:
        """Take no more connections, and cut those there are."""
        with self._lock:
            listener, self._listener = self._listener, None
        if listener is not None:
            _end(listener)
        self.cut()

    def cut(self) -> None:
        """Cut all connections, now. New ones are still taken."""
        with self._lock:
            ended, self._open = self._open, set()
        for one in ended:
            _end(one)

    def cut_after(self, size_bytes: int, direction: Direction, *, then_refuse: bool = False) -> None:
        """Pass so many more bytes in one direction, over all connections, and cut these in place of the next byte; once.

        Args:
            then_refuse: Take no connections after that.
        """
        with self._lock:
            self._left = {direction: size_bytes}
            self._then_refuse = then_refuse

    def hold(self) -> None:
        """Pass nothing on until `release`; a client sends as much as fits on the way."""
        self._flows.clear()

    def release(self) -> None:
        self._flows.set()

    def close(self) -> None:
        self.refuse()
        self.release()
        for thread in self._threads:
            thread.join(_PATIENCE)
            assert not thread.is_alive(), "a connection outlives its proxy"

    def _start(self, work: Callable[..., None], *given: object) -> None:
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        self._threads.append(threading.Thread(target=work, args=given, daemon=True, name=f"proxy-{self.port}"))
        self._threads[-1].start()

    def _take(self, listener: socket.socket) -> None:
        while True:
            try:
                client = listener.accept()[0]
            except OSError:  # it refuses
                return
            try:
                server = socket.create_connection(self._server, timeout=_PATIENCE)
            except OSError:  # as if nobody stood between
                _end(client)
                continue
            server.settimeout(None)
            with self._lock:
                is_refused = self._listener is not listener
                if not is_refused:
                    self._open |= {client, server}
            if is_refused:
                _end(client)
                _end(server)
                return
            self._start(self._pass_on, client, server, "sent")
            self._start(self._pass_on, server, client, "answered")

    def _pass_on(self, source: socket.socket, sink: socket.socket, direction: Direction) -> None:
        with suppress(OSError):  # the other direction's end, or a cut
            while data := source.recv(_CHUNK_BYTES):
                self._flows.wait()
                allowed = self._allowed(direction, len(data))
                sink.sendall(data[:allowed])
                if allowed < len(data):
                    self.cuts += 1
                    (self.refuse if self._then_refuse else self.cut)()
        with self._lock:
            self._open -= {source, sink}
        _end(source)
        _end(sink)

    def _allowed(self, direction: Direction, size_bytes: int) -> int:
        """Return how many of so many bytes may pass; fewer where the cut comes."""
        with self._lock:
            left = self._left.get(direction)
            if left is None:
                return size_bytes
            if size_bytes <= left:
                self._left[direction] = left - size_bytes
                return size_bytes
            del self._left[direction]
            return left


@contextmanager
def proxy(port: int, *, server_port: int) -> Iterator[Proxy]:
    """Run a proxy on `port` for the server on another port of this machine."""
    between = Proxy(port, server_port=server_port)
    between.accept()
    try:
        yield between
    finally:
        between.close()


def _end(one: socket.socket) -> None:
    """End a connection for both sides, also under a thread that waits for it, or stop listening."""
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
