"""The log as a file: every record as one line of NDJSON, its bytes beside what they say. `dateline.restore` is the way back."""

from __future__ import annotations

import json
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator, Mapping
from heapq import merge
from itertools import chain
from operator import itemgetter

from consumers.intake import Homeless, Intake
from consumers.state import Incoming
from dateline.errors import Refused
from dateline.log.base import Log, Record
from dateline.log.partitioner import partition_of
from dateline.ndjson import HEADER, Json
from schemas.codec import committed_codec
from schemas.names import shortened, story_of_key
from schemas.times import from_ms, rfc3339, to_ms
from schemas.topics import EVENTS_TOPIC

_PAGE = 250


def export(log: Log, *, story: str | None = None) -> Iterator[bytes]:
    """Read the log up to where it ends now: the header, then a line for each record, in the order of their times.

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
    streams = [timed_records(log, partition, ends[partition]) for partition in chosen]
    read = ((record, intake.read(record)) for _, record in merge(*streams, key=itemgetter(0)))
    wanted = (found for found in read if story is None or _is_of(story, found[1]))
    first = next(wanted, None)
    if first is None and story is not None:
        raise _no_story(log, story)
    yield _encoded(HEADER)
    seqs: Counter[str] = Counter()
    for record, said in chain([first] if first is not None else [], wanted):
        yield _encoded(_exported(record, said, seqs))


def timed_records(log: Log, partition: int, end: int) -> Iterator[tuple[int, Record]]:
    """Yield a partition's records up to `end`, each with a time that never goes back, by which partitions are merged."""
    offset, latest = log.begin_offsets(EVENTS_TOPIC)[partition], 0
    while offset < end:
        batch = log.read(EVENTS_TOPIC, partition, offset, limit=_PAGE)
        if batch.next_offset <= offset:
            return
        for record in batch.records:
            if record.offset >= end:
                return
            latest = max(latest, record.timestamp)
            yield latest, record
        offset = batch.next_offset


def _is_of(story: str, read: Incoming | Homeless) -> bool:
    return isinstance(read, Incoming) and read.story == story


def _exported(record: Record, read: Incoming | Homeless, seqs: Counter[str]) -> Json:
    """Return a record as its line, counted in `seqs`. Its bytes are whole in `raw`; what is beside them is for readers."""
    from schemas.jsonform import to_json  # it needs pydantic

    shown: Json
    if isinstance(read, Homeless):
        shown = {"type": None, "story": None, "problem": read.problem, "seq": None}
    else:
        seqs[read.story] += 1
        shown = {"type": None, "story": read.story, "problem": read.problem} if read.event is None else to_json(read.event)
        shown["seq"] = seqs[read.story]
    recorded_at = from_ms(record.timestamp)
    shown["recorded_at"] = rfc3339(recorded_at)
    shown["raw"] = _raw(record)
    if to_ms(recorded_at) != record.timestamp:
        shown["raw"]["timestamp"] = record.timestamp  # a time that is in no calendar
    return shown


def _raw(record: Record) -> Json:
    return {
        "key": _text(record.key),
        "value": _text(record.value),
        "headers": [[name, _text(value)] for name, value in record.headers],
        "partition": record.partition,
        "offset": record.offset,
    }


def _encoded(fields: Mapping[str, object]) -> bytes:
    return json.dumps(fields, ensure_ascii=False).encode() + b"\n"


def _text(data: bytes | None) -> str | None:
    return None if data is None else b64encode(data).decode()


def _no_story(log: Log, story: str) -> Refused:
    from schemas.names import did_you_mean  # only a mistake needs it

    ends = log.end_offsets(EVENTS_TOPIC)
    keys = {record.key for partition, end in ends.items() for _, record in timed_records(log, partition, end)}
    hint = did_you_mean(story, filter(None, map(story_of_key, keys)))
    return Refused(f"The log has no record of story {shortened(story)}{hint}. See: dateline story list")
