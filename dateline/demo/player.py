"""Plays the coverage into the log, as if it happened now: the long hours in which nothing came shortened, the order kept."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import pairwise

from dateline.demo.archive import Archived, restore
from dateline.log.base import Log

DURATION_S = 120.0
"""Seconds that the whole takes at speed 1."""

FIRST = 6
"""Events that are there when readers come."""


def play(
    log: Log, archive: Sequence[Archived], *, speed: float, wait: Callable[[float], bool], told: Callable[[Archived], None]
) -> bool:
    """Append the rest of the archive, event by event; return whether it came to its end.

    Args:
        speed: How much faster than in `DURATION_S`.
        wait: Waits so many seconds; returns whether to stop.
        told: Called with each event that was appended.
    """
    for pause, one in zip(_pauses(archive), archive[FIRST:], strict=True):
        if wait(pause / speed):
            return False
        restore(log, [one])
        told(one)
    return True


def _pauses(archive: Sequence[Archived]) -> Iterator[float]:
    """Yield the seconds before each event: a long time is longer than a short one, but an hour is not sixty minutes."""
    times = [one.recorded_at for one in archive[FIRST - 1 :]]
    weights = [_weight(before, after) for before, after in pairwise(times)]
    share = DURATION_S / sum(weights)
    return (weight * share for weight in weights)


def _weight(before: datetime, after: datetime) -> float:
    return 1.0 + math.log1p(max(0.0, (after - before).total_seconds()) / 600)
