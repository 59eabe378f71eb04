"""`dateline import`: publishes events from files, in any of the formats that are read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import click

from dateline.cli.common import emit_json, json_option, notice, with_deployment
from dateline.cli.progress import progress
from dateline.cli.writing import for_people
from dateline.deployment import Deployment
from dateline.errors import DatelineError, Refused
from dateline.kept_view import PATIENCE

if TYPE_CHECKING:
    from dateline.importing import Checked, Tally
    from dateline.ndjson import BadLines
    from dateline.wire_memory import Memory

FORMATS = ("auto", "ndjson", "ninjs", "newsml-g2", "rss", "atom")
EVENTS_A_SECOND = 1000
"""What a view surely takes in; by it, how long an import waits is measured."""

_MOST_SHOWN = 20
_MOST_WARNINGS = 5
UNCONFIRMED = 4


@click.command(name="import", epilog="Example: dateline import --dry-run coverage.ndjson && dateline import coverage.ndjson")
@click.argument("file", metavar="FILE|FOLDER|.tar|-")
@click.option("--format", "form", type=click.Choice(FORMATS), default="auto", help="Else each document's own is found out.")
@click.option("--story", metavar="S", help="The story of all; a line of NDJSON that names another is a bad line.")
@click.option(
    "--dry-run", is_flag=True, help="Check the form only; publish nothing. What the log's order decides is not checked."
)
@click.option("--skip-bad", is_flag=True, help="Publish the good lines and items where there are bad ones.")
@json_option
@with_deployment
def import_command(
    deployment: Deployment, file: str, form: str, story: str | None, dry_run: bool, skip_bad: bool, as_json: bool
) -> int:
    """Publish events: NDJSON as log export writes it, ninjs 1 to 3, NewsML-G2, RSS or Atom (docs/wires.md).

    All is checked first, and where anything is bad, nothing changes. Importing twice changes nothing either: an event without an
    id gets one from what it says, a wire's item one from its guid and version. What the log recorded (seq, digest, recorded_at,
    raw) is left out: to restore an archive with its times, use log import. Exit code 1 if an event was rejected, 4 if no
    consumer has confirmed it in time.
    """
    memory = _memory(deployment, dry_run=dry_run)
    with closing(memory), closing(_checked(deployment, file, form, story, memory)) as checked:
        _show_bad(checked, file, skip_bad=skip_bad)
        if dry_run:
            _say_checked(checked, as_json=as_json)
            return 0
        return _publish(deployment, checked, memory, as_json=as_json)


def list_bad_lines(bad: BadLines) -> None:
    """Name the first bad lines on stderr, one line each."""
    for one in bad.first:
        notice(f"dateline: {one.place}: {one.reason}")
    if bad.count > len(bad.first):
        notice(f"dateline: … and {bad.count - len(bad.first):,} more bad lines.")


@contextmanager
def told_if_stopped(words: str) -> Iterator[None]:
    """Say `words` to a user who interrupts the block."""
    try:
        yield
    except KeyboardInterrupt:
        notice(f"dateline: interrupted. {words}")
        raise


def _memory(deployment: Deployment, *, dry_run: bool) -> Memory:
    """Return what is known of the wires' items; a dry run knows nothing, and leaves nothing behind."""
    from dateline.settings import make_data_folder
    from dateline.wire_memory import Memory, WireMemory
    from schemas.topics import EVENTS_TOPIC

    if dry_run:
        return Memory()
    make_data_folder(deployment.settings.data_folder)
    return WireMemory(deployment.settings.data_folder, log_id=deployment.log.id(EVENTS_TOPIC))


def _checked(deployment: Deployment, file: str, form: str, story: str | None, memory: Memory) -> Checked:
    from dateline.clock import now
    from dateline.importing import check_events, read_all
    from dateline.wires import Reading
    from schemas.names import check_name

    wanted = check_name("story", story) if story is not None else None
    desk = check_name("desk", deployment.settings.desk)
    return check_events(read_all(file, Reading(form=form, desk=desk, story=wanted, now=now(), memory=memory)))


