"""How often somebody may do something: so many at once, and then one after the other (a token bucket)."""

from __future__ import annotations

import time
from collections import OrderedDict
from math import ceil

_MOST = 10_000
"""Names that are remembered; who was not seen for longest is forgotten."""


class Pace:
    """Counts by name.

    Args:
        per_second: How many there may be in the long run.
        at_once: How many there may be in a moment, after a rest.
    """

    def __init__(self, *, per_second: float, at_once: int) -> None:
        self._per_second, self._at_once = per_second, at_once
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, name: str) -> int:
        """Count one; return 0 if it may be, else the seconds after which one may."""
        moment = time.monotonic()
        left, since = self._left.pop(name, (float(self._at_once), moment))
        left = min(self._at_once, left + (moment - since) * self._per_second)
        may = left >= 1
        self._left[name] = (left - 1 if may else left, moment)
        if len(self._left) > _MOST:
            self._left.popitem(last=False)
        return 0 if may else max(1, ceil((1 - left) / self._per_second))
