"""`dateline log copy`: a whole log into another, between SQLite and Kafka."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

import click

from dateline.cli.common import emit_json, json_option, with_deployment
from dateline.cli.importing import counted, told_if_stopped
from dateline.cli.progress import progress
from dateline.deployment import Deployment
from dateline.errors import Refused
from dateline.log import open_log
from dateline.log.base import Log
from dateline.settings import Credentials
from schemas.topics import EVENTS_TOPIC, STORY_TOPICS

if TYPE_CHECKING:
    from dateline.copying import Copied


@click.command(name="copy", epilog="Example: dateline log copy sqlite:///.dateline/log.db kafka://localhost:9092")
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@click.option(
    "--rehome", is_flag=True, help="Take along what lies in another partition than its key's: for a topic that was widened."
)
@json_option
@with_deployment
def copy_command(deployment: Deployment, source: str, target: str, rehome: bool, as_json: bool) -> None:
    """Copy a whole log into another: the same bytes and times, in the same order within each story.

    FROM and TO are URLs as in DATELINE_LOG, and nobody may write to either meanwhile. Records of no story are left out and
    counted. A copy that was stopped goes on when it is run again; in the end both logs are compared. The copy is another log, so
    use it with a data folder of its own, or build the views anew.
    """
    from dateline.copying import copy_log

    credentials = deployment.settings.credentials
    _refuse_missing(source)
    with (
        told_if_stopped("Run the same copy again: it goes on where it stopped."),
        _opened(source, credentials) as origin,
        _opened(target, credentials) as copy,
    ):
        copied = copy_log(origin, copy, rehome=rehome, show=progress, notify=deployment.notify)
        shown = origin.url, copy.url
    _say(*shown, copied, as_json=as_json)


def _refuse_missing(url: str) -> None:
    """Refuse an SQLite log that is not there: opening it would make it."""
    path = _sqlite_path(url)
    if path is not None and not (path.is_file() and path.stat().st_size):
        raise Refused(f"There is no log at {url} to copy from; nothing was made. Check the path.")


def _sqlite_path(url: str) -> Path | None:
    """Return the file that a URL names; None if it names none."""
    scheme, _, rest = url.partition("://")
    place = rest.partition("?")[0]
    return Path(unquote(place[1:], errors="surrogateescape")) if scheme == "sqlite" and place.startswith("/") else None


@contextmanager
def _opened(url: str, credentials: Credentials) -> Iterator[Log]:
    """Open a log whose topics all have as many partitions as the events, also those that are still to be made."""
    with open_log(url, credentials=credentials) as log:
        if _sqlite_path(url) is None:
            yield log
            return
        partitions = log.partitions(EVENTS_TOPIC)
    with open_log(f"{url.partition('?')[0]}?partitions={partitions}") as log:
        yield log


def _say(source: str, target: str, copied: Sequence[Copied], *, as_json: bool) -> None:
    if as_json:
        topics = [{name: getattr(one, name) for name in one.__struct_fields__} for one in copied]
        emit_json({"from": source, "to": target, "topics": topics})
        return
    holding = [one for one in copied if one.records or one.left_out]
    for one in holding:
        click.echo(f"{one.topic}: {_told(one)}")
    if holding:
        click.echo(f"Verified: {target} holds the same records of each key, in the same order, as {source}.")
    else:
        click.echo(f"{source} holds no record; nothing was copied.")


def _told(one: Copied) -> str:
    stories = "story" if one.keys == 1 else "stories"
    keys = f"{one.keys:,} {stories}" if one.topic in STORY_TOPICS else counted(one.keys, "key")
    there = f", {one.already_there:,} were there already" if one.already_there else ""
    left_out = f" Left out: {counted(one.left_out, 'record')} of no story." if one.left_out else ""
    if one.misplaced:
        left_out += (
            f" Of these, {one.misplaced:,} have a story's key and lie in another partition than that key's: a foreign producer "
            "wrote them there, or the topic was given more partitions. To take them along, copy with --rehome to an empty log."
        )
    return f"copied {one.copied:,} of {counted(one.records, 'record')} of {keys}{there}.{left_out}"
