"""Webhook receivers of every kind on a socket of their own: a program says, byte by byte, what becomes of each connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from ssl import SSLContext

Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter


@dataclass(slots=True)
class Asked:
    """One request as it came in."""

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Receiver:
    """A server under way.

    Attributes:
        asked: The requests that were read whole.
        connections: How many connections there were.
        sent_bytes: How much was given to its sockets.
    """

    port: int = 0
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0
    sent_bytes: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"


Behaviour = Callable[[Receiver, Reader, Writer], Awaitable[None]]
"""What becomes of one connection."""


@asynccontextmanager
async def receiver(behave: Behaviour, *, tls: SSLContext | None = None) -> AsyncIterator[Receiver]:
    """Run a server on a free port of loopback; what still runs of its connections ends with it."""
    served, tasks = Receiver(), set[asyncio.Task[None]]()

    async def connected(reader: Reader, writer: Writer) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        served.connections += 1
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                await behave(served, reader, writer)
        finally:
            writer.transport.abort()
            with suppress(OSError):
                await writer.wait_closed()
            tasks.discard(task)

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    served.port = server.sockets[0].getsockname()[1]
    try:
        yield served
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


async def read_request(served: Receiver, reader: Reader) -> Asked:
    """Read one request whole, and keep it."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    line, *rest = head.strip().split("\r\n")
    headers = {name.lower(): value for name, _, value in (one.partition(": ") for one in rest)}
    asked = Asked(line, headers, await reader.readexactly(int(headers.get("content-length", "0"))))
    served.asked.append(asked)
    return asked


def answering(answer: bytes, *, times: int = 1000) -> Behaviour:
    """Answer each request of a connection with these bytes, whatever they are."""

    async def behave(served: Receiver, reader: Reader, writer: Writer) -> None:
        for _ in range(times):
            await read_request(served, reader)
            writer.write(answer)
            await writer.drain()

    return behave


def ok(status: str = "204 No Content", *headers: str) -> Behaviour:
    """Answer each request with a status and no body."""
    lines = "".join(f"{header}\r\n" for header in headers)
    return answering(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n{lines}\r\n".encode())


def pouring(head: bytes, piece: bytes, *, pause: float = 0.0) -> Behaviour:
    """Answer with `head`, then with `piece` again and again without end."""

    async def behave(served: Receiver, reader: Reader, writer: Writer) -> None:
        await read_request(served, reader)
        writer.write(head)
        while True:
            writer.write(piece)
            await writer.drain()
            served.sent_bytes += len(piece)
            await asyncio.sleep(pause)

    return behave


async def silent(served: Receiver, reader: Reader, writer: Writer) -> None:
    """Read the request and never answer."""
    await read_request(served, reader)
    await asyncio.Event().wait()


async def resetting(served: Receiver, reader: Reader, writer: Writer) -> None:
    """Break the connection off at once, with a reset."""
    writer.transport.abort()


async def resetting_after_the_request(served: Receiver, reader: Reader, writer: Writer) -> None:
    """Read the request, then break the connection off."""
    await read_request(served, reader)
    writer.transport.abort()
