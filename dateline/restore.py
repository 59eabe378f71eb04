"""Bringing an exported log back: the same bytes and times, in the same order within each story.

Only partitions and offsets may differ from what they were; `seq` is what it was, since a story is restored whole.
"""

from __future__ import annotations

from base64 import b64decode
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b

from msgspec import Struct, msgpack

from dateline.archive import timed_records
from dateline.errors import DatelineError, Refused, Undecodable
from dateline.log.base import MAX_AGO_MS, MAX_AHEAD_MS, MAX_RECORD_BYTES, Headers, Log, NewRecord, Record
from dateline.log.partitioner import partition_of
from dateline.ndjson import BadLine, BadLines, Json, Line, event_of
from dateline.spool import Spool, batches
from producers.records import record_of
from schemas.codec import committed_codec
from schemas.names import shortened, story_of_key
from schemas.times import parse_time, to_ms
from schemas.topics import EVENTS_TOPIC

_BATCH = 1000
_BATCH_BYTES = 8_000_000
_MOST_NAMED = 5
_ADDED = ("seq", "recorded_at", "raw", "problem")

Advance = Callable[[int], None]


class Kept(Struct, frozen=True):
    """A record that waits to be restored."""

    line: int
    story: str
    record: NewRecord


class Archive:
    """An archive, read and checked and put aside.

    Attributes:
        stories: How many records there are of each story.
        left_out: How many lines hold a record of no story; it would have no place in another log.
        bad: Lines that cannot be restored. An archive that has any must not be restored.
    """

    def __init__(self) -> None:
        self.records = Spool(Kept)
        self.stories: dict[str, int] = {}
        self.left_out = 0
        self.bad = BadLines()

    def close(self) -> None:
        self.records.close()


class Restored(Struct, frozen=True):
    """What was restored: how many records of which stories; `there` were there from an import that had stopped."""

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
            else:
                _put_aside(archive, kept)
    except BaseException:
        archive.close()
        raise
    return archive


def restore(log: Log, archive: Archive, *, advance: Advance = lambda count: None) -> Restored:
    """Write the records of an archive into a log that has none of its stories.

    Where an earlier import of the same archive was stopped, this one goes on.

    Args:
        advance: Told how many more records are there, now and then.

    Raises:
        Refused: A story exists already; nothing was written.
        LogUnavailable, MaybeWritten: Some records are written; restoring again goes on.
    """
    there = _already_there(log, archive)
    advance(there)
    restored = 0
    for batch in _batches(archive.records):
        if restored >= there:
            _append(log, batch, restored)
            advance(len(batch))
        restored += len(batch)
    return Restored(len(archive.records) - there, there, sorted(archive.stories), archive.left_out)


def _append(log: Log, batch: Sequence[Kept], restored: int) -> None:
    try:
        log.append(EVENTS_TOPIC, [kept.record for kept in batch])
    except DatelineError as error:
        how_far = f"Before that, {restored:,} records were restored (up to line {batch[0].line}); import the file again to go on."
        raise type(error)(f"{error} {how_far}") from error


def _kept(archive: Archive, line: Line, *, latest: int) -> Kept | None:
    """Return a line's record, None if it belongs to no story.

    Raises:
        Refused: It cannot be restored.
    """
    story, record = _raw_record(line) if line.fields.get("raw") is not None else _plain_record(line)
    if record.timestamp is not None and not -MAX_AGO_MS <= record.timestamp <= latest:
        raise Refused("recorded_at lies more than an hour ahead of this machine's clock or in no calendar. Check both clocks.")
    if record.size_bytes > MAX_RECORD_BYTES:
        raise Refused(f"the record holds {record.size_bytes:,} bytes; a record may hold {MAX_RECORD_BYTES:,}.")
    if story is None:
        return None
    before, seq = archive.stories.get(story, 0), line.fields.get("seq")
    archive.stories[story] = before + 1
    if seq is not None and seq != before + 1 and not archive.bad.count:  # a bad line leaves a gap
        raise Refused(
            f"seq {shortened(seq)} of story {story!r} does not follow {before}: records are missing, twice or in another order. "
            "Export the story anew; or to give it new numbers, take seq off its lines."
        )
    return Kept(line.number, story, record)


def _put_aside(archive: Archive, kept: Kept | None) -> None:
    if kept is None:
        archive.left_out += 1
    else:
        archive.records.put(kept)


def _plain_record(line: Line) -> tuple[str, NewRecord]:
    """Return the record of an event that comes without its bytes."""
    if line.fields.get("recorded_at") is None:
        raise Refused("recorded_at: missing. It is when the log recorded the event; to publish events now, use: dateline import")
    event = event_of(line)
    return event.story, record_of(event, timestamp=_recorded_at(line.fields))


