"""The index as the runner feeds it. What it asks of the server is asked by one thread, in order, while the runner goes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from typing_extensions import override

from consumers.generations import Pointer
from consumers.search.opensearch import names
from consumers.search.opensearch.cursors import (
    TRIES,
    Placed,
    make_generation,
    new_cursor,
    quicker,
    read_cursor,
    read_cursors,
    take,
)
from consumers.search.opensearch.held import HeldPartition
from consumers.search.opensearch.pointers import read_pointers
from consumers.search.opensearch.purge import Purger
from consumers.search.opensearch.server import Server
from consumers.story import FOLD_VERSION
from consumers.view import Applied, Claim, Cursor, Folded, Loaded, Needs, Parked, Pending, View
from dateline.errors import DatelineError, GenerationGone, StoreUnavailable

T = TypeVar("T")


class OpenSearchView(View):
    """Writes the index. Not safe for use by several threads."""

    def __init__(
        self, server: Server, *, pointer: Pointer = "live", new: str = "", first: Mapping[int, int] | None = None
    ) -> None:
        """Write the generation that `pointer` names.

        Args:
            new: What one is called that is made where there is none: of the live one the next number; `none` makes none.
            first: The offset that each partition of a new one begins at; 0 where none is given.
        """
        self.name = "search" if pointer == "live" else f"search-{pointer}"
        self._server = server
        self._pointer: Pointer = pointer
        self._new = new
        self._first = first or {}
        self._held: dict[int, HeldPartition] = {}
        self._worker: ThreadPoolExecutor | None = None
        self._purger: Purger | None = None

    @override
    def claim(self, partition: int, *, log_id: str) -> Claim:
        return self._do(lambda: self._claim(partition, log_id)).result()

    @override
    def cursors(self, partitions: int) -> Mapping[int, Cursor]:
        found = read_cursors(self._server, self._pointer, range(partitions))
        return {p: Cursor(p, one.at.offset, one.at.log_id, one.at.fold_version, "", one.at.token) for p, one in found.items()}

    @override
    def parked(self, partition: int) -> Mapping[str, Parked]:
        found = read_cursors(self._server, self._pointer, [partition]).get(partition)
        return found.at.parked if found is not None else {}

    @override
    def load(self, claim: Claim, needs: Needs) -> Pending[Loaded]:
        return self._do(lambda: self._of(claim).load(needs))

    @override
    def apply(self, claim: Claim, batch: Folded) -> Pending[Applied]:
        return self._do(lambda: self._apply(claim, batch))

    @override
    def reset(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.shutdown(wait=True, cancel_futures=True)
            self._show()
        purger, self._purger = self._purger, None
        if purger is not None:
            purger.close()
        self._held.clear()

    def _show(self) -> None:
        """Have readers find at once what was written last."""
        written = {names.documents(held.generation) for held in self._held.values() if held.has_written}
        if written:
            with suppress(DatelineError):  # they find it in a moment as well
                self._server.ask("POST", f"/{','.join(sorted(written))}/_refresh")

    def _claim(self, partition: int, log_id: str) -> Claim:
        self._held.pop(partition, None)
        for _ in range(TRIES):
            placed = self._placed(partition, log_id)
            taken = take(self._server, placed, log_id=log_id) if placed is not None else None
            if taken is not None:
                break
        else:
            raise quicker(f"the claim of partition {partition}")
        at = taken.at
        if (at.log_id, at.fold_version) == (log_id, FOLD_VERSION):
            self._held[partition] = HeldPartition(self._server, taken)
            self._purging().look(taken.generation, partition)
        return Claim(
            partition=partition,
            offset=at.offset,
            log_id=at.log_id,
            fold_version=at.fold_version,
            generation=taken.generation,
            token=at.token,
            homeless=at.homeless,
            undecodable=at.undecodable,
            parked=at.parked,
        )

    def _placed(self, partition: int, log_id: str) -> Placed | None:
        """Return the cursor to claim, made where there is none and may be one; None if others were quicker."""
        pointers = read_pointers(self._server)
        name = pointers.name(self._pointer, partition)
        found = read_cursor(self._server, name, partition) if name is not None else None
        if found is not None:
            return found
        if self._new == "none" or (self._new and pointers.name("live", partition) == self._new):
            what = f"Partition {partition} of the search index has no {self._pointer} generation any more"
            raise GenerationGone(f"{what}: it was flipped or dropped. See: dateline generations")
        at = new_cursor(partition, log_id=log_id, first=self._first.get(partition, 0))
        if not make_generation(self._server, pointers, self._pointer, self._new, at):
            return None
        return self._placed(partition, log_id)

    def _apply(self, claim: Claim, batch: Folded) -> Applied:
        held = self._of(claim)
        if held.token != claim.token:
            return Applied("FENCED")
        applied = held.apply(batch)
        if applied.status == "OK" and held.has_killed:
            held.has_killed = False
            self._purging().look(claim.generation, claim.partition)
        return applied

    def _of(self, claim: Claim) -> HeldPartition:
        held = self._held.get(claim.partition)
        if held is None:
            raise StoreUnavailable(f"Partition {claim.partition} of the search index is to be claimed anew.")
        return held

    def _purging(self) -> Purger:
        if self._purger is None:
            self._purger = Purger(self._server)
        return self._purger

    def _do(self, act: Callable[[], T]) -> Pending[T]:
        if self._worker is None:
            self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix=self.name)
        return _Sent(self._worker.submit(act))


class _Sent(Pending[T]):
    """What was sent to the thread that asks the server."""

    __slots__ = ("_future",)

    def __init__(self, future: Future[T]) -> None:
        self._future = future

    @override
    def result(self) -> T:
        with suppress(CancelledError):
            return self._future.result()
        raise StoreUnavailable("The view was reset before the search index was asked.")
