"""The log as a file: every record as one line of NDJSON, its bytes beside what they say.

`export` writes such a file; `record_of_line` reads a line of it, and `dateline.restore` brings them all back into a log.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from heapq import merge
from itertools import chain
from operator import itemgetter
from typing import Final, NamedTuple

from consumers.intake import Homeless, Intake
from consumers.record_digest import Chain
from consumers.state import Incoming
from dateline.errors import LogUnavailable, Refused, Undecodable
from dateline.log.base import Headers, Log, NewRecord, Record
from dateline.log.partitioner import partition_of
from dateline.ndjson import HEADER, Json, Line, event_of
from producers.records import record_of
from schemas.codec import committed_codec
from schemas.names import shortened, story_of_key
from schemas.times import from_ms, parse_time, rfc3339, to_ms
from schemas.topics import EVENTS_TOPIC

Advance = Callable[[int], None]
"""Told that so much more is done, now and then."""

_PAGE = 250
_ADDED = ("seq", "digest", "recorded_at", "raw", "problem")
COUNTED: Final = "counted"
"""In the header of an export: that its last line is the end, which says how many records there are."""


class Span(NamedTuple):
    """A part of a partition: the records from the offset `start` on, up to `end`."""

    partition: int
    start: int
    end: int


def export(log: Log, *, story: str | None = None) -> Iterator[bytes]:
    """Read the log up to where it ends now: the header, a line for each record, in the order of their times, and the end.

    The order within a story is the log's, whatever the times say.

    Args:
        story: Leave out all others, and the records of no story.

    Raises:
        Refused: There is no record of `story`; nothing was given yet.
    """
    partitions = log.partitions(EVENTS_TOPIC)
    intake = Intake(committed_codec(), partitions=partitions)
    ends = log.end_offsets(EVENTS_TOPIC)
    chosen = range(partitions) if story is None else [partition_of(story.encode(), partitions)]
    records = records_by_time(log, EVENTS_TOPIC, {partition: ends[partition] for partition in chosen})
    read = ((record, intake.read(record)) for record in records)
    wanted = (found for found in read if story is None or _is_of(story, found[1]))
    first = next(wanted, None)
    if first is None and story is not None:
        raise _no_story(log, story)
    yield _encoded({**HEADER, COUNTED: True})
    chains: dict[str, Chain] = {}
    count = 0
    for record, said in chain([first] if first is not None else [], wanted):
        yield _encoded(_exported(record, said, chains))
        count += 1
    yield _encoded({**HEADER, "end": True, "records": count})


def record_of_line(line: Line) -> tuple[str | None, NewRecord]:
    """Return the record that a line of an export holds, and its story; None where it belongs to none.

    Raises:
        Refused: It holds none, or what it says is not what its bytes say.
    """
    if line.fields.get("raw") is None:
        return _plain_record(line)
    story, record = bytes_of_line(line)
    _refuse_other_words(line.fields, record.value)
    return story, record


def records_by_time(log: Log, topic: str, ends: Mapping[int, int], *, advance: Advance = lambda count: None) -> Iterator[Record]:
    """Yield the records of some partitions in the order of their times, but for those of one partition, which keep theirs.

    Args:
        ends: The partitions, each with the offset up to which it is read.
        advance: Told how many more offsets were passed.
    """
    begins = log.begin_offsets(topic)
    spans = [Span(partition, begins[partition], end) for partition, end in ends.items()]
    streams = [_timed(records_between(log, topic, span, advance=advance)) for span in spans]
    return (record for _, record in merge(*streams, key=itemgetter(0)))


def records_between(log: Log, topic: str, span: Span, *, advance: Advance = lambda count: None) -> Iterator[Record]:
    """Yield the records of a span.

    Args:
        advance: Told how many more offsets were passed.

    Raises:
        LogUnavailable: The log gives less than it said to hold.
    """
    partition, offset, end = span
    while offset < end:
        batch = log.read(topic, partition, offset, limit=_PAGE)
        if batch.next_offset <= offset:
            raise LogUnavailable(
                f"{log.url} gave nothing of {topic} from offset {offset} of partition {partition}, which ends at {end}."
            )
        yield from (record for record in batch.records if record.offset < end)
        advance(min(batch.next_offset, end) - offset)
        offset = batch.next_offset


def _timed(records: Iterable[Record]) -> Iterator[tuple[int, Record]]:
    """Yield a partition's records, each with a time that never goes back, by which partitions are merged."""
    latest = 0
    for record in records:
        latest = max(latest, record.timestamp)
        yield latest, record


def _is_of(story: str, read: Incoming | Homeless) -> bool:
    return isinstance(read, Incoming) and read.story == story


def _exported(record: Record, read: Incoming | Homeless, chains: dict[str, Chain]) -> Json:
    """Return a record as its line, added to its story's chain. Its bytes are whole in `raw`; the rest is for readers."""
    from schemas.jsonform import to_json  # it needs pydantic

    shown: Json
    if isinstance(read, Homeless):
        shown = {"type": None, "story": None, "problem": read.problem, "seq": None}
    else:
        chain = chains[read.story] = chains.get(read.story, Chain()).plus(read.digest)
        shown = {"type": None, "story": read.story, "problem": read.problem} if read.event is None else to_json(read.event)
        shown |= {"seq": chain.seq, "digest": chain.digest.hex()}
    recorded_at = from_ms(record.timestamp)
    shown["recorded_at"] = rfc3339(recorded_at)
    shown["raw"] = _raw(record)
    if to_ms(recorded_at) != record.timestamp:
        shown["raw"]["timestamp"] = record.timestamp  # a time that is in no calendar
    return shown


def _raw(record: Record) -> Json:
    return {
        "key": in_base64(record.key),
        "value": in_base64(record.value),
        "headers": [[name, in_base64(value)] for name, value in record.headers],
        "partition": record.partition,
        "offset": record.offset,
    }


def _plain_record(line: Line) -> tuple[str, NewRecord]:
    """Return the record of an event that comes without its bytes."""
    if line.fields.get("recorded_at") is None:
        raise Refused("recorded_at: missing. It is when the log recorded the event; to publish events now, use: dateline import")
    event = event_of(line)
    return event.story, record_of(event, timestamp=_recorded_at(line.fields))


def bytes_of_line(line: Line) -> tuple[str | None, NewRecord]:
    """Return the record that the bytes in a line are, and its story, whatever else the line says.

    Raises:
        Refused: The bytes, the time or the story cannot be had from it.
    """
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


def _encoded(fields: Mapping[str, object]) -> bytes:
    return json.dumps(fields, ensure_ascii=False).encode() + b"\n"


def in_base64(data: bytes | None) -> str | None:
    """Return bytes as an export writes them."""
    return None if data is None else b64encode(data).decode()


def _no_story(log: Log, story: str) -> Refused:
    from schemas.names import did_you_mean  # only a mistake needs it

    ends = log.end_offsets(EVENTS_TOPIC)
    keys = {record.key for record in records_by_time(log, EVENTS_TOPIC, ends)}
    hint = did_you_mean(story, filter(None, map(story_of_key, keys)))
    return Refused(f"The log has no record of story {shortened(story)}{hint}. See: dateline story list")
