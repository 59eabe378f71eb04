"""Bringing an exported log back: the same bytes and times, in the same order within each story.

Only partitions and offsets may differ from what they were; `seq` is what it was, since a story is restored whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping

from msgspec import Struct

from consumers.record_digest import BEGINNING, chained, record_digest
from dateline.archive import Advance, Span, record_of_line, records_between
from dateline.errors import DatelineError, Refused
from dateline.log.base import MAX_AGO_MS, MAX_AHEAD_MS, MAX_RECORD_BYTES, Log, NewRecord, Record
from dateline.log.partitioner import partition_of
from dateline.ndjson import BadLine, BadLines, Line
from dateline.spool import Spool, batches
from schemas.names import shortened
from schemas.topics import EVENTS_TOPIC

_BATCH = 1000
_BATCH_BYTES = 8_000_000
_MOST_NAMED = 5


class Kept(Struct, frozen=True):
    """A record that waits to be restored."""

    story: str
    record: NewRecord


class Sum(Struct, frozen=True):
    """What tells records in their order from any others: how many they are, and their digest (of a story: its record's)."""

    count: int = 0
    digest: bytes = BEGINNING

    def plus(self, record: Record | NewRecord) -> Sum:
        assert record.timestamp is not None
        headers = record.kept_headers if isinstance(record, Record) else record.headers
        added = record_digest(record.timestamp, record.key, headers, record.value)
        return Sum(self.count + 1, chained(self.digest, self.count + 1, added))


NOTHING = Sum()


class Archive:
    """An archive, read and checked and put aside.

    Attributes:
        stories: The sum of each story's records.
        left_out: How many lines hold a record of no story; it would have no place in another log.
        bad: Lines that cannot be restored. An archive that has any must not be restored.
    """

    def __init__(self) -> None:
        self.records = Spool(Kept)
        self.stories: dict[str, Sum] = {}
        self.left_out = 0
        self.bad = BadLines()

    def close(self) -> None:
        self.records.close()


class Restored(Struct, frozen=True):
    """What was restored: how many records of which stories; `there` were in the log already."""

    records: int
    there: int
    stories: list[str]
    left_out: int


def read_archive(lines: Iterable[Line | BadLine], *, now_ms: int) -> Archive:
    """Read an archive from its lines (`dateline.ndjson.read_file`).

    Args:
        now_ms: What no record's time may lie more than an hour ahead of, in milliseconds since 1970.

    Raises:
        Refused: The file is no archive, or there is no room to put it aside.
    """
    archive = Archive()
    try:
        for line in lines:
            if isinstance(line, BadLine):
                archive.bad.add(line.number, line.reason)
                continue
            try:
                kept = _kept(archive, line, latest=now_ms + MAX_AHEAD_MS)
            except Refused as error:
                archive.bad.add(line.number, str(error))
                continue
            if kept is None:
                archive.left_out += 1
            else:
                archive.records.put(kept)
    except BaseException:
        archive.close()
        raise
    return archive


def restore(log: Log, archive: Archive, *, advance: Advance = lambda count: None) -> Restored:
    """Write into a log what it does not have of an archive: of each story, the records after those that it has.

    Whatever beginning of a story an import that was stopped has left, this one goes on from there.

    Nothing keeps others from writing to the same stories meanwhile (a log has no lock). So the log is read once more
    afterwards: of several imports at once, the last to end sees what the others wrote and raises. What is written after that
    look is not seen: by an import that began before, or by a broker that brings late what was given up as `MaybeWritten`.

    Args:
        advance: Told how many more records are there, now and then.

    Raises:
        Refused: The log has other records of a story than the archive begins with; nothing was written.
        LogUnavailable, MaybeWritten: Some records are written; restoring again goes on.
        DatelineError: All are written, and others wrote to the same stories meanwhile.
    """
    held = _Held(log, archive.stories)
    held.read_on()
    _refuse_others(archive, held.sums)
    there = sum(found.count for found in held.sums.values())
    missing = len(archive.records) - there
    advance(there)
    if missing:
        _append(log, _missing(archive, held.sums), advance)
        held.read_on()
        _check_undisturbed(archive, held.sums)
    return Restored(missing, there, sorted(archive.stories), archive.left_out)


def _kept(archive: Archive, line: Line, *, latest: int) -> Kept | None:
    """Return a line's record, None if it belongs to no story.

    Raises:
        Refused: It cannot be restored.
    """
    story, record = record_of_line(line)
    if record.timestamp is not None and not -MAX_AGO_MS <= record.timestamp <= latest:
        raise Refused("recorded_at lies more than an hour ahead of this machine's clock or in no calendar. Check both clocks.")
    if record.size_bytes > MAX_RECORD_BYTES:
        raise Refused(f"the record holds {record.size_bytes:,} bytes; a record may hold {MAX_RECORD_BYTES:,}.")
    if story is None:
        return None
    before, seq = archive.stories.get(story, NOTHING), line.fields.get("seq")
    after = archive.stories[story] = before.plus(record)
    if seq is not None and seq != before.count + 1 and not archive.bad.count:  # a bad line leaves a gap
        raise Refused(
            f"seq {shortened(seq)} of story {story!r} does not follow {before.count}: records are missing, twice or in another "
            "order. Export the story anew; or to give it new numbers, take seq and digest off its lines."
        )
    digest = line.fields.get("digest")
    if digest is not None and digest != after.digest.hex() and not archive.bad.count:
        raise Refused(
            f"digest {shortened(digest)} is not what the records of story {story!r} up to this one give: the archive was changed "
            "here or before. See: dateline verify --export FILE; or to restore what it holds now, take digest off its lines."
        )
    return Kept(story, record)


class _Held:
    """What a log holds of some stories.

    Attributes:
        sums: Of each story's records, as far as the log was read; a story without any is missing.
    """

    def __init__(self, log: Log, stories: Iterable[str]) -> None:
        partitions, begins = log.partitions(EVENTS_TOPIC), log.begin_offsets(EVENTS_TOPIC)
        self._log = log
        self._stories = {(partition_of(story.encode(), partitions), story.encode()): story for story in stories}
        self._offsets = {partition: begins[partition] for partition, _ in self._stories}
        self.sums: dict[str, Sum] = {}

    def read_on(self) -> None:
        """Read up to where the log ends now, from where it ended the last time."""
        ends = self._log.end_offsets(EVENTS_TOPIC)
        for partition, offset in self._offsets.items():
            for record in records_between(self._log, EVENTS_TOPIC, Span(partition, offset, ends[partition])):
                story = self._stories.get((partition, record.key or b""))
                if story is not None:
                    self.sums[story] = self.sums.get(story, NOTHING).plus(record)
        self._offsets = {partition: ends[partition] for partition in self._offsets}


def _refuse_others(archive: Archive, held: Mapping[str, Sum]) -> None:
    """Refuse an archive of whose stories the log holds anything but a beginning."""
    others = set(held)
    sums = dict.fromkeys(held, NOTHING)
    for kept in archive.records if held else ():
        if kept.story in others:
            sums[kept.story] = sums[kept.story].plus(kept.record)
            if sums[kept.story] == held[kept.story]:
                others.remove(kept.story)
    if others:
        raise Refused(
            f"The log has records already, other or more than the archive has, of: {named(others)}. A restored story must "
            "be what it was, so nothing was written. Restore into another data folder: dateline --data DIR log import FILE"
        )


def _missing(archive: Archive, held: Mapping[str, Sum]) -> Iterator[NewRecord]:
    """Yield what the log does not hold of the archive, given that it holds the beginnings `held`."""
    passed: Counter[str] = Counter()
    for kept in archive.records:
        if passed[kept.story] < held.get(kept.story, NOTHING).count:
            passed[kept.story] += 1
        else:
            yield kept.record


def _append(log: Log, records: Iterable[NewRecord], advance: Advance) -> None:
    written = 0
    for batch in batches(((record, record.size_bytes) for record in records), most=_BATCH, most_bytes=_BATCH_BYTES):
        try:
            log.append(EVENTS_TOPIC, batch)
        except DatelineError as error:
            error.args = (f"{error} Before that, {written:,} records were restored; import the file again to go on.",)
            raise
        written += len(batch)
        advance(len(batch))


def _check_undisturbed(archive: Archive, held: Mapping[str, Sum]) -> None:
    """Raise an error if the log does not hold the archive's stories exactly, now that all of it is written."""
    others = {story for story, expected in archive.stories.items() if held.get(story) != expected}
    if others:
        raise DatelineError(
            "All of the archive is in the log now, but others wrote to the same stories meanwhile: another import, or a desk. "
            f"So the log has more records than the archive, and seq may differ, of: {named(others)}. "
            "For the stories as they were, import it once more into another data folder: dateline --data DIR log import FILE"
        )


def named(stories: Collection[str]) -> str:
    """Return the first few of `stories`, and how many more there are."""
    more = len(stories) - _MOST_NAMED
    return ", ".join(sorted(stories)[:_MOST_NAMED]) + (f" and {more:,} more" if more > 0 else "")
