"""Sends one event, waits for its verdict and reports it. Loads what takes long, so commands import it late."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import click
from msgspec.structs import replace

from dateline.cli.common import emit_json, notice
from dateline.cli.writing import for_people
from dateline.deployment import Deployment
from dateline.errors import Conflict, DatelineError, MaybeWritten, Refused, Unconfirmed
from dateline.verdicts import Told, await_verdict, unconfirmed
from producers.desk import Desk, Receipt
from schemas.events import Event
from schemas.names import shortened
from schemas.rules import warnings


class _OneEventDesk(Desk):
    """A desk that remembers what it sent, for whoever asks what became of it."""

    sent: Event

    def send(self, event: Event) -> Receipt:
        self.sent = event
        return super().send(event)


def send(
    deployment: Deployment, act: Callable[[Desk], Receipt], *, desk: str, blind: DatelineError | None, key: str | None = None
) -> tuple[Event, Told]:
    """Let a desk do `act`, and return the event and what became of it.

    Args:
        blind: Why there is no view to ask for a verdict.
        key: The idempotency key that the user gave; the answer then speaks of it, and not of the event id that comes of it.
    """
    speaker = _OneEventDesk(deployment.log, name=desk)
    try:
        receipt = act(speaker)
    except MaybeWritten as error:
        again = "the same --idempotency-key" if key is not None else f"--event-id {speaker.sent.event_id}"
        return speaker.sent, unconfirmed(speaker.sent, None, f"{error} Send it again with: {again}")
    if blind is not None:
        return speaker.sent, unconfirmed(speaker.sent, receipt, f"Written, but no consumer has confirmed it: {blind}")
    told = await_verdict(deployment, speaker.sent, receipt)
    return speaker.sent, told if key is None else _in_terms_of(key, told)


def _in_terms_of(key: str, told: Told) -> Told:
    """Return an answer that names the key where it would name an event id that the user never gave."""
    used = f"The event id {told.event_id!r} was used before"
    if told.status != "rejected" or not (told.reason or "").startswith(used):
        return told
    reason = f"The idempotency key {shortened(key)} was used before with other content (seq {told.seq}). Give a new key."
    return replace(told, reason=reason)


def report(event: Event, told: Told, *, as_json: bool, say: Callable[[Told], str], remarks: Sequence[str]) -> int:
    """Print what became of an event, and return the exit code 0, or raise what it stands for otherwise."""
    if as_json:
        emit_json(told.json())
    error = _error(told)
    if error is not None:
        raise error
    if not as_json:
        click.echo(_line(told, say))
    if told.status == "accepted":
        for remark in (*warnings(event), *remarks):
            notice(f"dateline: warning: {remark}")
    return 0


def _error(told: Told) -> DatelineError | None:
    reason = for_people(told.reason or "")
    if told.status == "unconfirmed":
        return Unconfirmed(reason)
    if told.status == "duplicate" and reason:
        reason = f"This event was recorded before (seq {told.seq}) and rejected then: {reason}"
    elif told.status != "rejected":
        return None
    return Conflict(reason) if told.conflict else Refused(reason)


def _line(told: Told, say: Callable[[Told], str]) -> str:
    if told.status == "duplicate":
        return f"Nothing new: this event was recorded before (seq {told.seq})."
    if told.late:
        return f"Kept as late copy of {told.update} (seq {told.seq}): readers have newer, revision {told.revision}."
    return " ".join(say(told).split())
