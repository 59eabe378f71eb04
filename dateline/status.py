"""What there is to know of a deployment: the log, Redis and each view, as one JSON document. Shown by `dateline status`.

`views` names the entries that are views. Each is one entry of its own at the top, and all have the same form.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import to_builtins

from dateline.clock import now
from dateline.deployment import Deployment
from dateline.errors import DatelineError, OtherVersion, Unconfirmed
from dateline.log.base import Log
from schemas.times import LATEST, rfc3339, to_us
from schemas.topics import DELIVERIES_TOPIC, EVENTS_TOPIC

if TYPE_CHECKING:
    from consumers.timeline.answers import ViewPosition
    from consumers.timeline.signs import Sign
    from dateline.kept_view import KeptView

Json = dict[str, Any]  # Any: whatever JSON holds

_PATIENCE = 5.0
_SILENT_S = 20.0
"""Seconds without a sign, of which there is one every five, after which an owner is held to be gone or stopped."""

_LATE_S = 5.0
"""Seconds after which an embargo that is over should be lifted, by any clock and any consumer that work."""

_MOST_DUE = 1000
"""How many embargoes of a partition are looked at."""

_NARROW = 10
"""Redis is nearly full when less than one part in so many is left."""


def examine(deployment: Deployment, *, catch_up: bool = True) -> tuple[Json, DatelineError | None]:
    """Return what there is to know, and what keeps a view from being up to date. A view that was never built is None.

    Args:
        catch_up: Whether to bring the views up to date first, where any command may.

    Raises:
        DatelineError: The log cannot be read, so there is nothing to know.
    """
    views = deployment.views
    found: Json = {"log": None, "redis": None, "views": list(views), **dict.fromkeys(views), "notify": None, "clock": None}
    found |= {"warnings": [], "error": None}
    deployment.log.id(EVENTS_TOPIC)
    problems = {kept.name: _bring_up(deployment, kept, catch_up=catch_up) for kept in views.values()}
    found["log"] = _log(deployment.log)
    try:
        found["redis"] = _redis(deployment)
        found["warnings"] += _redis_warnings(found["redis"])
        found["notify"] = _notify(deployment, found["log"]["partitions"])
        found["warnings"] += [_of_circuit(one) for one in found["notify"]["circuits"]]
        found["clock"] = _clock(deployment)
        found["warnings"] += _clock_warnings(found["clock"])
    except DatelineError as problem:
        problems["timeline"] = problems["timeline"] or problem
    for kept in views.values():
        if kept is not deployment.timeline or found["redis"] is not None:
            problems[kept.name] = _look(deployment, kept, found, problems[kept.name])
    if found["timeline"] is not None:
        found["warnings"] += _owner_warnings(found["timeline"], deployment)
    told = [problem for problem in problems.values() if problem is not None]
    error = told[0] if told else None
    found["warnings"] += [str(problem) for problem in told[1:] if str(problem) != str(error)]
    found["error"] = str(error) if error is not None else None
    return found, error


def _bring_up(deployment: Deployment, kept: KeptView, *, catch_up: bool) -> DatelineError | None:
    """Bring a view up to date that is kept here; return what went wrong."""
    try:
        if kept.is_here and kept is deployment.timeline:
            kept.warm_up()
        if kept.is_here and catch_up and (kept is deployment.timeline or kept.is_built()):
            kept.catch_up(timeout=_PATIENCE)
    except DatelineError as problem:
        return problem
    return None


def _look(deployment: Deployment, kept: KeptView, found: Json, error: DatelineError | None) -> DatelineError | None:
    """Put what there is to know of a view into `found`; return what keeps it from being up to date."""
    try:
        positions = kept.positions()
        if kept is not deployment.timeline and not positions:
            return error  # it was never built
        view = _view(deployment, kept, positions, found["log"]["partitions"])
        if isinstance(error, Unconfirmed) and _is_at_end(view):
            error = None  # it has moved since
        error = _misfit(kept.name, positions, found["log"], deployment.log) or error
        view["state"] = _state(view, error)
        view["error"] = str(error) if error is not None else None
        found[kept.name] = view
    except DatelineError as problem:
        return error or problem
    return error


def _log(log: Log) -> Json:
    begins, ends = log.begin_offsets(EVENTS_TOPIC), log.end_offsets(EVENTS_TOPIC)
    return {
        "url": log.url,
        "id": log.id(EVENTS_TOPIC),
        "topic": EVENTS_TOPIC,
        "records": sum(end - begins[partition] for partition, end in ends.items()),
        "size_bytes": log.size_bytes(EVENTS_TOPIC),
        "partitions": [
            {"partition": partition, "begin": begins[partition], "end": end} for partition, end in sorted(ends.items())
        ],
    }


def _redis(deployment: Deployment) -> Json:
    settings, store = deployment.settings, deployment.store
    memory_bytes, eviction = store.memory()
    kind = "private" if settings.is_embedded else "cluster" if settings.redis.startswith("redis+cluster:") else "server"
    room_bytes = store.room_bytes()
    room_bytes = None if room_bytes is None else max(0, room_bytes)  # over its limit, where that was lowered
    return {"kind": kind, "url": store.shown, "memory_bytes": memory_bytes, "room_bytes": room_bytes, "eviction": eviction}


def _view(deployment: Deployment, kept: KeptView, positions: Sequence[ViewPosition], log: Sequence[Json]) -> Json:
    known = {position.partition: position for position in positions}
    signs = kept.signs(len(log))
    partitions = [
        _position(one, known.get(one["partition"])) | _lag(deployment.log, one, known.get(one["partition"])) | _signed(signs, one)
        for one in log
    ]
    problems = [{"partition": position.partition, **problem} for position in positions for problem in position.problems]
    totals = {name: sum(one[name] for one in partitions) for name in ("lag", "stories", "undecodable", "homeless", "parked")}
    rates = [one["rate"] for one in partitions if one["rate"] is not None]
    lags = [one["lag_seconds"] for one in partitions if one["lag_seconds"] is not None]
    more = {"lag_seconds": max(lags, default=None), "rate": round(sum(rates), 3) if rates else None}
    where = {"where": kept.shown, "size_bytes": kept.size_bytes()}
    return {**where, **totals, **more, "partitions": partitions, "problems": problems}


def _notify(deployment: Deployment, log: Sequence[Json]) -> Json:
    """Return who is subscribed, what waits for them, and to which hosts hardly anything is sent."""
    from consumers.notifications.condition import conditions
    from consumers.notifications.subscriptions import Subscriptions

    subscriptions = Subscriptions(deployment.log)
    subscriptions.refresh()
    standing = [one.status for one in subscriptions]
    found = conditions(deployment.store, len(log))
    ends = {one["partition"]: one["end"] for one in log}
    seen = {one.partition: one.offset for one in found}
    circuits = {one.host: one for condition in found for one in condition.circuits}
    return {
        "active": standing.count("active"),
        "paused": standing.count("paused"),
        "lag": sum(max(0, end - seen.get(partition, 0)) for partition, end in ends.items()),
        "waiting": sum(one.waiting for one in found),
        "under_way": sum(one.under_way for one in found),
        "ledger": sum(deployment.log.end_offsets(DELIVERIES_TOPIC).values()),
        "circuits": [to_builtins(one) for one in circuits.values()],
    }


def _clock(deployment: Deployment) -> Json:
    """Return how many embargoes are over and not lifted, for how long the oldest of them, and when the next ends."""
    moment = now()
    due = deployment.reader.due_embargoes(to_us(moment), limit=_MOST_DUE)
    ahead = [until for _, _, until in deployment.reader.due_embargoes(to_us(LATEST), limit=_MOST_DUE) if until > moment]
    late_s = max(((moment - until).total_seconds() for _, _, until in due), default=0.0)
    return {"due": len(due), "late_s": round(late_s, 3), "next_at": rfc3339(min(ahead)) if ahead else None}


def _clock_warnings(clock: Json) -> list[str]:
    """Say so where embargoes are over and nobody has lifted them."""
    if clock["late_s"] <= _LATE_S:
        return []
    return [
        f"Embargoes that are over and not lifted: {clock['due']:,}, the oldest for {clock['late_s']:,.0f} s. "
        "Run: dateline consume clock"
    ]


def _of_circuit(one: Json) -> str:
    return f"Hardly anything is sent to {one['host']}, which failed {one['failures']:,} times in a row: {one['problem']}"


def _position(log: Json, position: ViewPosition | None) -> Json:
    """Return where a partition stands; one that was never claimed stands where the log begins."""
    return {
        "partition": log["partition"],
        "generation": position.generation if position is not None else None,
        "position": position.offset if position is not None else log["begin"],
        "end": log["end"],
        "stories": position.stories if position is not None else 0,
        "undecodable": position.undecodable if position is not None else 0,
        "homeless": position.homeless if position is not None else 0,
        "parked": position.parked if position is not None else 0,
    }


def _lag(log: Log, extent: Json, position: ViewPosition | None) -> Json:
    """Return how far a partition is behind: in records, and in seconds since the first that it has not seen was recorded.

    The seconds are None where that record cannot be read.
    """
    offset = position.offset if position is not None else extent["begin"]
    lag = max(0, extent["end"] - offset)
    if lag == 0:
        return {"lag": 0, "lag_seconds": 0.0}
    try:
        unseen = log.read(EVENTS_TOPIC, extent["partition"], max(offset, extent["begin"]), limit=1).records
    except DatelineError:
        unseen = ()
    seconds = round(max(0.0, time.time() - unseen[0].timestamp / 1000), 3) if unseen else None
    return {"lag": lag, "lag_seconds": seconds}


def _signed(signs: Mapping[int, Sign], log: Json) -> Json:
    """Return what the holder of a partition said of itself, None each where nobody did."""
    sign = signs.get(log["partition"])
    if sign is None:
        return {"owner": None, "seen_s": None, "rate": None, "error": None, "error_at": None}
    owned = (
        {"owner": sign.owner, "seen_s": sign.seen_s, "rate": sign.rate}
        if sign.owner
        else dict.fromkeys(("owner", "seen_s", "rate"))
    )
    return {**owned, "error": sign.error or None, "error_at": sign.error_at / 1000 if sign.error else None}


def _state(view: Json, error: DatelineError | None) -> str:
    """Return `up to date`, `behind`, or `stopped` where only a hand can put it right."""
    if error is not None and not error.retriable:
        return "stopped"
    return "up to date" if error is None and _is_at_end(view) else "behind"


def _is_at_end(view: Json) -> bool:
    return all(one["position"] == one["end"] for one in view["partitions"])


def _redis_warnings(redis: Json) -> list[str]:
    warnings = []
    if redis["eviction"] != "noeviction":
        warnings.append(
            f"Redis forgets keys when its memory is full (maxmemory-policy {redis['eviction']}), and the view with them. "
            "Set maxmemory-policy noeviction."
        )
    room_bytes = redis["room_bytes"]
    if room_bytes is not None and room_bytes * _NARROW < redis["memory_bytes"] + room_bytes:
        warnings.append(
            f"Redis is nearly full: {room_bytes / 1e6:,.1f} MB are left beside {redis['memory_bytes'] / 1e6:,.1f} MB. Raise its "
            "maxmemory, or give a generation's memory back: dateline generations drop previous"
        )
    return warnings


def _owner_warnings(view: Json, deployment: Deployment) -> list[str]:
    """Name who is silent and what nobody holds, where that keeps readers from what is new or soon will."""
    warnings = []
    alone = deployment.feeds_itself
    silent: dict[str, list[Json]] = {}
    for one in view["partitions"]:
        if one["owner"] and one["seen_s"] > _SILENT_S and (one["lag"] or not alone):
            silent.setdefault(one["owner"], []).append(one)
    for owner, held in silent.items():
        warnings.append(
            f"{owner}, which held partition {_listed(held)}, has given no sign for {min(one['seen_s'] for one in held):,.0f} s: "
            "it is gone, stopped or cut off. Look there, and run: dateline consume timeline"
        )
    orphans = [one for one in view["partitions"] if not one["owner"] and one["lag"]]
    if orphans and not alone:
        warnings.append(f"Nobody holds partition {_listed(orphans)}, which has news. Run: dateline consume timeline")
    return warnings


def _listed(partitions: Sequence[Json]) -> str:
    return ", ".join(str(one["partition"]) for one in partitions)


def _misfit(view: str, positions: Sequence[ViewPosition], found: Json, log: Log) -> DatelineError | None:
    """Return why the view is not this log's or not this release's, None if it is."""
    from consumers.fit import Extent, check_fit, mixed_versions

    begins, ends = ({one["partition"]: one[field] for one in found["partitions"]} for field in ("begin", "end"))
    extent = Extent(found["url"], found["id"], begins, ends)
    try:
        if any(position.offset > ends.get(position.partition, 0) for position in positions):  # it may have gone on since
            extent = Extent.of(log, EVENTS_TOPIC)
        for position in positions:
            check_fit(view, position, extent)
    except OtherVersion as error:
        return OtherVersion(mixed_versions(positions, view=view) or str(error))
    except DatelineError as error:
        return error
    return None
