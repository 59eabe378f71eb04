"""One more update in a story that has many: `python -m benchmarks.growth HELD` prints what a further update costs.

The consumer is new, so it remembers nothing of the story: what it needs is loaded from the view.
"""

from __future__ import annotations

import json
import sys
import time

from benchmarks.pipeline import ours
from benchmarks.work import filled_log, update
from consumers.runner import Runner
from consumers.timeline.view import TimelineView
from dateline.redis_store import Store
from producers.records import record_of
from schemas.codec import committed_codec
from schemas.topics import EVENTS_TOPIC

MORE = 2_000


def main(held: int) -> None:
    with filled_log(held, stories=1) as (log, url):
        ours(log, url)
        store = Store(url)
        before, _ = store.memory()
        log.append(EVENTS_TOPIC, [record_of(update(held + n, story="story-0")) for n in range(MORE)])
        runner = Runner(log, TimelineView(store), topic=EVENTS_TOPIC, codec=committed_codec())
        start = time.perf_counter()
        runner.run_until(log.end_offsets(EVENTS_TOPIC), deadline=time.monotonic() + 60)
        seconds = time.perf_counter() - start
        after, _ = store.memory()
        runner.close()
        runner.reset()
        store.close()
    print(
        json.dumps(
            {"us_per_update": seconds / MORE * 1e6, "bytes_per_update": after / (held + MORE), "grown": (after - before) / MORE}
        )
    )


if __name__ == "__main__":
    main(int(sys.argv[1]))
