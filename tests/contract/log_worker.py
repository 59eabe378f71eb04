"""Another process that uses a log: one that can be killed. `Worker` starts it; `main` is what runs in it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Self

from dateline.log import open_log
from dateline.log.base import Log, NewRecord

PATIENCE = 90.0
"""Seconds until a worker that hangs is killed, and what waits for it fails. A backend may need 45 to miss a dead member."""


class Worker:
    """A process that runs one of the commands below and says a line whenever it has done something."""

    def __init__(self, command: str, log: Log, topic: str, *arguments: object) -> None:
        words = [command, log.url, topic, *map(str, arguments)]
        self._process = subprocess.Popen([sys.executable, __file__, *words], stdout=subprocess.PIPE, text=True)
        self._watchdog = threading.Timer(PATIENCE, self._process.kill)
        self._watchdog.start()

    def line(self) -> str:
        """Wait for the next line; it is empty once the worker is gone."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def kill(self) -> Sequence[str]:
        """Kill it with -9 and return what it had said and nobody had read."""
        self._process.kill()
        return self.rest()

    def rest(self) -> Sequence[str]:
        """Wait for its end and return what it had said and nobody had read."""
        return self._process.communicate()[0].splitlines()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._watchdog.cancel()
        self._process.kill()
        with self._process:
            pass


def batch(name: str, number: int, *, size: int = 20) -> Sequence[NewRecord]:
    """Return the batch that the worker `name` appends as its `number`th: three keys, each value unlike any other."""
    return [
        NewRecord(f"{name}-{place % 3}".encode(), f"{name} {number} {place} ".encode() + b"." * 500, (("name", name.encode()),))
        for place in range(size)
    ]


def append_and_die(log: Log, topic: str, name: str) -> None:
    log.append(topic, batch(name, 0))
    os.write(1, b"appended\n")
    os.kill(os.getpid(), signal.SIGKILL)


def append_batches(log: Log, topic: str, name: str, count: str) -> None:
    for number in range(int(count)):
        log.append(topic, batch(name, number))
        os.write(1, f"{number}\n".encode())


def tail(log: Log, topic: str, group: str, count: str) -> None:
    """Read `count` records as they come, then say the keys and values in the order seen."""
    seen: list[tuple[str, str]] = []
    sought: set[int] = set()
    with log.join(topic, group=group) as member:
        while len(seen) < int(count):
            for partition in member.assignment() - sought:
                member.seek(partition, log.begin_offsets(topic)[partition])
                sought.add(partition)
            for got in member.poll(timeout=1.0):
                seen += [((record.key or b"").decode(), (record.value or b"").decode()) for record in got.records]
    os.write(1, json.dumps(seen).encode() + b"\n")


def hold(log: Log, topic: str, group: str) -> None:
    """Hold the group's partitions until killed."""
    with log.join(topic, group=group) as member:
        while not member.assignment():
            member.poll(timeout=1.0)
        os.write(1, b"holding\n")
        while True:
            member.poll(timeout=1.0)


COMMANDS: Mapping[str, Callable[..., None]] = {
    "append-and-die": append_and_die,
    "append-batches": append_batches,
    "tail": tail,
    "hold": hold,
}


def main(command: str, url: str, topic: str, *arguments: str) -> None:
    with open_log(url) as log:
        COMMANDS[command](log, topic, *arguments)


if __name__ == "__main__":
    main(*sys.argv[1:])
