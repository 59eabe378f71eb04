"""Feeds a view from the log: poll, decode, load, fold, apply.

The steps of neighbouring batches overlap. While the view writes batch N, batch N+1 is being folded, and what N+2 needs has
been asked for: at most one read and one write a batch, and nobody waits for an answer that is still on its way.

A batch that cannot be folded is gone over again by `consumers.parking`, which parks the story that it is due to.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping

from consumers.fit import Extent, check_fit
from consumers.held import Held, Prepared, Steps, parts
from consumers.intake import Intake
from consumers.memory import Memory
from consumers.parking import OnParked, Parking, concerns_a_story
from consumers.view import Applied, Claim, Folded, Pending, View
from dateline.errors import DatelineError, GenerationGone, HalfWritten, LogChanged, LogShortened, OtherVersion, RetentionGap
from dateline.log.base import Batch, Log
from schemas.codec import Codec

BATCH = 250
"""Records that one apply writes: enough to share its cost, few enough not to block Redis for more than a millisecond or two."""

_POLL = 4 * BATCH
_IN_FLIGHT = 2
_PATIENCE = 0.25
_LOOK_AGAIN = 1.0
"""Seconds between two looks at whether the view, and the claim on it, are still there."""

_HINT = 5.0
"""Seconds between two hints to lag tools of how far the view is."""


_PARTITIONS_OWN = (LogShortened, RetentionGap, GenerationGone, OtherVersion, HalfWritten)
"""What stops one partition and says nothing of the others."""


OnStopped = Callable[[int, DatelineError], None]


class Runner:
    """Feeds `view` from `topic`, as one member of the view's group. Not safe for use by several threads."""

    def __init__(
        self,
        log: Log,
        view: View,
        *,
        topic: str,
        codec: Codec,
        on_stopped: OnStopped | None = None,
        on_parked: OnParked | None = None,
        batch: int = 0,
    ) -> None:
        """Join the group.

        Args:
            on_stopped: Told of a partition that cannot be gone on with while others can, and why. Without it, that is raised.
            on_parked: Told of a story that was parked, or has caught up.
            batch: Records that one apply writes; `BATCH` if 0. More are cheaper, and keep readers waiting for longer.
        """
        self._batch = batch or BATCH
        self._poll = 4 * batch or _POLL
        self._log = log
        self._view = view
        self._topic = topic
        self._partitions = log.partitions(topic)
        self._steps = Steps(view, Intake(codec, partitions=self._partitions))
        self._parking = Parking(log, view, self._steps, topic=topic, runner=self, on_parked=on_parked)
        self._member = log.join(topic, group=view.group or view.name)
        self._held: dict[int, Held] = {}
        self._prepared: Prepared | None = None
        self._flight: deque[tuple[Held, int, Pending[Applied]]] = deque()
        self._fenced: set[int] = set()
        self._stopped: set[int] = set()
        self._on_stopped = on_stopped
        self._look_at = time.monotonic() + _LOOK_AGAIN
        self._hint_at = 0.0
        self._hinted: dict[int, int] = {}

    def run(self, *, stopped: Callable[[], bool], timeout: float = _PATIENCE) -> None:
        """Feed the view until `stopped()`; what was read is then applied.

        Args:
            timeout: Seconds to wait for news before `stopped` is asked again.

        Raises:
            StoreUnavailable: The view cannot be reached; it is whole, and `reset` makes the runner claim it anew.
            LogUnavailable: The log cannot be read; the view is whole.
            LogChanged, RetentionGap, OtherVersion: The view does not fit the log; nothing was written.
            HalfWritten: A batch was written in part, now or before; nothing more is written to its partition.
            TooManyParked: Too many stories cannot be applied; the view is whole.
        """
        while not stopped():
            self._turn(timeout)
        self.flush()

    def run_until(self, ends: Mapping[int, int], *, deadline: float) -> bool:
        """Feed the view, or wait for whoever holds it, until its cursor has passed `ends` and no parked story is to be retried.

        Args:
            deadline: On `time.monotonic()`'s clock.

        Returns:
            Whether it has. False when the deadline came first.
        """
        while not self._has_reached(ends):
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            self._turn(min(left, 0.01))
        return True

    def reset(self) -> None:
        """Forget all claims and what was in flight; the next turn claims anew."""
        self._view.reset()
        self._held.clear()
        self._fenced.clear()
        self._stopped.clear()
        self._prepared = None
        self._flight.clear()

    def close(self) -> None:
        """Leave the group, and let go of the view's connection."""
        try:
            self._view.reset()
        finally:
            self._member.close()

    def _has_reached(self, ends: Mapping[int, int]) -> bool:
        held = self._held
        behind = [p for p, end in ends.items() if p not in held or held[p].applied < end or held[p].is_asked]
        if not behind:
            return True
        if any(p in held for p in behind):
            return False
        cursors = self._view.cursors(self._partitions)
        extent = Extent.of(self._log, self._topic)
        for cursor in cursors.values():
            check_fit(self._view.name, cursor, extent)
        if not all(p in cursors and cursors[p].offset >= ends[p] for p in behind):
            return False
        return not any(parked.retry for p in behind for parked in self._view.parked(p).values())

    def _turn(self, timeout: float) -> None:
        self._assign()
        busy = self._parking.tend(list(self._held.values())) or self._prepared is not None or self._flight
        batches = self._member.poll(limit=self._poll, timeout=0.0 if busy else timeout)
        self._fenced.clear()
        self._hint()
        if not batches:
            self.flush()
        for batch in batches:
            for part in parts(batch, self._batch):
                self._take(part)
        self._look_again()

    def _assign(self) -> None:
        """Let go of what the group took away, and claim what it gives; what was fenced, only once the group was asked again."""
        assignment = self._member.assignment()
        self._stopped &= assignment
        for partition in self._held.keys() - assignment:
            self._held.pop(partition).lost = True
        new = sorted(assignment - self._held.keys() - self._fenced - self._stopped)
        if not new:
            return
        extent = Extent.of(self._log, self._topic)
        for partition in new:
            self._claim(partition, extent)

    def _claim(self, partition: int, extent: Extent) -> None:
        try:
            claim = self._view.claim(partition, log_id=extent.log_id)
            self._check_again(claim, extent)
        except _PARTITIONS_OWN as error:
            self._stop(partition, error)
            return
        self._held[partition] = Held.by(claim, Memory())
        self._member.seek(partition, claim.offset)

    def _stop(self, partition: int, error: DatelineError) -> None:
        """Let a partition be, and go on with the others if somebody is told.

        Raises:
            DatelineError: The error, if nobody is.
        """
        if self._on_stopped is None:
            raise error
        self._stopped.add(partition)
        self._on_stopped(partition, error)

    def _check_again(self, claim: Claim, extent: Extent) -> None:
        """Check against an extent that is older than the claim; whoever held the partition before may have moved on since."""
        try:
            check_fit(self._view.name, claim, extent)
        except LogChanged:
            check_fit(self._view.name, claim, Extent.of(self._log, self._topic))

    def _take(self, batch: Batch) -> None:
        held = self._held.get(batch.partition)
        if held is None or held.lost:
            return
        if self._parking.doubts(held):
            self.flush()
            self._parking.take(held, batch)
            return
        try:
            prepared = self._steps.prepare(held, batch)
        except Exception as error:
            self._doubt(held, batch.next_offset, error)
            return
        held.sent = batch.next_offset
        previous, self._prepared = self._prepared, prepared
        if previous is not None:
            self._fold(previous)

    def _fold(self, batch: Prepared) -> None:
        held = batch.held
        if held.lost:
            return
        try:
            self._send(held, self._steps.fold(batch))
        except Exception as error:
            self._doubt(held, batch.next_offset, error)
            return
        held.memory.trim(self._prepared.incoming if self._prepared is not None and self._prepared.held is held else ())
        while len(self._flight) > _IN_FLIGHT:
            self._settle()

    def _send(self, held: Held, batch: Folded) -> None:
        self._flight.append((held, batch.next_offset, self._view.apply(held.claim, batch)))
        held.homeless, held.undecodable = batch.total_homeless, batch.total_undecodable
        held.sent = max(held.sent, batch.next_offset)

    def _doubt(self, held: Held, until: int, error: Exception) -> None:
        """Have a partition claimed anew and gone over carefully, if that can tell more about what went wrong."""
        if not concerns_a_story(error):
            raise error
        self._parking.doubt(held, until)
        self.drop(held)

    def write(self, held: Held, batch: Folded) -> bool:
        """Apply a batch of a partition at once; return whether that was done. For `consumers.parking`."""
        self._send(held, batch)
        self.flush()
        return not held.lost

    def drop(self, held: Held) -> None:
        """Give a claim up, and what is remembered and prepared with it; the next turn claims anew."""
        held.lost = True
        if self._held.get(held.partition) is held:
            del self._held[held.partition]

    def flush(self) -> None:
        """Apply what was read, and wait for it."""
        batch, self._prepared = self._prepared, None
        if batch is not None:
            self._fold(batch)
        while self._flight:
            self._settle()

    def _look_again(self) -> None:
        """Where there is nothing to write, see now and then that the view stands where it was left, and that the claim holds.

        A store that came back from its last dump, or empty, is behind, and after a flip another generation is live; without this,
        that would show at the partition's next event only.
        """
        moment = time.monotonic()
        if not self._held or moment < self._look_at:
            return
        self._look_at = moment + _LOOK_AGAIN
        cursors = self._view.cursors(self._partitions)
        for partition, held in list(self._held.items()):
            if held.sent != held.applied or (self._prepared is not None and self._prepared.held is held):
                continue  # the answer to what is written tells
            found = cursors.get(partition)
            if found is None or (found.offset, found.token) != (held.applied, held.claim.token):
                self.drop(held)
                self._fenced.add(partition)

    def _hint(self) -> None:
        moment = time.monotonic()
        if moment < self._hint_at:
            return
        self._hint_at = moment + _HINT
        applied = {partition: held.applied for partition, held in self._held.items()}
        news = {partition: offset for partition, offset in applied.items() if self._hinted.get(partition) != offset}
        if news:
            self._member.hint(news)
        self._hinted = applied

    def _settle(self) -> None:
        held, next_offset, pending = self._flight.popleft()
        try:
            applied = pending.result()
        except HalfWritten as error:
            if not held.lost:  # of what was sent after it, the same is said
                self.drop(held)
                self._stop(held.partition, error)
            return
        if held.lost:
            return
        if applied.status == "OK":
            held.applied = next_offset
            return
        is_held = self._held.get(held.partition) is held
        self.drop(held)
        if is_held and applied.status == "FENCED":
            self._fenced.add(held.partition)
