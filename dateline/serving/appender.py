"""Appends what many requests say, in groups: while one group becomes durable, the next one gathers."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final

from dateline.deployment import Deployment
from dateline.errors import DatelineError, LogUnavailable, Refused
from dateline.settings import Settings
from producers.api import is_urgent
from producers.desk import Desk, Receipt
from schemas.events import Event

MOST_AT_ONCE: Final = 500
"""Events of a group. What is urgent waits for one group at most."""


class _Waiting:
    """Events of one request that wait to be appended."""

    def __init__(self, events: Sequence[Event], appended: asyncio.Future[list[Receipt]]) -> None:
        self.events = events
        self.appended = appended
        self.stories = {one.story for one in events}
        self.is_urgent = any(map(is_urgent, events)) and len(events) == 1


class Appender:
    """Appends events in a thread of its own; urgent ones first, those of a story in the order in which they came."""

    def __init__(self, settings: Settings) -> None:
        self._deployment = Deployment(settings)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="appending")
        self._urgent: deque[_Waiting] = deque()
        self._routine: deque[_Waiting] = deque()
        self._task: asyncio.Task[None] | None = None

    async def append(self, events: Sequence[Event]) -> list[Receipt]:
        """Append events; return once they are durable.

        Raises:
            Refused, LogUnavailable: Nothing was written.
            MaybeWritten: There was no answer in time.
        """
        waiting = _Waiting(events, asyncio.get_running_loop().create_future())
        self._enqueue(waiting)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        return await waiting.appended

    def close(self) -> None:
        self._thread.shutdown(wait=True, cancel_futures=True)
        self._deployment.close()

    def _enqueue(self, waiting: _Waiting) -> None:
        if not waiting.is_urgent:
            self._routine.append(waiting)
            return
        ahead = [one for one in self._routine if one.stories & waiting.stories]
        for one in ahead:  # a story's order is kept
            self._routine.remove(one)
        self._urgent.extend([*ahead, waiting])

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while group := self._group():
            events = [event for one in group for event in one.events]
            try:
                receipts = await loop.run_in_executor(self._thread, self._send, events)
            except Refused as error:
                await self._one_by_one(group, error)
            except Exception as error:  # whatever it is, nobody is left waiting
                _fail(group, error)
            else:
                _share(group, receipts)

    def _group(self) -> list[_Waiting]:
        """Take what is appended next."""
        group: list[_Waiting] = []
        size = 0
        for lane in (self._urgent, self._routine):
            while lane and (not group or size + len(lane[0].events) <= MOST_AT_ONCE):
                group.append(lane.popleft())
                size += len(group[-1].events)
        return group

    async def _one_by_one(self, group: Sequence[_Waiting], error: Refused) -> None:
        """Append each request's events by themselves: one of them breaks a rule, and the others do not."""
        if len(group) == 1:
            _fail(group, error)
            return
        for one in group:
            try:
                sent = await asyncio.get_running_loop().run_in_executor(self._thread, self._send, one.events)
            except Exception as its_own:  # as above
                _fail([one], its_own)
            else:
                _share([one], sent)

    def _send(self, events: Sequence[Event]) -> list[Receipt]:
        try:
            return Desk(self._deployment.log, name=events[0].desk).send_all(events)
        except LogUnavailable:
            with suppress(DatelineError):
                self._deployment.reconnect()
            raise


def _share(group: Sequence[_Waiting], receipts: Sequence[Receipt]) -> None:
    begin = 0
    for one in group:
        end = begin + len(one.events)
        if not one.appended.done():
            one.appended.set_result(list(receipts[begin:end]))
        begin = end


def _fail(group: Sequence[_Waiting], error: Exception) -> None:
    for one in group:
        if not one.appended.done():
            one.appended.set_exception(error)
