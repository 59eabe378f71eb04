"""Everything that is followed in this process: a channel for each story that somebody listens to, and how many listen at all."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final, TypeVarTuple, Unpack

from msgspec import Struct

from consumers.timeline.answers import PublicChange
from consumers.web.channel import LONGEST_LAG, Channel
from consumers.web.follower import Follower, Source
from consumers.web.frames import LOST, REGAINED, come_back
from dateline.errors import StoreUnavailable

_SWEEP: Final = 0.25
_LINGER: Final = 30.0
"""Seconds for which a channel stays that nobody listens to, for those who come back."""


Ts = TypeVarTuple("Ts")
Report = Callable[[str, Exception], None]
"""Told what failed, and of what. Called from any thread."""


class Limits(Struct, frozen=True):
    """What streams may take.

    Attributes:
        streams: How many may be open at once in this process.
        streams_of_one_address: How many of these from one address.
        heartbeat_s: Seconds between two signs of life on a line; proxies cut one on which nothing comes for about a minute.
        longest_lag_s: Seconds after which a client is cut that does not take what is written to it.
    """

    streams: int = 20_000
    streams_of_one_address: int = 200
    heartbeat_s: float = 15.0
    longest_lag_s: float = LONGEST_LAG


class Hub:
    """Follows the view and passes on what changes. Used from the event loop that `start` was called in.

    Args:
        report: Told of what goes wrong on our side; each trouble once.

    Attributes:
        on_changed: Called with the stories that had records, or None when anything may have changed.
        is_up: Whether the view is followed now.
        streams: How many listen.
        shed: How many were sent away, as there was no room.
        cut: How many were cut as they did not read, in channels that are gone or before they had one.
        is_ending: Whether nobody is let in any more.
    """

    def __init__(self, source: Source, *, limits: Limits | None = None, report: Report = lambda what, error: None) -> None:
        self.source = source
        self.on_changed: Callable[[Sequence[str] | None], None] = lambda stories: None
        self.is_up = False
        self.streams = 0
        self.shed = 0
        self.cut = 0
        self._written_before = 0
        self.is_ending = False
        self.limits = limits or Limits()
        self.report = report
        self._follower = Follower(source, self)
        self._channels: dict[str, Channel] = {}
        self._opening: dict[str, asyncio.Future[Channel | None]] = {}
        self._anew: dict[str, int | None] = {}
        self._unused_since: dict[str, float] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._addresses: Counter[str] = Counter()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._trouble = ""
        self._saying: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._follower.start()
        self._keeper = asyncio.create_task(self._for_ever("the keeping of channels", self._keep))

    async def stop(self) -> None:
        for task in (self._keeper, self._saying, *self._tasks.values()):
            if task is not None:
                task.cancel()
        await asyncio.to_thread(self._follower.stop)

    def counts(self) -> Mapping[str, int]:
        """Return how many listen to each story."""
        return {story: len(channel.clients) for story, channel in self._channels.items()}

    @property
    def written(self) -> int:
        """How often news was written to one who listens."""
        return self._written_before + sum(channel.written for channel in list(self._channels.values()))

    @property
    def slow(self) -> int:
        """How many were cut as they did not read."""
        return self.cut + sum(channel.cut for channel in list(self._channels.values()))

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
        full = self.streams >= self.limits.streams
        if self.is_ending or full or self._addresses[address] >= self.limits.streams_of_one_address:
            self.shed += 1
            return False
        self._addresses[address] += 1
        self.streams += 1
        return True

    def go(self, address: str) -> None:
        self.streams -= 1
        self._addresses[address] -= 1
        if not self._addresses[address]:
            del self._addresses[address]

    async def end(self, *, over: float) -> None:
        """Let nobody in any more, and send all away, spread over so many seconds, to come back in as many."""
        self.is_ending = True
        listened = [channel for channel in self._channels.values() if channel.clients]
        await asyncio.gather(*(channel.end(lambda: come_back(over), over=over) for channel in listened))

    def changed(self, stories: Sequence[str] | None) -> None:
        self._post(self.on_changed, stories)

    def told(self, story: str, changes: Sequence[PublicChange]) -> None:
        self._post(self._tell, story, changes)

    def began_anew(self, story: str, seq: int | None) -> None:
        self._post(self._begin_anew, story, seq)

    def lost(self, error: Exception) -> None:
        self._post(self._lose, error)

    def failed(self, story: str, error: Exception) -> None:
        self._post(self.report, f"following {story}", error)

    def regained(self) -> None:
        self._post(self._regain)

    def _post(self, act: Callable[[Unpack[Ts]], None], *args: *Ts) -> None:
        assert self._loop is not None
        with suppress(RuntimeError):  # the loop is closed: there is nobody to tell
            self._loop.call_soon_threadsafe(act, *args)

    def _lose(self, error: Exception) -> None:
        self._turn(is_up=False)
        if str(error) != self._trouble:
            self._trouble = str(error)
            self.report("following", error)

    def _regain(self) -> None:
        self._trouble = ""
        self._turn(is_up=True)

    def _turn(self, *, is_up: bool) -> None:
        has_turned, self.is_up = is_up is not self.is_up, is_up
        self.on_changed(None)
        if has_turned:
            self._saying = asyncio.create_task(self._say(REGAINED if is_up else LOST))

    async def _say(self, data: bytes) -> None:
        for channel in list(self._channels.values()):
            await channel.tell_health(data)

    def _tell(self, story: str, changes: Sequence[PublicChange]) -> None:
        if channel := self._channels.get(story):
            channel.tell(changes)

    def _begin_anew(self, story: str, seq: int | None) -> None:
        """Begin a channel anew, or note to do so when it is opened: those who come back may hold what is not so any more."""
        channel = self._channels.get(story)
        if channel is not None and seq is not None:
            self._anew[story] = seq
            channel.begin_anew(seq)
        elif channel is None:
            self._anew[story] = None

    async def _open(self, story: str) -> Channel | None:
        try:
            kept = await asyncio.to_thread(lambda: self.source.reader().story(story))
            if kept is None:
                return None
            channel = Channel(story, kept.last_change, longest_lag=self.limits.longest_lag_s)
            if story in self._anew:
                anew = self._anew[story]
                self._anew[story] = channel.ring.anew = kept.last_change if anew is None else anew
            self._channels[story] = channel
            self._tasks[story] = asyncio.create_task(self._for_ever(f"the channel of {story}", channel.run))
            await asyncio.to_thread(self._follower.listen, story, kept.last_change)
            return channel
        finally:
            del self._opening[story]

    async def _for_ever(self, what: str, work: Callable[[], Awaitable[None]]) -> None:
        """Do work that never ends; when it fails, say so and begin it again."""
        while True:
            try:
                await work()
            except Exception as error:
                self.report(what, error)
                await asyncio.sleep(_SWEEP)

    async def _keep(self) -> None:
        """Keep the channels: beat, cut who is too slow, forget what nobody listens to."""
        loop = asyncio.get_running_loop()
        next_beat = loop.time() + self.limits.heartbeat_s
        while True:
            await asyncio.sleep(_SWEEP)
            for story, channel in list(self._channels.items()):
                channel.sweep()
                self._forget_unused(story, channel, loop.time())
            if loop.time() >= next_beat:
                next_beat = loop.time() + self.limits.heartbeat_s
                for channel in list(self._channels.values()):
                    await channel.beat()

    def _forget_unused(self, story: str, channel: Channel, moment: float) -> None:
        if channel.is_used:
            self._unused_since.pop(story, None)
        elif moment - self._unused_since.setdefault(story, moment) > _LINGER:
            del self._channels[story], self._unused_since[story]
            self._written_before += channel.written
            self.cut += channel.cut
            self._tasks.pop(story).cancel()
            self._follower.forget(story)
