"""Copying a log into another, from SQLite to Kafka or back: the same bytes and times, in the same order of each key.

Only partitions and offsets may differ from what they were. `seq`, a count of a story's records, is what it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import lru_cache

from msgspec import Struct

from consumers.intake import Homeless, Intake
from dateline.archive import Advance, Span, records_between, records_by_time
from dateline.errors import DatelineError, LogUnavailable, MaybeWritten, Refused, RetentionGap
from dateline.log.base import Log, NewRecord, Record, check_new
from dateline.restore import NOTHING, Sum, named
from dateline.spool import batches
from dateline.turn import PATIENCE, Notify, Show, only_one, staying
from schemas.codec import committed_codec
from schemas.names import shortened, story_of_key
from schemas.topics import EVENTS_TOPIC, STORY_TOPICS, TOPICS

_BATCH = 500
_BATCH_BYTES = 4_000_000

Key = bytes | None


def _silent(what: str, total: int) -> AbstractContextManager[Advance]:
    return nullcontext(lambda count: None)


class Copied(Struct, frozen=True):
    """What became of one topic.

    Attributes:
        records: Those that the target holds now as the source does: `copied` by this run, or `already_there`.
        left_out: Records of no story; they have no place in another log.
        misplaced: Those of them that have a story's key, and lie in another partition than that key's.
        keys: How many keys the records have: stories, where they are keyed by story.
    """

    topic: str
    records: int
    copied: int
    already_there: int
    left_out: int
    misplaced: int
    keys: int


def copy_log(
    source: Log,
    target: Log,
    *,
    rehome: bool = False,
    show: Show = _silent,
    notify: Notify = lambda text: None,
    patience: float = PATIENCE,
) -> list[Copied]:
    """Write into `target` what it does not hold of `source`: of each key, the records after those that it holds.

    Whatever beginning of each key's records a copy that was stopped has left, this one goes on from there. Both logs are
    compared once more afterwards, so that whatever others wrote meanwhile is seen.

    Args:
        rehome: Take along what has a story's key and lies in another partition than that key's, in the order of the times: for a
            topic that was given more partitions. Without it, such records are of no story and left out.
        show: Called with what is being done and how much that is; the block it makes is told how much more is done.
        notify: Told what a user should know while it takes long.
        patience: Seconds to wait for another copy into `target` to end.

    Raises:
        Refused: Both are one log, another copy into the target is under way, or the target holds other records of a key
            than the source begins with; nothing was written. Or a record fits no log; those before it are written.
        LogUnavailable, MaybeWritten: Some records may be written; copying again goes on.
        DatelineError: All are written, and others wrote to the source or to the target meanwhile.
    """
    if source.id(EVENTS_TOPIC) == target.id(EVENTS_TOPIC):
        raise Refused(f"{source.url} and {target.url} are the same log. Name another one to copy it to.")
    with _told_to_go_on(), only_one(target, "copy", what=f"copy into {target.url}", notify=notify, patience=patience) as stay:
        copies = [_Copy(source, target, topic, staying(show, stay), rehome=rehome) for topic in TOPICS]
        _refuse_headless(source, copies)
        for step in (_Copy.compare, _Copy.write, _Copy.verify):
            for one in copies:
                step(one)
        _refuse_grown(source, copies)
    return [one.result() for one in copies]


class _Tally:
    """The sum of each key's records, as far as they were counted.

    Attributes:
        left_out: How many records of no story there were among them.
        misplaced: How many of these have a story's key, and lie in another partition than that key's.
    """

    def __init__(self, topic: str, partitions: int, *, rehome: bool = False) -> None:
        intake = Intake(committed_codec(), partitions=partitions)

        def is_homeless(key: Key, partition: int) -> bool:
            """Ask the intake, which goes by key and partition alone: what belongs to no story is the same in every view."""
            if rehome and story_of_key(key) is not None:
                return False
            return isinstance(intake.read(Record(partition, 0, 0, key, None)), Homeless)

        self._is_homeless = lru_cache(maxsize=65_536)(is_homeless) if topic in STORY_TOPICS else lambda key, partition: False
        self.sums: dict[Key, Sum] = {}
        self.left_out = self.misplaced = 0

    def count(self, record: Record) -> Sum:
        """Return the sum of the record's key up to and with it; `NOTHING` if it belongs to no story."""
        if self._is_homeless(record.key, record.partition):
            self.left_out += 1
            self.misplaced += story_of_key(record.key) is not None
            return NOTHING
        found = self.sums[record.key] = self.sums.get(record.key, NOTHING).plus(record)
        return found


