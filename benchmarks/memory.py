"""The memory of a consumer: `python -m benchmarks.memory URL TOPIC STEP…` prints its size in MB after so many events each.

The stories are few and the updates many, so that what the consumer remembers comes to its limits early.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import sys
from functools import partial
from pathlib import Path

from benchmarks.harness import QUICK, Row, in_process
from benchmarks.kafka import topic_at
from benchmarks.work import WatchedTimeline, empty_redis, fill, runner_of
from dateline.log import open_log
from dateline.redis_store import Store

STEPS = (100_000, 150_000, 200_000) if QUICK else (100_000, 500_000, 1_000_000)


def rows(url: str) -> list[Row]:
    with topic_at(url) as topic, open_log(url) as log:
        fill(log, STEPS[-1], stories=1000, topic=topic)
        found = in_process("benchmarks.memory", url, topic, *STEPS)
    first, *more = (found[str(step)] for step in STEPS)
    question = "Kafka: a consumer after {:,} events"
    after_first = f"after {STEPS[0]:,}"
    return [
        Row(question.format(step), "MB", size, (size, size), first, after_first, goal="flat")
        for step, size in zip(STEPS[1:], more, strict=True)
    ]


def main(url: str, topic: str, *steps: int) -> None:
    gc.set_threshold(200_000, 20, 100)
    sizes = {}
    with open_log(url) as log, empty_redis() as redis:
        store = Store(redis)
        view = WatchedTimeline(store)
        runner = runner_of(log, view, topic=topic)
        for step in steps:
            runner.run(stopped=partial(view.has_written, step))
            sizes[step] = _size_bytes() / 1e6
        runner.close()
        store.close()
    print(json.dumps(sizes))


def _size_bytes() -> int:
    """Return what this process holds of the machine's memory; where that is not told, the most that it ever did."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except FileNotFoundError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return pages * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
