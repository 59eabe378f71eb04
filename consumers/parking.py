"""Stories that wait because one of their records cannot be applied, while all others go on.

A batch that raised is gone over again, one record at a time; the record that raises parks its story. The log keeps what comes
later, so nothing is held but where to go on. A retry applies what waits, in order, and then lets the story go on.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from msgspec.structs import replace

from consumers.held import Held, Steps, parts
from consumers.view import Folded, Parked, StoryNeeds, View
from dateline.clock import now_ms
from dateline.errors import ContentDamaged, DatelineError, TooManyParked, Undecodable
from dateline.log.base import Batch, Log, Record
from dateline.log.partitioner import partition_of
from schemas.names import story_of_key

PARKED_MOST = 20
"""Stories that a partition may have parked. When more cannot be applied, the release or the view is at fault, not a story."""

LONGEST_ERROR = 300
"""Characters that are kept of an error."""

_AT_ONCE = 1000
"""Records that one step of a retry applies."""

_SCANNED = 20_000
"""Offsets that one step of a retry looks through for what waits."""

_LOOK_AGAIN = 1.0
"""Seconds between two looks at what was asked to be tried again."""

OnParked = Callable[[int, str, Parked | None], None]
"""Told of a partition, and of a story in it that was parked, or, with None, has caught up."""


class Writer(Protocol):
    """What parking needs of the runner."""

    def write(self, held: Held, batch: Folded) -> bool: ...

    def drop(self, held: Held) -> None: ...

    def flush(self) -> None: ...


class Parking:
    """The parked stories of the partitions that a runner holds."""

    def __init__(
        self, log: Log, view: View, steps: Steps, *, topic: str, runner: Writer, on_parked: OnParked | None = None
    ) -> None:
        self._log, self._topic = log, topic
        self._partitions = log.partitions(topic)
        self._view = view
        self._steps = steps
        self._runner = runner
        self._on_parked: OnParked = on_parked or (lambda partition, story, parked: None)
        self._doubted: dict[int, int] = {}
        self._most: dict[str, int] = {}
        self._look_at = 0.0

    def doubt(self, held: Held, until: int) -> None:
        """Remember that something before the offset `until` cannot be applied."""
        self._doubted[held.partition] = max(until, self._doubted.get(held.partition, 0))

    def doubts(self, held: Held) -> bool:
        """Whether what comes next is to be taken carefully."""
        return bool(self._doubted) and held.sent < self._doubted.get(held.partition, 0)

    def take(self, held: Held, batch: Batch) -> None:
        """Apply a batch one record at a time, and park the stories of those that cannot be applied.

        Raises:
            TooManyParked: There would be too many; what comes before is applied.
        """
        for one in parts(batch, 1):
            if held.lost:
                return
            try:
                self._runner.write(held, self._steps.fold(self._steps.prepare(held, one)))
            except Exception as error:
                story = self._culprit(one.records, error)
                if story is None:
                    raise
                self._park(held, one, story, error)

    def tend(self, holding: Sequence[Held]) -> bool:
        """Do one step of what was asked to be tried again; return whether there was anything to do."""
        parked = [held for held in holding if held.parked]
        if not parked:
            return False
        if time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + _LOOK_AGAIN
            for held in parked:
                self._look(held)
        asked = [held for held in parked if held.is_asked and not held.lost]
        if asked:
            self._runner.flush()
        for held in asked:
            if not held.lost:
                self._retry(held)
        return bool(asked)

    def _look(self, held: Held) -> None:
        found = self._view.parked(held.partition)
        if found.keys() == held.parked.keys():
            held.parked.update(found)
        else:
            self._runner.drop(held)  # the view was taken back, or a story was built anew

    def _culprit(self, records: Sequence[Record], error: Exception) -> str | None:
        """Return the story to park for an error that one record raised; None where it is due to none."""
        if not records or not concerns_a_story(error):
            return None
        record = records[0]
        is_home = partition_of(record.key or b"", self._partitions) == record.partition
        return story_of_key(record.key) if is_home else None

    def _park(self, held: Held, one: Batch, story: str, error: Exception) -> None:
        held.memory.forget(story)  # it may have seen the record that was not applied
        if len(held.parked) >= PARKED_MOST:
            raise TooManyParked(
                f"{len(held.parked)} stories of partition {held.partition} are parked, and {story!r} cannot be applied either "
                f"({in_words(error)}). That is no story's fault: nothing more is parked, and no record is lost. Mend the release "
                "or the view, start it again, then run: dateline parked retry"
            ) from error
        parked = Parked(False, one.records[0].offset, self._seq(held, story), in_words(error), now_ms())
        if self._write(held, story, parked, next_offset=one.next_offset):
            held.park(story, parked)
            self._on_parked(held.partition, story, parked)

    def _seq(self, held: Held, story: str) -> int | None:
        """Return the place of the next record in a story, as the view has it; None where that cannot be read."""
        try:
            found = self._view.load(held.claim, {story: StoryNeeds(set(), set())}).result()[story].story
        except Exception as error:
            if not concerns_a_story(error):
                raise
            return None
        return found.seq + 1 if found is not None else 1

    def _write(self, held: Held, story: str, parked: Parked, *, next_offset: int) -> bool:
        batch = Folded(held.sent, next_offset, {}, (), held.homeless, held.undecodable, {story: parked})
        return self._runner.write(held, batch)

    def _retry(self, held: Held) -> None:
        """Apply some of what waits of one story, and give the claim up.

        The cursor does not move meanwhile, so it is the next claim's token that tells whether a view that was taken back has it.
        """
        story, parked = next((story, parked) for story, parked in held.parked.items() if parked.retry)
        records, offset = self._waiting(held, story, parked.offset)
        try:
            self._catch_up(held, story, parked, records, offset)
        except Exception as error:
            if not concerns_a_story(error):
                raise
            if len(records) > 1:
                self._most[story] = len(records) // 2  # one of them it is: those before it are applied first
            else:
                self._park_again(held, story, records[0] if records else None, error)
        self._runner.drop(held)

    def _catch_up(self, held: Held, story: str, parked: Parked, records: Sequence[Record], offset: int) -> None:
        folded = self._steps.fold(self._steps.ask(held, records, held.sent))
        steps = folded.stories.get(story)
        seq = steps[-1].outcome.story.seq + 1 if steps else parked.seq
        has_all = offset >= held.sent
        folded.parked = {story: None if has_all else replace(parked, offset=offset, seq=seq)}
        if self._runner.write(held, folded) and has_all:
            self._most.pop(story, None)
            self._on_parked(held.partition, story, None)

    def _park_again(self, held: Held, story: str, record: Record | None, error: Exception) -> None:
        self._most.pop(story, None)
        offset = record.offset if record is not None else held.parked[story].offset
        parked = Parked(False, offset, self._seq(held, story), in_words(error), now_ms())
        if self._write(held, story, parked, next_offset=held.sent):
            self._on_parked(held.partition, story, parked)

    def _waiting(self, held: Held, story: str, offset: int) -> tuple[list[Record], int]:
        """Read what waits of a story from `offset` on; return some of it, and the offset to go on from."""
        key, most = story.encode(), self._most.get(story, _AT_ONCE)
        stop = min(held.sent, offset + _SCANNED)
        found: list[Record] = []
        while offset < stop:
            batch = self._log.read(self._topic, held.partition, offset, limit=_AT_ONCE)
            for record in batch.records:
                if record.offset >= stop:
                    return found, stop
                if record.key == key:
                    found.append(record)
                    if len(found) == most:
                        return found, record.offset + 1
            if batch.next_offset <= offset:
                return found, stop
            offset = batch.next_offset
        return found, stop


def concerns_a_story(error: Exception) -> bool:
    """Whether an error may be due to one story: a fault of ours, or of what the view holds of it."""
    if isinstance(error, DatelineError):
        return isinstance(error, ContentDamaged | Undecodable)
    return not isinstance(error, MemoryError | OSError)


def in_words(error: Exception) -> str:
    """Return an error as one line, of a bounded length, and without a password."""
    text = error.what if isinstance(error, ContentDamaged) else str(error)
    line = " ".join(f"{type(error).__name__}: {text}".split()).removesuffix(":")
    line = re.sub(r"://[^/@\s]*@", "://", line)
    return line if len(line) <= LONGEST_ERROR else f"{line[: LONGEST_ERROR - 1]}…"