class _Copy:
    """The copy of one topic, up to where the source ended when this was made.

    Attributes:
        ends: Where the source's partitions ended.
    """

    def __init__(self, source: Log, target: Log, topic: str, show: Show, *, rehome: bool) -> None:
        self.topic = topic
        self.ends = source.end_offsets(topic)
        self._source, self._target, self._show = source, target, show
        self._total = sum(self.ends.values()) - sum(source.begin_offsets(topic).values())
        self._rehome = rehome
        self._wanted = _Tally(topic, source.partitions(topic), rehome=rehome)
        self._held = _Tally(topic, target.partitions(topic))
        self._offsets = dict(target.begin_offsets(topic))
        self._there: Mapping[Key, Sum] = {}

    def compare(self) -> None:
        """Count what the target holds already, and refuse anything but beginnings of what the source holds."""
        self._read_target(f"Reading what {self.topic} holds")
        self._there = dict(self._held.sums)
        others = set(self._there)
        if others:
            tally = _Tally(self.topic, self._source.partitions(self.topic), rehome=self._rehome)
            with self._show(f"Comparing {self.topic}", self._total) as advance:
                for record in self._read_source(advance):
                    if tally.count(record) == self._there.get(record.key):
                        others.discard(record.key)
        if others:
            raise Refused(
                f"{self._target.url} holds other records in {self.topic} than {self._source.url}, or more, of: {_named(others)}. "
                "Nothing was written. Copy to a log that is empty, or to one that an earlier copy has begun."
            )

    def write(self) -> None:
        """Append what is missing."""
        with self._show(f"Copying {self.topic}", self._total) as advance:
            sized = ((record, record.size_bytes) for record in self._missing(advance))
            for batch in batches(sized, most=_BATCH, most_bytes=_BATCH_BYTES):
                try:
                    self._target.append(self.topic, batch)
                except Refused as error:
                    raise self._unfit(batch, error) from error

    def verify(self) -> None:
        """Raise an error unless the target holds what the source holds, now that all of it is written."""
        self._read_target(f"Verifying {self.topic}")
        keys = self._held.sums.keys() | self._wanted.sums.keys()
        others = {key for key in keys if self._held.sums.get(key) != self._wanted.sums.get(key)}
        if others:
            raise DatelineError(
                f"All of {self.topic} was written, but {self._target.url} does not hold the same as {self._source.url} of: "
                f"{_named(others)}. Somebody wrote to it meanwhile, or it gives records a time of its own (in Kafka, by "
                "message.timestamp.type). Copy once more, to a log that is empty and that nobody uses."
            )

    def result(self) -> Copied:
        records, there = _count(self._wanted.sums), _count(self._there)
        tally = self._wanted
        return Copied(self.topic, records, records - there, there, tally.left_out, tally.misplaced, len(tally.sums))

    def _missing(self, advance: Advance) -> Iterator[NewRecord]:
        for record in self._read_source(advance):
            place = self._wanted.count(record).count
            if place > self._there.get(record.key, NOTHING).count:
                yield NewRecord(record.key, record.value, record.headers, record.timestamp)

    def _read_source(self, advance: Advance) -> Iterator[Record]:
        return records_by_time(self._source, self.topic, self.ends, advance=advance)

    def _read_target(self, what: str) -> None:
        """Read the target up to where it ends now, from where it ended the last time."""
        ends = self._target.end_offsets(self.topic)
        with self._show(what, sum(ends.values()) - sum(self._offsets.values())) as advance:
            for partition, end in ends.items():
                span = Span(partition, self._offsets[partition], end)
                for record in records_between(self._target, self.topic, span, advance=advance):
                    self._held.count(record)
        self._offsets = dict(ends)

    def _unfit(self, batch: Sequence[NewRecord], error: Refused) -> Refused:
        """Return the error for a batch that was refused, saying whose record it is."""
        partitions = self._target.partitions(self.topic)
        for record in batch:
            try:
                check_new([record], partitions=partitions)
            except Refused as why:
                return Refused(f"A record of {_shown(record.key)} in {self.topic} cannot be copied. {why}")
        return error


def _refuse_headless(source: Log, copies: Sequence[_Copy]) -> None:
    """Refuse a source whose beginning is gone: in a copy the rest would begin at seq 1."""
    for one in copies:
        for partition, begin in source.begin_offsets(one.topic).items():
            if begin and begin < one.ends[partition]:
                raise RetentionGap(
                    f"RETENTION_GAP: {source.url} begins at offset {begin} in partition {partition} of {one.topic}; what came "
                    "before is gone. Nothing was copied, as every seq would be another one. Bring the missing records back."
                )


def _refuse_grown(source: Log, copies: Sequence[_Copy]) -> None:
    """Raise an error if the source holds more than was copied."""
    grown = 0
    for one in copies:
        spans = [Span(partition, one.ends[partition], end) for partition, end in source.end_offsets(one.topic).items()]
        grown += sum(1 for span in spans for _ in records_between(source, one.topic, span))
    if grown:
        raise DatelineError(
            f"The source grew by {grown:,} {'record' if grown == 1 else 'records'} while it was copied; "
            "stop what writes to it, then run the same command again: it goes on where it stopped."
        )


@contextmanager
def _told_to_go_on() -> Iterator[None]:
    """Add to an error that may pass what to do then."""
    try:
        yield
    except (LogUnavailable, MaybeWritten) as error:
        error.args = (f"{error} Then run the same copy again: it goes on where it stopped.",)
        raise


def _count(sums: Mapping[Key, Sum]) -> int:
    return sum(one.count for one in sums.values())


def _named(keys: set[Key]) -> str:
    return named({_shown(key) for key in keys})


def _shown(key: Key) -> str:
    if not key:
        return "(no key)"
    text = key.decode(errors="backslashreplace")
    return text if text.isprintable() and len(text) <= 200 else shortened(text)
