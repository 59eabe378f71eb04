"""A redis-server that keeps its data by AOF, is killed with -9, and comes back with all of it, with less, or with nothing."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from tests.support.kafka_servers import free_ports
from tests.support.servers import eventually, redis_program

_SETTINGS = {"save": "", "appendonly": "yes", "appendfsync": "everysec", "auto-aof-rewrite-percentage": "0", "bind": "127.0.0.1"}


class MortalRedis:
    """One redis-server on one port, whatever happens to it. Use `mortal_redis`."""

    def __init__(self, folder: Path, port: int) -> None:
        self.url = f"redis://127.0.0.1:{port}"
        self.port = port
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it has loaded what there is."""
        self._folder.mkdir(parents=True, exist_ok=True)
        settings = {**_SETTINGS, "port": str(self.port), "dir": str(self._folder)}
        command = [redis_program(), *(part for name, value in settings.items() for part in (f"--{name}", value))]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with redis.Redis(port=self.port) as client:
            eventually(lambda: self._has_loaded(client), what="redis-server")

    def kill(self) -> None:
        """End it as kill -9 does, if it runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    @property
    def written_bytes(self) -> int:
        """How far the AOF goes."""
        return self._aof().stat().st_size

    def cut(self, size_bytes: int) -> None:
        """Lose what the AOF holds past so many bytes, as a machine that fails does. It does not run."""
        with self._aof().open("r+b") as file:
            file.truncate(size_bytes)

    def lose_everything(self) -> None:
        """Lose all data. It does not run."""
        shutil.rmtree(self._folder)

    def _aof(self) -> Path:
        """Return the file that grows: since Redis 7 one of several in a folder."""
        several = sorted(self._folder.glob("appendonlydir/*.incr.aof"))
        return several[-1] if several else self._folder / "appendonly.aof"

    def _has_loaded(self, client: redis.Redis) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"redis-server ended with {self._process.returncode}"
        try:
            return bool(client.ping())
        except (redis.exceptions.ConnectionError, redis.exceptions.BusyLoadingError):
            return False


@contextmanager
def mortal_redis(folder: Path) -> Iterator[MortalRedis]:
    """Run a redis-server on a port that it keeps."""
    server = MortalRedis(folder, free_ports(1)[0])
    try:
        server.start()
        yield server
    finally:
        server.kill()
