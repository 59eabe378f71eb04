"""Publishing events from a file: all are checked before the first is sent, and afterwards it is said what became of each.

An event that the log has already is not sent again.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import islice

from msgspec import Struct

from consumers.intake import fingerprint
from dateline.deployment import Deployment
from dateline.errors import DatelineError, Refused, StoreUnavailable
from dateline.log.base import MAX_RECORD_BYTES, NewRecord
from dateline.ndjson import BadLine, BadLines, Line, event_of
from dateline.spool import Spool, batches
from dateline.verdicts import told_of
from producers.desk import Receipt
from producers.records import record_of
from schemas.events import Event
from schemas.topics import EVENTS_TOPIC

_BATCH = 1000
_BATCH_BYTES = 8_000_000

IN_THE_LOG = -1
"""In place of an offset: the event was in the log before and was not sent."""

Advance = Callable[[int], None]


class Outgoing(Struct, frozen=True):
    """An event that waits to be sent, and the line it came from."""

    line: int
    story: str
    update: str | None
    event_id: str
    fingerprint: str
    record: NewRecord


class Checked:
    """The events of a file, checked and put aside, and what was found on the way.

    Attributes:
        bad: Lines that hold no event that may be sent.
        warned: Lines whose event may be sent, but would better be another.
    """

    def __init__(self) -> None:
        self.events = Spool(Outgoing)
        self.bad = BadLines()
        self.warned = BadLines()

    def close(self) -> None:
        self.events.close()


class Rejected(Struct, frozen=True):
    """An event that is in the log and has no effect."""

    line: int
    story: str
    update: str | None
    event_id: str
    reason: str


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


def check_events(lines: Iterable[Line | BadLine], *, story: str | None, desk: str, now: datetime) -> Checked:
    """Check every line and put its event aside.

    Args:
        story: See `dateline.ndjson.event_of`, as for `desk`.

    Raises:
        Refused: The file holds no events at all, or there is no room to put them aside.
    """
    checked = Checked()
    try:
        for line in lines:
            outgoing: Outgoing | BadLine = line if isinstance(line, BadLine) else _outgoing(line, checked, story, desk, now)
            if isinstance(outgoing, BadLine):
                checked.bad.add(outgoing.number, outgoing.reason)
            else:
                checked.events.put(outgoing)
    except BaseException:
        checked.close()
        raise
    return checked


def send(deployment: Deployment, events: Spool[Outgoing], *, advance: Advance) -> Sequence[int]:
    """Append the events to the log in batches and return their offsets, in the order of the events.

    What the view knows to be in the log is not sent: its offset is `IN_THE_LOG`. Without a view, all is sent; the fold then
    knows what was there.

    Raises:
        LogUnavailable, MaybeWritten: Some may be in the log; sending the same events again is safe.
    """
    offsets = array("q")
    with suppress(StoreUnavailable):  # without a view everything is sent
        deployment.timeline.check()
    has_view = _has_view(deployment)
    sized = ((outgoing, outgoing.record.size_bytes) for outgoing in events)
    for batch in batches(sized, most=_BATCH, most_bytes=_BATCH_BYTES):
        try:
            known = _known(deployment, batch) if has_view else [False] * len(batch)
            offsets.extend(_append(deployment, batch, known=known))
        except DatelineError as error:
            how_far = f"Before that, {len(offsets):,} of {len(events):,} events went in; import the same file again."
            error.args = (f"{error} {how_far}",)
            raise
        advance(len(batch))
    return offsets


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


def _outgoing(line: Line, checked: Checked, story: str | None, desk: str, now: datetime) -> Outgoing | BadLine:
    """Return a line's event as it will be sent, or why it will not."""
    try:
        event = event_of(line, story=story, desk=desk, now=now)
        record = record_of(event)
        if record.size_bytes > MAX_RECORD_BYTES:
            raise Refused(f"as a record it has {record.size_bytes:,} bytes, and {MAX_RECORD_BYTES:,} are allowed; split it.")
    except Refused as error:
        return BadLine(line.number, str(error))
    for warning in _warnings(event):
        checked.warned.add(line.number, warning)
    update = getattr(event, "update", None)
    return Outgoing(line.number, event.story, update, event.event_id, fingerprint(event), record)


def _warnings(event: Event) -> Iterator[str]:
    from schemas.rules import warnings

    yield from warnings(event)


def _rejected(outgoing: Outgoing, reason: str) -> Rejected:
    return Rejected(outgoing.line, outgoing.story, outgoing.update, outgoing.event_id, reason)
