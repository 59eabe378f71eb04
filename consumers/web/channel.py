"""A story's channel: who listens to it, and how a change reaches all of them.

A client is a transport and a number: the `seq` that it has. A change is written to each transport as the same bytes. One whose
transport still holds what was written before gets no more until that is gone, and is cut if that takes too long: nothing is
kept for it but its number.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from consumers.timeline.answers import PublicChange
from consumers.web.frames import Ring, come_back, reset_frame

MOST_UNSENT: Final = 64 * 1024
"""Bytes that may wait in a transport before its client counts as slow."""

LONGEST_LAG: Final = 15.0
"""Seconds after which a slow client is cut."""

_AT_ONCE: Final = 1000
"""Clients written to before others have a turn: a few milliseconds."""

_NOTHING: Final = -1
"""The `seq` of a client that has nothing that holds."""

_RESUME_SPREAD: Final = 1.0

_HEARTBEAT: Final = b":\n"
_END: Final = b"0\r\n\r\n"


_News = tuple[bytes, bytes, int]
"""What is written, the same as a chunk, and the `seq` that a client has then."""


class Client:
    """One who listens.

    Attributes:
        seq: Of the last change that it has; it may have read further than the channel has come.
        hears_health: Whether it is told when the view cannot be followed, and when it can again.
        slow_since: Since when it is behind, in seconds of the monotonic clock; 0 while it is not.
    """

    __slots__ = ("_is_chunked", "hears_health", "seq", "slow_since", "transport")

    def __init__(self, transport: asyncio.Transport, seq: int, *, is_chunked: bool) -> None:
        self.transport = transport
        self.seq = seq
        self.slow_since = 0.0
        self.hears_health = False
        self._is_chunked = is_chunked

    @property
    def is_full(self) -> bool:
        return self.transport.get_write_buffer_size() > MOST_UNSENT

    def write(self, data: bytes, chunk: bytes) -> None:
        """Write `data`, which is `chunk` in HTTP's chunked coding."""
        self.transport.write(chunk if self._is_chunked else data)

    def end(self, data: bytes) -> None:
        """Write a last word and close, unless that is done. What is under way still goes out, if the client takes it."""
        if self.transport.is_closing():
            return
        self.write(data, chunked(data) + _END)
        self.transport.close()

    def cut(self) -> None:
        self.transport.abort()


def chunked(data: bytes) -> bytes:
    """Return `data` as one chunk of HTTP's chunked coding."""
    return b"%x\r\n%s\r\n" % (len(data), data)


