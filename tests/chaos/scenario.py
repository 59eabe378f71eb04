"""A scenario: one kind of fault, so many times, and what is measured meanwhile. `make chaos` runs every one there is."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import NamedTuple

Run = Callable[[Path, int, int], str]
"""Takes an empty folder, how many times, and a seed; returns what was measured. Raises AssertionError where a law is broken."""

_AROUND = 120.0
"""Seconds for servers that start, and for the last catching up."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A kind of fault. A module of this package has its own in `SCENARIOS`.

    Attributes:
        about: What is done, in a few words.
        times: How many times `make chaos` does it.
        each: Seconds after which one time is held to hang, over all times together.
    """

    name: str
    about: str
    run: Run
    times: int
    each: float

    def limit(self, times: int) -> float:
        """Return the seconds after which the scenario is ended."""
        return _AROUND + self.each * times


class Durations(NamedTuple):
    """Seconds that the same thing took, each time."""

    name: str
    seconds: Sequence[float]

    def __str__(self) -> str:
        if not self.seconds:
            return f"{self.name} -"
        return f"{self.name} p50 {median(self.seconds):.2f} s, max {max(self.seconds):.2f} s ({len(self.seconds)})"

    def check(self, most: float) -> None:
        """See that it took at most `most` seconds in the middle: one slow time on a busy machine says nothing."""
        assert not self.seconds or median(self.seconds) <= most, f"{self}; it may take {most:g} s"


@contextmanager
def bounded(seconds: float) -> Iterator[None]:
    """Break off what takes longer. For the main thread."""

    def late(number: int, frame: object) -> None:
        raise AssertionError(f"it takes longer than {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
