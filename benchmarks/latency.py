"""Publish → visible in Redis at 500 events/s: `python -m benchmarks.latency SECONDS` prints p50 and p99 in milliseconds.

A desk in a process of its own publishes one event at a time, durably; the clock starts before its append and stops when a reader
that does nothing else finds the event's verdict in the view.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.work import update
from consumers.runner import Runner
from consumers.timeline.view import TimelineView
from dateline.log import open_log
from dateline.private_redis import PrivateRedis
from dateline.redis_store import Store
from producers.records import record_of
from schemas.codec import committed_codec
from schemas.topics import EVENTS_TOPIC

RATE = 500


def publish(url: str, seconds: float) -> None:
    """Publish at `RATE`, and print each event's update and when its append began (monotonic, shared by all processes)."""
    started = []
    with open_log(url) as log:
        begin = time.monotonic()
        for number in range(int(seconds * RATE)):
            due = begin + number / RATE
            while (now := time.monotonic()) < due:
                time.sleep(due - now)
            started.append(time.monotonic())
            log.append(EVENTS_TOPIC, [record_of(update(number, story=f"story-{number % 50}"))])
    print(json.dumps(started))


def measure(seconds: float) -> dict[str, float]:
    """Run the desk, the consumer and a reader; return percentiles in milliseconds."""
    with TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/log.db"
        private = PrivateRedis(Path(folder))
        with private, open_log(url) as log:
            store = Store(private.url)
            runner = Runner(log, TimelineView(store), topic=EVENTS_TOPIC, codec=committed_codec())
            done = threading.Event()
            consumer = threading.Thread(target=lambda: runner.run(stopped=done.is_set))
            consumer.start()
            command = [sys.executable, "-m", "benchmarks.latency", "publish", url, str(seconds)]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as desk:
                seen = _watch(private.url, int(seconds * RATE), seconds + 30)
                out, _ = desk.communicate()
            done.set()
            consumer.join()
            runner.close()
            runner.reset()
            store.close()
        private.wait_gone()
    started = json.loads(out)
    waits = sorted((seen[number] - start) * 1000 for number, start in enumerate(started) if number in seen)
    return {"p50_ms": waits[len(waits) // 2], "p99_ms": waits[len(waits) * 99 // 100], "missing": len(started) - len(waits)}


def _watch(url: str, expected: int, timeout: float) -> dict[int, float]:
    """Follow the wake streams and note when each update was first to be had."""
    import redis

    client = redis.Redis.from_url(url, protocol=2)
    last: Any = {f"{{tl:p{partition}}}:wake": "0" for partition in range(4)}  # Any: redis-py wants a wider dict
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
                        seen[number + 50 * place] = now
                    places[story] = seq
    client.close()
    return seen


if __name__ == "__main__":
    if sys.argv[1] == "publish":
        publish(sys.argv[2], float(sys.argv[3]))
    else:
        print(json.dumps(measure(float(sys.argv[1]))))