def _raw_record(line: Line) -> tuple[str | None, NewRecord]:
    """Return the record whose bytes a line holds, and its story; None where it belongs to none."""
    fields, raw = line.fields, line.fields["raw"]
    if not isinstance(raw, dict):
        raise Refused(f"raw {shortened(raw)}: this must be an object with key, value and headers.")
    key, value = _bytes("raw.key", raw.get("key")), _bytes("raw.value", raw.get("value"))
    timestamp = raw.get("timestamp")
    if timestamp is None:
        timestamp = _recorded_at(fields)
    elif not isinstance(timestamp, int):
        raise Refused(f"raw.timestamp {shortened(timestamp)}: this must be milliseconds since 1970.")
    home = story_of_key(key)
    story = fields.get("story", home)
    if story is not None and story != home:
        raise Refused(f"story {shortened(story)}: the key in raw names {shortened(home)}.")
    _refuse_other_words(fields, value)
    return story, NewRecord(key, value, _headers(raw.get("headers")), timestamp)


def _refuse_other_words(fields: Json, value: bytes | None) -> None:
    """Refuse a line whose words were changed while its bytes stayed: it is the bytes that would be restored."""
    from schemas.jsonform import to_json

    if fields.get("type") is None:
        return
    try:
        said = to_json(committed_codec().decode(value))
    except Undecodable:
        return
    for name, shown in fields.items():
        if name not in _ADDED and name in said and said[name] != shown:
            raise Refused(
                f"{name} {shortened(shown)}: the bytes in raw say {shortened(said[name])}, and they are what is restored. "
                "Undo the change; or to restore what the line says, take raw off it."
            )


def _recorded_at(fields: Json) -> int:
    given = fields.get("recorded_at")
    if not isinstance(given, str):
        raise Refused(f"recorded_at {shortened(given)}: this must be a time like 1970-04-14T03:08:20Z.")
    try:
        return to_ms(parse_time(given))
    except ValueError as error:
        raise Refused(f"recorded_at: {error}") from None


def _headers(given: object) -> Headers:
    headers = []
    for at, header in enumerate(given if isinstance(given, list) else [given] if given is not None else []):
        if not (isinstance(header, list) and len(header) == 2 and isinstance(header[0], str)):
            raise Refused(f"raw.headers[{at}] {shortened(header)}: this must be a list of a name and a value in base64.")
        if not header[0].isprintable():  # half a character is not, and could not be written
            raise Refused(f"raw.headers[{at}] {shortened(header[0])}: this is no name of a header.")
        headers.append((header[0], _bytes(f"raw.headers[{at}][1]", header[1]) or b""))
    return tuple(headers)


def _bytes(path: str, given: object) -> bytes | None:
    if given is None:
        return None
    try:
        if isinstance(given, str):
            return b64decode(given, validate=True)
    except ValueError:
        pass
    raise Refused(f"{path} {shortened(given)}: this must be bytes in base64, or null.")


def _already_there(log: Log, archive: Archive) -> int:
    """Return how many of the archive's records the log has from an import that was stopped: whole batches from the first on.

    Raises:
        Refused: It has anything else of the archive's stories.
    """
    there = _digests(log, archive.stories)
    found = sum(map(len, there.values()))
    if not found:
        return 0
    if _is_beginning(there, found, archive):
        if found < len(archive.records):
            return found
        raise Refused("All of this archive is in the log already; nothing was written.")
    named = ", ".join(sorted(there)[:_MOST_NAMED])
    more = f" and {len(there) - _MOST_NAMED:,} more" if len(there) > _MOST_NAMED else ""
    raise Refused(
        f"The log has records already of: {named}{more}. An archive restores only stories that do not exist yet, so nothing was "
        "written. Restore into another data folder: dateline --data DIR log import FILE"
    )


def _is_beginning(there: Mapping[str, list[bytes]], found: int, archive: Archive) -> bool:
    """Tell whether what is there are the archive's first batches."""
    seen: Counter[str] = Counter()
    for batch in _batches(archive.records):
        if found <= 0:
            break
        found -= len(batch)
        for kept in batch:
            digests = there.get(kept.story, [])
            if seen[kept.story] >= len(digests) or digests[seen[kept.story]] != _digest(kept.record):
                return False
            seen[kept.story] += 1
    return found == 0


def _digests(log: Log, stories: Iterable[str]) -> dict[str, list[bytes]]:
    """Return a digest of each record that the log has of `stories`, in its order; a story without any is missing."""
    partitions = log.partitions(EVENTS_TOPIC)
    keys = {story.encode(): story for story in stories}
    homes = {key: partition_of(key, partitions) for key in keys}
    ends = log.end_offsets(EVENTS_TOPIC)
    digests: dict[str, list[bytes]] = defaultdict(list)
    for partition in sorted(set(homes.values())):
        for _, record in timed_records(log, partition, ends[partition]):
            if record.key is not None and homes.get(record.key) == partition:
                digests[keys[record.key]].append(_digest(record))
    return digests


def _digest(record: Record | NewRecord) -> bytes:
    whole = msgpack.encode((record.timestamp, record.key, record.value, record.headers))
    return blake2b(whole, digest_size=16).digest()


def _batches(records: Iterable[Kept]) -> Iterator[list[Kept]]:
    """Cut an archive's records into batches; the same archive is always cut in the same places."""
    return batches(((kept, kept.record.size_bytes) for kept in records), most=_BATCH, most_bytes=_BATCH_BYTES)
