"""The names that a wrong one may have been meant to be, looked for within bounds: to compare thousands takes long."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from threading import Lock
from typing import Final

from schemas.names import nearest

_MOST_S: Final = 0.25
_SHARE: Final = 0.05


class Hints:
    """Looks for names in a share of the processor's time: who asks for wrong ones all day keeps no reader waiting.

    Safe for use by several threads.

    Args:
        most_s: Seconds of the processor's time that may be spent at once.
        clock: Seconds, by which what was spent comes back.
    """

    def __init__(self, *, most_s: float = _MOST_S, clock: Callable[[], float] = time.monotonic) -> None:
        self._most_s = self._left_s = most_s
        self._clock = clock
        self._at = clock()
        self._lock = Lock()

    def nearest(self, name: str, known: Callable[[], Iterable[str]]) -> list[str]:
        """Return the few names that `name` was probably meant to be, the nearest first; none while too much was spent."""
        if self._left() <= 0:
            return []
        begun = time.thread_time()
        found = nearest(name, known())
        with self._lock:
            self._left_s -= time.thread_time() - begun
        return found

    def _left(self) -> float:
        with self._lock:
            now = self._clock()
            self._left_s = min(self._most_s, self._left_s + _SHARE * (now - self._at))
            self._at = now
            return self._left_s
