"""`dateline generations`: the builds of the views that stand side by side; and how those of several partitions are told."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from consumers.generations import POINTERS, Generations
from dateline.cli.alone import PATIENCE, alone
from dateline.cli.common import emit_json, json_option, notice, with_deployment
from dateline.cli.importing import counted
from dateline.deployment import Deployment
from dateline.errors import DatelineError, Refused
from dateline.kept_view import KeptView
from schemas.topics import EVENTS_TOPIC

if TYPE_CHECKING:
    from consumers.generations import Pointer

_STATES = {"live": "live", "shadow": "being built", "previous": "previous"}
_DIGITS = 12


@click.group(name="generations", invoke_without_command=True, epilog="Example: dateline generations")
@json_option
@click.pass_context
def generations_command(context: click.Context, as_json: bool) -> None:
    """List each view's generations: which one readers have, which is being built, which is kept to go back to."""
    if context.invoked_subcommand is None:
        context.invoke(_list_command, as_json=as_json)


@click.command(name="list")
@json_option
@with_deployment
def _list_command(deployment: Deployment, as_json: bool) -> None:
    deployment.warm_up()
    found, ends = [], deployment.log.end_offsets(EVENTS_TOPIC)
    for kept in deployment.named("all"):
        try:
            found += listed(kept.generations(), ends)
        except DatelineError as error:
            if kept is deployment.timeline:
                raise
            notice(f"dateline: {error}")
    if as_json:
        emit_json(found)
    else:
        click.echo(table(found, partitions=len(ends)))


@generations_command.command(name="drop", epilog="Example: dateline generations drop previous")
@click.argument("which", type=click.Choice(("previous", "shadow", "leftovers")))
@click.argument("view", type=click.Choice(("timeline", "search")), default="timeline")
@json_option
@with_deployment
def drop_command(deployment: Deployment, which: str, view: str, as_json: bool) -> None:
    """Take the previous generation away, one whose build was given up, or what is left of others, and give its room back.

    Of the timeline, unless VIEW says otherwise. Leftovers are what is there of generations that nothing names any more; dateline
    verify finds them.
    """
    kept = deployment.views[view]
    kept.warm_up()
    generations = kept.generations()
    names: list[str] = []
    if which == "leftovers":
        with alone(deployment, kept):
            dropped = _drop_leftovers(deployment, kept, generations)
        told = f"Dropped {counted(dropped, 'key')} that nothing names." if dropped else "Nothing was left over."
    else:
        pointer: Pointer = "previous" if which == "previous" else "shadow"
        names = sorted({one.name for one in generations.standing(pointer).values()})
        if not names:
            raise Refused(f"There is no {which} generation. See: dateline generations")
        with alone(deployment, kept):
            dropped = generations.drop(pointer)
        told = f"Dropped {', '.join(names)}: {counted(dropped, 'key')}."
    if as_json:
        emit_json({"view": view, "which": which, "generations": names, "keys": dropped})
    else:
        click.echo(told)


def listed(generations: Generations, ends: Mapping[int, int]) -> list[dict[str, Any]]:  # Any: what JSON holds
    """Return each generation of a view, the live one first; one that is live in some partitions only is listed for these."""
    found = []
    for pointer in POINTERS:
        standing = generations.standing(pointer)
        for name in sorted({one.name for one in standing.values()}):
            mine = {partition: one for partition, one in standing.items() if one.name == name}
            some = next(iter(mine.values()))
            made = min((one.made_at for one in mine.values() if one.made_at), default=0)
            record = generations.record(pointer, partitions=mine)
            found.append(
                {
                    "view": generations.view_name,
                    "generation": name,
                    "state": _STATES[pointer],
                    "partitions": len(mine),
                    "in_partitions": sorted(mine),
                    "position": sum(one.offset for one in mine.values()),
                    "lag": sum(max(0, ends[partition] - one.offset) for partition, one in mine.items()),
                    "stories": sum(one.stories for one in mine.values()),
                    "size_bytes": generations.size_bytes(pointer, partitions=mine),
                    "digest": record.hex() if record is not None else None,
                    "fold_version": some.fold_version,
                    "age_s": round(time.time() - made / 1000) if made else None,
                }
            )
    return found


def table(found: Sequence[Mapping[str, Any]], *, partitions: int) -> str:  # Any: as above
    """Return the list in words, a line for each; where one does not have all partitions, with those that each has."""
    if not found:
        return "There is no generation yet: nothing was consumed."
    digest = f"{'digest':>{_DIGITS + 2}}"
    lines = [
        f"{'generation':<12}{'state':<13}{'position':>10}{'lag':>8}{'stories':>9}{'about MB':>10}{digest}{'fold':>6}{'age':>9}"
    ]
    lines += [
        f"{_name(one):<12}{one['state']:<13}{one['position']:>10,}{one['lag']:>8,}{one['stories']:>9,}"
        f"{one['size_bytes'] / 1e6:>10,.1f}{(one['digest'] or 'damaged')[:_DIGITS]:>{_DIGITS + 2}}"
        f"{one['fold_version']:>6}{_age(one['age_s']):>9}"
        for one in found
    ]
    if any(one["partitions"] < partitions for one in found):
        where = ["partitions", *(", ".join(map(str, one["in_partitions"])) for one in found)]
        lines = [f"{line}  {mine}" for line, mine in zip(lines, where, strict=True)]
    return "\n".join(lines)


def named(names: Mapping[int, str]) -> str:
    """Return what partitions have, in words: the name of the generation, and where some have another, which ones."""
    (common, _), *others = Counter(names[partition] for partition in sorted(names)).most_common()
    where = {name: ", ".join(str(p) for p in sorted(names) if names[p] == name) for name, _ in others}
    return common + "".join(f", {name} in partition {mine}" for name, mine in where.items())


def _name(one: Mapping[str, Any]) -> str:  # Any: as above
    return str(one["generation"]) if one["view"] == "timeline" else f"{one['view']} {one['generation']}"


def _age(seconds: int | None) -> str:
    if seconds is None:
        return "–"
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def _drop_leftovers(deployment: Deployment, kept: KeptView, generations: Generations) -> int:
    """Take away what nothing names, and what is left of stories whose rebuilding was stopped; return how many keys that were."""
    from consumers.timeline.leftovers import drop_rebuilds
    from dateline.turn import only_one

    dropped = generations.drop()
    if kept is not deployment.timeline:
        return dropped
    with only_one(deployment.log, "replay-story", what="replay of a story", notify=deployment.notify, patience=PATIENCE):
        dropped += drop_rebuilds(deployment.store, partitions=deployment.partitions)
    return dropped
