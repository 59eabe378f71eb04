"""The notifier: reserves what is due in the partitions that this process holds, sends it, and says so in the ledger.

Messages to one subscription about one story go one after the other; all others go side by side, the urgent ones first, each
subscription in its turn. What cannot be written to the ledger is not finished: it is tried again until it is.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from consumers.notifications.attempt import Attempt
from consumers.notifications.channels import Channel
from consumers.notifications.circuit import Circuits
from consumers.notifications.index import Holding, Holdings
from consumers.notifications.outcome import Outcome, Plan, later, outcome_of, plan_of
from consumers.notifications.pairs import Finished, Pair, Pairs, Told
from consumers.notifications.results import PAUSE, Results
from consumers.notifications.subscriptions import Subscription
from consumers.notifications.traffic import Traffic
from consumers.notifications.upkeep import Upkeep
from dateline.errors import DatelineError
from dateline.log.base import Log

MOST_IN_FLIGHT: Final = 256
_PATIENCE = 0.25
_TOGETHER = 256
_DRAIN = 10.0
_STALE = 15.0
"""Seconds after which what was reserved is not sent any more: this process was stopped in between, and others go on by now."""


class Notifier:
    """Sends from the partitions in `holdings`. Runs in one event loop; what blocks runs in threads beside it.

    Attributes:
        on_failed: Told of what went wrong with log or store, and is tried again.
        on_circuit: Told of a host, and why hardly anything is sent to it from now on; None once it answers again.
    """

    def __init__(
        self, log: Log, pairs: Pairs, holdings: Holdings, channel: Channel, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._pairs = pairs
        self._holdings = holdings
        self._channel = channel
        self._clock = clock
        self._rng = random.Random()
        self._circuits = Circuits()
        self._traffic = Traffic(self._circuits)
        self._upkeep = Upkeep(log, pairs, holdings, channel, self._circuits)
        self._results = Results(log, pairs, holdings)
        self._wake = asyncio.Event()
        self._sending: set[asyncio.Task[None]] = set()
        self._reserved: dict[tuple[str, str], Pair] = {}
        self.on_failed: Callable[[DatelineError], None] = lambda error: None
        self.on_circuit: Callable[[str, str | None], None] = lambda host, problem: None

    async def run(self, *, stopped: Callable[[], bool]) -> None:
        """Send until `stopped()`; what is under way then is waited for, for a while."""
        loop = asyncio.get_running_loop()
        self._holdings.on_news = lambda: _tell(loop, self._wake)
        self._results.on_failed = self.on_failed
        self._results.on_written = self._written
        writing = asyncio.create_task(self._results.write())
        try:
            while not stopped():
                pause = await self._guarded_turn()
                self._wake.clear()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), pause)
            await self._drain()
        finally:
            writing.cancel()
            for task in self._sending:
                task.cancel()
            await asyncio.gather(writing, *self._sending, return_exceptions=True)
            self._holdings.on_news = lambda: None

    def _written(self, outcomes: Sequence[Outcome]) -> None:
        for one in outcomes:
            key = _key(one.finished.pair)
            if self._reserved.get(key) is one.finished.pair:  # it may be reserved again by now
                del self._reserved[key]
        self._wake.set()

    async def _guarded_turn(self) -> float:
        if self._results.fatal is not None:
            raise self._results.fatal
        try:
            return await self._turn()
        except DatelineError as error:
            if not error.retriable:
                raise
            self.on_failed(error)
            return PAUSE

    async def _drain(self) -> None:
        deadline = time.monotonic() + _DRAIN
        while self._reserved and time.monotonic() < deadline:
            await asyncio.sleep(0.01)

    async def _turn(self) -> float:
        """Reserve and begin what is due; return the seconds until there may be more."""
        holdings = list(self._holdings)
        if self._upkeep.is_due(holdings):
            await asyncio.to_thread(self._upkeep.look, holdings, self._results, self._reserved)
        pause = _PATIENCE
        random.shuffle(holdings)
        for holding in holdings:
            room = MOST_IN_FLIGHT - len(self._reserved)
            if room <= 0:
                break
            if not self._upkeep.is_current(holding.claim):
                pause = min(pause, 0.02)
                continue
            due = await self._begin_some(holding, room)
            if due is not None:
                pause = min(pause, due)
        return pause

    async def _begin_some(self, holding: Holding, room: int) -> float | None:
        most = min(room, _TOGETHER)
        picked = await asyncio.to_thread(
            self._pairs.pick,
            holding.claim,
            applied=holding.applied,
            most=most,
            over=self._upkeep.paused,
            room=self._traffic.room(self._clock()),
        )
        if picked is None:
            self._holdings.drop(holding.claim)
            return None
        if picked.is_behind:
            self._holdings.lose(holding.claim)
            return None
        # what is under way here already was due once more in an index that was lost meanwhile: its own end will be written
        pairs = [pair for pair in picked.pairs if self._reserved.get(_key(pair), pair).claim.token == pair.claim.token]
        if not pairs:
            return picked.due_in
        reserved_at = time.monotonic()
        self._reserved.update((_key(pair), pair) for pair in pairs)
        try:
            told = await asyncio.to_thread(self._look, pairs)
        except DatelineError:
            for pair in pairs:
                self._results.put(later(pair, self._clock()))
            raise
        for pair in pairs:
            self._begin(pair, told[pair.story], reserved_at)
        return 0.0

    def _look(self, pairs: Sequence[Pair]) -> dict[str, Told]:
        told = self._pairs.look(pairs)
        if any(self._upkeep.subscriptions.get(pair.subscription) is None for pair in pairs):
            self._upkeep.refresh()
        return told

    def _begin(self, pair: Pair, told: Told, reserved_at: float) -> None:
        subscription = self._upkeep.subscriptions.get(pair.subscription)
        if subscription is None or subscription.ended_at is not None:
            self._results.put(Outcome(Finished(pair, "ended")))
            return
        plan = plan_of(subscription, pair, told, self._upkeep.asking, reserved_at=reserved_at)
        if isinstance(plan, Outcome):
            self._results.put(plan)
            return
        host = self._channel.host(subscription)
        if subscription.paused_at is not None:
            self._results.put(later(pair, self._clock()))
        elif not self._circuits.begin(host, self._clock()):
            self._results.put(later(pair, self._circuits.probe_at(host)))
        else:
            self._traffic.begin(host)
            task = asyncio.create_task(self._send(subscription, plan, host))
            self._sending.add(task)
            task.add_done_callback(lambda done: self._sent(done, host))

    def _sent(self, task: asyncio.Task[None], host: str) -> None:
        self._sending.discard(task)
        self._traffic.end(host)

    async def _send(self, subscription: Subscription, plan: Plan, host: str) -> None:
        async with self._traffic.turn(host):
            began = self._clock()
            if time.monotonic() - plan.reserved_at > _STALE:
                self._circuits.let_go(host)
                self._results.put(later(plan.pair, began))
                return
            attempt = await self._channel.deliver(subscription, plan.message)
        self._traffic.note(host, attempt)
        self._note(host, attempt)
        self._results.put(outcome_of(plan, attempt, began=began, now=self._clock(), rng=self._rng))

    def _note(self, host: str, attempt: Attempt) -> None:
        if attempt.is_success:
            if self._circuits.succeeded(host):
                self.on_circuit(host, None)
        elif self._circuits.failed(host, self._clock(), attempt.in_words):
            self.on_circuit(host, attempt.in_words)


def _key(pair: Pair) -> tuple[str, str]:
    return pair.subscription, pair.story


def _tell(loop: asyncio.AbstractEventLoop, wake: asyncio.Event) -> None:
    with suppress(RuntimeError):  # the loop has ended
        loop.call_soon_threadsafe(wake.set)
