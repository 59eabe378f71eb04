"""Publishing events from a file: all are checked before the first is sent, and afterwards it is said what became of each.

An event that the log has already is not sent again.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TypeAlias

from msgspec import Struct

from consumers.intake import fingerprint
from dateline.deployment import Deployment
from dateline.documents import Document, documents, is_event_lines, is_media, read_errors, shown_path
from dateline.errors import DatelineError, Refused, StoreUnavailable
from dateline.log.base import MAX_RECORD_BYTES, NewRecord
from dateline.ndjson import BadLine, BadLines, event_of, read_lines
from dateline.spool import Spool, batches
from dateline.verdicts import told_of
from dateline.wires import Passed, Reading, Told, events_in, read_document
from producers.desk import Receipt
from producers.lanes import in_lanes, is_urgent
from producers.records import record_of
from schemas.events import Event
from schemas.topics import EVENTS_TOPIC

_BATCH = 1000
_BATCH_BYTES = 8_000_000
_GROUP_PATIENCE = 30.0

IN_THE_LOG = -1
"""In place of an offset: the event was in the log before and was not sent."""

Advance = Callable[[int], None]
Documented: TypeAlias = Told | BadLine | Passed
"""What stands at one place of a document: events, nothing that can be used, or nothing for readers."""


class Outgoing(Struct, frozen=True):
    """An event that waits to be sent, and the line it came from; `where` says it in words, as in a `BadLine`."""

    line: int
    story: str
    update: str | None
    event_id: str
    fingerprint: str
    record: NewRecord
    where: str = ""
    is_urgent: bool = False


class Checked:
    """The events of a file, checked and put aside, and what was found on the way.

    Attributes:
        bad: Lines that hold no event that may be sent.
        warned: Lines whose event may be sent, but would better be another.
        passed: What is whole and says nothing to readers.
    """

    def __init__(self) -> None:
        self.events = Spool(Outgoing)
        self.bad = BadLines()
        self.warned = BadLines()
        self.passed = BadLines()

    def close(self) -> None:
        self.events.close()


class Rejected(Struct, frozen=True):
    """An event that is in the log and has no effect."""

    line: int
    story: str
    update: str | None
    event_id: str
    reason: str
    where: str = ""

    @property
    def place(self) -> str:
        return self.where or f"line {self.line}"


class Tally:
    """What became of a file's events: how many of each kind, and the first few that were rejected.

    Attributes:
        duplicate: How many were in the log before; of these, such as were rejected then count as rejected.
        late: How many of the accepted are late copy.
        unconfirmed: How many no consumer has seen in time.
    """

    def __init__(self, *, unconfirmed: int = 0) -> None:
        self.accepted = self.late = self.duplicate = self.rejected = 0
        self.unconfirmed = unconfirmed
        self.first_rejected: list[Rejected] = []


def check_events(found: Iterable[Documented]) -> Checked:
    """Check all that documents hold and put their events aside.

    Raises:
        Refused: A file cannot be read, or there is no room to put its events aside.
    """
    checked = Checked()
    try:
        for one in found:
            if isinstance(one, Passed):
                checked.passed.add(0, one.reason, one.where)
            elif isinstance(one, BadLine):
                checked.bad.add(one.number, one.reason, one.where)
            else:
                _put_aside(one, checked)
    except BaseException:
        checked.close()
        raise
    return checked


def read_all(name: str, reading: Reading) -> Iterator[Documented]:
    """Yield what the documents hold that `name` names (`dateline.documents`), each in the format that it is in.

    Raises:
        Refused: One cannot be read.
    """
    with read_errors(name):
        for document in documents(name):
            if reading.form == "auto" and is_media(document):
                yield Passed(document.name or shown_path(Path(name).name), "a picture or the like: its item speaks of it.")
            elif reading.form == "ndjson" or (reading.form == "auto" and is_event_lines(document)):
                yield from _event_lines(document, reading)
            else:
                shown = document.name or (shown_path(Path(name).name) if name != "-" else "")
                yield from events_in(read_document(document.file), reading, name=shown)


def _event_lines(document: Document, reading: Reading) -> Iterator[Documented]:
    try:
        for line in read_lines(document.file):
            where = f"{document.name}: line {line.number}" if document.name else ""
            if isinstance(line, BadLine):
                yield BadLine(line.number, line.reason, where)
                continue
            try:
                event = event_of(line, story=reading.story, desk=reading.desk, now=reading.now)
            except Refused as error:
                yield BadLine(line.number, str(error), where)
            else:
                yield Told(line.number, where, (event,))
    except Refused as error:
        if not document.name:
            raise
        yield BadLine(0, str(error), document.name)


def send(deployment: Deployment, events: Spool[Outgoing], *, advance: Advance) -> Sequence[int]:
    """Append the events to the log in groups and return their offsets, in the order of the events.

    What cannot wait goes first (`producers.lanes`). Between two groups the log is anybody's, and the view takes in the one before
    where that is a command's business: what another desk says meanwhile waits for one group and not for the whole file.

    What the view knows to be in the log is not sent: its offset is `IN_THE_LOG`. Without a view, all is sent; the fold then
    knows what was there.

    Raises:
        LogUnavailable, MaybeWritten: Some may be in the log; sending the same events again is safe.
    """
    offsets = array("q", [IN_THE_LOG]) * len(events)
    with suppress(StoreUnavailable):  # without a view everything is sent
        deployment.timeline.check()
    has_view, sent = _has_view(deployment), 0
    sized = (((place, outgoing), outgoing.record.size_bytes) for place, outgoing in in_lanes(events))
    for group in batches(sized, most=_BATCH, most_bytes=_BATCH_BYTES):
        batch = [outgoing for _, outgoing in group]
        try:
            known = _known(deployment, batch) if has_view else [False] * len(batch)
            for (place, _), offset in zip(group, _append(deployment, batch, known=known), strict=True):
                offsets[place] = offset
        except DatelineError as error:
            how_far = f"Before that, {sent:,} of {len(events):,} events went in; import the same file again."
            error.args = (f"{error} {how_far}",)
            raise
        sent += len(batch)
        advance(len(batch))
        has_view = has_view and _let_others_in(deployment)
    return offsets


def _let_others_in(deployment: Deployment) -> bool:
    """Have the view take in what was sent so far; tell whether it did."""
    if deployment.feeds_itself:
        try:
            deployment.timeline.bring_up(timeout=_GROUP_PATIENCE)
        except DatelineError:  # the answer in the end says why
            return False
    return True


def _has_view(deployment: Deployment) -> bool:
    """Bring the view up to date; tell whether it can be had."""
    try:
        deployment.timeline.catch_up()
    except DatelineError:  # the answer in the end says why
        return False
    return True


def _known(deployment: Deployment, batch: Sequence[Outgoing]) -> Sequence[bool]:
    """Tell of each event whether the log has it, with the same content; of none where the view is lost."""
    try:
        entries = deployment.reader.verdicts([(outgoing.story, outgoing.event_id) for outgoing in batch])
    except DatelineError:
        return [False] * len(batch)
    pairs = zip(batch, entries, strict=True)
    return [entry is not None and entry.fingerprint == outgoing.fingerprint for outgoing, entry in pairs]


def _append(deployment: Deployment, batch: Sequence[Outgoing], *, known: Sequence[bool]) -> list[int]:
    """Append the events that are not `known`; return the offsets of all."""
    unsent = [outgoing.record for outgoing, is_known in zip(batch, known, strict=True) if not is_known]
    positions = iter(deployment.log.append(EVENTS_TOPIC, unsent) if unsent else ())
    return [IN_THE_LOG if is_known else next(positions).offset for is_known in known]


def tally(deployment: Deployment, events: Spool[Outgoing], offsets: Sequence[int], *, most_rejected: int) -> Tally:
    """Say what became of the events, once the view has seen them.

    Raises:
        StoreUnavailable: The view cannot be read.
    """
    found = Tally()
    pairs = zip(events, offsets, strict=True)
    while chunk := list(islice(pairs, _BATCH)):
        entries = deployment.reader.verdicts([(outgoing.story, outgoing.event_id) for outgoing, _ in chunk])
        for (outgoing, offset), entry in zip(chunk, entries, strict=True):
            if entry is None:
                found.unconfirmed += 1
                continue
            receipt = Receipt(outgoing.story, outgoing.update, outgoing.event_id, partition=-1, offset=offset)
            told = told_of(entry, receipt, said=outgoing.fingerprint)
            status = "rejected" if told.reason else told.status  # a duplicate has the reason of the first
            setattr(found, status, getattr(found, status) + 1)
            found.late += told.late
            if status == "rejected" and len(found.first_rejected) < most_rejected:
                found.first_rejected.append(_rejected(outgoing, told.reason or ""))
    return found


def _put_aside(told: Told, checked: Checked) -> None:
    """Put the events of a line or an item aside, all of them or none."""
    try:
        outgoing = [outgoing_of(event, told.number, told.where) for event in told.events]
    except Refused as error:
        checked.bad.add(told.number, str(error), told.where)
        return
    for event in told.events:
        for warning in _warnings(event):
            checked.warned.add(told.number, warning, told.where)
    for one in outgoing:
        checked.events.put(one)


def outgoing_of(event: Event, line: int, where: str) -> Outgoing:
    """Return an event as it will be sent.

    Raises:
        Refused: It is too large for a record.
    """
    record = record_of(event)
    if record.size_bytes > MAX_RECORD_BYTES:
        raise Refused(f"as a record it has {record.size_bytes:,} bytes, and {MAX_RECORD_BYTES:,} are allowed; split it.")
    update = getattr(event, "update", None)
    return Outgoing(line, event.story, update, event.event_id, fingerprint(event), record, where, is_urgent(event))


def _warnings(event: Event) -> Iterator[str]:
    from schemas.rules import warnings

    yield from warnings(event)


def _rejected(outgoing: Outgoing, reason: str) -> Rejected:
    return Rejected(outgoing.line, outgoing.story, outgoing.update, outgoing.event_id, reason, outgoing.where)
