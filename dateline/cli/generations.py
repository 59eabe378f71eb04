"""What `dateline generations` lists, as JSON and in words; and how the generations of several partitions are told."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from consumers.generations import POINTERS, Generations

_STATES = {"live": "live", "shadow": "being built", "previous": "previous"}
_DIGITS = 12


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
        f"{one['generation']:<12}{one['state']:<13}{one['position']:>10,}{one['lag']:>8,}{one['stories']:>9,}"
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


def _age(seconds: int | None) -> str:
    if seconds is None:
        return "–"
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"
