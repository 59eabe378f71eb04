"""Waits for what consumers make of events: the verdicts of many requests are asked for together."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from consumers.state import Entry
from dateline.errors import DatelineError, StoreUnavailable
from dateline.verdicts import PATIENCE

if TYPE_CHECKING:
    from consumers.timeline.reader import TimelineReader
    from dateline.app import SharedReader

Sent = tuple[str, str]
"""A story and the id of an event of it."""

_MOST: Final = 500
_SHORTEST_S, _LONGEST_S = 0.001, 0.05


class _Awaited:
    """An event that somebody waits for."""

    def __init__(self) -> None:
        self.found: asyncio.Future[Entry | None] = asyncio.get_running_loop().create_future()
        self.until = time.monotonic() + PATIENCE


class Verdicts:
    """Looks the verdicts up in the timeline, again and again until they are there."""

    def __init__(self, timeline: SharedReader[TimelineReader]) -> None:
        self._timeline = timeline
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="verdicts")
        self._awaited: dict[Sent, list[_Awaited]] = {}
        self._task: asyncio.Task[None] | None = None
        self.problem: str = ""

    async def of(self, sent: Sequence[Sent]) -> list[Entry | None]:
        """Return what became of events; None where no consumer has said it in time."""
        awaited = [_Awaited() for _ in sent]
        for name, one in zip(sent, awaited, strict=True):
            self._awaited.setdefault(name, []).append(one)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        return list(await asyncio.gather(*(one.found for one in awaited)))

    async def now(self, sent: Sequence[Sent]) -> list[Entry | None]:
        """Return what is known already of events.

        Raises:
            StoreUnavailable: The timeline cannot be read.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._ask, sent)

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _run(self) -> None:
        pause = _SHORTEST_S
        while self._awaited:
            names = list(self._awaited)[:_MOST]
            try:
                entries, self.problem = await self.now(names), ""
            except DatelineError as error:
                entries, self.problem = [None] * len(names), str(error)
            found = [(name, entry) for name, entry in zip(names, entries, strict=True) if entry is not None]
            for name, entry in found:
                _tell(self._awaited.pop(name), entry)
            self._give_up(names)
            pause = _SHORTEST_S if found else min(_LONGEST_S, pause * 1.5)
            if self._awaited:
                await asyncio.sleep(pause)

    def _give_up(self, names: Sequence[Sent]) -> None:
        """Tell who has waited long enough that there is no verdict yet; the others go on, behind those who came later."""
        moment = time.monotonic()
        for name in names:
            waiting = self._awaited.pop(name, [])
            _tell([one for one in waiting if one.until <= moment], None)
            if rest := [one for one in waiting if one.until > moment]:
                self._awaited.setdefault(name, []).extend(rest)

    def _ask(self, sent: Sequence[Sent]) -> list[Entry | None]:
        reader = self._timeline.reader()
        try:
            return list(reader.verdicts(sent))
        except StoreUnavailable:
            self._timeline.renew(reader)
            raise


def _tell(awaited: Sequence[_Awaited], entry: Entry | None) -> None:
    for one in awaited:
        if not one.found.done():
            one.found.set_result(entry)
