"""Publish → findable in FTS5 at 100 events/s: `python -m benchmarks.findable URL TOPIC SECONDS` prints p50 and p99 in ms.

Desk, consumer and reader are processes of their own. The clock starts before the desk's append and stops when a search finds
the update.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.work import update
from consumers.runner import Runner
from consumers.search.answers import SearchReader
from consumers.search.fts5.index import Fts5Index
from consumers.search.question import Question
from dateline.errors import StoreUnavailable
from dateline.log import open_log
from producers.records import record_of
from schemas.codec import committed_codec

RATE = 100
STORIES = 50

_WARM_UP = RATE // 2
_PATIENCE = 30.0
_ASKED = Question("headline")
"""What every update of the work holds."""


def measure(url: str, topic: str, seconds: float) -> dict[str, float]:
    """Run the desk, the consumer and a reader; return percentiles in milliseconds."""
    count = _WARM_UP + int(seconds * RATE)
    with TemporaryDirectory() as folder, _running("consume", url, topic, folder):
        reader = Fts5Index(Path(folder)).reader()
        with _running("publish", url, topic, str(count)) as desk:
            seen = _watch(reader, count, time.monotonic() + seconds + _PATIENCE)
            out, _ = desk.communicate()
        reader.close()
    started = list(enumerate(json.loads(out)))[_WARM_UP:]
    waits = sorted((seen[number] - start) * 1000 for number, start in started if number in seen)
    return {
        "p50_ms": waits[len(waits) // 2],
        "p99_ms": waits[len(waits) * 99 // 100],
        "missing": len(started) - len(waits),
    }


def publish(url: str, topic: str, count: int) -> None:
    """Publish at `RATE`, and print when each append began (monotonic, shared by all processes)."""
    started = []
    with open_log(url) as log:
        begin = time.monotonic()
        for number in range(count):
            due = begin + number / RATE
            while (now := time.monotonic()) < due:
                time.sleep(due - now)
            started.append(time.monotonic())
            log.append(topic, [record_of(update(number, story=f"story-{number % STORIES}"))])
    print(json.dumps(started))


def consume(url: str, topic: str, folder: str) -> None:
    """Feed the index until it is killed."""
    with open_log(url) as log:
        runner = Runner(log, Fts5Index(Path(folder)).view(), topic=topic, codec=committed_codec())
        runner.run(stopped=lambda: False)


def _watch(reader: SearchReader, count: int, deadline: float) -> dict[int, float]:
    """Search again and again, and note when each update was first found."""
    seen: dict[int, float] = {}
    while len(seen) < count and time.monotonic() < deadline:
        try:
            found = reader.search(_ASKED, sort="newest", limit=50)
        except StoreUnavailable:  # it is not made yet
            time.sleep(0.01)
            continue
        now = time.monotonic()
        for hit in found.hits:
            seen.setdefault(int(hit.update.removeprefix("u-")), now)
    return seen


@contextmanager
def _running(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "benchmarks.findable", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


if __name__ == "__main__":
    if sys.argv[1] == "publish":
        publish(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    elif sys.argv[1] == "consume":
        consume(*sys.argv[2:])
    else:
        print(json.dumps(measure(sys.argv[1], sys.argv[2], float(sys.argv[3]))))
