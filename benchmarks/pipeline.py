"""Log → Redis, in a process of its own: `python -m benchmarks.pipeline ours|hand URL TOPIC` prints events a second.

`hand` is the loop that one would write by hand, without any fold: pages of the log → fastavro → orjson → one EVALSHA per 250 that
moves cursor, document hash and index. No duplicates, no verdicts, no corrections, no history.
"""

from __future__ import annotations

import gc
import io
import json
import sqlite3
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

from benchmarks.work import WatchedTimeline, empty_redis, runner_of
from dateline.log import open_log
from dateline.log.base import Log
from dateline.redis_store import Store
from schemas.topics import EVENTS_TOPIC

_BATCH = 250

_SCRIPT = """
local next = redis.call('GET', KEYS[1])
if next and next ~= ARGV[1] then return next end
for i = 3, #ARGV, 4 do
  redis.call('HSET', 'docs:' .. ARGV[i], ARGV[i + 1], ARGV[i + 3])
  redis.call('ZADD', 'index:' .. ARGV[i], ARGV[i + 2], ARGV[i + 1])
end
redis.call('SET', KEYS[1], ARGV[2])
return 'OK'
"""

Span = tuple[float, float]
"""By `time.perf_counter`. What it takes to make a consumer and to join a group is not in it."""

Page = tuple[int, Sequence[tuple[int, bytes]]]
"""A partition, and the offsets and values of some of its records. The first, of none, says that reading can begin."""


def by_hand(log: Log, url: str, topic: str = EVENTS_TOPIC) -> Span:
    """Bring a Redis up to the end of the log, the simplest way that loses nothing; return when it began and ended."""
    import fastavro
    import orjson
    import redis

    from schemas.catalog import committed

    current = committed().current("UpdatePublished")
    assert current is not None
    schema = current.parsed
    client = redis.Redis.from_url(url)
    sha = client.script_load(_SCRIPT)
    cursors = dict.fromkeys(range(log.partitions(topic)), 0)
    pages = _kafka_pages(log, topic) if log.url.startswith("kafka:") else _sqlite_pages(log)
    next(pages)
    begun = time.perf_counter()
    for partition, rows in pages:
        args: list[Any] = [cursors[partition], rows[-1][0] + 1]  # Any: what EVALSHA takes
        for place, value in rows:
            body = io.BytesIO(value)
            body.seek(5)
            event: Any = fastavro.schemaless_reader(body, schema, None)  # Any: an Avro record
            args += (event["story"], event["update"], place, orjson.dumps(event))
        if client.evalsha(sha, 1, f"cursor:{partition}", *args) != b"OK":
            raise SystemExit("somebody else moved the cursor")
        cursors[partition] = rows[-1][0] + 1
    ended = time.perf_counter()
    client.close()
    return begun, ended


def _sqlite_pages(log: Log) -> Iterator[Page]:
    database = sqlite3.connect(log.url.removeprefix("sqlite:///"))
    yield -1, ()
    query = "SELECT offset, value FROM records WHERE partition = ? AND offset >= ? AND topic = 1 ORDER BY offset LIMIT ?"
    for partition in range(log.partitions(EVENTS_TOPIC)):
        offset = 0
        while rows := database.execute(query, (partition, offset, _BATCH)).fetchall():
            yield partition, rows
            offset = rows[-1][0] + 1
    database.close()


def _kafka_pages(log: Log, topic: str) -> Iterator[Page]:
    from benchmarks.kafka import READ, plain_consumer

    ends = log.end_offsets(topic)
    left = sum(ends.values())
    with plain_consumer(log, topic, list(ends)) as consumer:
        yield -1, ()  # there is a consumer
        while left:
            for place, records in consumer.poll(timeout_ms=50, max_records=READ).items():
                left -= len(records)
                for start in range(0, len(records), _BATCH):
                    yield place.partition, [(one.offset, one.value) for one in records[start : start + _BATCH]]


def ours(log: Log, url: str, topic: str = EVENTS_TOPIC) -> Span:
    """Bring the timeline up to the end of the log; return when it claimed the first partition and ended."""
    store = Store(url)
    view = WatchedTimeline(store)
    runner = runner_of(log, view, topic=topic)
    if not runner.run_until(log.end_offsets(topic), deadline=time.monotonic() + 600):
        raise SystemExit("not done in ten minutes")
    ended = time.perf_counter()
    runner.close()
    store.close()
    return view.begun, ended


def main(which: str, url: str, topic: str) -> None:
    gc.set_threshold(200_000, 20, 100)
    with open_log(url) as log, empty_redis() as redis:
        count = sum(log.end_offsets(topic).values())
        used = time.process_time()
        begun, ended = (ours if which == "ours" else by_hand)(log, redis, topic)
        used = time.process_time() - used
        store = Store(redis)
        held, _ = store.memory()
        store.close()
    figures = {"events_per_second": count / (ended - begun), "cpu_us": used / count * 1e6, "redis_bytes": held / count}
    print(json.dumps(figures))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3])
