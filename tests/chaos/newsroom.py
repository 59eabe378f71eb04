"""A newsroom to be ill-treated: a log, Redis, desks that never stop, and consumers in processes of their own."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

from consumers.timeline.audit import Auditor
from consumers.timeline.reader import TimelineReader
from dateline.errors import DatelineError
from dateline.log import open_log
from dateline.log.kafka_address import parse_address
from dateline.log.kafka_topics import create_topics
from dateline.private_redis import PrivateRedis
from dateline.redis_store import Store
from dateline.settings import Credentials
from schemas.codec import committed_codec
from schemas.topics import EVENTS_TOPIC
from tests.chaos import laws
from tests.chaos.desks import Desks, Ledger
from tests.integration.cli import DATELINE

PATIENCE = 60.0
"""Seconds within which a consumer has to come to the log's end."""

_STEP = 0.002


class Newsroom:
    """One log and one timeline; the context manager lets go of both.

    Attributes:
        environment: What a `dateline` process needs to know.
        dice: The run's own, from the seed.
        ledger: What desks were told, by all that published here.
    """

    def __init__(self, folder: Path, log_url: str, redis_url: str | None, seed: int) -> None:
        """Open the newsroom; the log's topics are there.

        Args:
            folder: Its data folder.
            redis_url: None for the private redis-server of `folder`.
        """
        self.seed = seed
        self.dice = random.Random(seed)
        self.ledger = Ledger()
        self._open = ExitStack()
        outside = {name: value for name, value in os.environ.items() if not name.startswith("DATELINE_")}
        self.environment = {**outside, "DATELINE_DATA": str(folder), "DATELINE_LOG": log_url}
        if log_url.startswith("kafka:"):
            # A short path: sockets lie there too. Names that other runs left on this machine are none of ours.
            self.environment["TMPDIR"] = self._open.enter_context(TemporaryDirectory(prefix="dl-"))
        if redis_url is None:
            private = PrivateRedis(folder)
            self._open.callback(private.wait_gone)
            redis_url = self._open.enter_context(private).url
        else:
            self.environment["DATELINE_REDIS"] = redis_url
        self.log_url = log_url
        self.log = self._open.enter_context(open_log(log_url))
        self.store = Store(redis_url)
        self._open.callback(self.store.close)
        self.reader = TimelineReader(self.store, partitions=self.log.partitions(EVENTS_TOPIC))
        self._auditor = Auditor(self.log, self.store, topic=EVENTS_TOPIC, codec=committed_codec())
        self._tally = laws.Tally(self.log)
        self._desks: Desks | None = None
        self._named = 0

    @contextmanager
    def consumer(self, *, tmp: Path | None = None, redis_url: str | None = None) -> Iterator[Consumer]:
        """Run `dateline consume timeline` as a process, and kill it at the end if it still runs.

        Args:
            tmp: A temp folder of its own, which stands for another machine: the names of members are not shared with it.
            redis_url: Another way to the same Redis.
        """
        own: dict[str, str] = {}
        if tmp is not None:
            tmp.mkdir(parents=True, exist_ok=True)
            own |= {"TMPDIR": str(tmp), "DATELINE_DATA": str(tmp / "data")}
        if redis_url is not None:
            own["DATELINE_REDIS"] = redis_url
        consumer = Consumer({**self.environment, **own})
        try:
            yield consumer
        finally:
            consumer.kill()

    @contextmanager
    def publishing(self, *, desks: int = 2, pause: float = 0.02) -> Iterator[Desks]:
        """Publish in the background, until the end of the block.

        Args:
            desks: How many publish at once.
            pause: Seconds between two acts of one desk, on average.
        """
        assert self._desks is None, "desks publish already"
        names = [f"desk-{self._named + number}" for number in range(1, desks + 1)]
        seed = self.seed * 1000 + self._named
        self._named += desks
        self._desks = publishing = Desks(self.log_url, self.ledger, names=names, seed=seed, pause=pause)
        try:
            yield publishing
        finally:
            self._desks = None
            publishing.stop()
        publishing.raise_failure()

    def check(self, when: str, *, within: float = PATIENCE) -> int:
        """See that every law holds once the view has come to the log's end; desks are quiet so long. A consumer has to run.

        Args:
            when: After what, for the message.

        Returns:
            How many records the log holds.
        """
        with self._desks.quiet() if self._desks is not None else ExitStack(), self._told(when):
            ends = self.ends()
            self.wait(lambda: self._has_passed(ends), f"the view's way to the log's end, {ends}", within=within)
            self._tally.read_to(ends)
            laws.nothing_is_lost(self._tally, self.ledger)
            laws.order_is_kept(self._tally, self.ledger)
            laws.all_have_a_verdict(self.reader, self.ledger)
            laws.seq_has_no_hole(self.reader, self._tally)
            laws.no_update_stands_twice(self.reader)
            self._audit()
            return sum(self._tally.stories.values())

    def compare(self, when: str) -> None:
        """See that the view is what the log says up to the view's cursor, wherever that stands."""
        with self._told(when):
            self._audit()

    def cursor(self) -> dict[int, int]:
        """Return the view's offset in each partition that it has begun."""
        return {position.partition: position.offset for position in self.reader.positions()}

    def ends(self) -> dict[int, int]:
        """Return where each partition of the log ends."""
        return dict(self.log.end_offsets(EVENTS_TOPIC))

    def wait(self, condition: Callable[[], bool], what: str, *, within: float = PATIENCE) -> float:
        """Wait until `condition()` holds; a store or log that cannot be reached is waited for too.

        Returns:
            The seconds that it took.
        """
        start = time.monotonic()
        problem: DatelineError | None = None
        while time.monotonic() - start < within:
            try:
                if condition():
                    return time.monotonic() - start
                problem = None
            except DatelineError as error:
                if not error.retriable:
                    raise
                problem = error
            time.sleep(_STEP)
        because = f" ({problem})" if problem else ""
        raise AssertionError(f"{what}: not within {within:g} s{because}; the view stands at {self._seen()} (seed {self.seed})")

    def _has_passed(self, ends: Mapping[int, int]) -> bool:
        found = self.cursor()
        return all(found.get(partition, 0) >= end for partition, end in ends.items())

    def _seen(self) -> object:
        try:
            return self.cursor()
        except DatelineError as error:
            return error

    def _audit(self) -> None:
        found = self._auditor.audit()
        assert not found.differences, f"{len(found.differences)} differences: {found.differences[:5]}"

    @contextmanager
    def _told(self, when: str) -> Iterator[None]:
        try:
            yield
        except AssertionError as error:
            raise AssertionError(f"{when} (seed {self.seed}): {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._open.close()


class Consumer:
    """A `dateline consume` of one view that runs.

    Attributes:
        started: When it was started, on `time.monotonic()`'s clock, as all times here.
        claims: When it last claimed each partition.
        said: What it said, line by line.
    """

    def __init__(self, environment: Mapping[str, str], view: str = "timeline") -> None:
        self.started = time.monotonic()
        self.claims: dict[int, float] = {}
        self.said: list[dict[str, Any]] = []  # Any: whatever JSON holds
        self.process = subprocess.Popen([DATELINE, "consume", view], env=environment, stderr=subprocess.PIPE, text=True)
        self._listening = threading.Thread(target=self._listen, daemon=True)
        self._listening.start()

    @property
    def runs(self) -> bool:
        return self.process.poll() is None

    def kill(self) -> None:
        """End it as kill -9 does, if it still runs."""
        self.process.kill()
        self._reap()

    def stop(self, *, within: float = 20.0) -> None:
        """Ask it to end, as SIGTERM does, and wait until it has; one that was only starting ends by the signal."""
        self.process.terminate()
        code = self.process.wait(within)
        self._reap()
        assert code in (0, -signal.SIGTERM), f"told to stop, a consumer ended with {code}"

    def pause(self) -> None:
        """Stop it in its tracks, with all its threads."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def has_said(self, event: str) -> bool:
        """Whether it said that `event` happened."""
        return any(line.get("event") == event for line in tuple(self.said))

    def _reap(self) -> None:
        self.process.wait()
        self._listening.join()

    def _listen(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as lines:
            for line in lines:
                said: dict[str, Any] = json.loads(line) if line.startswith("{") else {"event": line.rstrip()}
                self.said.append(said)
                if said["event"] == "claimed":
                    self.claims[said["partition"]] = time.monotonic()


def make_topics(log_url: str, *, partitions: int = 4, replication: int = 1) -> None:
    """Make the topic of the events on brokers that do not have it."""
    address = parse_address(log_url, Credentials())
    create_topics(address, alike=[EVENTS_TOPIC], single=[], partitions=partitions, replication=replication)
