"""A view as `dateline consume` feeds it: it says what happens to it, a line each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping

from typing_extensions import override

from consumers.intake import Homeless
from consumers.state import Incoming
from consumers.view import Applied, Claim, Cursor, Folded, Loaded, Needs, Parked, Pending, View
from dateline.cli.lines import say
from dateline.errors import DatelineError

MOST_LINES = 5
"""Records told of in one second; what is more is counted, and counted in the view anyway."""


class Announced(View):
    """A view that says when a partition is claimed, and which records could not be used.

    Args:
        view: What is fed.
        on_claimed: Called at each claim.
    """

    def __init__(self, view: View, *, on_claimed: Callable[[], None]) -> None:
        self.name, self.group = view.name, view.group
        self._view = view
        self._on_claimed = on_claimed
        self._undecodable: dict[int, int] = {}
        self._brake = Brake(MOST_LINES)

    @override
    def claim(self, partition: int, *, log_id: str) -> Claim:
        claim = self._view.claim(partition, log_id=log_id)
        self._undecodable[partition] = claim.undecodable
        self._on_claimed()
        say("claimed", consumer=self.name, partition=partition, generation=claim.generation, offset=claim.offset)
        return claim

    @override
    def cursors(self, partitions: int) -> Mapping[int, Cursor]:
        return self._view.cursors(partitions)

    @override
    def parked(self, partition: int) -> Mapping[str, Parked]:
        return self._view.parked(partition)

    @override
    def load(self, claim: Claim, needs: Needs) -> Pending[Loaded]:
        return self._view.load(claim, needs)

    @override
    def apply(self, claim: Claim, batch: Folded) -> Pending[Applied]:
        if batch.homeless or batch.total_undecodable != self._undecodable[claim.partition]:
            self._undecodable[claim.partition] = batch.total_undecodable
            self._tell(claim.partition, batch)
        return self._view.apply(claim, batch)

    @override
    def reset(self) -> None:
        self._view.reset()

    @override
    def stopped(self, partition: int, error: DatelineError) -> None:
        self._view.stopped(partition, error)

    @override
    def leave(self) -> None:
        self._view.leave()

    def _tell(self, partition: int, batch: Folded) -> None:
        for about in _unusable(batch):
            untold = self._brake.untold()
            if untold is None:
                continue
            if untold:
                say("unusable", level="warning", consumer=self.name, more=untold)
            say("unusable", level="warning", consumer=self.name, partition=partition, **about)


def _unusable(batch: Folded) -> Iterator[dict[str, object]]:
    for story, steps in batch.stories.items():
        for step in steps:
            if step.incoming.event is None:
                yield _told(step.incoming, story=story, seq=step.outcome.story.seq)
    for record in batch.homeless:
        yield _told(record, story=None, seq=None)


def _told(record: Incoming | Homeless, *, story: str | None, seq: int | None) -> dict[str, object]:
    event_id, update = record.claimed
    about = {"story": story, "seq": seq, "update": update, "event_id": event_id}
    return {**about, "offset": record.offset, "problem": record.problem}


class Brake:
    """Lets so many pass in a second, and counts the others."""

    def __init__(self, most: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._second = 0
        self._passed = 0
        self._stopped = 0

    def untold(self) -> int | None:
        """Return how many were stopped since the last that passed; None if this one is stopped too."""
        second = int(self._clock())
        if second != self._second:
            self._second, self._passed = second, 0
        if self._passed == self._most:
            self._stopped += 1
            return None
        self._passed += 1
        stopped, self._stopped = self._stopped, 0
        return stopped
