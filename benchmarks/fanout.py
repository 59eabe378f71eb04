"""One story and thousands who listen, each round in processes of its own: `python -m benchmarks.fanout WHAT …` prints figures.

ours CLIENTS EVENTS          `dateline serve`, embedded; a desk here publishes
ring CLIENTS EVENTS SIZE     a bare ring on uvicorn, told from here to emit events of SIZE bytes
listen PORT PATH CLIENTS     who listens: the load generator, a process of its own

The clock starts before the desk's append or the word to emit, and stops when a client reads the frame.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import subprocess
import sys
import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import uvloop

from benchmarks.servers import HOST, Server, bare, dateline_serve
from benchmarks.work import update
from dateline.log import open_log
from producers.records import record_of
from schemas.topics import EVENTS_TOPIC

PACE = 0.75
"""Seconds between two events."""

_OF_ONE_ADDRESS = 150
"""Clients of one address of the loopback network: the site lets in 200."""

_AT_ONCE = 50
_SETTLE = 1.5
_STORY = "story-0"
_STREAM = f"/v1/stories/{_STORY}/stream"

Figures = dict[str, float]


class Crowd:
    """Those who listen.

    Attributes:
        size_bytes: Of the last event that was read, in its chunk.
    """

    def __init__(self) -> None:
        self.listening = 0
        self.size_bytes = 0
        self._arrived: dict[int, array[float]] = {}

    def note(self, data: bytes) -> None:
        """Note which frames came, and when."""
        now = time.monotonic()
        at = data.find(b"\r\nid: ")
        if at >= 0:
            self.size_bytes = len(data)
        while at >= 0:
            end = data.index(b"\n", at + 6)
            if data.startswith(b"event:", end + 1):  # an id alone is where a client may resume
                number = int(data[at + 6 : end])
                if number not in self._arrived:
                    self._arrived[number] = array("d")
                self._arrived[number].append(now)
            at = data.find(b"\r\nid: ", end)

    def arrived(self) -> list[list[float]]:
        """Return when each client had each event."""
        return [list(self._arrived[number]) for number in sorted(self._arrived)]


class _Listener(asyncio.Protocol):
    __slots__ = ("_crowd", "_is_listening", "_request")

    def __init__(self, crowd: Crowd, request: bytes) -> None:
        self._crowd = crowd
        self._request = request
        self._is_listening = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.write(self._request)  # type: ignore[attr-defined]  # a protocol of streams has a stream's transport

    def data_received(self, data: bytes) -> None:
        if not self._is_listening and b"retry:" in data:
            self._is_listening = True
            self._crowd.listening += 1
        self._crowd.note(data)


async def listen(port: int, path: str, clients: int) -> None:
    """Listen with so many clients until a line comes in; print when all do, and at the end what they have seen."""
    loop, crowd, told = asyncio.get_running_loop(), Crowd(), asyncio.Event()
    request = f"GET {path} HTTP/1.1\r\nhost: {HOST}:{port}\r\naccept: text/event-stream\r\nuser-agent: benchmark\r\n\r\n".encode()

    async def connect(number: int) -> None:
        address = f"127.0.1.{1 + number // _OF_ONE_ADDRESS}"
        await loop.create_connection(lambda: _Listener(crowd, request), HOST, port, local_addr=(address, 0))

    for start in range(0, clients, _AT_ONCE):
        await asyncio.gather(*(connect(number) for number in range(start, min(start + _AT_ONCE, clients))))
    while crowd.listening < clients:
        await asyncio.sleep(0.05)
    used = time.process_time()
    print("all listen", flush=True)
    loop.add_reader(sys.stdin.fileno(), told.set)
    await told.wait()
    print(json.dumps({"arrived": crowd.arrived(), "used": time.process_time() - used, "size": crowd.size_bytes}), flush=True)
    os._exit(0)  # thousands of sockets are closed fastest by the system


def ours(clients: int, events: int) -> Figures:
    with TemporaryDirectory() as folder, dateline_serve(Path(folder)) as server, open_log(f"sqlite:///{folder}/log.db") as log:
        published = iter(range(1_000_000))

        def publish() -> None:
            log.append(EVENTS_TOPIC, [record_of(update(next(published), story=_STORY))])

        publish()
        time.sleep(_SETTLE)
        return _measure(server, publish, clients, events)


def ring(clients: int, events: int, size: int) -> Figures:
    with bare("ring", size) as server:
        return _measure(server, lambda: os.write(server.input, b"\n"), clients, events)


def _measure(server: Server, emit: Callable[[], object], clients: int, events: int) -> Figures:
    with _crowd(server, _OF_ONE_ADDRESS) as few:  # what is loaded for the first clients is no cost of the others
        emit()
        time.sleep(_SETTLE)
        _told(few)
    time.sleep(_SETTLE)
    empty = server.size_bytes
    with _crowd(server, clients) as crowd:
        time.sleep(_SETTLE)
        joined, used, emitted = server.size_bytes, server.cpu_seconds, []
        for _ in range(events):
            emitted.append(time.monotonic())
            emit()
            time.sleep(max(0.0, emitted[-1] + PACE - time.monotonic()))
        time.sleep(_SETTLE)
        used, after = server.cpu_seconds - used, server.size_bytes
        told = _told(crowd)
    return {
        "cpu_us": used / clients / events * 1e6,
        "joined_kb": (joined - empty) / clients / 1024,
        "size_kb": (after - empty) / clients / 1024,
        "generator_us": told["used"] / clients / events * 1e6,
        "frame_bytes": told["size"],
        **_waits(told["arrived"], emitted, clients),
    }


def _waits(arrived: Sequence[Sequence[float]], emitted: Sequence[float], clients: int) -> Figures:
    if len(arrived) != len(emitted) or any(len(one) != clients for one in arrived):
        raise SystemExit(f"not every client had every event: {[len(one) for one in arrived]} of {clients}")
    waits = sorted((at - start) * 1000 for one, start in zip(arrived, emitted, strict=True) for at in one)
    spans = sorted((at - min(one)) * 1000 for one in arrived for at in one)
    return {
        f"{name}_p{percent}_ms": found[len(found) * percent // 100]
        for name, found in (("wait", waits), ("span", spans))
        for percent in (50, 99)
    }


@contextmanager
def _crowd(server: Server, clients: int) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "benchmarks.fanout", "listen", str(server.port), _STREAM, str(clients)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            yield process
        finally:
            process.kill()


def _told(crowd: subprocess.Popen[str]) -> dict[str, Any]:  # Any: figures, and when each event arrived
    out, _ = crowd.communicate("end\n")
    found: dict[str, Any] = json.loads(out)  # Any: as above
    return found


def main() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    what, *arguments = sys.argv[1:]
    if what == "listen":
        uvloop.run(listen(int(arguments[0]), arguments[1], int(arguments[2])))
    else:
        measures: dict[str, Callable[..., Figures]] = {"ours": ours, "ring": ring}
        print(json.dumps(measures[what](*map(int, arguments))))


if __name__ == "__main__":
    main()
