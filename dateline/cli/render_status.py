"""The status in words: a few lines, a table of partitions, and what went wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from rich.console import Group
from rich.table import Table
from rich.text import Text

from dateline.ndjson import printable
from dateline.status import Json

_COLUMNS = ("partition", "generation", "position", "end", "lag")
_WHERE_ANY = ("lag_seconds", "rate", "stories", "undecodable", "homeless", "parked", "owner")
"""Shown where one of the partitions has something to say; a table of nothing hides what there is."""

_HEADERS = {"lag_seconds": "lag s", "rate": "records/s"}
_LATE_S = 10.0
_LITTLE = 0.05
"""Less than this is shown as nothing."""


def shown(found: Json, *, with_error: bool = False) -> Group:
    """Return what there is to know of a deployment, as `dateline.status` has found it."""
    log, redis = found["log"], found["redis"]
    parts: list[Text | Table] = [Text(f"Log       {log['url']}{_extent(log)}"), Text(f"          id {log['id']}", "dim")]
    if redis is not None:
        left = f", {_size(redis['room_bytes'])} left" if redis["room_bytes"] is not None else ""
        where = f"{redis['kind']}, {redis['url']}, {_size(redis['memory_bytes'])}{left}, {redis['eviction']}"
        parts.append(Text(f"Redis     {where}"))
    parts += [Text(f"Warning   {warning}", "yellow") for warning in found["warnings"]]
    views = [name for name in found["views"] if found[name] is not None]
    for name in views:
        parts += _view(name, found[name], found["error"] if name == "timeline" else found[name]["error"])
    if found.get("notify") and (found["notify"]["active"] or found["notify"]["paused"]):
        parts.append(Text(_notify(found["notify"])))
    if found.get("clock") and (found["clock"]["due"] or found["clock"]["next_at"]):
        parts.append(Text(_clock(found["clock"])))
    if not views:
        parts += [Text(""), _table(log["partitions"], ("partition", "begin", "end"))]
    if with_error and found["error"]:
        parts += [Text(""), Text(found["error"], "red")]
    return Group(*parts)


def _notify(notify: Json) -> str:
    paused = f", {notify['paused']:,} paused" if notify["paused"] else ""
    waiting = f"{notify['waiting']:,} waiting, {notify['under_way']:,} under way, {notify['ledger']:,} in the ledger"
    behind = f"; {notify['lag']:,} behind the log's end" if notify["lag"] else ""
    return f"Notify    {notify['active']:,} told{paused}; {waiting}{behind}"


def _clock(clock: Json) -> str:
    following = f"the next embargo ends on {clock['next_at']}" if clock["next_at"] else "no other embargo stands"
    return f"Clock     {clock['due']:,} over and not lifted; {following}"


def _view(name: str, view: Json, error: str | None) -> Iterator[Text | Table]:
    stories = "1 story" if view["stories"] == 1 else f"{view['stories']:,} stories"
    rate = f", {_number(view['rate'])} records/s" if (view["rate"] or 0) >= _LITTLE else ""
    yield Text(f"{name.capitalize():<9} {_standing(view, error)}, {stories}{rate}")
    if view["size_bytes"] is not None:
        yield Text(f"          {view['where']}, {_size(view['size_bytes'])}", "dim")
    if view["parked"]:
        yield Text(f"          {view['parked']:,} parked, whose later records wait. See: dateline parked list", "yellow")
    yield Text("")
    rows = [{**one, "owner": _owner(one)} for one in view["partitions"]]
    yield _table(rows, (*_COLUMNS, *(name for name in _WHERE_ANY if any(row[name] for row in rows))))
    yield from _errors(view)
    yield from _problems(view)


def _standing(view: Json, error: str | None) -> str:
    """Return how far a view is, in words; of a stopped one, the beginning of why."""
    if view["state"] == "stopped":
        return f"stopped: {(error or '').partition('. ')[0].rstrip('.')}"
    if view["state"] == "up to date":
        return "up to date"
    seconds = f" ({view['lag_seconds']:,.1f} s)" if view["lag_seconds"] else ""
    return f"{view['lag']:,} behind the log's end{seconds}"


def _owner(partition: Json) -> str | None:
    """Return who holds a partition, and since when it is silent if it is."""
    if not partition["owner"]:
        return None
    late = f", silent for {partition['seen_s']:,.0f} s" if partition["seen_s"] > _LATE_S else ""
    return f"{partition['owner']}{late}"


def _table(rows: Sequence[Json], names: Sequence[str]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in names:
        table.add_column(_HEADERS.get(name, name), justify="left" if name == "owner" else "right", no_wrap=True)
    for row in rows:
        table.add_row(*map(_cell, (row[name] for name in names)))
    return table


def _cell(value: object) -> str:
    if value is None:
        return "–"
    return _number(value) if isinstance(value, float) else str(value)


def _number(value: float) -> str:
    return f"{value:,.1f}" if _LITTLE <= value < 100 else f"{value:,.0f}"


def _extent(log: Json) -> str:
    records = "1 record" if log["records"] == 1 else f"{log['records']:,} records"
    size = f", {_size(log['size_bytes'])}" if log["size_bytes"] is not None else ""
    return f", {records}{size}" + (f", {_number(log['rate'])} records/s" if log.get("rate", 0.0) >= _LITTLE else "")


def _size(size_bytes: int) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if size_bytes >= size:
            return f"{size_bytes / size:,.1f} {unit}"
    return f"{size_bytes / 1e3:,.1f} kB"


def _errors(view: Json) -> Iterator[Text]:
    """Say what last went wrong, once where it was the same in several partitions."""
    told: dict[tuple[float, str], list[str]] = {}
    for one in view["partitions"]:
        if one["error"]:
            told.setdefault((one["error_at"], one["error"]), []).append(str(one["partition"]))
    if told:
        yield Text("")
        yield Text("What last went wrong for whoever fed it:", "yellow")
    for (at, error), partitions in sorted(told.items()):
        when = datetime.fromtimestamp(at).astimezone()
        yield Text(f"  {when:%Y-%m-%d %H:%M:%S}, partition {', '.join(partitions)}: {printable(error)}")


def _problems(view: Json) -> Iterator[Text]:
    if not view["problems"]:
        return
    yield Text("")
    yield Text("The newest records that could not be used; they are counted, and their stories go on:", "yellow")
    for one in view["problems"]:
        where = f"partition {one['partition']}, offset {one['offset']}"
        what = f"story {one['story']}, seq {one['seq']} ({where})" if one["story"] is not None else f"no story ({where})"
        yield Text(f"  {what}: {printable(one['problem'] or '')}")
