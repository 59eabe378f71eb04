"""`dateline log`: the log itself, as a file and back, or into another log (`dateline.cli.copy`)."""

from __future__ import annotations

from contextlib import closing
from itertools import chain
from typing import TYPE_CHECKING

import click

from dateline.cli.common import emit_json, json_option, notice, with_deployment
from dateline.cli.copy import copy_command
from dateline.cli.importing import EVENTS_A_SECOND, UNCONFIRMED, counted, list_bad_lines, told_if_stopped
from dateline.cli.output import output
from dateline.cli.progress import progress
from dateline.clock import now_ms
from dateline.deployment import Deployment
from dateline.errors import DatelineError, Refused
from dateline.kept_view import PATIENCE

if TYPE_CHECKING:
    from dateline.restore import Archive, Restored

_MOST_NAMED = 5


@click.group(name="log", epilog="Example: dateline log export coverage.ndjson")
def log_command() -> None:
    """Export the log to a file, restore it from one, and copy it to another log."""


log_command.add_command(copy_command)


@log_command.command(name="export", epilog="Example: dateline log export --story apollo-13 apollo-13.ndjson")
@click.argument("file", metavar="[FILE|-]", default="-")
@click.option("--story", metavar="S", help="This story only.")
@click.option(
    "--format",
    "form",
    type=click.Choice(("ndjson", "ninjs", "newsml-g2")),
    default="ndjson",
    help="ndjson [default] holds every byte.",
)
@with_deployment
def export_command(deployment: Deployment, file: str, story: str | None, form: str) -> None:
    """Write every record of the log as one line of JSON, to stdout or to a file.

    The first line is a header, no record: the format and its version; the last one says how many records there are. Beside the
    event stand seq, the digest of its story's record up to there (docs/the-record.md), when it was recorded, and the raw bytes.
    A record that cannot be decoded is there too: its type is null, and problem says why. A file is replaced once the
    export is whole, and only its owner may read it: an archive also holds what was killed or is under embargo.

    As ninjs or newsml-g2 it is what a wire would send: an item after each accepted event, its versions rising (docs/wires.md).
    """
    if form != "ndjson":
        _export_items(deployment, file, story, form)
        return
    from dateline.archive import export
    from schemas.names import check_name

    lines = export(deployment.log, story=check_name("story", story) if story is not None else None)
    first = next(lines)  # what can be refused is refused before the file is touched
    records = -2  # neither header nor end is one
    with output(file) as write:
        for line in chain([first], lines):
            write(line)
            records += 1
    if file != "-":
        notice(f"Exported {counted(records, 'record')} to {file}.")


def _export_items(deployment: Deployment, file: str, story: str | None, form: str) -> None:
    from dateline.wire_export import export_items
    from schemas.names import check_name

    items = export_items(deployment.log, form, story=check_name("story", story) if story is not None else None)
    with output(file) as write:
        for part in items:
            write(part)


@log_command.command(name="import", epilog="Example: dateline --data restored log import apollo-13.ndjson")
@click.argument("file", metavar="FILE|-")
@json_option
@with_deployment
def import_command(deployment: Deployment, file: str, as_json: bool) -> int:
    """Restore an exported log: the same bytes and times, into stories that do not exist yet.

    An event without raw bytes is recorded at its recorded_at. A file with bad lines changes nothing, a story that exists is
    never touched, an archive that is there whole stays as it is, and one whose digests do not fit is refused. Records of no
    story are left out and counted. An import that was stopped goes on when it is run again. To publish events as new, use:
    dateline import
    """
    from dateline.ndjson import read_file
    from dateline.restore import read_archive, restore

    with closing(read_archive(read_file(file), now_ms=now_ms())) as archive:
        _refuse_bad(archive, file)
        deployment.warm_up()
        with (
            told_if_stopped("Import the same file again to go on."),
            progress("Restoring", len(archive.records)) as advance,
        ):
            restored = restore(deployment.log, archive, advance=advance)
    _say(restored, as_json=as_json)
    try:
        deployment.timeline.confirm(timeout=PATIENCE + restored.records / EVENTS_A_SECOND)
    except DatelineError as error:  # whatever it is, the records are in the log
        notice(f"dateline: The log has all of it, but no consumer has read it: {error}")
        return UNCONFIRMED
    return 0


def _refuse_bad(archive: Archive, file: str) -> None:
    list_bad_lines(archive.bad)
    if archive.bad.count:
        lines = counted(archive.bad.count, "line")
        raise Refused(
            f"Nothing was restored: {lines} of {'stdin' if file == '-' else repr(file)} cannot be used. Export it anew."
        )


def _say(restored: Restored, *, as_json: bool) -> None:
    if as_json:
        emit_json({name: getattr(restored, name) for name in restored.__struct_fields__})
        return
    if restored.there and not restored.records:
        click.echo(f"All of this archive is in the log already: {counted(restored.there, 'record')}. Nothing was written.")
        return
    names = restored.stories
    named = ", ".join(names[:_MOST_NAMED]) + (f" and {len(names) - _MOST_NAMED:,} more" if len(names) > _MOST_NAMED else "")
    stories = f"1 story: {named}" if len(names) == 1 else f"{len(names):,} stories{': ' * bool(names)}{named}"
    there = f" {restored.there:,} were there from an import that was stopped." if restored.there else ""
    left_out = f" Left out: {counted(restored.left_out, 'record')} of no story." if restored.left_out else ""
    click.echo(f"Restored {counted(restored.records, 'record')} of {stories}.{there}{left_out}")
