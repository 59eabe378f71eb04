"""Everything that is followed in this process: a channel for each story that somebody listens to, and how many listen at all."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVarTuple, Unpack

from msgspec import Struct

from consumers.timeline.answers import PublicChange
from consumers.web.channel import Channel
from consumers.web.follower import Follower, Source
from consumers.web.frames import LOST, REGAINED
from dateline.errors import DatelineError, StoreUnavailable

HEARTBEAT: Final = 15.0
"""Seconds; proxies cut a line on which nothing comes for about a minute."""

_SWEEP: Final = 0.25
_LINGER: Final = 30.0
"""Seconds for which a channel stays that nobody listens to, for those who come back."""


Ts = TypeVarTuple("Ts")


class Limits(Struct, frozen=True):
    """How many streams may be open at once: in this process, and from one address."""

    streams: int = 20_000
    streams_of_one_address: int = 200


class Hub:
    """Follows the view and passes on what changes. Used from the event loop that `start` was called in.

    Attributes:
        on_changed: Called with the stories that had records, or None when anything may have changed.
        is_up: Whether the view is followed now.
    """

    def __init__(self, source: Source, *, limits: Limits | None = None) -> None:
        self.source = source
        self.on_changed: Callable[[Sequence[str] | None], None] = lambda stories: None
        self.is_up = False
        self.limits = limits or Limits()
        self._follower = Follower(source, self)
        self._channels: dict[str, Channel] = {}
        self._opening: dict[str, asyncio.Future[Channel | None]] = {}
        self._unused_since: dict[str, float] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._addresses: Counter[str] = Counter()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._saying: asyncio.Task[None] | None = None
        self._is_ending = False

    async def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._follower.start()
        self._keeper = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        for task in (self._keeper, self._saying, *self._tasks.values()):
            if task is not None:
                task.cancel()
        await asyncio.to_thread(self._follower.stop)

    @property
    def streams(self) -> int:
        """How many listen."""
        return self._addresses.total()

    def counts(self) -> Mapping[str, int]:
        """Return how many listen to each story."""
        return {story: len(channel.clients) for story, channel in self._channels.items()}

    async def channel(self, story: str) -> Channel | None:
        """Return the channel of a story, None if there is no such story.

        Raises:
            StoreUnavailable: Redis cannot be asked.
        """
        if found := self._channels.get(story):
            return found
        if not self.is_up:
            raise StoreUnavailable("The view in Redis cannot be followed for now.")
        if story not in self._opening:
            self._opening[story] = asyncio.ensure_future(self._open(story))
        return await asyncio.shield(self._opening[story])

    def admit(self, address: str) -> bool:
        """Count one more who listens from `address`; return whether there is room. Who was let in is to be let `go`."""
        full = self._addresses.total() >= self.limits.streams
        if self._is_ending or full or self._addresses[address] >= self.limits.streams_of_one_address:
            return False
        self._addresses[address] += 1
        return True

    def go(self, address: str) -> None:
        self._addresses[address] -= 1
        if not self._addresses[address]:
            del self._addresses[address]

    async def end(self, *, over: float) -> None:
        """Let nobody in any more, and send all away, spread over so many seconds, to come back in as many."""
        self._is_ending = True
        listened = [channel for channel in self._channels.values() if channel.clients]
        await asyncio.gather(*(channel.end(lambda: come_back(over), over=over) for channel in listened))

    def changed(self, stories: Sequence[str]) -> None:
        self._post(self.on_changed, stories)

    def told(self, story: str, changes: Sequence[PublicChange]) -> None:
        self._post(self._tell, story, changes)

    def began_anew(self, story: str, seq: int) -> None:
        self._post(self._begin_anew, story, seq)

    def lost(self, error: DatelineError) -> None:
        self._post(self._set_up, False)

    def regained(self) -> None:
        self._post(self._set_up, True)

    def _post(self, act: Callable[[Unpack[Ts]], None], *args: *Ts) -> None:
        assert self._loop is not None
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(act, *args)

    def _set_up(self, is_up: bool) -> None:
        has_turned, self.is_up = is_up is not self.is_up, is_up
        self.on_changed(None)
        if has_turned:
            self._saying = asyncio.create_task(self._say(REGAINED if is_up else LOST))

    async def _say(self, data: bytes) -> None:
        for channel in list(self._channels.values()):
            await channel.say(data)

    def _tell(self, story: str, changes: Sequence[PublicChange]) -> None:
        if channel := self._channels.get(story):
            channel.tell(changes)

    def _begin_anew(self, story: str, seq: int) -> None:
        if channel := self._channels.get(story):
            channel.begin_anew(seq)

    async def _open(self, story: str) -> Channel | None:
        try:
            kept = await asyncio.to_thread(lambda: self.source.reader().story(story))
            if kept is None:
                return None
            channel = self._channels[story] = Channel(story, kept.last_change)
            self._tasks[story] = asyncio.create_task(channel.run())
            await asyncio.to_thread(self._follower.listen, story, kept.last_change)
            return channel
        finally:
            del self._opening[story]

    async def _keep(self) -> None:
        """Keep the channels: beat, cut who is too slow, forget what nobody listens to."""
        loop = asyncio.get_running_loop()
        next_beat = loop.time() + HEARTBEAT
        while True:
            await asyncio.sleep(_SWEEP)
            for story, channel in list(self._channels.items()):
                channel.sweep()
                self._forget_unused(story, channel, loop.time())
            if loop.time() >= next_beat:
                next_beat = loop.time() + HEARTBEAT
                for channel in list(self._channels.values()):
                    await channel.beat()

    def _forget_unused(self, story: str, channel: Channel, moment: float) -> None:
        if channel.clients:
            self._unused_since.pop(story, None)
        elif moment - self._unused_since.setdefault(story, moment) > _LINGER:
            del self._channels[story], self._unused_since[story]
            self._tasks.pop(story).cancel()
            self._follower.forget(story)


def come_back(spread: float) -> bytes:
    """Return what tells a client to come back, each at another time within so many seconds."""
    return b"retry: %d\n\n" % random.randint(500, 500 + int(spread * 1000))
