"""The guard: where messages may go. Nobody who names a target gets this machine to knock at doors inside its own network.

A target is looked at when it is named (`destination`), and each connection once more where its name has been resolved
(`resolve`), since a name may mean another address by then. The connection goes to an address that was looked at.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit

from consumers.notifications.addresses import Address, is_loopback, is_public, literal
from dateline.errors import Refused
from schemas.names import shortened
from schemas.subscriptions import LONGEST_TARGET

PORTS: Final = (443, 8443)
LOCALHOST: Final = "localhost"

_LONGEST_HOST = 253
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_INSIDE = frozenset({"localhost", "local", "internal", "localdomain", "intranet", "lan", "home", "corp", "onion", "arpa"})
_RESOLVERS = 64
_RESOLVE_TIMEOUT = 5.0

Lookup = Callable[[str, int], Sequence[str]]
"""Returns the addresses of a host, as texts; raises `OSError` where it has none."""


class TargetRefused(Refused):
    """A message may not go there."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a webhook goes.

    Attributes:
        url: In one form: what is asked for.
        host: A name in ASCII small letters without a dot at its end, or a plain address without brackets.
        address: The address that `host` is, None where it is a name.
    """

    url: str
    scheme: str
    host: str
    port: int
    address: Address | None


class Guard:
    """Says where messages may go. Safe for use by several threads; `resolve` belongs to a running loop.

    Attributes:
        notice: What to tell the operator once, None where nothing is out of the ordinary.
    """

    def __init__(self, *, allow_loopback: bool = False, lookup: Lookup | None = None) -> None:
        """Make a guard.

        Args:
            allow_loopback: Let messages go to this machine too, by http or https and to any port, for development.
            lookup: Resolves names; the system's resolver if None.
        """
        self._allow_loopback = allow_loopback
        self._lookup = lookup or _look_up
        self._pool = ThreadPoolExecutor(_RESOLVERS, thread_name_prefix="resolver")
        self._under_way: dict[tuple[str, int], asyncio.Future[Sequence[str]]] = {}

    @property
    def notice(self) -> str | None:
        if not self._allow_loopback:
            return None
        return "Webhooks may go to this machine (DATELINE_HOOKS_ALLOW_LOOPBACK=1), which is for development only."

    def destination(self, url: str) -> Destination:
        """Return where `url` leads.

        Raises:
            TargetRefused: No message may go there; the text says why and shows no secret that may stand in `url`.
        """
        parts = _split(url)
        host = _normal_host(parts.hostname or "")
        address = literal(host)
        port = _port(parts)
        here = self._allow_loopback and (host == LOCALHOST or (address is not None and is_loopback(address)))
        if not here:
            _refuse_unusual(parts.scheme, host, address, port)
        shown_host = f"[{host}]" if ":" in host else host
        netloc = shown_host if parts.port is None else f"{shown_host}:{port}"
        path = parts.path or "/"
        whole = f"{parts.scheme}://{netloc}{path}" + (f"?{parts.query}" if parts.query else "")
        return Destination(whole, parts.scheme, host, port, address)

    def problem(self, address: str, port: int, *, ports: Sequence[int] | None = PORTS) -> str | None:
        """Return why no connection may be made to an address that a name was resolved to, None where it may.

        Args:
            ports: Those that a public address may be asked at; any if None.
        """
        try:
            found = ip_address(address)
        except ValueError:
            return f"{shortened(address)} is no address"
        if is_loopback(found) and self._allow_loopback:
            return None
        if not is_public(found):
            return f"{found} is not a public address"
        if ports is not None and port not in ports:
            return f"port {port} is not one of {_listed(ports)}"
        return None

    async def resolve(self, host: str, port: int) -> list[str]:
        """Return the addresses of `host`, each of which may be connected to.

        Raises:
            TargetRefused: One of them may not be, so none is used.
            OSError: It has none, or there was no answer in time.
        """
        async with asyncio.timeout(_RESOLVE_TIMEOUT):
            found = await asyncio.shield(self._look_up(host, port))
        if not found:
            raise OSError(f"{host} has no address")
        for address in found:
            problem = self.problem(address, port)
            if problem is None and host == LOCALHOST and not is_loopback(ip_address(address)):
                problem = f"{address} is not this machine"
            if problem is not None:
                raise TargetRefused(f"No message goes to {host}: {problem}.")
        return list(dict.fromkeys(found))

    def _look_up(self, host: str, port: int) -> asyncio.Future[Sequence[str]]:
        """Ask the system, in a thread; a name that it is slow about takes up one thread, whoever asks for it."""
        key = (host, port)
        if key not in self._under_way:
            asked = asyncio.get_running_loop().run_in_executor(self._pool, self._lookup, host, port)
            self._under_way[key] = asked
            asked.add_done_callback(lambda done: (self._under_way.pop(key), done.cancelled() or done.exception()))
        return self._under_way[key]

    def close(self) -> None:
        """Let go of the threads; what they wait for is not waited for."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _look_up(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(place[0]) for _, _, _, _, place in found]


