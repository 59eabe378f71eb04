"""The notifier: reserves what is due in the partitions that this process holds, sends it, and says so in the ledger.

Messages to one subscription about one story go one after the other; all others go side by side, the urgent ones first, each
subscription in its turn. What cannot be written to the ledger is not finished: it is tried again until it is.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Final

from msgspec import Struct, json

from consumers.notifications import retry
from consumers.notifications.attempt import Attempt
from consumers.notifications.channels import Channel
from consumers.notifications.circuit import Circuits
from consumers.notifications.condition import OpenCircuit
from consumers.notifications.decide import Decision, Known, is_overtaken, next_to_send
from consumers.notifications.index import Holding, Holdings
from consumers.notifications.ledger import LedgerReader
from consumers.notifications.marks import Asking
from consumers.notifications.message import Notification, gave_up_entry, notification, sent_entry
from consumers.notifications.news import Redo, Tries
from consumers.notifications.pairs import MOST_OF_ONE, Finished, Pair, Pairs, Told
from consumers.notifications.records import ended_record, entry_record
from consumers.notifications.subscriptions import Subscription, Subscriptions
from consumers.view import Claim
from dateline.errors import DatelineError
from dateline.log.base import Log, NewRecord
from schemas.deliveries import DeliveryEvent
from schemas.topics import DELIVERIES_TOPIC, EVENTS_TOPIC, SUBSCRIPTIONS_TOPIC

MOST_IN_FLIGHT: Final = 256
_PATIENCE = 0.25
_TEND_EVERY = 0.5
"""Seconds between two looks at the ledger, the subscriptions and the log's end."""

_TOGETHER = 256
_DRAIN = 10.0
_STALE = 15.0
"""Seconds after which what was reserved is not sent any more: this process was stopped in between, and others go on by now."""

PAUSE: Final = 0.5
"""Seconds to wait after what went wrong with log or store."""


class Plan(Struct, frozen=True):
    """A message that is about to be sent."""

    pair: Pair
    message: Notification
    redo: Redo | None
    owed: Sequence[str]
    reserved_at: float


class Outcome(Struct, frozen=True):
    """What is to be written of a pair: its entry of the ledger, if any, then what became of it."""

    finished: Finished
    entry: DeliveryEvent | None = None
    ended: str = ""


