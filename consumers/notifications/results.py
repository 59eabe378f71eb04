"""Writes what became of messages: first to the ledger, then to the index, many at once, and again until it is written."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Final

from consumers.notifications.index import Holdings
from consumers.notifications.outcome import Outcome
from consumers.notifications.pairs import Finished, Pairs
from consumers.notifications.records import ended_record, entry_record
from dateline.errors import DatelineError
from dateline.log.base import Log, NewRecord
from schemas.topics import DELIVERIES_TOPIC, SUBSCRIPTIONS_TOPIC

PAUSE: Final = 0.5
"""Seconds to wait after what went wrong with log or store."""

_TOGETHER = 256


class Results:
    """What is still to be written, in the order in which it came. Belongs to one event loop.

    Attributes:
        fatal: What trying again does not help; nothing more is written.
        on_failed: Told of what went wrong with log or store, and is tried again.
        on_written: Called with what is written.
    """

    def __init__(self, log: Log, pairs: Pairs, holdings: Holdings) -> None:
        self._log = log
        self._pairs = pairs
        self._holdings = holdings
        self._queue: asyncio.Queue[Outcome] = asyncio.Queue()
        self._own: dict[str, set[int]] = defaultdict(set)
        self.fatal: DatelineError | None = None
        self.on_failed: Callable[[DatelineError], None] = lambda error: None
        self.on_written: Callable[[Sequence[Outcome]], None] = lambda outcomes: None

    def put(self, outcome: Outcome) -> None:
        self._queue.put_nowait(outcome)

    def own(self, token: str) -> set[int]:
        """Return the offsets of the ledger's entries that the index has under a claim, since they were written here."""
        return self._own[token]

    def keep_own(self, tokens: set[str]) -> None:
        """Forget what was written under other claims."""
        for token in self._own.keys() - tokens:
            del self._own[token]

    async def write(self) -> None:
        """Write what comes, until cancelled."""
        while True:
            outcomes = [await self._queue.get()]
            while len(outcomes) < _TOGETHER and not self._queue.empty():
                outcomes.append(self._queue.get_nowait())
            await self._until_written(outcomes)
            self.on_written(outcomes)

    async def _until_written(self, outcomes: Sequence[Outcome]) -> None:
        said: list[tuple[int, int]] | None = None
        while self.fatal is None:
            try:
                if said is None:
                    said = await asyncio.to_thread(self._say, outcomes)
                await asyncio.to_thread(self._finish, outcomes, said)
                return
            except DatelineError as error:
                if not error.retriable:
                    self.fatal = error
                    return
                self.on_failed(error)
                await asyncio.sleep(PAUSE)

    def _say(self, outcomes: Sequence[Outcome]) -> list[tuple[int, int]]:
        """Write to the ledger, where what is said twice is one entry; return the partition and the offset of each."""
        records, ended = [], []
        for one in outcomes:
            if one.entry is not None:
                records.append(_at(entry_record(one.entry), one.finished.pair.claim.partition))
            if one.ended:
                ended.append(ended_record(one.finished.pair.subscription, reason=one.ended))
        if ended:
            self._log.append(SUBSCRIPTIONS_TOPIC, ended)
        positions = self._log.append(DELIVERIES_TOPIC, records) if records else ()
        return [(position.partition, position.offset) for position in positions]

    def _finish(self, outcomes: Sequence[Outcome], said: Sequence[tuple[int, int]]) -> None:
        """Write to the index, under the claim that holds now: the partition may have been claimed anew by this very process.

        What the index does not take here it takes from the ledger, so only what it took is counted as its own.
        """
        by_partition: dict[int, list[Finished]] = defaultdict(list)
        for one in outcomes:
            by_partition[one.finished.pair.claim.partition].append(one.finished)
        for holding in self._holdings:
            finished = by_partition.pop(holding.claim.partition, None)
            if not finished:
                continue
            if self._pairs.finish(holding.claim, finished):
                self._own[holding.claim.token].update(at for p, at in said if p == holding.claim.partition)
            else:
                self._holdings.drop(holding.claim)


def _at(record: NewRecord, partition: int) -> NewRecord:
    return NewRecord(record.key, record.value, record.headers, record.timestamp, partition)
