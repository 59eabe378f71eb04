"""`dateline withhold`, `release`, `kill`, `embargo` and `mark`: what becomes of an update."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

import click

from dateline.cli.common import with_deployment
from dateline.cli.writing import AboutGiven, Writer, WritingCommand, about_options, moment, shown_time
from dateline.clock import now
from dateline.deployment import Deployment
from dateline.errors import Refused

if TYPE_CHECKING:
    from datetime import datetime

VERIFICATIONS = ("unverified", "verified", "disputed", "debunked")


class MarksGiven(AboutGiven):
    """The options of `mark`."""

    pin: bool
    unpin: bool
    key_event: bool
    no_key_event: bool
    verification: str | None


@click.command(
    "withhold",
    cls=WritingCommand,
    epilog="\b\nExample:\n  dateline withhold apollo-13 crew-ill --reason 'The doctors say otherwise.'",
)
@click.argument("story")
@click.argument("update")
@click.option("--reason", metavar="TEXT", required=True, help="Why; readers do not see it.")
@about_options
@with_deployment
def withhold_command(deployment: Deployment, story: str, update: str, reason: str, **given: Unpack[AboutGiven]) -> int:
    """Hold an update back while it is in doubt: readers no longer see it."""
    writer = _looked(deployment, given, story, update)
    return writer.send(
        lambda desk: desk.withhold(story, update, reason=reason, **writer.about),
        lambda told: f"Withheld {told.update}: readers no longer see it (seq {told.seq}).",
    )


@click.command(
    "release", cls=WritingCommand, epilog="\b\nExample:\n  dateline release apollo-13 crew-ill --note 'Confirmed by two doctors.'"
)
@click.argument("story")
@click.argument("update")
@click.option("--note", metavar="TEXT", help="What readers are told about it.")
@about_options
@with_deployment
def release_command(deployment: Deployment, story: str, update: str, note: str | None, **given: Unpack[AboutGiven]) -> int:
    """Release a withheld update: readers see it again, unchanged."""
    writer = _looked(deployment, given, story, update)
    return writer.send(
        lambda desk: desk.release(story, update, note=note, **writer.about),
        lambda told: f"Released {told.update}, revision {told.revision} (seq {told.seq}).{writer.standing(told)}",
    )


@click.command(
    "kill",
    cls=WritingCommand,
    epilog="\b\nExample:\n  dateline kill apollo-13 rumour --reason 'Not true.' --substitute a-problem",
)
@click.argument("story")
@click.argument("update")
@click.option("--reason", metavar="TEXT", required=True, help="Why; readers do not see it.")
@click.option("--substitute", metavar="UPDATE", help="The update to use instead.")
@about_options
@with_deployment
def kill_command(
    deployment: Deployment, story: str, update: str, reason: str, substitute: str | None, **given: Unpack[AboutGiven]
) -> int:
    """Recall an update in every version, for good. It cannot be undone."""
    writer = _looked(deployment, given, story, update, *([substitute] if substitute is not None else []))
    return writer.send(
        lambda desk: desk.kill(story, update, reason=reason, substitute=substitute, **writer.about),
        lambda told: f"Killed {told.update} in every version, for good (seq {told.seq}).",
    )


@click.command(
    "embargo", cls=WritingCommand, epilog="\b\nExample:\n  dateline embargo apollo-13 findings --until 1970-06-15T14:00:00Z"
)
@click.argument("story")
@click.argument("update")
@click.option("--until", metavar="TIME", callback=moment, help="Set or move it; readers see nothing before.")
@click.option("--lift", is_flag=True, help="End it now.")
@about_options
@with_deployment
def embargo_command(
    deployment: Deployment, story: str, update: str, until: datetime | None, lift: bool, **given: Unpack[AboutGiven]
) -> int:
    """Set, move or lift an update's embargo. It covers every version."""
    if lift == (until is not None):
        raise click.UsageError("Give --until TIME to set or move the embargo, or --lift to end it: one of the two.")
    if until is None:
        return _lift(deployment, story, update, given)
    end = until
    if end <= now():
        raise Refused(f"--until {shown_time(end)} has passed. Give a later time, or end the embargo with --lift.")
    writer = _looked(deployment, given, story, update)
    return writer.send(
        lambda desk: desk.set_embargo(story, update, until=end, **writer.about),
        lambda told: f"Update {told.update} is under embargo until {shown_time(end)} (seq {told.seq}).",
    )


@click.command(
    "mark",
    cls=WritingCommand,
    epilog="\b\nExample:\n  dateline mark apollo-13 a-problem --pin --verification verified",
)
@click.argument("story")
@click.argument("update")
@click.option("--pin", is_flag=True, help="Show it on top of the page.")
@click.option("--unpin", is_flag=True, help="Show it on top no longer.")
@click.option("--key-event", is_flag=True, help="Who has one minute should see it.")
@click.option("--no-key-event", is_flag=True, help="It is no key event.")
@click.option("--verification", type=click.Choice(VERIFICATIONS), metavar="HOW", help=f"{', '.join(VERIFICATIONS)}.")
@about_options
@with_deployment
def mark_command(deployment: Deployment, story: str, update: str, **given: Unpack[MarksGiven]) -> int:
    """Pin an update, make it a key event, say how well verified it is."""
    pin = _one_of("--pin", given["pin"], "--unpin", given["unpin"])
    key_event = _one_of("--key-event", given["key_event"], "--no-key-event", given["no_key_event"])
    verification = given["verification"]
    marks = _marks(pin, key_event, verification)
    if not marks:
        raise click.UsageError("Say how to mark it: --pin, --unpin, --key-event, --no-key-event or --verification.")
    writer = _looked(deployment, given, story, update)
    return writer.send(
        lambda desk: desk.mark(story, update, pinned=pin, key_event=key_event, verification=verification, **writer.about),
        lambda told: f"Marked {told.update}: {', '.join(marks)} (seq {told.seq}).{writer.standing(told)}",
    )


def _looked(deployment: Deployment, given: AboutGiven, story: str, *updates: str) -> Writer:
    """Return a writer that has seen that `updates` are there, unless there is no view to see it in."""
    writer = Writer(deployment, given)
    if writer.look():
        for update in updates:
            writer.find_update(story, update)
    return writer


def _lift(deployment: Deployment, story: str, update: str, given: AboutGiven) -> int:
    writer = Writer(deployment, given)
    writer.must_look()
    until = writer.find_update(story, update).embargo_until
    if until is None:
        raise Refused(f"Update {update!r} is under no embargo.")
    return writer.send(
        lambda desk: desk.lift_embargo(story, update, until=until, **writer.about),
        lambda told: f"Lifted the embargo on {told.update} (seq {told.seq}).{writer.standing(told)}",
    )


def _one_of(yes_name: str, yes: bool, no_name: str, no: bool) -> bool | None:
    """Return what one of two flags that exclude each other says, None if neither is given."""
    if yes and no:
        raise click.UsageError(f"Give {yes_name} or {no_name}, not both.")
    return yes if yes or no else None


def _marks(pin: bool | None, key_event: bool | None, verification: str | None) -> list[str]:
    marks = []
    if pin is not None:
        marks.append("pinned" if pin else "not pinned")
    if key_event is not None:
        marks.append("a key event" if key_event else "no key event")
    if verification is not None:
        marks.append(verification)
    return marks
