"""A bare uvicorn with httptools and uvloop, to be measured beside: `python -m benchmarks.bare WHAT …` prints its port.

ring SIZE            an event stream as one writes it by hand; each line that comes in makes an event of SIZE bytes
answer STATUS FILE   the same bytes to whoever asks for whatever
"""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import sys
from collections import deque
from collections.abc import Awaitable, Callable
from itertools import islice
from pathlib import Path

import uvicorn
import uvloop

from consumers.web.answers import Receive, Scope, Send

App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Ring:
    """A stream of events: a coroutine for each client awaits a shared event and sends what is new from a shared ring.

    It does the least that can be done: nobody is cut, resumed or even missed, there is one story, and it is never asked for.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._frames: deque[bytes] = deque(maxlen=2000)
        self._seq = 0
        self._news = asyncio.Event()

    def emit(self) -> None:
        self._seq += 1
        head = b"id: %d\nevent: published\ndata: " % self._seq
        self._frames.append(head + b"x" * (self._size - len(head) - 2) + b"\n\n")
        self._news.set()
        self._news = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"retry: 2000\n", "more_body": True})
        seq = self._seq
        while True:
            if seq == self._seq:
                await self._news.wait()
            data = b"".join(islice(self._frames, len(self._frames) - (self._seq - seq), None))
            seq = self._seq
            await send({"type": "http.response.body", "body": data, "more_body": True})


def answer(status: int, body: bytes) -> App:
    headers = [(b"content-type", b"application/json")]
    headers += [(b"content-length", b"%d" % len(body))] if status == 200 else [(b"etag", b'W/"1"')]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


async def serve(app: App, *, told: Callable[[], None] = lambda: None) -> None:
    """Serve for as long as there is a standard input. `told` is called for each line of it."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    print(listener.getsockname()[1], flush=True)
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), lambda: _read_line(told))
    config = uvicorn.Config(app, http="httptools", lifespan="off", access_log=False, log_level="warning", backlog=4096)
    await uvicorn.Server(config).serve(sockets=[listener])


def _read_line(told: Callable[[], None]) -> None:
    if not os.read(sys.stdin.fileno(), 1):
        os._exit(0)  # who asked for this server has ended
    told()


def main() -> None:
    gc.set_threshold(200_000, 20, 100)  # as ours has it
    what, *arguments = sys.argv[1:]
    if what == "ring":
        ring = Ring(int(arguments[0]))
        uvloop.run(serve(ring, told=ring.emit))
    else:
        uvloop.run(serve(answer(int(arguments[0]), Path(arguments[1]).read_bytes())))


if __name__ == "__main__":
    main()
