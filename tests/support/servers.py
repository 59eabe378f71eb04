"""Real servers for the tests, on free loopback ports, started and stopped here."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

import pytest
import redis

from dateline.private_redis import find_servers

SLOTS = 16384
CLUSTER_BUS = 10_000


def eventually(condition: Callable[[], bool], *, within: float = 20.0, what: str = "the condition") -> None:
    """Wait until `condition()` holds."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come true within {within:g} s"
        time.sleep(0.01)


def redis_program() -> str:
    """Return a redis-server program; without one, skip and say how to get it (in CI a skip is a failure)."""
    programs = find_servers()
    if not programs:
        pytest.skip("no redis-server: apt install redis-server, or brew install redis")
    return programs[0]


@contextmanager
def redis_server(folder: Path, *options: str) -> Iterator[tuple[str, int]]:
    """Run a redis-server on a free port; yield its host and port."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    command = [redis_program(), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", "", *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with redis.Redis(port=port) as client:
            eventually(lambda: _answers(client), what="redis-server")
        yield "127.0.0.1", port
    finally:
        process.kill()
        process.wait()


class OwnRedis:
    """A redis-server that can be killed and started again at the same address, with all that it had been told."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}"
        keeping = ("--dir", str(folder), "--save", "", "--appendonly", "yes", "--appendfsync", "always")
        self._command = [redis_program(), "--port", str(self.port), "--bind", "127.0.0.1", *keeping]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *about: object) -> None:
        if self.is_up:
            self.kill()

    @property
    def is_up(self) -> bool:
        return self._process is not None

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with redis.Redis(port=self.port) as client:
            eventually(lambda: _answers(client), what="redis-server")

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._process = None


@contextmanager
def redis_cluster(folder: Path, *, nodes: int = 3) -> Iterator[str]:
    """Run a Redis Cluster of `nodes` primaries; yield its URL."""
    options = ("--cluster-enabled", "yes", "--cluster-node-timeout", "2000")
    with ExitStack() as stack:
        ports = [stack.enter_context(redis_server(folder / str(n), *options))[1] for n in range(nodes)]
        clients = [stack.enter_context(redis.Redis(port=port)) for port in ports]
        for number, client in enumerate(clients):
            first, past = SLOTS * number // nodes, SLOTS * (number + 1) // nodes
            client.execute_command("CLUSTER", "ADDSLOTS", *range(first, past))
            client.execute_command("CLUSTER", "MEET", "127.0.0.1", ports[0])
        eventually(lambda: all(_is_whole(client, nodes) for client in clients), what="the cluster")
        yield f"redis+cluster://127.0.0.1:{ports[0]}"


def free_port() -> int:
    """Return a port that was free a moment ago, and whose cluster bus is."""
    while True:
        with socket.socket() as one, socket.socket() as bus:
            one.bind(("127.0.0.1", 0))
            port: int = one.getsockname()[1]
            if port + CLUSTER_BUS > 65_535:
                continue
            try:
                bus.bind(("127.0.0.1", port + CLUSTER_BUS))
            except OSError:
                continue
            return port


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.exceptions.ConnectionError:
        return False


def _is_whole(client: Any, nodes: int) -> bool:  # Any: redis-py leaves this command untyped
    info = client.execute_command("CLUSTER", "INFO")
    text = info.decode() if isinstance(info, bytes) else "\n".join(f"{name}:{value}" for name, value in info.items())
    return "cluster_state:ok" in text and f"cluster_known_nodes:{nodes}" in text
