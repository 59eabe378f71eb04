"""`dateline status`: the log, Redis, how far the view is, and what could not be used."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from dateline.cli.common import emit_json, json_option, with_deployment
from dateline.deployment import Deployment, Unconfirmed
from dateline.errors import DatelineError, LogChanged, OtherVersion, Refused
from schemas.topics import EVENTS_TOPIC

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

    from consumers.timeline.answers import ViewPosition

Json = dict[str, Any]  # Any: whatever JSON holds

_PATIENCE = 5.0
_WATCH_PAUSE = 1.0
_COLUMNS = ("partition", "generation", "position", "end", "lag", "stories", "undecodable", "homeless")
_PLAIN_WIDTH = 240


@click.command(name="status", epilog="Example: dateline status --json | jq .timeline.lag")
@click.option("--watch", is_flag=True, help="Look again every second, until interrupted.")
@json_option
@with_deployment
def status_command(deployment: Deployment, watch: bool, as_json: bool) -> None:
    """Show the log, Redis, how far the timeline view is, and the newest records that could not be used.

    Undecodable records are no readable event; their story counts them and goes on. Homeless ones belong to no story. Exit code 1
    if the log or Redis cannot be used or the view does not fit the log, 4 if another process holds the view and does not bring it
    up to the end of the log.
    """
    if watch:
        _watch(deployment)
    found, error = examine(deployment)
    if as_json:
        emit_json(found)
    else:
        _console().print(_shown(found))
    if error is not None:
        raise error


def examine(deployment: Deployment) -> tuple[Json, DatelineError | None]:
    """Return what there is to know, as JSON, and what keeps the view from being up to date.

    Raises:
        DatelineError: The log cannot be read, so there is nothing to know.
    """
    found: Json = {"log": None, "redis": None, "timeline": None, "warnings": [], "error": None}
    error: DatelineError | None = None
    deployment.log.id(EVENTS_TOPIC)
    try:
        if deployment.settings.is_embedded:
            deployment.warm_up()
            deployment.catch_up(timeout=_PATIENCE)
    except DatelineError as problem:
        error = problem
    found["log"] = _log(deployment)
    try:
        found["redis"] = _redis(deployment)
        positions = deployment.reader.positions()
        found["timeline"] = _timeline(positions, found["log"]["partitions"])
        found["warnings"] = _warnings(found["redis"])
        if isinstance(error, Unconfirmed) and _is_at_end(found["timeline"]):
            error = None  # it has moved since
        error = error or _misfit(positions, found["log"])
        found["timeline"]["state"] = _state(found["timeline"], error)
    except DatelineError as problem:
        error = error or problem
    found["error"] = str(error) if error is not None else None
    return found, error


def _log(deployment: Deployment) -> Json:
    log = deployment.log
    begins, ends = log.begin_offsets(EVENTS_TOPIC), log.end_offsets(EVENTS_TOPIC)
    partitions = [{"partition": partition, "begin": begins[partition], "end": end} for partition, end in sorted(ends.items())]
    return {"url": log.url, "id": log.id(EVENTS_TOPIC), "topic": EVENTS_TOPIC, "partitions": partitions}


def _redis(deployment: Deployment) -> Json:
    settings, store = deployment.settings, deployment.store
    memory_bytes, eviction = store.memory()
    kind = "private" if settings.is_embedded else "cluster" if settings.redis.startswith("redis+cluster:") else "server"
    return {"kind": kind, "url": store.shown, "memory_bytes": memory_bytes, "eviction": eviction}


def _timeline(positions: Sequence[ViewPosition], log: Sequence[Json]) -> Json:
    known = {position.partition: position for position in positions}
    partitions = [_partition(one, known.get(one["partition"])) for one in log]
    problems = [{"partition": position.partition, **problem} for position in positions for problem in position.problems]
    totals = {name: sum(one[name] for one in partitions) for name in ("lag", "stories", "undecodable", "homeless")}
    return {**totals, "partitions": partitions, "problems": problems}


def _state(timeline: Json, error: DatelineError | None) -> str:
    """Return `up to date`, `behind`, or `stopped` where only a hand can put it right."""
    if error is not None and not error.retriable:
        return "stopped"
    return "up to date" if error is None and _is_at_end(timeline) else "behind"


def _is_at_end(timeline: Json) -> bool:
    return all(one["position"] == one["end"] for one in timeline["partitions"])


def _partition(log: Json, position: ViewPosition | None) -> Json:
    """Return how far a partition is; one that was never claimed stands where the log begins."""
    offset = position.offset if position is not None else log["begin"]
    return {
        "partition": log["partition"],
        "generation": position.generation if position is not None else None,
        "position": offset,
        "end": log["end"],
        "lag": max(0, log["end"] - offset),
        "stories": position.stories if position is not None else 0,
        "undecodable": position.undecodable if position is not None else 0,
        "homeless": position.homeless if position is not None else 0,
    }


def _warnings(redis: Json) -> list[str]:
    if redis["eviction"] == "noeviction":
        return []
    return [
        f"Redis forgets keys when its memory is full (maxmemory-policy {redis['eviction']}), and the view with them. "
        "Set maxmemory-policy noeviction."
    ]


def _misfit(positions: Sequence[ViewPosition], log: Json) -> DatelineError | None:
    """Return why the view is not this log's or not this release's, None if it is."""
    from consumers.story import FOLD_VERSION

    ends = {one["partition"]: one["end"] for one in log["partitions"]}
    for position in positions:
        which = f"the timeline view (partition {position.partition})"
        if position.log_id != log["id"]:
            return LogChanged(f"LOG_CHANGED: {which} was built from log {position.log_id}, and {log['url']} is log {log['id']}.")
        if position.fold_version != FOLD_VERSION:
            return OtherVersion(f"{which} was made by fold version {position.fold_version}, and this release has {FOLD_VERSION}.")
    ahead = next((position for position in positions if position.offset > ends[position.partition]), None)
    if ahead is not None:
        return LogChanged(f"LOG_CHANGED: the timeline view has seen offset {ahead.offset}, past the end of {log['url']}.")
    return None


def _watch(deployment: Deployment) -> None:
    """Show the status again and again; a store that is lost is asked for anew."""
    from rich.live import Live

    if not sys.stdout.isatty():
        raise Refused("--watch needs a terminal. Without one, call dateline status --json when you want to know.")
    with Live(console=_console(), screen=True, auto_refresh=False) as live:
        while True:
            found, error = examine(deployment)
            live.update(_shown(found, with_error=True), refresh=True)
            if error is not None:
                deployment.reconnect()
            time.sleep(_WATCH_PAUSE)


# In words


def _console() -> Any:  # Any: rich is imported late
    from rich.console import Console

    return Console(highlight=False, markup=False, soft_wrap=True, width=None if sys.stdout.isatty() else _PLAIN_WIDTH)


def _shown(found: Json, *, with_error: bool = False) -> Group:
    from rich.console import Group
    from rich.text import Text

    log, redis, timeline = found["log"], found["redis"], found["timeline"]
    parts: list[Text | Table] = [Text(f"Log       {log['url']}"), Text(f"          id {log['id']}", "dim")]
    if redis is not None:
        where = f"{redis['kind']}, {redis['url']}, {redis['memory_bytes'] / 1e6:,.1f} MB, {redis['eviction']}"
        parts.append(Text(f"Redis     {where}"))
    parts += [Text(f"Warning   {warning}", "yellow") for warning in found["warnings"]]
    if timeline is not None:
        stories = "1 story" if timeline["stories"] == 1 else f"{timeline['stories']:,} stories"
        parts += [Text(f"Timeline  {_standing(timeline, found['error'])}, {stories}"), Text(""), _table(timeline["partitions"])]
        parts += _problems(timeline)
    else:
        parts += [Text(""), _table(log["partitions"])]
    if with_error and found["error"]:
        parts += [Text(""), Text(found["error"], "red")]
    return Group(*parts)


def _standing(timeline: Json, error: str | None) -> str:
    """Return how far the timeline is, in words; of a stopped one, the beginning of why."""
    if timeline["state"] == "stopped":
        return f"stopped: {(error or '').partition('. ')[0].rstrip('.')}"
    return f"{timeline['lag']:,} behind the log's end" if timeline["state"] == "behind" else "up to date"


def _table(rows: Sequence[Json]) -> Table:
    from rich.table import Table

    names = [name for name in (*_COLUMNS, "begin") if rows and name in rows[0]]
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*("–" if row[name] is None else str(row[name]) for name in names))
    return table


def _problems(timeline: Json) -> list[Any]:  # Any: rich's Text, imported late
    from rich.text import Text

    from dateline.ndjson import printable

    if not timeline["problems"]:
        return []
    lines = [Text(""), Text("The newest records that could not be used; they are counted, and their stories go on:", "yellow")]
    for one in timeline["problems"]:
        where = f"partition {one['partition']}, offset {one['offset']}"
        what = f"story {one['story']}, seq {one['seq']} ({where})" if one["story"] is not None else f"no story ({where})"
        lines.append(Text(f"  {what}: {printable(one['problem'] or '')}"))
    return lines
