"""A partition's log folded in memory, whole or some stories of it, by the very code that feeds the view."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager

from typing_extensions import override

from consumers.intake import Homeless, Intake
from consumers.memory import Memory
from consumers.state import Incoming
from consumers.story import FOLD_VERSION
from consumers.timeline.replica import Content, Past, Replica
from consumers.timeline.writes import Write, batch_writes
from consumers.view import Folded, Step, StoryLoaded
from dateline.log.base import Log
from schemas.codec import Codec

PAGE = 1000
_WHOLE = 1 << 62

OnFolded = Callable[[Folded, Sequence[Write]], None]
"""Told of each batch that was folded, and what it writes, keys without a prefix."""


class PartitionFold(ABC):
    """One partition's log, folded so far as it was asked to be. It remembers what the fold needs, about 1 KB an event.

    Attributes:
        offset: The first offset that was not read.
        records: Records folded.
        undecodable: The offsets of the records that could not be read.
        failed: Stories of which a record could not be folded, and why; what is held of them is not to be used.
        passed_over: The keys of records that were not wanted.
    """

    def __init__(self, log: Log, topic: str, partition: int, codec: Codec, *, stories: Collection[str] | None = None) -> None:
        """Fold nothing yet.

        Args:
            stories: Fold the records of these only; the others cost little more than reading them.
        """
        self._log, self._topic, self._partition = log, topic, partition
        self._intake = Intake(codec, partitions=log.partitions(topic))
        self._memory = Memory(limit=_WHOLE)
        self._keys = frozenset(story.encode() for story in stories) if stories is not None else None
        self._homeless = 0
        self.undecodable: list[int] = []
        self.offset = self.records = 0
        self.failed: dict[str, str] = {}
        self.passed_over: set[bytes] = set()

    @property
    def _is_watched(self) -> bool:
        """Whether somebody wants to know what there was after every single record."""
        return False

    @abstractmethod
    def _take(self, folded: Folded) -> None:
        """Take the next batch that was folded."""

    def fold_to(self, end: int) -> None:
        """Fold the records before offset `end`."""
        while self.fold_page(end):
            pass

    def fold_page(self, end: int, *, limit: int = PAGE) -> bool:
        """Fold some more of the records before offset `end`; return whether there may be more of them."""
        before = self.offset
        if before >= end:
            return False
        batch = self._log.read(self._topic, self._partition, before, limit=limit)
        next_offset = min(batch.next_offset, end)
        records = [one for one in batch.records if one.offset < end]
        if self._keys is not None:
            self.passed_over |= {one.key for one in records if one.key is not None} - self._keys
            records = [one for one in records if one.key in self._keys]
        read = [self._intake.read(record) for record in records]
        if self._is_watched:  # each record by itself: the view may have been seen after any of them
            for record, one in zip(records, read, strict=True):
                self._fold([one], record.offset + 1)
            read = []
        self._fold(read, next_offset)
        self.records += len(records)
        return before < self.offset < end

    def _fold(self, read: Sequence[Incoming | Homeless], next_offset: int) -> None:
        incoming = [one for one in read if isinstance(one, Incoming)]
        homeless = [one for one in read if isinstance(one, Homeless)]
        self._homeless += len(homeless)
        self.undecodable += [one.offset for one in incoming if one.event is None]
        stories = self._steps(incoming)
        self._take(Folded(self.offset, next_offset, stories, homeless, self._homeless, len(self.undecodable)))
        self.offset = next_offset

    def _steps(self, incoming: Sequence[Incoming]) -> dict[str, list[Step]]:
        """Fold story by story, so that one that cannot be folded keeps none of the others from it."""
        by_story: dict[str, list[Incoming]] = {}
        for one in incoming:
            if one.story not in self.failed:
                by_story.setdefault(one.story, []).append(one)
        steps: dict[str, list[Step]] = {}
        for story, mine in by_story.items():
            try:
                needs = self._memory.needs(mine)
                self._memory.learn(needs, {name: StoryLoaded(None, {}, {}) for name in needs})
                steps |= self._memory.fold(mine)
            except Exception as error:  # whatever it is, it is this story's
                self.failed[story] = f"{type(error).__name__}: {error}"
        return steps


class Folding(PartitionFold):
    """A partition folded into `replica`, by the commands that the view writes. It holds about 3 KB an event.

    Attributes:
        on_folded: As the type says; None if nobody wants to know.
    """

    def __init__(self, log: Log, topic: str, partition: int, codec: Codec, *, stories: Collection[str] | None = None) -> None:
        super().__init__(log, topic, partition, codec, stories=stories)
        self.replica = Replica()
        self.on_folded: OnFolded | None = None

    @override
    def _take(self, folded: Folded) -> None:
        writes = batch_writes("", folded)
        self.replica.apply(writes)
        if self.on_folded is not None:
            self.on_folded(folded, writes)

    @property
    @override
    def _is_watched(self) -> bool:
        return self.replica.past is not None

    @contextmanager
    def remembering(self) -> Iterator[Past]:
        """Note what each field holds after every record that the block folds, where that changes, and before."""
        past: Past = {}
        self.replica.past = past
        try:
            yield past
        finally:
            self.replica.past = None

    def expected(self) -> dict[str, Content]:
        """Return what must be in the view, the cursor too, by key without the generation's prefix."""
        meta: Content = {
            "next": str(self.offset),
            "log": self._log.id(self._topic),
            "fold": str(FOLD_VERSION),
            "homeless": str(self._homeless),
            "undecodable": str(len(self.undecodable)),
        }
        return {**self.replica.keys, "meta": meta}
