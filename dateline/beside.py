"""What a line of an export says beside its bytes: held to what `dateline.archive.export` writes for these bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache

from consumers.intake import Intake
from consumers.state import Incoming
from dateline.archive import in_base64
from dateline.log.base import NewRecord, Record
from dateline.ndjson import Json, Line, printable
from schemas.codec import committed_codec
from schemas.names import shortened

_BESIDE = ("seq", "recorded_at", "raw")
"""What stands in each line beside what the record says; the digest too, but for a record of no story and in older exports."""


def problem_beside(line: Line, story: str | None, record: NewRecord) -> str | None:
    """Return what a line says that `export` would not write beside these bytes, None if it says the same.

    Of `seq`, `digest` and `recorded_at` it is only seen that they are there. Not looked at: where the record lay, and how a
    `problem` is put.
    """
    told = [*_other_words(line.fields, _said(story, record)), *_other_bytes(line.fields["raw"], record)]
    return f"{told[0]}{f' (and {len(told) - 1} more)' if len(told) > 1 else ''}" if told else None


def _said(story: str | None, record: NewRecord) -> Json:
    """Return what the bytes say, as `export` writes it."""
    from schemas.jsonform import to_json

    if story is None:
        return {"type": None, "story": None, "problem": ""}
    assert record.timestamp is not None
    read = _intake().read(Record(0, 0, record.timestamp, record.key, record.value, record.headers))
    assert isinstance(read, Incoming)
    return {"type": None, "story": story, "problem": read.problem} if read.event is None else to_json(read.event)


@cache
def _intake() -> Intake:
    return Intake(committed_codec(), partitions=1)


def _other_words(fields: Json, said: Json) -> Iterator[str]:
    beside = (*_BESIDE, "digest")
    for name in said:
        if name not in fields:
            yield f"{name} is missing; the bytes in raw say {shortened(said[name])}"
        elif name != "problem" and not _is_same(fields[name], said[name]):
            yield f"{name} {shortened(fields[name])}: the bytes in raw say {shortened(said[name])}"
    yield from (f"{name} is missing" for name in _BESIDE if name not in fields)
    if "problem" in said and not isinstance(fields.get("problem"), str):
        yield f"problem {shortened(fields.get('problem'))}: this must be text"
    for name in fields:
        if name not in said and name not in beside:
            yield f"{printable(shortened(name))}: there is no such field in what the bytes in raw say"


def _other_bytes(raw: Json, record: NewRecord) -> Iterator[str]:
    """Yield what stands in `raw` in another form than `export` gives it, or too much."""
    expected = {
        "key": in_base64(record.key),
        "value": in_base64(record.value),
        "headers": [[name, in_base64(value)] for name, value in record.headers],
    }
    yield from (
        f"raw.{name} is not written as an export writes it" for name in expected if not _is_same(raw.get(name), expected[name])
    )
    places = ("partition", "offset")
    yield from (
        f"raw.{name} {shortened(raw.get(name))}: this must be a number" for name in places if type(raw.get(name)) is not int
    )
    known = (*expected, *places, "timestamp")
    yield from (f"raw.{printable(name)}: there is no such field in an export" for name in raw if name not in known)


def _is_same(one: object, other: object) -> bool:
    """Whether two values are the same JSON: to Python, 1 is 1.0 and True too."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
