"""Feeds a view from the log: poll, decode, load, fold, apply.

The steps of neighbouring batches overlap. While the view writes batch N, batch N+1 is being folded, and what N+2 needs has
been asked for: at most one read and one write a batch, and nobody waits for an answer that is still on its way.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence

from msgspec import Struct

from consumers.intake import Homeless, Intake
from consumers.memory import Memory
from consumers.state import Incoming
from consumers.story import FOLD_VERSION
from consumers.view import Applied, Claim, Cursor, Folded, Loaded, Needs, Pending, View
from dateline.errors import DatelineError, LogChanged, OtherVersion, RetentionGap
from dateline.log.base import Batch, Log, Record, how_changed
from schemas.codec import Codec

BATCH = 250
"""Records that one apply writes: enough to share its cost, few enough not to block Redis for more than a millisecond or two."""

_POLL = 4 * BATCH
_IN_FLIGHT = 2
_PATIENCE = 0.25
_LOOK_AGAIN = 1.0
"""Seconds after which an idle runner sees whether the view is still there."""

_HINT = 5.0
"""Seconds between two hints to lag tools of how far the view is."""


class _Held(Struct, eq=False):
    """A partition that this runner holds. `sent` is the cursor once all that was sent is applied, `applied` what is known."""

    claim: Claim
    memory: Memory
    sent: int
    applied: int
    homeless: int
    undecodable: int
    lost: bool = False


class _Prepared(Struct, eq=False):
    """A batch that is decoded and whose states have been asked for."""

    held: _Held
    incoming: list[Incoming]
    homeless: list[Homeless]
    offset: int
    next_offset: int
    needs: Needs
    loading: Pending[Loaded] | None


class _Extent(Struct, frozen=True):
    """What the log is and where its partitions begin and end, at one moment."""

    log_id: str
    begins: Mapping[int, int]
    ends: Mapping[int, int]


OnStopped = Callable[[int, DatelineError], None]


class Runner:
    """Feeds `view` from `topic`, as one member of the view's group. Not safe for use by several threads."""

    def __init__(self, log: Log, view: View, *, topic: str, codec: Codec, on_stopped: OnStopped | None = None) -> None:
        """Join the group.

        Args:
            on_stopped: Told of a partition that cannot be gone on with while others can, and why. Without it, that is raised.
        """
        self._log = log
        self._view = view
        self._topic = topic
        self._partitions = log.partitions(topic)
        self._intake = Intake(codec, partitions=self._partitions)
        self._member = log.join(topic, group=view.name)
        self._held: dict[int, _Held] = {}
        self._prepared: _Prepared | None = None
        self._flight: deque[tuple[_Held, int, Pending[Applied]]] = deque()
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
        """
        while not stopped():
            self._turn(timeout)
        self._flush()

    def run_until(self, ends: Mapping[int, int], *, deadline: float) -> bool:
        """Feed the view, or wait for whoever holds it, until its cursor has passed `ends`.

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
        behind = [p for p, end in ends.items() if p not in self._held or self._held[p].applied < end]
        if not behind:
            return True
        if any(p in self._held for p in behind):
            return False
        cursors = self._view.cursors(self._partitions)
        extent = self._extent()
        for cursor in cursors.values():
            self._check(cursor, extent)
        return all(p in cursors and cursors[p].offset >= ends[p] for p in behind)

    def _turn(self, timeout: float) -> None:
        self._assign()
        busy = self._prepared is not None or self._flight
        batches = self._member.poll(limit=_POLL, timeout=0.0 if busy else timeout)
        self._fenced.clear()
        self._hint()
        if not batches:
            self._flush()
            self._look_again()
        for batch in batches:
            for part in _parts(batch):
                self._take(part)

    def _assign(self) -> None:
        """Let go of what the group took away, and claim what it gives; what was fenced, only once the group was asked again."""
        assignment = self._member.assignment()
        self._stopped &= assignment
        for partition in self._held.keys() - assignment:
            self._held.pop(partition).lost = True
        new = sorted(assignment - self._held.keys() - self._fenced - self._stopped)
        if not new:
            return
        extent = self._extent()
        for partition in new:
            self._claim(partition, extent)

    def _claim(self, partition: int, extent: _Extent) -> None:
        claim = self._view.claim(partition, log_id=extent.log_id)
        try:
            self._check_again(claim, extent)
        except (LogChanged, RetentionGap) as error:
            if self._on_stopped is None or claim.log_id != extent.log_id:
                raise
            self._stopped.add(partition)
            self._on_stopped(partition, error)
            return
        self._held[partition] = _Held(claim, Memory(), claim.offset, claim.offset, claim.homeless, claim.undecodable)
        self._member.seek(partition, claim.offset)

    def _check_again(self, claim: Claim, extent: _Extent) -> None:
        """Check against an extent that is older than the claim; whoever held the partition before may have moved on since."""
        try:
            self._check(claim, extent)
        except LogChanged:
            self._check(claim, self._extent())

    def _extent(self) -> _Extent:
        log, topic = self._log, self._topic
        return _Extent(log.id(topic), log.begin_offsets(topic), log.end_offsets(topic))

    def _check(self, cursor: Cursor, extent: _Extent) -> None:
        """Refuse a view that is not this log's, or not this release's: it must never skip silently."""
        if cursor.log_id != extent.log_id:
            raise LogChanged(
                f"LOG_CHANGED: the {self._view.name} view (partition {cursor.partition}) was built from log {cursor.log_id}, and "
                f"{self._log.url} is log {extent.log_id}. {how_changed(cursor.log_id, extent.log_id)}"
            )
        partition, where = cursor.partition, self._log.url
        begin, end = extent.begins[partition], extent.ends[partition]
        if cursor.offset > end:
            raise LogChanged(
                f"LOG_CHANGED: the {self._view.name} view has seen partition {partition} up to offset {cursor.offset}, and "
                f"{where} ends at {end}. Bring the whole log back, or empty the view to build it anew."
            )
        if cursor.offset < begin:
            raise RetentionGap(
                f"RETENTION_GAP: the {self._view.name} view needs partition {partition} from offset {cursor.offset}, and "
                f"{where} begins at {begin}. Bring the missing records back; they are kept for ever by default."
            )
        if cursor.fold_version != FOLD_VERSION:
            raise OtherVersion(
                f"The live {self._view.name} view was made by fold version {cursor.fold_version}, and this release has "
                f"{FOLD_VERSION}. Run dateline replay to build it anew."
            )

    def _take(self, batch: Batch) -> None:
        held = self._held.get(batch.partition)
        if held is None or held.lost:
            return
        prepared = self._prepare(held, batch)
        previous, self._prepared = self._prepared, prepared
        if previous is not None:
            self._fold(previous)

    def _prepare(self, held: _Held, batch: Batch) -> _Prepared:
        incoming: list[Incoming] = []
        homeless: list[Homeless] = []
        for record in batch.records:
            read = self._intake.read(record)
            if isinstance(read, Incoming):
                incoming.append(read)
            else:
                homeless.append(read)
        needs = held.memory.needs(incoming)
        loading = self._view.load(held.claim, needs) if needs else None
        prepared = _Prepared(held, incoming, homeless, held.sent, batch.next_offset, needs, loading)
        held.sent = batch.next_offset
        return prepared

    def _fold(self, batch: _Prepared) -> None:
        held = batch.held
        if held.lost:
            return
        if batch.loading is not None:
            held.memory.learn(batch.needs, batch.loading.result())
        stories = held.memory.fold(batch.incoming)
        held.homeless += len(batch.homeless)
        held.undecodable += sum(incoming.event is None for incoming in batch.incoming)
        folded = Folded(batch.offset, batch.next_offset, stories, batch.homeless, held.homeless, held.undecodable)
        self._flight.append((held, batch.next_offset, self._view.apply(held.claim, folded)))
        held.memory.trim(self._prepared.incoming if self._prepared is not None and self._prepared.held is held else ())
        while len(self._flight) > _IN_FLIGHT:
            self._settle()

    def _flush(self) -> None:
        batch, self._prepared = self._prepared, None
        if batch is not None:
            self._fold(batch)
        while self._flight:
            self._settle()

    def _look_again(self) -> None:
        """While there is nothing to write, see now and then that the view stands where it was left.

        A store that came back from its last dump, or empty, is behind; without this, that would show at the next event only.
        """
        moment = time.monotonic()
        if not self._held or moment < self._look_at:
            return
        self._look_at = moment + _LOOK_AGAIN
        cursors = self._view.cursors(self._partitions)
        for partition, held in list(self._held.items()):
            if partition not in cursors or cursors[partition].offset != held.applied:
                held.lost = True
                del self._held[partition]
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
        applied = pending.result()
        if held.lost:
            return
        if applied.status == "OK":
            held.applied = next_offset
            return
        held.lost = True
        partition = held.claim.partition
        if self._held.get(partition) is held:
            del self._held[partition]
            if applied.status == "FENCED":
                self._fenced.add(partition)


def _parts(batch: Batch) -> Iterator[Batch]:
    """Cut `batch` into parts that one apply can write."""
    records: Sequence[Record] = batch.records
    for start in range(0, max(len(records), 1), BATCH):
        part = records[start : start + BATCH]
        is_last = start + BATCH >= len(records)
        yield Batch(batch.partition, part, batch.next_offset if is_last else part[-1].offset + 1)
