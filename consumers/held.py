"""A partition that the runner holds, and what a batch of it goes through before it is written: read, load, fold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from consumers.intake import Homeless, Intake
from consumers.memory import Memory
from consumers.state import Incoming
from consumers.view import Claim, Folded, Loaded, Needs, Parked, Pending, View
from dateline.log.base import Batch, Record


class Held(Struct, eq=False):
    """A partition that this runner holds. `sent` is the cursor once all that was sent is applied, `applied` what is known.

    Attributes:
        parked: The stories that are parked in it; `waiting` are their keys.
        lost: Whether the claim is given up: nothing that was prepared with it is sent any more.
    """

    claim: Claim
    memory: Memory
    sent: int
    applied: int
    homeless: int
    undecodable: int
    parked: dict[str, Parked]
    waiting: set[bytes]
    lost: bool = False

    @classmethod
    def by(cls, claim: Claim, memory: Memory) -> Held:
        """Return a partition that was just claimed."""
        parked = dict(claim.parked)
        waiting = {story.encode() for story in parked}
        return cls(claim, memory, claim.offset, claim.offset, claim.homeless, claim.undecodable, parked, waiting)

    @property
    def partition(self) -> int:
        return self.claim.partition

    @property
    def is_asked(self) -> bool:
        """Whether a parked story is to be tried again."""
        return any(parked.retry for parked in self.parked.values())

    def park(self, story: str, parked: Parked) -> None:
        self.parked[story] = parked
        self.waiting.add(story.encode())


class Prepared(Struct, eq=False):
    """A batch that is decoded and whose states have been asked for."""

    held: Held
    incoming: list[Incoming]
    homeless: list[Homeless]
    offset: int
    next_offset: int
    needs: Needs
    loading: Pending[Loaded] | None


class Steps:
    """The steps of a batch. What raises here has sent nothing, and says something of this batch alone."""

    def __init__(self, view: View, intake: Intake) -> None:
        self._view = view
        self._intake = intake

    def prepare(self, held: Held, batch: Batch) -> Prepared:
        """Read a batch, but for what waits, and ask for what its fold needs."""
        records = batch.records
        if held.waiting:
            records = [record for record in records if record.key not in held.waiting]
        return self.ask(held, records, batch.next_offset)

    def ask(self, held: Held, records: Sequence[Record], next_offset: int) -> Prepared:
        """Read records, whatever waits, and ask for what their fold needs."""
        incoming: list[Incoming] = []
        homeless: list[Homeless] = []
        for record in records:
            read = self._intake.read(record)
            if isinstance(read, Incoming):
                incoming.append(read)
            else:
                homeless.append(read)
        needs = held.memory.needs(incoming)
        loading = self._view.load(held.claim, needs) if needs else None
        return Prepared(held, incoming, homeless, held.sent, next_offset, needs, loading)

    def fold(self, batch: Prepared) -> Folded:
        """Fold a batch that is prepared."""
        held = batch.held
        if batch.loading is not None:
            held.memory.learn(batch.needs, batch.loading.result())
        stories = held.memory.fold(batch.incoming)
        homeless = held.homeless + len(batch.homeless)
        undecodable = held.undecodable + sum(incoming.event is None for incoming in batch.incoming)
        return Folded(batch.offset, batch.next_offset, stories, batch.homeless, homeless, undecodable)


def parts(batch: Batch, most: int) -> Iterator[Batch]:
    """Cut `batch` into parts of at most so many records."""
    records: Sequence[Record] = batch.records
    for start in range(0, max(len(records), 1), most):
        part = records[start : start + most]
        is_last = start + most >= len(records)
        yield Batch(batch.partition, part, batch.next_offset if is_last else part[-1].offset + 1)
