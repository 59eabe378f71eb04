"""Events published a second over HTTP: `python -m benchmarks.posting PORT KEY SECONDS CONNECTIONS LINES`.

Each connection sends its next request as soon as it has the whole answer: one event, or LINES of them to `/v1/events`. There are
many stories, so that the partitions share the work.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from itertools import count
from statistics import quantiles
from typing import cast

import uvloop

from benchmarks.servers import HOST
from benchmarks.work import update
from schemas.jsonform import to_json

STORIES = 50


def bodies(number: int, lines: int) -> Iterator[tuple[str, bytes]]:
    """Yield a connection's requests: the path, and the body."""
    story = f"story-{number % STORIES}"
    for one in count():
        events = [to_json(update(one * max(1, lines) + at, story=story)) for at in range(max(1, lines))]
        if lines:
            told = [{name: value for name, value in event.items() if name != "desk"} for event in events]
            yield "/v1/events", "\n".join(json.dumps(event) for event in told).encode()
        else:
            said = {"content": events[0]["content"], "urgency": events[0]["urgency"]}
            yield f"/v1/stories/{story}/updates", json.dumps(said).encode()


class _Poster(asyncio.Protocol):
    """One connection. `took` has the milliseconds of each request that was answered."""

    def __init__(self, requests: Iterator[tuple[str, bytes]], head: str) -> None:
        self._requests, self._head = requests, head
        self._answer = b""
        self._since = 0.0
        self.took: list[float] = []
        self.refused = 0
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head, parted, body = self._answer.partition(b"\r\n\r\n")
        if not parted:
            return
        size = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
        if len(body) >= size:
            self.took.append((time.perf_counter() - self._since) * 1000)
            self.refused += head[9:10] != b"2"
            self._answer = b""
            self._send()

    def _send(self) -> None:
        path, body = next(self._requests)
        kind = "application/x-ndjson" if path == "/v1/events" else "application/json"
        head = f"POST {path} HTTP/1.1\r\n{self._head}content-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n"
        self._since = time.perf_counter()
        if self.transport is not None:
            self.transport.write(head.encode() + body)


async def post(port: int, key: str, seconds: float, connections: int, lines: int) -> dict[str, float]:
    """Publish for so many seconds; return how many events a second were answered, and how long an answer took."""
    loop = asyncio.get_running_loop()
    head = f"host: {HOST}\r\nauthorization: Bearer {key}\r\n"
    posters = []
    begin = time.perf_counter()
    for number in range(connections):
        _, poster = await loop.create_connection(lambda one=number: _Poster(bodies(one, lines), head), HOST, port)  # type: ignore[misc]
        posters.append(poster)
    await asyncio.sleep(seconds)
    took = [one for poster in posters for one in poster.took]
    spent = time.perf_counter() - begin
    refused = sum(poster.refused for poster in posters)
    if refused or len(took) < 2:
        raise SystemExit(f"{refused} of {len(took)} requests were refused")
    cuts = quantiles(took, n=100, method="inclusive")
    return {"per_second": len(took) * max(1, lines) / spent, "p50_ms": cuts[49], "p99_ms": cuts[98]}


def main() -> None:
    port, key, seconds, connections, lines = sys.argv[1:]
    print(json.dumps(uvloop.run(post(int(port), key, float(seconds), int(connections), int(lines)))))


if __name__ == "__main__":
    main()