class Channel:
    """Those who listen to one story, and its last changes.

    Args:
        longest_lag: Seconds after which a client is cut that does not take what is written to it.

    Attributes:
        ring: The last changes. Whoever reads up to its end without waiting in between, and then joins, misses none.
        written: How often news was written to one who listens.
        cut: How many were cut as they were slow.
    """

    def __init__(self, story: str, seq: int, *, longest_lag: float = LONGEST_LAG) -> None:
        self.story = story
        self.ring = Ring(seq)
        self.clients: set[Client] = set()
        self.written = 0
        self.cut = 0
        self._slow: set[Client] = set()
        self._expected = 0
        self._longest_lag = longest_lag
        self._news = asyncio.Event()

    @property
    def is_used(self) -> bool:
        """Whether anybody listens, or is about to."""
        return bool(self.clients or self._expected)

    @contextmanager
    def expecting(self) -> Iterator[None]:
        """Count someone who is about to join, so that the channel is not forgotten meanwhile."""
        self._expected += 1
        try:
            yield
        finally:
            self._expected -= 1

    def join(self, client: Client) -> None:
        self.clients.add(client)

    def leave(self, client: Client) -> None:
        self.clients.discard(client)
        self._slow.discard(client)

    def tell(self, changes: Iterable[PublicChange]) -> None:
        """Take in changes that follow on those that are known, and have them written."""
        before = self.ring.anew
        self.ring.extend(changes)
        self._begin_clients_anew(if_not=before)

    def begin_anew(self, seq: int) -> None:
        """Tell everybody that what they have is not what the story is."""
        self.ring.begin_anew(seq)
        self._begin_clients_anew()

    async def run(self) -> None:
        """Write what is new to those who listen, for as long as this task lives; one that fails is to be begun again."""
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                await self._write_news()
            except Exception:
                self._news.set()
                raise

    async def beat(self) -> None:
        """Write to everybody, so that proxies and clients know that the line is alive."""
        chunk = chunked(_HEARTBEAT)
        await self._each(lambda client: None if client.is_full else client.write(_HEARTBEAT, chunk))

    async def tell_health(self, data: bytes) -> None:
        """Write how the view is to those who want to know and read."""
        chunk = chunked(data)
        await self._each(lambda client: client.write(data, chunk) if client.hears_health and not client.is_full else None)

    def sweep(self) -> None:
        """Go on with those who were slow and can take more; cut those who have taken nothing for too long."""
        deadline = time.monotonic() - self._longest_lag
        for client in list(self._slow):
            if client.transport.is_closing():
                self._slow.discard(client)
            elif not client.is_full:
                self._slow.discard(client)
                client.slow_since = 0.0
                self._write_to(client, self._after(client.seq))
            elif client.slow_since < deadline:
                self.leave(client)
                client.cut()
                self.cut += 1

    async def end(self, last_word: Callable[[], bytes], *, over: float) -> None:
        """Send everybody away, spread over so many seconds."""
        clients = list(self.clients)
        for at, client in enumerate(clients):
            self.leave(client)
            if client.is_full:
                client.cut()
            else:
                client.end(last_word())
            if at % 50 == 49:
                await asyncio.sleep(over * 50 / len(clients))

    def _begin_clients_anew(self, *, if_not: int | None = None) -> None:
        if self.ring.anew != if_not:
            for client in self.clients:
                client.seq = _NOTHING
        self._news.set()

    async def _write_news(self) -> None:
        """Write to each what it has not; most have the same, and get the same bytes."""
        shared: dict[int, _News | None] = {}
        last = self.ring.seq

        def write(client: Client) -> None:
            if client.slow_since:
                return
            if client.is_full:
                self._lags(client)
                return
            if client.seq not in shared:
                shared[client.seq] = self._after(client.seq)
            self._write_to(client, shared[client.seq])

        await self._each(write, until=lambda: self.ring.seq != last)

    def _write_to(self, client: Client, news: _News | None) -> None:
        """Write what is new to a client; if that is not all, it gets the rest once it has taken this.

        Whom the ring cannot tell what it has missed is let go: it resumes by what it has, and is told from the view.
        """
        if news is None:
            self.leave(client)
            client.end(come_back(_RESUME_SPREAD))
            return
        data, chunk, client.seq = news
        if data:
            client.write(data, chunk)
            self.written += 1
        if client.seq < self.ring.seq:
            self._lags(client)

    def _lags(self, client: Client) -> None:
        client.slow_since = time.monotonic()
        self._slow.add(client)

    def _after(self, seq: int) -> _News | None:
        """Return what a client that has `seq` is to get; None where the ring does not reach back so far."""
        found = (reset_frame(self.ring.seq), self.ring.seq) if seq == _NOTHING else self.ring.since(seq)
        return (found[0], chunked(found[0]), found[1]) if found is not None else None

    async def _each(self, act: Callable[[Client], None], *, until: Callable[[], bool] = lambda: False) -> None:
        """Do `act` for all who listen, and let others have a turn now and then; stop if `until` says so after one."""
        clients = list(self.clients)
        for start in range(0, len(clients), _AT_ONCE):
            for client in clients[start : start + _AT_ONCE]:
                if not client.transport.is_closing():
                    act(client)
            if start + _AT_ONCE < len(clients):
                await asyncio.sleep(0)
                if until():
                    return
