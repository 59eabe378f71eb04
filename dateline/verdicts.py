"""What became of an event that was sent, as a writing command says it."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from consumers.intake import fingerprint
from consumers.state import Entry
from dateline.deployment import Deployment
from dateline.errors import DatelineError
from producers.desk import Receipt
from schemas.events import Event


class Told(Struct, frozen=True):
    """A writing command's answer.

    Attributes:
        status: `accepted`, `rejected`, `duplicate` or `unconfirmed`.
        seq: The record's place within its story; None while unconfirmed.
        revision: The update's current revision; None for a story's own event, and while unconfirmed.
        partition: Where its record is, with `offset`; None where the log gave no answer.
        reason: Why it was rejected or is unconfirmed.
    """

    status: str
    story: str
    update: str | None
    event_id: str
    seq: int | None
    revision: int | None
    partition: int | None
    offset: int | None
    reason: str | None = None
    conflict: bool = False
    late: bool = False

    def json(self) -> dict[str, Any]:  # Any: what JSON holds
        names = ("status", "story", "update", "event_id", "seq", "revision", "partition", "offset")
        told: dict[str, Any] = {name: getattr(self, name) for name in names}
        return told | ({"reason": self.reason} if self.reason else {}) | ({"late": True} if self.late else {})


PATIENCE = 10.0
"""Seconds to wait for a consumer's verdict: longer than a consumer needs that takes over from one that died."""


def await_verdict(deployment: Deployment, event: Event, receipt: Receipt) -> Told:
    """Wait until the view has seen the event, and return what became of it."""
    try:
        entry = _await_entry(deployment, receipt)
    except DatelineError as error:  # whatever it is, the event is in the log
        return unconfirmed(event, receipt, f"Written, but no consumer has confirmed it: {error}")
    if entry is None:
        return unconfirmed(event, receipt, f"Written, but {_why_unseen(deployment, receipt.story)}")
    return told_of(entry, receipt, said=fingerprint(event))


def _await_entry(deployment: Deployment, receipt: Receipt) -> Entry | None:
    """Return the event id's entry once the view has it. Where consumers feed the view, only this one event is waited for."""
    found: list[Entry] = []

    def look() -> bool:
        found.extend(filter(None, [deployment.reader.verdict(receipt.story, receipt.event_id)]))
        return bool(found)

    if deployment.feeds_itself:
        deployment.timeline.catch_up()
        look()
    else:
        deployment.timeline.wait_until(look, timeout=PATIENCE)
    return found[0] if found else None


def _why_unseen(deployment: Deployment, story: str) -> str:
    parked = deployment.timeline.generations().parked("live")
    if story in parked:
        return f"story {story!r} is parked, so no reader sees it yet. See: dateline parked show {story}"
    return "the view knows nothing of it. See: dateline status"


def told_of(entry: Entry, receipt: Receipt, *, said: str) -> Told:
    """Return what became of the event at `receipt`, from its event id's entry.

    Args:
        said: The event's fingerprint, by which the same event sent again is told from another one under its id.
    """
    verdict = entry.verdict
    revision = verdict.revision if receipt.update is not None else None
    if verdict.offset == receipt.offset:
        more = {"reason": verdict.reason, "conflict": verdict.conflict, "late": verdict.late}
        return _told(receipt, verdict.status, seq=verdict.seq, revision=revision, **more)
    if entry.fingerprint == said:
        more = {"reason": verdict.reason, "conflict": verdict.conflict}
        return _told(receipt, "duplicate", seq=verdict.seq, revision=revision, **more)
    reason = f"The event id {receipt.event_id!r} was used before with other content (seq {verdict.seq}). Give a new event id."
    return _told(receipt, "rejected", seq=verdict.seq, revision=revision, reason=reason)


def told_first(entry: Entry, event: Event, *, partition: int) -> Told | None:
    """Return what was told when the event was first sent, from its event id's entry; None if another event has that id."""
    if entry.fingerprint != fingerprint(event):
        return None
    verdict = entry.verdict
    receipt = Receipt(event.story, getattr(event, "update", None), event.event_id, partition, verdict.offset)
    return told_of(entry, receipt, said=entry.fingerprint)


def unconfirmed(event: Event, receipt: Receipt | None, reason: str) -> Told:
    """Return the answer where there is no verdict; without a receipt the log gave no answer either."""
    partition, offset = (None, None) if receipt is None else (receipt.partition, receipt.offset)
    update = getattr(event, "update", None)
    return Told("unconfirmed", event.story, update, event.event_id, None, None, partition, offset, reason)


def _told(
    receipt: Receipt, status: str, *, seq: int | None = None, revision: int | None = None, **more: Any
) -> Told:  # Any: see Told
    known = (receipt.story, receipt.update, receipt.event_id, seq, revision, receipt.partition, receipt.offset)
    return Told(status, *known, **more)