class Notifier:
    """Sends from the partitions in `holdings`. Runs in one event loop; what blocks runs in threads beside it.

    Attributes:
        on_failed: Told of what went wrong with log or store, and is tried again.
        on_circuit: Told of a host, and why hardly anything is sent to it from now on; None once it answers again.
    """

    def __init__(
        self, log: Log, pairs: Pairs, holdings: Holdings, channel: Channel, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._log = log
        self._pairs = pairs
        self._holdings = holdings
        self._channel = channel
        self._clock = clock
        self._rng = random.Random()
        self._subscriptions = Subscriptions(log)
        self._asking = Asking(())
        self._circuits = Circuits()
        self._wake = asyncio.Event()
        self._results: asyncio.Queue[Outcome] = asyncio.Queue()
        self._sending: set[asyncio.Task[None]] = set()
        self._reserved: set[tuple[str, str]] = set()
        self._of_host: dict[str, int] = {}
        self._hosts_told: set[str] = set()
        self._circuits_told: dict[str, dict[str, str]] = {}
        self._fatal: DatelineError | None = None
        self._ledgers: dict[str, LedgerReader] = {}
        self._own: dict[int, set[int]] = defaultdict(set)
        self._ends: dict[int, int] = {}
        self._current: set[str] = set()
        self._tend_at = 0.0
        self.on_failed: Callable[[DatelineError], None] = lambda error: None
        self.on_circuit: Callable[[str, str | None], None] = lambda host, problem: None

    async def run(self, *, stopped: Callable[[], bool]) -> None:
        """Send until `stopped()`; what is under way then is waited for, for a while."""
        loop = asyncio.get_running_loop()
        self._holdings.on_news = lambda: _tell(loop, self._wake)
        writing = asyncio.create_task(self._write_results())
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

    async def _guarded_turn(self) -> float:
        if self._fatal is not None:
            raise self._fatal
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
        await self._tend(holdings)
        pause = _PATIENCE
        random.shuffle(holdings)
        for holding in holdings:
            room = MOST_IN_FLIGHT - len(self._reserved)
            if room <= 0:
                break
            if holding.claim.token not in self._current:
                pause = min(pause, 0.02)
                continue
            due = await self._begin_some(holding.claim, room)
            if due is not None:
                pause = min(pause, due)
        return pause

    async def _begin_some(self, claim: Claim, room: int) -> float | None:
        over = {one.id for one in self._subscriptions if one.status == "paused"}
        most = min(room, _TOGETHER)
        picked = await asyncio.to_thread(self._pairs.pick, claim, most=most, over=over, room=self._room())
        if picked is None:
            self._holdings.drop(claim)
            return None
        pairs, due = picked
        if not pairs:
            return due
        reserved_at = time.monotonic()
        self._reserved.update((pair.subscription, pair.story) for pair in pairs)
        try:
            told = await asyncio.to_thread(self._pairs.look, pairs)
            if any(self._subscriptions.get(pair.subscription) is None for pair in pairs):
                await asyncio.to_thread(self._refresh)
        except DatelineError:
            for pair in pairs:
                self._put(self._later(pair, self._clock()))
            raise
        for pair in pairs:
            self._begin(pair, told[pair.story], reserved_at)
        return 0.0

    def _room(self) -> dict[str, int]:
        """Return how many messages may go to the hosts that have some under way, or whose circuit is open."""
        now = self._clock()
        room = {host: max(0, MOST_OF_ONE - count) for host, count in self._of_host.items()}
        for host in self._circuits.open_ones():
            room[host] = 0 if self._circuits.is_shut(host, now) else 1
        return room

    def _begin(self, pair: Pair, told: Told, reserved_at: float) -> None:
        subscription = self._subscriptions.get(pair.subscription)
        if subscription is None or subscription.ended_at is not None:
            self._put(Outcome(Finished(pair, "ended")))
            return
        message, decision, redo = self._decide(subscription, pair, told)
        if message is None:
            redone = redo.entry if redo is not None else ""
            owed = sorted(decision.owed)
            self._put(Outcome(Finished(pair, "passed", seq=decision.passed, tries=pair.tries, redone=redone, owed=owed)))
            return
        host = self._channel.host(subscription)
        if subscription.paused_at is not None:
            self._put(self._later(pair, self._clock()))
        elif not self._circuits.begin(host, self._clock()):
            self._put(self._later(pair, self._circuits.probe_at(host)))
        else:
            plan = Plan(pair, message, redo, tuple(sorted(decision.owed)), reserved_at)
            task = asyncio.create_task(self._send(subscription, plan))
            self._of_host[host] = self._of_host.get(host, 0) + 1
            self._sending.add(task)
            task.add_done_callback(lambda done: self._sent(done, host))

    def _sent(self, task: asyncio.Task[None], host: str) -> None:
        self._sending.discard(task)
        self._of_host[host] -= 1
        if not self._of_host[host]:
            del self._of_host[host]

    def _decide(self, subscription: Subscription, pair: Pair, told: Told) -> tuple[Notification | None, Decision, Redo | None]:
        """Return the message to send next, if any."""
        if pair.redo:
            redo = pair.redo[0]
            once_more = next((one for one in told.redone if one.change.seq == redo.seq), None)
            decision = Decision(once_more, pair.at)
            update = told.updates.get(once_more.change.update or "") if once_more is not None else None
            if once_more is None or (update is not None and is_overtaken(once_more.change, update)):
                return None, decision, redo
            return notification(subscription.id, told, once_more, after=pair.sent), decision, redo
        got = set(told.got.get(subscription.id, ()))
        if pair.tries is not None and pair.tries.update:
            got.add(pair.tries.update)  # it may have it, whatever it answered
        known = Known(pair.at, got, told.matched.get(subscription.id, ()), told.owed.get(subscription.id, ()))
        language = told.story.heading.language
        decision = next_to_send(
            subscription,
            known,
            told.news,
            told.updates,
            matches=lambda update: self._asking.matching(told.story.id, update, language).by(subscription),
        )
        if decision.send is None:
            return None, decision, None
        return notification(subscription.id, told, decision.send, after=pair.sent), decision, None

    async def _send(self, subscription: Subscription, plan: Plan) -> None:
        host, began = self._channel.host(subscription), self._clock()
        if time.monotonic() - plan.reserved_at > _STALE:
            self._circuits.let_go(host)
            self._put(self._later(plan.pair, began))
            return
        attempt = await self._channel.deliver(subscription, plan.message)
        self._note(host, attempt)
        self._put(self._outcome(plan, attempt, began))

    def _note(self, host: str, attempt: Attempt) -> None:
        if attempt.is_success:
            if self._circuits.succeeded(host):
                self.on_circuit(host, None)
        elif self._circuits.failed(host, self._clock(), attempt.in_words):
            self.on_circuit(host, attempt.in_words)

    def _outcome(self, plan: Plan, attempt: Attempt, began: float) -> Outcome:
        pair, message, redo = plan.pair, plan.message, plan.redo
        seq, update, redone = message.change.seq, message.change.update or "", redo.entry if redo is not None else ""
        before = pair.tries
        tried = (before.tried if before is not None and before.seq == seq else 0) + 1
        since = before.since if before is not None else began
        first_at = min(max(since, message.change.recorded_at / 1000), began)
        then = retry.after(attempt, tried=tried, first_at=first_at, now=self._clock(), rng=self._rng)
        done = {"seq": seq, "update": update, "revision": max(message.revision, 1), "redone": redone, "owed": plan.owed}
        if then.what == "sent":
            entry: DeliveryEvent = sent_entry(message, attempt, attempts=tried, redriven=redone)
            return Outcome(Finished(pair, "sent", **done), entry)  # type: ignore[arg-type]  # each of its own type
        if then.what == "retry":
            tries = Tries(seq, update, tried, since, then.reason)
            return Outcome(Finished(pair, "later", due_ms=int((then.at or 0.0) * 1000), tries=tries))
        entry = gave_up_entry(message, attempt, attempts=tried, reason=then.reason, redriven=redone)
        if then.what == "ended":
            return Outcome(Finished(pair, "ended"), entry, then.reason)
        return Outcome(Finished(pair, "gave_up", tries=Tries(0, "", 0, since), **done), entry)  # type: ignore[arg-type]  # as above

    def _later(self, pair: Pair, at: float) -> Outcome:
        return Outcome(Finished(pair, "later", due_ms=int(at * 1000) + 50, tries=pair.tries))

    def _put(self, outcome: Outcome) -> None:
        self._results.put_nowait(outcome)

    # What became of it is written: first to the ledger, then to the index

    async def _write_results(self) -> None:
        while True:
            outcomes = [await self._results.get()]
            while len(outcomes) < _TOGETHER and not self._results.empty():
                outcomes.append(self._results.get_nowait())
            await self._until_written(self._say, outcomes)
            await self._until_written(self._finish, outcomes)
            self._reserved -= {(one.finished.pair.subscription, one.finished.pair.story) for one in outcomes}
            self._wake.set()

    async def _until_written(self, write: Callable[[Sequence[Outcome]], None], outcomes: Sequence[Outcome]) -> None:
        while self._fatal is None:
            try:
                await asyncio.to_thread(write, outcomes)
                return
            except DatelineError as error:
                if not error.retriable:
                    self._fatal = error
                    return
                self.on_failed(error)
                await asyncio.sleep(PAUSE)

    def _say(self, outcomes: Sequence[Outcome]) -> None:
        """Write to the ledger; where it is said twice, it is one entry."""
        records, ended = [], []
        for one in outcomes:
            if one.entry is not None:
                records.append(_at(entry_record(one.entry), one.finished.pair.claim.partition))
            if one.ended:
                ended.append(ended_record(one.finished.pair.subscription, reason=one.ended))
        if ended:
            self._log.append(SUBSCRIPTIONS_TOPIC, ended)
        if records:
            for position in self._log.append(DELIVERIES_TOPIC, records):
                self._own[position.partition].add(position.offset)

    def _finish(self, outcomes: Sequence[Outcome]) -> None:
        """Write to the index, under the claim that holds now: the partition may have been claimed anew by this very process."""
        by_partition: dict[int, list[Finished]] = defaultdict(list)
        for one in outcomes:
            by_partition[one.finished.pair.claim.partition].append(one.finished)
        for holding in self._holdings:
            finished = by_partition.pop(holding.claim.partition, None)
            if finished and not self._pairs.finish(holding.claim, finished):
                self._holdings.drop(holding.claim)

    # What others say

    async def _tend(self, holdings: Sequence[Holding]) -> None:
        """Keep up with subscriptions, ledger and log: now and then, and at once for a partition that is new."""
        tokens = {holding.claim.token for holding in holdings}
        self._current &= tokens
        if time.monotonic() < self._tend_at and tokens == self._current:
            return
        await asyncio.to_thread(self._refresh)
        await asyncio.to_thread(self._keep_up, holdings)
        self._tend_at = time.monotonic() + _TEND_EVERY

    def _refresh(self) -> None:
        changed = self._subscriptions.refresh()
        if not changed:
            return
        self._hosts_told.clear()
        self._asking = Asking(self._subscriptions)
        ended = [name for name in changed if (one := self._subscriptions.get(name)) is not None and one.ended_at is not None]
        if ended:
            for holding in self._holdings:
                self._pairs.forget(holding.claim, ended)

    def _keep_up(self, holdings: Iterable[Holding]) -> None:
        """Take over what others wrote to the ledger, let go of what they left, and see which indexes have come to the log's end.

        An index that is behind may not know yet that a text was killed, so nothing is sent from it.
        """
        ends = dict(self._log.end_offsets(EVENTS_TOPIC))
        for holding in holdings:
            claim, token = holding.claim, holding.claim.token
            reader = self._ledgers.get(token)
            if reader is None:
                reader = self._ledgers[token] = LedgerReader(self._log, self._pairs, claim)
            if token not in self._hosts_told:
                self._pairs.hosts(claim, {one.id: self._channel.host(one) for one in self._subscriptions if one.ended_at is None})
                self._hosts_told.add(token)
            self._tell_circuits(claim)
            own = self._own[claim.partition]
            if not reader.read_on(own=own):
                self._holdings.drop(claim)
                continue
            own.difference_update([offset for offset in list(own) if offset < reader.offset])
            self._pairs.free(claim, mine={f"{subscription}/{story}" for subscription, story in self._reserved})
            if holding.applied >= self._ends.get(claim.partition, ends[claim.partition]):
                self._current.add(token)
            else:
                self._current.discard(token)
        self._ends = ends
        self._ledgers = {token: reader for token, reader in self._ledgers.items() if token in {h.claim.token for h in holdings}}

    def _tell_circuits(self, claim: Claim) -> None:
        """Leave word of the circuits that are open, where that is not what stands there."""
        told = {
            host: json.encode(OpenCircuit(host, one.since, one.failures, one.problem)).decode()
            for host, one in self._circuits.open_ones().items()
        }
        if self._circuits_told.get(claim.token) != told:
            self._pairs.circuits(claim, told)
            self._circuits_told[claim.token] = told


def _at(record: NewRecord, partition: int) -> NewRecord:
    return NewRecord(record.key, record.value, record.headers, record.timestamp, partition)


def _tell(loop: asyncio.AbstractEventLoop, wake: asyncio.Event) -> None:
    with suppress(RuntimeError):  # the loop has ended
        loop.call_soon_threadsafe(wake.set)
