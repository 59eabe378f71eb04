"""Sending a webhook: signed by Standard Webhooks, to where the guard lets it, in bounded time and memory."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from msgspec import Struct
from standardwebhooks import Webhook
from typing_extensions import override
from yarl import URL

from consumers.notifications.attempt import Attempt, one_line, retry_after
from consumers.notifications.guard import Destination, Guard, TargetRefused
from dateline import __version__
from dateline.clock import now

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PER_HOST: Final = 8
"""Messages under way to one host and port."""

MOST_ANSWER_BYTES: Final = 65_536
"""What is read of an answer's body. Nothing in it counts; a connection whose answer was read whole is used again."""

USER_AGENT: Final = f"Dateline/{__version__} (webhooks)"

_DRAIN = 0.5
_LONGEST_LINE = 8_190
_MOST_HEADERS = 128


class Limits(Struct, frozen=True):
    """Seconds that a target may take.

    Attributes:
        connect: Until a connection stands, without TLS.
        silence: Between two pieces of the answer's head.
        total: For all of it, from the lookup to the end of the head.
    """

    connect: float = 5.0
    silence: float = 10.0
    total: float = 20.0


class Message(Struct, frozen=True):
    """What is sent. `id` is the same on each attempt; `body` is JSON."""

    id: str
    body: str


class Sender:
    """Sends webhooks over one pool of connections, within one event loop."""

    def __init__(
        self, guard: Guard, *, limits: Limits | None = None, per_host: int = PER_HOST, tls: ssl.SSLContext | None = None
    ) -> None:
        """Make a sender; `tls` is what certificates are held against, the system's authorities if None."""
        self._guard = guard
        self._limits = limits or Limits()
        self._per_host = per_host
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None
        self._gates: dict[tuple[str, int], asyncio.Semaphore] = {}
        self._waiting: Counter[tuple[str, int]] = Counter()

    async def __aenter__(self) -> Self:
        self._session = self._open()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    def has_room(self, to: Destination) -> bool:
        """Tell whether a message to this host would be sent at once, not wait for one that is under way."""
        return self._waiting[to.host, to.port] < self._per_host

    async def deliver(self, to: Destination, message: Message, *, secrets: Sequence[str]) -> Attempt:
        """Send a message once and return how that went; nothing is raised, whatever the target does.

        Args:
            secrets: What to sign with: the secret, and during a rotation the one before it too.
        """
        async with self._turn(to):
            began = time.monotonic()
            try:
                status, asked = await self._post(to, message, secrets)
            except Exception as error:  # the driver raises whatever it stumbles over
                return Attempt(0, time.monotonic() - began, problem=_in_words(error))
            latency = time.monotonic() - began
        if 200 <= status < 300:
            return Attempt(status, latency)
        return Attempt(status, latency, retry_after(asked, now=now()), _refusal(status))

    @asynccontextmanager
    async def _turn(self, to: Destination) -> AsyncIterator[None]:
        """Wait until the host has room; what is kept of a host goes with its last message."""
        place = (to.host, to.port)
        gate = self._gates.setdefault(place, asyncio.Semaphore(self._per_host))
        self._waiting[place] += 1
        try:
            async with gate:
                yield
        finally:
            self._waiting[place] -= 1
            if not self._waiting[place]:
                del self._waiting[place], self._gates[place]

    async def _post(self, to: Destination, message: Message, secrets: Sequence[str]) -> tuple[int, str | None]:
        """Return the answer's status and its `Retry-After`."""
        if self._session is None:
            raise RuntimeError("the sender is not open")
        headers = signed(message, secrets) | {"content-type": "application/json"}
        async with asyncio.timeout(self._limits.total):
            answer = await self._session.post(
                URL(to.url, encoded=True), data=message.body.encode(), headers=headers, allow_redirects=False
            )
        try:
            await _drain(answer)
            return answer.status, answer.headers.get("retry-after")
        finally:
            answer.close() if not answer.content.at_eof() else answer.release()

    def _open(self) -> aiohttp.ClientSession:
        limits = self._limits
        connector = aiohttp.TCPConnector(
            resolver=_Resolver(self._guard),
            use_dns_cache=False,
            limit=0,
            ssl=self._tls or True,
            socket_factory=self._socket,
            keepalive_timeout=15.0,
        )
        return aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=limits.connect, sock_read=limits.silence),
            headers={"user-agent": USER_AGENT, "accept": "*/*", "accept-encoding": "identity"},
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            max_line_size=_LONGEST_LINE,
            max_field_size=_LONGEST_LINE,
            max_headers=_MOST_HEADERS,
            read_bufsize=MOST_ANSWER_BYTES,
        )

    def _socket(self, place: Any) -> socket.socket:  # Any: what getaddrinfo gives, which aiohttp leaves untyped
        """Make the socket of a connection to an address: the last look, which an address without a name has only here."""
        family, kind, protocol, _, address = place
        problem = self._guard.problem(str(address[0]), int(address[1]))
        if problem is not None:
            raise TargetRefused(f"No message goes there: {problem}.")
        made = socket.socket(family, kind, protocol)
        made.setblocking(False)
        return made


class _Resolver(AbstractResolver):
    """Resolves names by the guard."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    @override
    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in await self._guard.resolve(host, port)
        ]

    @override
    async def close(self) -> None:
        pass


def signed(message: Message, secrets: Sequence[str]) -> dict[str, str]:
    """Return the headers of a message that is sent now: its id, the time, and a signature by each secret."""
    moment = now()
    signatures = [Webhook(secret).sign(msg_id=message.id, timestamp=moment, data=message.body) for secret in secrets]
    return {
        "webhook-id": message.id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


async def _drain(answer: aiohttp.ClientResponse) -> None:
    """Read a short body, so that the connection can be used again; leave a long or slow one."""
    left = MOST_ANSWER_BYTES
    try:
        async with asyncio.timeout(_DRAIN):
            while left > 0 and (piece := await answer.content.read(left)):
                left -= len(piece)
    except (TimeoutError, aiohttp.ClientError, OSError):
        answer.close()


def _refusal(status: int) -> str:
    if 300 <= status < 400:
        return f"The target answered {status}, a redirection, which is not followed; name the address that it leads to"
    return f"The target answered {status}"


def _in_words(error: Exception) -> str:
    """Return what kept a message from arriving; an error's own text is shown only where it holds nothing of the target's."""
    match error:
        case TargetRefused():
            return str(error)
        case aiohttp.ClientConnectorDNSError() | socket.gaierror():
            return "The target's name has no address, or none was found in time"
        case aiohttp.ClientConnectorCertificateError():
            return f"The target's certificate does not hold: {one_line(str(error.certificate_error))}"
        case aiohttp.ClientConnectorSSLError() | ssl.SSLError():
            return f"No TLS connection: {one_line(str(error))}"
        case TimeoutError():
            return "The target did not answer in time"
        case aiohttp.ClientConnectorError():
            return f"No connection: {one_line(error.strerror or str(error.os_error))}"
        case aiohttp.ClientConnectionError() | OSError():
            return "The target broke the connection off before it answered"
        case aiohttp.ClientError():
            return "The target's answer is no HTTP"
    return f"The attempt failed: {type(error).__name__}"
