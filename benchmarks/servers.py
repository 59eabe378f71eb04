"""Servers to be measured, each in processes of its own: `dateline serve` as a user starts it, and a bare uvicorn beside it.

What they use is read from `/proc`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"
_SAID = "Dateline serves http://"
_WARNED = "dateline: warning"
_PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Server:
    """One that answers.

    Attributes:
        pid: Of the process that does.
        input: What is written there, line by line, tells a bare server to emit an event.
    """

    port: int
    pid: int
    input: int = -1

    @property
    def cpu_seconds(self) -> float:
        """How long its process has been at work, for itself and in the system."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def size_bytes(self) -> int:
        """What its process holds of the machine's memory."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def dateline_serve(folder: Path, environment: Mapping[str, str] = {}) -> Iterator[Server]:
    """Run `dateline serve` over a data folder: on the embedded default with its consumers, else as `environment` says."""
    command = [sys.executable, "-m", "dateline", "--data", str(folder), "serve", "--port", "0"]
    with _ended(subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment})) as process:
        assert process.stderr is not None
        said = next((line for line in process.stderr if _SAID in line or _WARNED in line), "")
        port = said.partition(_SAID)[2].partition("/")[0].rpartition(":")[2]
        if not port:
            raise SystemExit(f"dateline serve did not start: {said.strip()}")
        yield Server(int(port), _worker_of(process.pid))


@contextmanager
def dateline_consume(folder: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """Run `dateline consume` for a server that does not."""
    command = [sys.executable, "-m", "dateline", "--data", str(folder), "consume"]
    with _ended(subprocess.Popen(command, stderr=subprocess.DEVNULL, env={**os.environ, **environment})):
        yield


@contextmanager
def bare(*arguments: object) -> Iterator[Server]:
    """Run `python -m benchmarks.bare`."""
    command = [sys.executable, "-m", "benchmarks.bare", *map(str, arguments)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield Server(int(process.stdout.readline()), process.pid, process.stdin.fileno())
        finally:
            process.kill()  # it would wait for open streams


@contextmanager
def _ended(process: subprocess.Popen[str] | subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[str]]:
    with process:
        try:
            yield process  # type: ignore[misc]  # who reads from it has asked for text
        finally:
            process.terminate()
            try:
                process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()


def _worker_of(parent: int) -> int:
    """Return the process that answers for a `dateline serve`."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        found = [pid for pid in children if b"dateline.serving.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        if found:
            return int(found[0])
        time.sleep(0.01)
    raise SystemExit("dateline serve has no worker")