def _show_bad(checked: Checked, file: str, *, skip_bad: bool) -> None:
    """Name the bad lines, and stop unless they are to be skipped and there is anything else."""
    bad, good = checked.bad, len(checked.events)
    list_bad_lines(bad)
    if bad.count and not skip_bad:
        raise Refused(
            f"Nothing was published: {counted(bad.count, 'line')} of {_shown(file)} cannot be used, {good:,} can. "
            "Put them right, or publish the good ones with --skip-bad."
        )
    if not good:
        raise Refused(f"There is no event in {_shown(file)}; nothing was published.")
    for one in checked.passed.first[:_MOST_WARNINGS]:
        notice(f"dateline: passed over: {one.place}: {one.reason}")
    for one in checked.warned.first[:_MOST_WARNINGS]:
        notice(f"dateline: warning: {one.place}: {one.reason}")
    if checked.warned.count > _MOST_WARNINGS:
        notice(f"dateline: warning: … and {checked.warned.count - _MOST_WARNINGS:,} more.")


def _shown(file: str) -> str:
    return "stdin" if file == "-" else repr(file)


def counted(count: int, noun: str, nouns: str = "") -> str:
    """Return a number and its noun, `nouns` being the plural where that is not the noun with an s."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {nouns or f'{noun}s'}"


def _say_checked(checked: Checked, *, as_json: bool) -> None:
    good, bad = len(checked.events), checked.bad.count
    if as_json:
        emit_json({"dry_run": True, "events": good, "skipped": bad, "bad_lines": _bad_json(checked)})
    else:
        skipped = f", {counted(bad, 'line')} to be skipped" if bad else ""
        click.echo(
            f"{counted(good, 'event')} in good form{skipped}. Nothing was published (--dry-run), so what the log's order decides "
            "is not checked: ids used before, revisions expected, what is closed or killed."
        )


def _publish(deployment: Deployment, checked: Checked, memory: Memory, *, as_json: bool) -> int:
    from dateline.importing import IN_THE_LOG, Tally, send, tally

    total = len(checked.events)
    deployment.warm_up()
    with told_if_stopped("Import the same file again; what is in the log already is not repeated."):
        with progress("Publishing", total) as advance:
            offsets = send(deployment, checked.events, advance=advance)
        memory.save()
        try:
            if any(offset != IN_THE_LOG for offset in offsets):
                deployment.timeline.confirm(timeout=PATIENCE + total / EVENTS_A_SECOND)
            found = tally(deployment, checked.events, offsets, most_rejected=_MOST_SHOWN)
        except DatelineError as error:  # whatever it is, the events are in the log
            notice(f"dateline: The log has all of it, but no consumer has confirmed it: {error}")
            found = Tally(unconfirmed=total)
    _say(found, checked, as_json=as_json)
    return UNCONFIRMED if found.unconfirmed else int(bool(found.rejected))


def _say(found: Tally, checked: Checked, *, as_json: bool) -> None:
    total = len(checked.events)
    if as_json:
        counts = {name: getattr(found, name) for name in ("accepted", "late", "duplicate", "rejected", "unconfirmed")}
        rejected = [{name: getattr(one, name) for name in one.__struct_fields__} for one in found.first_rejected]
        more = {"skipped": checked.bad.count, "rejections": rejected, "bad_lines": _bad_json(checked)}
        emit_json({"events": total, **counts, **more})
    else:
        late = f" ({found.late:,} of them late copy, for the history only)" if found.late else ""
        kinds = [("duplicate", found.duplicate), ("rejected", found.rejected), ("unconfirmed", found.unconfirmed)]
        rest = "".join(f", {count:,} {name}" for name, count in kinds if count)
        skipped = f" {counted(checked.bad.count, 'line')} skipped." if checked.bad.count else ""
        done = "Published" if found.accepted or found.unconfirmed else "Nothing new in"
        click.echo(f"{done} {counted(total, 'event')}: {found.accepted:,} accepted{late}{rest}.{skipped}")
    for one in found.first_rejected:
        notice(f"dateline: {one.place}: rejected: {for_people(one.reason)}")
    if found.rejected > len(found.first_rejected):
        notice(f"dateline: … and {found.rejected - len(found.first_rejected):,} more were rejected.")


def _bad_json(checked: Checked) -> list[dict[str, Any]]:  # Any: what JSON holds
    return [{"line": one.number, "place": one.place, "reason": one.reason} for one in checked.bad.first]
