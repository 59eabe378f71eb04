"""Requests a second over some connections that stay: `python -m benchmarks.asking PORT PID PATH SECONDS [HEADER…]`.

Each connection asks again as soon as it has the whole answer. It reads a head's status and length, and counts the rest. What the
process PID has been at work for it is printed with the other figures.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections.abc import Sequence
from typing import cast

import uvloop

from benchmarks.servers import HOST, Server

CONNECTIONS = 32
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n")


class _Asker(asyncio.Protocol):
    """One connection.

    Attributes:
        answers: How many came, and the last one's status and length.
    """

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._left = 0
        self.transport: asyncio.Transport | None = None
        self.answers = 0
        self.status = 0
        self.size_bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if not self._left:
            found = _LENGTH.search(data)
            self.status = int(data[9:12])
            self.size_bytes = int(found[1]) if found else 0
            self._left = data.index(b"\r\n\r\n") + 4 + self.size_bytes
        self._left -= len(data)
        if not self._left and self.transport is not None:
            self.answers += 1
            self.transport.write(self._request)


async def ask(server: Server, path: str, seconds: float, headers: Sequence[str]) -> dict[str, float]:
    """Ask for so many seconds, after a warm-up; return the figures."""
    lines = [f"GET {path} HTTP/1.1", f"host: {HOST}:{server.port}", "user-agent: benchmark", "accept: */*", *headers, "", ""]
    request = "\r\n".join(lines).encode()
    loop = asyncio.get_running_loop()
    made = [await loop.create_connection(lambda: _Asker(request), HOST, server.port) for _ in range(CONNECTIONS)]
    askers = [asker for _, asker in made]
    await asyncio.sleep(0.3)
    before, used, generating, start = _answers(askers), server.cpu_seconds, time.process_time(), time.perf_counter()
    await asyncio.sleep(seconds)
    took = time.perf_counter() - start
    count, used, generating = _answers(askers) - before, server.cpu_seconds - used, time.process_time() - generating
    for transport, _ in made:
        transport.abort()
    return {
        "per_second": count / took,
        "cpu_us": used / count * 1e6,
        "generator_us": generating / count * 1e6,
        "status": askers[0].status,
        "bytes": askers[0].size_bytes,
    }


def _answers(askers: Sequence[_Asker]) -> int:
    return sum(one.answers for one in askers)


if __name__ == "__main__":
    port, pid, path, seconds, *headers = sys.argv[1:]
    print(json.dumps(uvloop.run(ask(Server(int(port), int(pid)), path, float(seconds), headers))))
