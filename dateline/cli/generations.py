"""What `dateline generations` lists, as JSON and in words."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from consumers.generations import POINTERS, Generations

_STATES = {"live": "live", "shadow": "being built", "previous": "previous"}


def listed(generations: Generations, ends: Mapping[int, int]) -> list[dict[str, Any]]:  # Any: what JSON holds
    """Return each generation of a view, the live one first; one that is live in some partitions only is listed for these."""
    found = []
    for pointer in POINTERS:
        standing = generations.standing(pointer)
        for name in sorted({one.name for one in standing.values()}):
            mine = {partition: one for partition, one in standing.items() if one.name == name}
            some = next(iter(mine.values()))
            made = min((one.made_at for one in mine.values() if one.made_at), default=0)
            found.append(
                {
                    "view": generations.view_name,
                    "generation": name,
                    "state": _STATES[pointer],
                    "partitions": len(mine),
                    "position": sum(one.offset for one in mine.values()),
                    "lag": sum(max(0, ends[partition] - one.offset) for partition, one in mine.items()),
                    "stories": sum(one.stories for one in mine.values()),
                    "size_bytes": generations.size_bytes(pointer),
                    "fold_version": some.fold_version,
                    "age_s": round(time.time() - made / 1000) if made else None,
                }
            )
    return found


def table(found: Sequence[Mapping[str, Any]]) -> str:  # Any: as above
    """Return the list in words, a line for each."""
    if not found:
        return "There is no generation yet: nothing was consumed."
    lines = [f"{'generation':<12}{'state':<13}{'position':>10}{'lag':>8}{'stories':>9}{'about MB':>10}{'fold':>6}{'age':>9}"]
    lines += [
        f"{one['generation']:<12}{one['state']:<13}{one['position']:>10,}{one['lag']:>8,}{one['stories']:>9,}"
        f"{one['size_bytes'] / 1e6:>10,.1f}{one['fold_version']:>6}{_age(one['age_s']):>9}"
        for one in found
    ]
    return "\n".join(lines)


def _age(seconds: int | None) -> str:
    if seconds is None:
        return "–"
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"
