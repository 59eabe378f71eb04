"""Two consumer processes beside one: `python -m benchmarks.scale URL TOPIC REDIS` is one of them, a member of the view's group.

Each prints what it holds whenever that changes, and claims nothing before a line comes in: so the clock starts when the group has
settled, and stops when the view has come to the end of the log.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

from typing_extensions import override

from benchmarks.harness import QUICK, Row, compare
from benchmarks.kafka import topic_at
from benchmarks.work import empty_redis, fill, runner_of
from consumers.timeline.reader import TimelineReader
from consumers.timeline.view import TimelineView
from dateline.log import open_log
from dateline.log.base import Batch, Member
from dateline.log.kafka import KafkaLog
from dateline.log.kafka_address import parse_address
from dateline.redis_store import Store
from dateline.settings import Credentials

EVENTS = 40_000 if QUICK else 150_000
PARTITIONS = 8
PATIENCE = 300.0


def rows(url: str) -> list[Row]:
    with topic_at(url, partitions=PARTITIONS) as topic, open_log(url) as log:
        fill(log, EVENTS, stories=1000, topic=topic)
        return [
            compare(
                f"Kafka → Redis, two processes, {os.cpu_count()} cores",
                "events/s",
                ours=lambda: _rate(url, topic, processes=2),
                peer=lambda: _rate(url, topic, processes=1),
                peer_name="one process",
                goal=">= 1.7 where cores allow",
            )
        ]


def _rate(url: str, topic: str, *, processes: int) -> float:
    """Return how many events a second so many processes bring into an empty Redis, each with its share of the partitions."""
    with empty_redis() as redis, ExitStack() as stack:
        consumers = [stack.enter_context(_Consumer(url, topic, redis)) for _ in range(processes)]
        share = PARTITIONS // processes
        _wait_until(lambda: all(len(one.holds) == share for one in consumers), pause=0.05)
        store = Store(redis)
        reader = TimelineReader(store, partitions=PARTITIONS)
        start = time.perf_counter()
        for one in consumers:
            one.go()
        _wait_until(lambda: sum(position.offset for position in reader.positions()) == EVENTS, pause=0.05)
        seconds = time.perf_counter() - start
        store.close()
    return EVENTS / seconds


def _wait_until(condition: Callable[[], bool], *, pause: float) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"not done in {PATIENCE:.0f} s")
        time.sleep(pause)


class _Consumer:
    """A consumer process, seen from outside.

    Attributes:
        holds: The partitions that it last said it holds.
    """

    def __init__(self, url: str, topic: str, redis: str) -> None:
        command = [sys.executable, "-m", "benchmarks.scale", url, topic, redis]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.holds: Sequence[int] = ()
        self._listener = threading.Thread(target=self._listen)

    def go(self) -> None:
        """Let it read what it holds."""
        assert self._process.stdin
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def _listen(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self.holds = json.loads(line)

    def __enter__(self) -> _Consumer:
        self._listener.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End it: it stops where its input does."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(30)
        self._listener.join()
        assert self._process.stdout
        self._process.stdout.close()


class _HeldBack(Member):
    """A member that tells nobody but its standard output what it holds until it `may` be read."""

    def __init__(self, member: Member, may: threading.Event) -> None:
        self._member = member
        self._may = may

    @override
    def assignment(self) -> frozenset[int]:
        return self._member.assignment() if self._may.is_set() else frozenset()

    @override
    def seek(self, partition: int, offset: int) -> None:
        self._member.seek(partition, offset)

    @override
    def poll(self, *, limit: int = 500, timeout: float = 0.0) -> Sequence[Batch]:
        before = self._member.assignment()
        batches = self._member.poll(limit=limit, timeout=timeout)
        if self._member.assignment() != before:
            print(json.dumps(sorted(self._member.assignment())), flush=True)
        return batches

    @override
    def hint(self, offsets: Mapping[int, int]) -> None:
        self._member.hint(offsets)

    @override
    def close(self) -> None:
        self._member.close()


class _HeldBackLog(KafkaLog):
    def __init__(self, url: str, may: threading.Event) -> None:
        super().__init__(parse_address(url, Credentials()))
        self._may = may

    @override
    def join(self, topic: str, *, group: str) -> Member:
        return _HeldBack(super().join(topic, group=group), self._may)


@contextmanager
def _told_by_input() -> Iterator[tuple[threading.Event, threading.Event]]:
    """Yield what is set by the first line of the standard input, and by its end."""
    go, stop = threading.Event(), threading.Event()

    def listen() -> None:
        for _ in sys.stdin:
            go.set()
        stop.set()

    listener = threading.Thread(target=listen)
    listener.start()
    yield go, stop
    listener.join()


def main(url: str, topic: str, redis: str) -> None:
    gc.set_threshold(200_000, 20, 100)
    with _told_by_input() as (go, stop), _HeldBackLog(url, go) as log:
        store = Store(redis)
        runner = runner_of(log, TimelineView(store), topic=topic)
        runner.run(stopped=stop.is_set, timeout=0.05)
        runner.close()
        store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
