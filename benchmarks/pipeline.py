"""Log → Redis, in a process of its own: `python -m benchmarks.pipeline ours|hand COUNT STORIES` prints events a second.

`hand` is the loop that one would write by hand, without any fold: SQLite pages → fastavro → orjson → one EVALSHA per 250 that
moves cursor, document hash and index. No duplicates, no verdicts, no corrections, no history.
"""

from __future__ import annotations

import gc
import io
import json
import os
import sqlite3
import sys
import time
from typing import Any

from benchmarks.work import filled_log
from dateline.log.base import Log
from dateline.redis_store import Store
from schemas.topics import EVENTS_TOPIC

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


def by_hand(log: Log, url: str) -> None:
    """Bring a Redis up to the end of the log, the simplest way that loses nothing."""
    import fastavro
    import orjson
    import redis

    from schemas.catalog import committed

    current = committed().current("UpdatePublished")
    assert current is not None
    schema = current.parsed
    client = redis.Redis.from_url(url)
    sha = client.script_load(_SCRIPT)
    database = sqlite3.connect(log.url.removeprefix("sqlite:///"))
    query = "SELECT offset, value FROM records WHERE partition = ? AND offset >= ? AND topic = 1 ORDER BY offset LIMIT 250"
    for partition in range(log.partitions(EVENTS_TOPIC)):
        offset = 0
        while rows := database.execute(query, (partition, offset)).fetchall():
            args: list[Any] = [offset, rows[-1][0] + 1]  # Any: what EVALSHA takes
            for place, value in rows:
                body = io.BytesIO(value)
                body.seek(5)
                event: Any = fastavro.schemaless_reader(body, schema, None)  # Any: an Avro record
                args += (event["story"], event["update"], place, orjson.dumps(event))
            if client.evalsha(sha, 1, f"cursor:{partition}", *args) != b"OK":
                raise SystemExit("somebody else moved the cursor")
            offset = rows[-1][0] + 1
    database.close()
    client.close()


def ours(log: Log, url: str) -> None:
    """Bring the timeline up to the end of the log."""
    from consumers.runner import Runner
    from consumers.timeline.view import TimelineView
    from schemas.codec import committed_codec

    store = Store(url)
    runner = Runner(log, TimelineView(store), topic=EVENTS_TOPIC, codec=committed_codec())
    if not runner.run_until(log.end_offsets(EVENTS_TOPIC), deadline=time.monotonic() + 600):
        raise SystemExit("not done in ten minutes")
    runner.close()
    store.close()


def main(which: str, count: int, stories: int) -> None:
    gc.set_threshold(200_000, 20, 100)
    with filled_log(count, stories=stories) as (log, url):
        cpu, start = os.times(), time.perf_counter()
        (ours if which == "ours" else by_hand)(log, url)
        seconds, after = time.perf_counter() - start, os.times()
        store = Store(url)
        used, _ = store.memory()
        store.close()
    figures = {
        "events_per_second": count / seconds,
        "user_us": (after.user - cpu.user) / count * 1e6,
        "redis_bytes": used / count,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
