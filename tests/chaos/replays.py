"""Replays killed with -9, and Redis killed under them, while desks publish: readers have the old generation or the new one."""

from __future__ import annotations

import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from consumers.timeline.generations import TimelineGenerations
from consumers.timeline.reader import TimelineReader
from dateline.errors import StoreUnavailable
from dateline.redis_store import Store
from schemas.topics import EVENTS_TOPIC
from tests.chaos.desks import STORIES
from tests.chaos.kills import kafka_newsroom
from tests.chaos.mortal_redis import MortalRedis, mortal_redis
from tests.chaos.newsroom import Newsroom
from tests.chaos.scenario import Durations, Scenario
from tests.integration.cli import DATELINE

_DESKS, _PAUSE = 6, 0.02
"""200 events a second and more, as far as the log takes them."""

_LONGEST = 120.0
_CHECK_EVERY = 10


class Readers:
    """Threads that read straight from Redis, as fast as they can; that it cannot be reached is no fault where it was killed.

    Attributes:
        reads: How many reads were answered.
        unanswered: How many were not.
    """

    def __init__(self, url: str, *, partitions: int, threads: int = 2) -> None:
        self.reads = self.unanswered = 0
        self._url, self._partitions = url, partitions
        self._stopped = threading.Event()
        self._failed: list[BaseException] = []
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(threads)]

    def raise_failure(self) -> None:
        if self._failed:
            raise self._failed[0]

    def _run(self, number: int) -> None:
        store = Store(self._url)
        try:
            self._read_on(TimelineReader(store, partitions=self._partitions), number)
        except BaseException as error:
            self._failed.append(error)
        finally:
            store.close()

    def _read_on(self, reader: TimelineReader, number: int) -> None:
        seen: Counter[str] = Counter()
        while not self._stopped.is_set():
            number = (number + 7) % STORIES
            story = f"story-{number}"
            try:
                seen[story] = _read(reader, story, at_least=seen[story])
                self.reads += 2
            except StoreUnavailable:
                self.unanswered += 1
                seen.clear()  # a Redis that was killed may have lost its last second
                self._stopped.wait(0.01)

    def __enter__(self) -> Readers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()


def _read(reader: TimelineReader, story: str, *, at_least: int) -> int:
    """Read a page and the changes of a story, see that neither goes back or has a hole, and return the last seq."""
    page = reader.page(story)
    found = reader.changes(story)
    if page is None and at_least == 0:
        return 0
    assert page is not None, f"{story} is gone"
    assert found is not None, f"the changes of {story} are gone"
    kept, changes = found
    assert at_least <= page.seq <= kept.seq, f"{story} went back: {at_least}, then {page.seq}, then {kept.seq}"
    after = 0
    for one in changes:
        assert one.change.after == after, f"{story}: change {one.change.seq} follows {one.change.after}, not {after}"
        after = one.change.seq
    return kept.seq


def kill_replays(room: Newsroom, redis_url: str, *, times: int) -> str:
    """Kill replays at random moments, from their start to their end; then let one come to its end."""
    finished = between = 0
    took = _first(room)
    with room.publishing(desks=_DESKS, pause=_PAUSE) as desks, _reading(room, redis_url) as readers, room.consumer():
        for kill in range(1, times + 1):
            with _replay(room) as replay:
                _wait_for_the_moment(room, replay, took)
                finished += replay.poll() is not None
            between += len(_live(room)) > 1
            readers.raise_failure()
            if kill % _CHECK_EVERY == 0:
                room.check(f"after kill {kill} of a replay")
        seconds = _finish(room)
        readers.raise_failure()
        room.check("after the last replay")
        said, reads = desks.said, readers.reads
        assert not readers.unanswered
    ended = f"{finished} were done before they were killed, {between} died between two flips; the last took {seconds:.1f} s"
    return f"{ended}; {said:,} events; {reads:,} reads"


def kill_redis_under_replays(room: Newsroom, server: MortalRedis, *, times: int) -> str:
    """Kill Redis while a generation is built, compared or flipped; with its AOF it comes back with the one or the other."""
    finished = between = 0
    took = _first(room)
    again: list[float] = []
    with (
        room.consumer() as consumer,
        room.publishing(desks=_DESKS, pause=_PAUSE) as desks,
        _reading(room, server.url) as readers,
    ):
        for kill in range(1, times + 1):
            with _replay(room) as replay:
                _wait_for_the_moment(room, replay, took)
                finished += replay.poll() is not None
                server.kill()
                server.start()
                replay.wait(_LONGEST)
            between += len(_live(room)) > 1
            readers.raise_failure()
            again.append(_finish(room))
            assert consumer.runs, f"after kill {kill} of Redis the consumer has ended: {consumer.said[-3:]} (seed {room.seed})"
            room.check(f"after kill {kill} of Redis")
        readers.raise_failure()
        said, reads, unanswered = desks.said, readers.reads, readers.unanswered
    gone_on = Durations("replayed again", again)
    ended = f"{finished} came after the flip, {between} between two flips"
    return f"{ended}; {gone_on}; {said:,} events; {reads:,} reads, {unanswered:,} unanswered"


