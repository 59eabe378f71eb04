"""What the benchmarks share: rows of one table, and rounds that alternate with the peer so that noise hits both."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

QUICK = os.environ.get("QUICK") == "1"
ROUNDS = 3 if QUICK else 5


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of ours beside a peer's of the same run.

    Attributes:
        ours, peer: The medians; `spread` is ours from lowest to highest.
        higher_is_better: Whether `ratio` (ours : peer) should be large.
    """

    question: str
    unit: str
    ours: float
    spread: tuple[float, float]
    peer: float | None = None
    peer_name: str = ""
    goal: str = ""

    @property
    def ratio(self) -> float | None:
        return self.ours / self.peer if self.peer else None


def rates(work: Callable[[], int]) -> Callable[[], float]:
    """Return a measurement: how many a second `work` does, which returns how many it did."""

    def measure() -> float:
        start = time.perf_counter()
        count = work()
        return count / (time.perf_counter() - start)

    return measure


def in_process(module: str, *arguments: object) -> dict[str, float]:
    """Run `python -m module arguments` and return the JSON object that it prints last: each round in a fresh process."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def compare(
    question: str,
    unit: str,
    *,
    ours: Callable[[], float],
    peer: Callable[[], float] | None = None,
    peer_name: str = "",
    goal: str = "",
) -> Row:
    """Measure both in turn, after one warm-up each, and return the medians."""
    ours()
    mine, theirs = [], []
    if peer is not None:
        peer()
    for _ in range(ROUNDS):
        mine.append(ours())
        if peer is not None:
            theirs.append(peer())
    middle = median(theirs) if theirs else None
    return Row(question, unit, median(mine), (min(mine), max(mine)), middle, peer_name, goal)


def show(rows: list[Row]) -> None:
    """Print the table."""
    print(f"\n{'what':58} {'ours':>12} {'(min … max)':>23}  {'peer':>12} {'ratio':>6}  peer / goal")
    for row in rows:
        spread = f"({_number(row.spread[0])} … {_number(row.spread[1])})"
        peer = _number(row.peer) if row.peer is not None else ""
        ratio = f"{row.ratio:.2f}" if row.ratio is not None else ""
        about = " / ".join(part for part in (row.peer_name, row.goal and f"goal {row.goal}") if part)
        print(f"{f'{row.question}, {row.unit}':58} {_number(row.ours):>12} {spread:>23}  {peer:>12} {ratio:>6}  {about}")


def machine() -> str:
    """Return what the figures were taken on."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    return f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}, commit {commit or 'none'}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"
