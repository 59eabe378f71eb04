"""Publish → a frame at a client at 500 events/s on 50 stories: `python -m benchmarks.frames sqlite|kafka SECONDS` prints figures.

The desk is the one of `benchmarks.latency`: the clock starts before its append, and stops when the frame's last byte is at a
client, of which each story has one. `dateline serve` runs as users start it, and on Kafka `dateline consume` beside it.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import uvloop

from benchmarks.latency import RATE, STORIES, WARM_UP
from benchmarks.servers import HOST, Server, dateline_consume, dateline_serve
from benchmarks.work import fill
from dateline.log import open_log
from schemas.topics import EVENTS_TOPIC

_UPDATE = re.compile(rb'"id":"u-(\d+)"')
_PATIENCE = 60.0
_SETTLE = 2.0


class _Client(asyncio.Protocol):
    """One who listens to a story, and notes when each update's frame was there to its last byte."""

    def __init__(self, story: str, seen: dict[int, float]) -> None:
        self._story = story
        self._seen = seen
        self._had = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        request = f"GET /v1/stories/{self._story}/stream HTTP/1.1\r\nhost: {HOST}\r\n\r\n"
        transport.write(request.encode())  # type: ignore[attr-defined]  # a protocol of streams has a stream's transport

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        *frames, self._had = (self._had + data).split(b"\n\n")
        for frame in frames:
            if found := _UPDATE.search(frame):
                self._seen.setdefault(int(found[1]), now)


async def _watch(server: Server, publish: list[str], last: int) -> tuple[dict[int, float], list[float]]:
    """Have the desk publish while clients listen; return when each update was seen, and when its append began."""
    loop, seen = asyncio.get_running_loop(), dict[int, float]()
    for number in range(STORIES):
        await loop.create_connection(lambda story=f"story-{number}": _Client(story, seen), HOST, server.port)  # type: ignore[misc]
    await asyncio.sleep(_SETTLE)
    desk = await asyncio.create_subprocess_exec(*publish, stdout=subprocess.PIPE)
    out, _ = await desk.communicate()
    deadline = loop.time() + _PATIENCE
    while last not in seen and loop.time() < deadline:
        await asyncio.sleep(0.05)
    return seen, json.loads(out)


def measure(server: Server, url: str, seconds: float) -> dict[str, float]:
    """Return percentiles in milliseconds."""
    command = [sys.executable, "-m", "benchmarks.latency", "publish", url, EVENTS_TOPIC, str(seconds)]
    seen, began = uvloop.run(_watch(server, command, WARM_UP + int(seconds * RATE) - 1))
    started = list(enumerate(began))[WARM_UP:]
    waits = sorted((seen[number] - start) * 1000 for number, start in started if number in seen)
    if len(waits) != len(started):
        raise SystemExit(f"{len(started) - len(waits)} of {len(started)} updates were not seen")
    return {
        "p50_ms": waits[len(waits) // 2],
        "p99_ms": waits[len(waits) * 99 // 100],
        "rate": (len(started) - 1) / (started[-1][1] - started[0][1]),
    }


@contextmanager
def _served(backend: str) -> Iterator[tuple[Server, str]]:
    """Serve stories that have an update each; yield the server, and the log's URL."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        environment = (
            {} if backend == "sqlite" else {"DATELINE_LOG": _kafka(stack, folder), "DATELINE_REDIS": _redis(stack, folder)}
        )
        url = environment.get("DATELINE_LOG", f"sqlite:///{folder}/log.db")
        if environment:
            stack.enter_context(dateline_consume(folder, environment))
        server = stack.enter_context(dateline_serve(folder, environment))
        with open_log(url) as log:
            fill(log, STORIES, stories=STORIES)
        time.sleep(_SETTLE)
        yield server, url


def _kafka(stack: ExitStack, folder: Path) -> str:
    from benchmarks.replay import make_topics
    from tests.support.kafka_servers import kafka_broker

    url = f"kafka://{stack.enter_context(kafka_broker(folder / 'kafka')).address}"
    make_topics(url)
    return url


def _redis(stack: ExitStack, folder: Path) -> str:
    from tests.support.servers import redis_server

    host, port = stack.enter_context(redis_server(folder / "redis"))
    return f"redis://{host}:{port}"


if __name__ == "__main__":
    with _served(sys.argv[1]) as (server, url):
        print(json.dumps(measure(server, url, float(sys.argv[2]))))