def _first(room: Newsroom) -> float:
    """Fill the log, let a consumer build the first generation, and return the seconds that a replay takes."""
    with room.publishing(desks=8, pause=0.0) as desks, room.consumer():
        room.wait(lambda: desks.said > 3000, "the first coverage")
        room.check("before the first replay")
    with room.consumer():
        return _finish(room)


def _finish(room: Newsroom) -> float:
    """Run a replay to its end, see that it has replaced all of the live generation, and return the seconds it took."""
    start = time.monotonic()
    command = [str(DATELINE), "replay", "timeline"]
    done = subprocess.run(command, env=room.environment, capture_output=True, text=True, timeout=_LONGEST, check=False)
    assert done.returncode == 0, f"a replay ended with {done.returncode}: {done.stderr} (seed {room.seed})"
    assert "otherwise now" not in done.stdout, f"{done.stdout} (seed {room.seed})"
    took = time.monotonic() - start
    assert not _generations(room).standing("shadow"), f"there is a generation that is being built (seed {room.seed})"
    assert len(_live(room)) == 1, f"{_live(room)} are live (seed {room.seed})"
    return took


def _wait_for_the_moment(room: Newsroom, replay: subprocess.Popen[bytes], took: float) -> None:
    """Wait for a random moment of a replay, or for its first flip, which is over too soon to be hit by chance."""
    if room.dice.random() < 0.6:
        time.sleep(room.dice.uniform(0.0, 2.0 * took))
        return
    before = _live(room)
    room.wait(lambda: replay.poll() is not None or _live(room) != before, "the first flip")


def _live(room: Newsroom) -> set[str]:
    """Return the names of the generations that readers have, one unless it is flipped just now."""
    return {one.name for one in _generations(room).standing("live").values()}


def _generations(room: Newsroom) -> TimelineGenerations:
    return TimelineGenerations(room.store, partitions=room.log.partitions(EVENTS_TOPIC))


@contextmanager
def _replay(room: Newsroom) -> Iterator[subprocess.Popen[bytes]]:
    """Run a replay; it is killed at the end of the block if it still runs."""
    quiet = subprocess.DEVNULL
    command = [str(DATELINE), "replay", "timeline"]
    with subprocess.Popen(command, env=room.environment, stdout=quiet, stderr=quiet) as replay:
        try:
            yield replay
        finally:
            replay.kill()


@contextmanager
def _reading(room: Newsroom, url: str) -> Iterator[Readers]:
    with Readers(url, partitions=room.log.partitions(EVENTS_TOPIC)) as readers:
        yield readers
    readers.raise_failure()


def _on_sqlite(folder: Path, times: int, seed: int) -> str:
    with mortal_redis(folder / "redis") as server, Newsroom(folder, f"sqlite:///{folder}/log.db", server.url, seed) as room:
        return kill_replays(room, server.url, times=times)


def _on_kafka(folder: Path, times: int, seed: int) -> str:
    with mortal_redis(folder / "redis") as server, kafka_newsroom(folder, seed=seed, redis_url=server.url) as room:
        return kill_replays(room, server.url, times=times)


def _with_redis(folder: Path, times: int, seed: int) -> str:
    with mortal_redis(folder / "redis") as server, Newsroom(folder, f"sqlite:///{folder}/log.db", server.url, seed) as room:
        return kill_redis_under_replays(room, server, times=times)


def _with_redis_on_kafka(folder: Path, times: int, seed: int) -> str:
    with mortal_redis(folder / "redis") as server, kafka_newsroom(folder, seed=seed, redis_url=server.url) as room:
        return kill_redis_under_replays(room, server, times=times)


SCENARIOS = (
    Scenario("replay-kills", "kill -9 of a replay, the log in a file", _on_sqlite, 50, 10.0),
    Scenario("replay-kafka", "kill -9 of a replay, the log in Kafka", _on_kafka, 50, 20.0),
    Scenario("replay-redis", "kill -9 of Redis while a generation is built, compared or flipped", _with_redis, 10, 40.0),
    Scenario("replay-redis-kafka", "the same, the log in Kafka", _with_redis_on_kafka, 10, 60.0),
)