def _split(url: str) -> SplitResult:
    if len(url) > LONGEST_TARGET:
        raise TargetRefused(f"The target has {len(url)} characters; at most {LONGEST_TARGET} are taken.")
    if any(one.isspace() or not one.isprintable() for one in url):
        raise TargetRefused("The target holds a space or a character that cannot be seen. Write it without.")
    if "\\" in url or "#" in url:
        raise TargetRefused("The target holds a \\ or a #, which no webhook's address has. Write it without.")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise TargetRefused("The target is no address. Write one like https://example.org/hook.") from None
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise TargetRefused("The target is no web address. Write one like https://example.org/hook.")
    if "@" in parts.netloc:
        raise TargetRefused("The target holds a name or a password before its host. Messages are signed; leave both out.")
    if not url.isascii() and not (parts.path + parts.query).isascii():
        raise TargetRefused("The target's path holds a character that is not ASCII. Write it percent-encoded.")
    return parts


def _port(parts: SplitResult) -> int:
    port = -1
    with suppress(ValueError):
        port = parts.port if parts.port is not None else {"http": 80, "https": 443}[parts.scheme]
    if not 1 <= port <= 65535 or parts.netloc.endswith(":"):
        raise TargetRefused("The target's port is none. Leave it out, or write one like :8443.")
    return port


def _normal_host(host: str) -> str:
    """Return a host's one form: ASCII, small letters, no dot at the end; refuse what is no host."""
    if "%" in host:
        raise TargetRefused(f"The target's host {shortened(host)} holds a %. Write the plain name.")
    name = host
    if not host.isascii():
        from idna import IDNAError, encode  # rarely needed, and slow to import

        try:
            name = encode(host, uts46=True).decode("ascii")
        except IDNAError:
            raise TargetRefused(f"The target's host {shortened(host)} is no name. Write it as it is registered.") from None
    name = name.lower().removesuffix(".")
    address = literal(name)
    if address is not None:
        return str(address)
    labels = name.split(".")
    if len(name) > _LONGEST_HOST or not all(_LABEL.fullmatch(label) for label in labels):
        raise TargetRefused(f"The target's host {shortened(host)} is no name. Write one like example.org.")
    if _NUMBER.fullmatch(labels[-1]):
        raise TargetRefused(f"The target's host {shortened(host)} spells an address in a way of its own. Write its name.")
    return name


def _refuse_unusual(scheme: str, host: str, address: Address | None, port: int) -> None:
    if address is not None and not is_public(address):
        raise TargetRefused(f"{host} is not a public address, so no message goes there.{_for_development(address)}")
    if address is None and ("." not in host or host.rpartition(".")[2] in _INSIDE):
        raise TargetRefused(f"{host} is no public name, so no message goes there. Write one like example.org.")
    if scheme != "https":
        raise TargetRefused("Messages go by https only. Write the target with https://.")
    if port not in PORTS:
        raise TargetRefused(f"Messages go to the ports {_listed(PORTS)} only, not to {port}.")


def _for_development(address: Address) -> str:
    return " For development, set DATELINE_HOOKS_ALLOW_LOOPBACK=1." if is_loopback(address) else ""


def _listed(ports: Sequence[int]) -> str:
    return " and ".join(map(str, ports))
