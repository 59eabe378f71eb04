"""Publish → visible in Redis at 500 events/s: `python -m benchmarks.latency URL TOPIC SECONDS` prints p50 and p99 in ms.

A desk in a process of its own publishes one event at a time, durably; the clock starts before its append and stops when a reader
that does nothing else finds the event's verdict in the view.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from typing import Any

from benchmarks.work import WatchedTimeline, empty_redis, runner_of, update
from dateline.log import open_log
from dateline.redis_store import Store
from producers.records import record_of

RATE = 500
STORIES = 50

WARM_UP = RATE // 2
"""The first events, which are not counted: the desk's connection is made for them."""


def publish(url: str, topic: str, seconds: float) -> None:
    """Publish at `RATE`, and print each event's update and when its append began (monotonic, shared by all processes)."""
    started = []
    with open_log(url) as log:
        begin = time.monotonic()
        for number in range(WARM_UP + int(seconds * RATE)):
            due = begin + number / RATE
            while (now := time.monotonic()) < due:
                time.sleep(due - now)
            started.append(time.monotonic())
            log.append(topic, [record_of(update(number, story=f"story-{number % STORIES}"))])
    print(json.dumps(started))


def measure(url: str, topic: str, seconds: float) -> dict[str, float]:
    """Run the desk, the consumer and a reader; return percentiles in milliseconds."""
    with empty_redis() as redis, open_log(url) as log:
        store = Store(redis)
        done, partitions = threading.Event(), threading.Semaphore(0)
        view = WatchedTimeline(store, on_claim=lambda partition: partitions.release())
        runner = runner_of(log, view, topic=topic)
        consumer = threading.Thread(target=lambda: runner.run(stopped=done.is_set))
        consumer.start()
        for _ in range(log.partitions(topic)):
            partitions.acquire()
        command = [sys.executable, "-m", "benchmarks.latency", "publish", url, topic, str(seconds)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as desk:
            seen = _watch(redis, log.partitions(topic), WARM_UP + int(seconds * RATE), seconds + 30)
            out, _ = desk.communicate()
        done.set()
        consumer.join()
        runner.close()
        store.close()
    started = list(enumerate(json.loads(out)))[WARM_UP:]
    waits = sorted((seen[number] - start) * 1000 for number, start in started if number in seen)
    return {
        "p50_ms": waits[len(waits) // 2],
        "p99_ms": waits[len(waits) * 99 // 100],
        "missing": len(started) - len(waits),
        "rate": (len(started) - 1) / (started[-1][1] - started[0][1]),
    }


def _watch(url: str, partitions: int, expected: int, timeout: float) -> dict[int, float]:
    """Follow the wake streams and note when each update was first to be had."""
    import redis

    client = redis.Redis.from_url(url, protocol=2)
    last: Any = {f"{{tl:p{partition}}}:wake": "0" for partition in range(partitions)}  # Any: redis-py wants a wider dict
    places: dict[str, int] = {}
    seen: dict[int, float] = {}
    deadline = time.monotonic() + timeout
    while len(seen) < expected and time.monotonic() < deadline:
        found: Any = client.xread(last, block=1000)  # Any: its form is the protocol's
        now = time.monotonic()
        for key, entries in found:
            last[key.decode()] = entries[-1][0].decode()
            for _, fields in entries:
                for story, seq in json.loads(fields[b"stories"]).items():
                    number = int(story.removeprefix("story-"))
                    for place in range(places.get(story, 0), seq):
                        seen[number + STORIES * place] = now
                    places[story] = seq
    client.close()
    return seen


if __name__ == "__main__":
    if sys.argv[1] == "publish":
        publish(sys.argv[2], sys.argv[3], float(sys.argv[4]))
    else:
        print(json.dumps(measure(sys.argv[1], sys.argv[2], float(sys.argv[3]))))
