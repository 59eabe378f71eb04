"""`python -m benchmarks`: everything, one table."""

from __future__ import annotations

import gc
import sys

from benchmarks import codec, commands, fold, log
from benchmarks.harness import QUICK, Row, compare, in_process, machine, show

EVENTS = 20_000 if QUICK else 60_000


def main() -> None:
    gc.set_threshold(200_000, 20, 100)
    rows: list[Row] = []
    for name, make in (("codec", codec.rows), ("log", log.rows), ("fold", fold.rows), ("pipeline", pipeline_rows)):
        print(f"… {name}", file=sys.stderr)
        rows += make()
    for name, make in (("latency", latency_rows), ("growth", growth_rows), ("commands", commands.rows)):
        print(f"… {name}", file=sys.stderr)
        rows += make()
    print(machine())
    show(rows)


def pipeline_rows() -> list[Row]:
    return [_pipeline_row(stories) for stories in (1000, 20)]


def _pipeline_row(stories: int) -> Row:
    def rate(which: str) -> float:
        return in_process("benchmarks.pipeline", which, EVENTS, stories)["events_per_second"]

    return compare(
        f"log → Redis, one process, {stories:,} stories",
        "events/s",
        ours=lambda: rate("ours"),
        peer=lambda: rate("hand"),
        peer_name="loop written by hand, no fold",
        goal=">= 1",
    )


def latency_rows() -> list[Row]:
    runs = [in_process("benchmarks.latency", 3 if QUICK else 10) for _ in range(3)]
    return [
        _figures("publish → visible at 500 events/s, p50", "ms", [run["p50_ms"] for run in runs], "8"),
        _figures("publish → visible at 500 events/s, p99", "ms", [run["p99_ms"] for run in runs], "< 10"),
    ]


def growth_rows() -> list[Row]:
    rows = []
    for held in (100, 10_000) if QUICK else (100, 10_000, 100_000):
        runs = [in_process("benchmarks.growth", held) for _ in range(3)]
        rows.append(_figures(f"one more update in a story of {held:,}", "µs", [run["us_per_update"] for run in runs], "flat"))
        rows.append(_figures(f"one more update in a story of {held:,}", "Redis bytes", [run["grown"] for run in runs], "flat"))
    return rows


def _figures(question: str, unit: str, found: list[float], goal: str) -> Row:
    found.sort()
    return Row(question, unit, found[len(found) // 2], (found[0], found[-1]), goal=goal)


main()
