"""Proves an exported log against itself and against a published digest. It needs the file alone: no log and no view.

Each story's digest is made anew from the raw bytes, record by record, and compared with the one beside each record. What does not
fit is named by its line, and so is what a line says beside its bytes that they do not say. Memory holds a few values a story,
however long the file is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import TypeGuard

from msgspec import Struct, field

from consumers.record_digest import BEGINNING, Chain, chained, log_digest, record_digest
from dateline.archive import COUNTED, bytes_of_line
from dateline.beside import problem_beside
from dateline.errors import Refused
from dateline.log.base import NewRecord
from dateline.ndjson import HEADER, BadLine, Frame, Line, printable
from schemas.names import shortened
from schemas.times import from_ms, rfc3339

_KEPT = 20
_DIGEST = re.compile(r"[0-9a-f]{64}")


class Fault(Struct, frozen=True):
    """One thing that is wrong, and where."""

    line: int
    story: str | None
    seq: int | None
    problem: str


class Place(Struct, frozen=True):
    """A story's record up to `seq`; the whole log's where there is no story."""

    story: str | None = None
    seq: int = 0


class StoryFound(Struct):
    """A story's record as far as it was read.

    Attributes:
        seq: The highest so far.
        digest: Made of the bytes of all records up to there; None once one is not there, or cannot be read.
        stated: The digest beside the last record, None where there is none.
    """

    seq: int = 0
    digest: bytes | None = BEGINNING
    stated: bytes | None = None


class Checked(Struct):
    """What an export was found to be.

    Attributes:
        of_no_story: Lines that hold a record of no story; no digest covers them.
        bare: Records without a digest beside them, such as an older release exported.
        faults: The first few of `fault_count`.
        proven: What had the published digest, by the bytes of all its records; of several places the last.
        claimed: What only says of itself that it had it.
    """

    records: int = 0
    stories: dict[str, StoryFound] = field(default_factory=dict)
    of_no_story: int = 0
    bare: int = 0
    faults: list[Fault] = field(default_factory=list)
    fault_count: int = 0
    proven: Place | None = None
    claimed: Place | None = None

    @property
    def record(self) -> bytes | None:
        """The digest of the whole log; None unless all of each story up to its end is there."""
        chains = [(story, Chain(found.seq, found.digest)) for story, found in self.stories.items() if found.digest is not None]
        return log_digest(chains) if len(chains) == len(self.stories) else None

    @property
    def later(self) -> int:
        """How many records of the story came after what is proven."""
        proven = self.proven
        return self.stories[proven.story].seq - proven.seq if proven is not None and proven.story is not None else 0

    def add(self, line: int, problem: str, *, story: str | None = None, seq: int | None = None) -> None:
        self.fault_count += 1
        if len(self.faults) < _KEPT:
            self.faults.append(Fault(line, story, seq, printable(problem)))


def check_record(lines: Iterable[Line | BadLine | Frame], *, published: bytes | None = None) -> Checked:
    """Check an exported log from its lines (`dateline.ndjson.read_framed`), and look for a published digest in it.

    Raises:
        Refused: The file is no exported log.
    """
    found = Checked()
    for line in _framed(found, lines):
        if isinstance(line, BadLine):
            found.add(line.number, line.reason)
        else:
            _take(found, line, published)
    if found.proven is None and published is not None and found.record == published:
        found.proven = Place()
    return found


def _framed(found: Checked, lines: Iterable[Line | BadLine | Frame]) -> Iterator[Line | BadLine]:
    """Yield the lines between header and end, and see that both are where they must be.

    Raises:
        Refused: There is no header, and no record either.
    """
    header: Frame | None = None
    end: Frame | None = None
    count = number = 0
    for line in lines:
        number = line.number
        if end is not None:
            found.add(number, f"it stands after the end of the export, which is line {end.number}")
        if isinstance(line, Frame):
            if line.is_end:
                end = line
            elif count or header is not None:
                found.add(number, "a header in the middle: this is more than one export, or lines were moved. Verify each alone")
            header = header or line
            continue
        count += 1
        yield line
    if header is None and not found.records:
        raise Refused(f"This is no exported log: one begins with {json.dumps(HEADER)}. Make one with: dateline log export FILE")
    if header is None or header.is_end:
        found.add(1, "the header of an export is missing: its beginning is gone, or it is none")
    _check_end(found, header, end, count, number)


def _check_end(found: Checked, header: Frame | None, end: Frame | None, count: int, last: int) -> None:
    if end is not None:
        wanted = end.fields.get("records")
        if wanted != count:
            problem = f"the export ended with {shortened(wanted)} records, and {count:,} are here: lines were taken out or put in"
            found.add(end.number, problem)
    elif header is not None and header.fields.get(COUNTED):
        found.add(last, "the file ends before the export did: its end is missing. Copy or export it once more")


def digest_of(text: object) -> bytes:
    """Return the digest that 64 hexadecimal digits stand for.

    Raises:
        Refused: `text` is none.
    """
    if not isinstance(text, str) or not _DIGEST.fullmatch(text.strip().lower()):
        raise Refused(f"{shortened(text)} is no digest; one has 64 hexadecimal digits.")
    return bytes.fromhex(text.strip())


def _take(found: Checked, line: Line, published: bytes | None) -> None:
    """Take the next line. Whatever is wrong with it, the next one is held to what this one states."""
    if line.fields.get("raw") is None:
        _pass_over(found, line, "its raw bytes are not there, so nothing is proven of it")
        return
    try:
        story, record = bytes_of_line(line)
        _check_time(line, record)
    except Refused as error:
        _pass_over(found, line, str(error))
        return
    if story is None:
        found.of_no_story += 1
        if problem := problem_beside(line, None, record):
            found.add(line.number, problem)
        return
    found.records += 1
    kept = found.stories.setdefault(story, StoryFound())
    seq = line.fields.get("seq", kept.seq + 1)
    if not _is_seq(seq):
        found.add(line.number, f"seq {shortened(seq)}: this must be 1, 2, 3 …", story=story)
        kept.digest = None
    elif seq <= kept.seq:
        found.add(line.number, f"it stands after seq {kept.seq}: it was moved, or is there twice", story=story, seq=seq)
        kept.digest = None
    elif seq > kept.seq + 1:
        missing = f"seq {kept.seq + 1}" + (f" to {seq - 1}" if seq > kept.seq + 2 else "")
        found.add(line.number, f"before it, {missing} is missing or was moved", story=story, seq=seq)
        _go_on(kept, seq, stated=_stated(found, line, story, seq))
    else:
        if problem := problem_beside(line, story, record):
            found.add(line.number, problem, story=story, seq=seq)
        _link(found, line, Place(story, seq), _record(record), published)


def _link(found: Checked, line: Line, place: Place, record: bytes, published: bytes | None) -> None:
    """Hold a record to the digest beside it, which follows from the one before it, or from all bytes before it."""
    assert place.story is not None
    kept, stated = found.stories[place.story], _stated(found, line, place.story, place.seq)
    made, follows = (chained(one, place.seq, record) if one is not None else None for one in (kept.digest, kept.stated))
    if stated is not None and stated not in (made, follows) and (made or follows):
        problem = (
            "its bytes, time and place do not give the digest beside it: it was changed, or records before it were taken out"
        )
        found.add(line.number, problem, story=place.story, seq=place.seq)
    kept.seq, kept.digest, kept.stated = place.seq, made, stated
    if published is not None and made == published:
        found.proven = place
    elif published is not None and stated == published:
        found.claimed = place


def _pass_over(found: Checked, line: Line, problem: str) -> None:
    """Note a line whose record cannot be had, and go on after it as its own words say."""
    story, seq = line.fields.get("story"), line.fields.get("seq")
    if not isinstance(story, str) or not _is_seq(seq):
        found.add(line.number, problem)
        return
    found.add(line.number, problem, story=story, seq=seq)
    kept = found.stories.setdefault(story, StoryFound())
    _go_on(kept, max(seq, kept.seq), stated=_stated(found, line, story, seq))


def _go_on(kept: StoryFound, seq: int, *, stated: bytes | None) -> None:
    kept.seq, kept.digest, kept.stated = seq, None, stated


def _stated(found: Checked, line: Line, story: str, seq: int) -> bytes | None:
    given = line.fields.get("digest")
    if given is None:
        found.bare += 1
        return None
    try:
        return digest_of(given)
    except Refused as error:
        found.add(line.number, f"digest {error}", story=story, seq=seq)
        return None


def _check_time(line: Line, record: NewRecord) -> None:
    """Refuse a line that shows another time than its record's, which `raw` may hold as a number."""
    shown = line.fields.get("recorded_at")
    assert record.timestamp is not None
    recorded_at = rfc3339(from_ms(record.timestamp))
    if shown is not None and shown != recorded_at:
        raise Refused(f"recorded_at {shortened(shown)}: the record's time is {recorded_at}.")


def _record(record: NewRecord) -> bytes:
    assert record.timestamp is not None
    return record_digest(record.timestamp, record.key, record.headers, record.value)


def _is_seq(given: object) -> TypeGuard[int]:
    return isinstance(given, int) and not isinstance(given, bool) and given > 0
