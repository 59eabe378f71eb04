"""Answers that are kept until what they tell of changes, so that a thousand readers of one page cost Redis one read."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from consumers.web.answers import Answer

MOST_BYTES: Final = 64 * 1024 * 1024

_LONGEST: Final = 30.0
"""Seconds for which an answer is kept at most, should no word of a change have come."""

_ANY_AGE: Final = 1.0
"""Seconds for which an answer about several stories is kept: on a busy day something changes all the time."""


class _Flight:
    """An answer that is being made. `is_old` once what it tells of has changed since it was begun."""

    __slots__ = ("answer", "begun", "is_old", "story")

    def __init__(self, story: str | None) -> None:
        self.story = story
        self.begun = time.monotonic()
        self.is_old = False
        self.answer: asyncio.Task[Answer] | None = None


class _Kept:
    __slots__ = ("answer", "story", "until")

    def __init__(self, answer: Answer, flight: _Flight) -> None:
        self.answer = answer
        self.story = flight.story
        self.until = flight.begun + (_ANY_AGE if flight.story is None else _LONGEST)


class KeptAnswers:
    """Answers by what was asked for. Used from one event loop.

    Args:
        is_up: Whether changes are heard of now; else nothing is kept, since nobody would know that it is old.

    Attributes:
        size_bytes: What the answers take.
        hits, made, shared: How often one was there, was made, and was waited for that another asked for.
    """

    def __init__(self, is_up: Callable[[], bool], *, most_bytes: int = MOST_BYTES) -> None:
        self._is_up = is_up
        self._most_bytes = most_bytes
        self.size_bytes = 0
        self.hits = self.made = self.shared = 0
        self._kept: OrderedDict[bytes, _Kept] = OrderedDict()
        self._of_story: dict[str, set[bytes]] = {}
        self._flights: dict[bytes, _Flight] = {}

    def get(self, target: bytes) -> Answer | None:
        """Return the answer that is kept for a path and query, None if there is none."""
        kept = self._kept.get(target)
        if kept is None:
            return None
        if kept.until < time.monotonic():
            self._drop(target)
            return None
        self.hits += 1
        return kept.answer

    async def make(self, target: bytes, story: str | None, make: Callable[[], Awaitable[Answer]]) -> Answer:
        """Have an answer made, once for all who ask for it meanwhile, and keep it.

        Args:
            target: The path and query.
            story: What it tells of; None for several stories.
        """
        flight = self._flights.get(target)
        if flight is None or flight.is_old or flight.answer is None:
            flight = self._flights[target] = _Flight(story)
            flight.answer = asyncio.create_task(self._fly(target, flight, make))
            flight.answer.add_done_callback(_heard)
            self.made += 1
        else:
            self.shared += 1
        return await asyncio.shield(flight.answer)

    def changed(self, stories: Sequence[str] | None) -> None:
        """Forget what tells of these stories; of all, if it is None."""
        told = None if stories is None else set(stories)
        for flight in self._flights.values():
            flight.is_old = flight.is_old or told is None or flight.story in told
        if told is None:
            self._kept.clear()
            self._of_story.clear()
            self.size_bytes = 0
            return
        for story in told & self._of_story.keys():
            for target in list(self._of_story.get(story, ())):
                self._drop(target)

    async def _fly(self, target: bytes, flight: _Flight, make: Callable[[], Awaitable[Answer]]) -> Answer:
        try:
            answer = await make()
            if self._is_up() and not flight.is_old and answer.status == 200:
                self._keep(target, _Kept(answer, flight))
            return answer
        finally:
            if self._flights.get(target) is flight:
                del self._flights[target]

    def _keep(self, target: bytes, kept: _Kept) -> None:
        self._drop(target)
        self._kept[target] = kept
        self.size_bytes += _size(target, kept)
        if kept.story is not None:
            self._of_story.setdefault(kept.story, set()).add(target)
        while self.size_bytes > self._most_bytes:
            self._drop(next(iter(self._kept)))

    def _drop(self, target: bytes) -> None:
        kept = self._kept.pop(target, None)
        if kept is None:
            return
        self.size_bytes -= _size(target, kept)
        if kept.story is not None:
            targets = self._of_story[kept.story]
            targets.discard(target)
            if not targets:
                del self._of_story[kept.story]


def _heard(answer: asyncio.Task[Answer]) -> None:
    """Take note of how it ended, also where all who asked are gone."""
    if not answer.cancelled():
        answer.exception()


def _size(target: bytes, kept: _Kept) -> int:
    """Return at most how many bytes an answer takes, its packed forms included."""
    return 1000 + len(target) + 3 * len(kept.answer.body)
