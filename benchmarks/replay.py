"""A replay, each round in a process of its own: `python -m benchmarks.replay WHAT NUMBER… [batch=N]` prints figures as JSON.

build COUNT STORIES      events a second from SQLite into a new generation, and the process's peak memory
kafka COUNT PROCESSES    the same from Kafka, shared by so many processes
live COUNT               what readers see of it: their reads before and meanwhile, and the flip
"""

from __future__ import annotations

import gc
import json
import random
import resource
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory

from benchmarks.harness import QUICK, Row, compare, in_process
from benchmarks.pipeline import ours
from benchmarks.work import fill, filled_log
from dateline.log import open_log
from dateline.log.base import Log
from dateline.redis_store import Store
from dateline.replay import Replay
from schemas.codec import committed_codec
from schemas.topics import EVENTS_TOPIC

EVENTS = 20_000 if QUICK else 200_000
_QUIET = 3.0
"""Seconds of reads before the replay begins."""

_READ_EVERY = 0.002
_STORIES = 1000

Figures = dict[str, float]


def build(count: int, stories: int) -> Figures:
    with filled_log(count, stories=stories) as (log, url), _replaying(log, url) as replay:
        return {"events_per_second": _build(replay, count), "peak_mb": _peak_mb()}


def kafka(count: int, processes: int) -> Figures:
    """Build from a broker of its own; what helps is started before, and waits for the build to begin in every partition."""
    from tests.support.kafka_servers import kafka_broker
    from tests.support.servers import redis_server

    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        log_url = f"kafka://{stack.enter_context(kafka_broker(folder / 'kafka')).address}"
        host, port = stack.enter_context(redis_server(folder / "redis"))
        make_topics(log_url)
        log = stack.enter_context(open_log(log_url))
        fill(log, count, stories=_STORIES)
        redis_url = f"redis://{host}:{port}"
        replay = stack.enter_context(_replaying(log, redis_url))
        replay.begin(check_room=lambda: None)
        helpers = [stack.enter_context(_helper(log_url, redis_url)) for _ in range(processes - 1)]
        for helper in helpers:
            assert helper.stdout is not None
            helper.stdout.readline()  # it has joined
        return {"events_per_second": _build(replay, count), "peak_mb": _peak_mb()}


def live(count: int) -> Figures:
    with filled_log(count, stories=_STORIES) as (log, url), _replaying(log, url) as replay, _reads(log, url) as reader:
        ours(log, url)
        assert reader.stdin is not None
        reader.stdin.write("begin\n")
        reader.stdin.flush()
        time.sleep(_QUIET)
        began = time.time()
        rate = _build(replay, count)
        built = time.time()
        with replay.following() as check:
            replay.compare(check=check)
            compared = time.time()
            replay.flip(home=lambda story: 0, check=check)
        told, _ = reader.communicate("end\n")
    reads: list[tuple[float, float]] = json.loads(told)
    quiet, busy, comparing = (
        [took for at, took in reads if since <= at < until] for since, until in ((0.0, began), (began, built), (built, compared))
    )
    return {
        **{f"quiet_p{percent}_ms": _percentile(quiet, percent) for percent in (50, 99)},
        **{f"busy_p{percent}_ms": _percentile(busy, percent) for percent in (50, 99)},
        "comparing_p99_ms": _percentile(comparing, 99),
        "flip_ms": replay.result.flip_seconds * 1000,
        "events_per_second": rate,
        "stories_compared_per_second": replay.result.compared / (compared - built),
    }


def reads(url: str, partitions: int) -> None:
    """Between two lines that come in, read pages at an even pace; print when each read began and how long it took."""
    from consumers.timeline.reader import TimelineReader

    reader, dice = TimelineReader(Store(url), partitions=partitions), random.Random(7)
    found: list[tuple[float, float]] = []
    sys.stdin.readline()
    while not select.select([sys.stdin], [], [], _READ_EVERY)[0]:
        at, start = time.time(), time.perf_counter()
        page = reader.page(f"story-{dice.randrange(_STORIES)}")
        found.append((at, time.perf_counter() - start))
        if page is None:
            raise SystemExit("a read failed")
    print(json.dumps(found))


def help_along(log_url: str, redis_url: str) -> None:
    """Build with another process until it is killed."""
    from consumers.runner import Runner
    from consumers.timeline.view import TimelineView
    from dateline.replay import BATCH

    with open_log(log_url) as log:
        view = TimelineView(Store(redis_url), pointer="shadow", new="none")
        runner = Runner(log, view, topic=EVENTS_TOPIC, codec=committed_codec(), batch=BATCH)
        print("joined", flush=True)
        runner.run(stopped=lambda: False)


def rows() -> list[Row]:
    """Return the rows of the table."""
    found = [_rate_row(stories) for stories in (_STORIES, 1)]
    few, many = (in_process("benchmarks.replay", "build", EVENTS // part, _STORIES)["peak_mb"] for part in (4, 1))
    found.append(Row(f"replay, peak memory at {EVENTS:,} events", "MB", many, (many, many), few, f"at {EVENTS // 4:,}", "flat"))
    runs = [in_process("benchmarks.replay", "live", EVENTS // 4) for _ in range(3)]
    quiet, busy, flip = (sorted(run[name] for run in runs) for name in ("quiet_p99_ms", "busy_p99_ms", "flip_ms"))
    found.append(Row("a page read during a replay, p99", "ms", busy[1], (busy[0], busy[2]), quiet[1], "quiet", "< 2 × quiet"))
    found.append(Row("the flip of a replay, all partitions", "ms", flip[1], (flip[0], flip[2]), goal="< 50"))
    return found


def kafka_rows() -> list[Row]:
    """Return the rows that need a broker."""
    return [_kafka_row(processes) for processes in (1, 2)]


def _rate_row(stories: int) -> Row:
    with TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/log.db"
        with open_log(url) as log:
            fill(log, EVENTS, stories=stories)
        return compare(
            f"replay from SQLite, one process, {stories:,} {'story' if stories == 1 else 'stories'}",
            "events/s",
            ours=lambda: in_process("benchmarks.replay", "build", EVENTS, stories)["events_per_second"],
            peer=lambda: in_process("benchmarks.pipeline", "hand", url, EVENTS_TOPIC)["events_per_second"],
            peer_name="loop written by hand, no fold",
            goal=">= 1.5",
        )


def _kafka_row(processes: int) -> Row:
    rates = sorted(in_process("benchmarks.replay", "kafka", EVENTS, processes)["events_per_second"] for _ in range(3))
    return Row(f"replay from Kafka, processes: {processes}", "events/s", rates[1], (rates[0], rates[2]))


def _build(replay: Replay, count: int) -> float:
    start = time.perf_counter()
    replay.begin(check_room=lambda: None)
    replay.build(progress=lambda done, total: None, stay=lambda: None)
    return count / (time.perf_counter() - start)


@contextmanager
def _replaying(log: Log, url: str) -> Iterator[Replay]:
    from consumers.timeline.generations import TimelineGenerations

    store = Store(url)
    yield Replay(log, TimelineGenerations(store, partitions=log.partitions(EVENTS_TOPIC)), codec=committed_codec())
    store.close()


@contextmanager
def _reads(log: Log, url: str) -> Iterator[subprocess.Popen[str]]:
    with _running("reads", url, str(log.partitions(EVENTS_TOPIC))) as reader:
        yield reader


@contextmanager
def _helper(log_url: str, redis_url: str) -> Iterator[subprocess.Popen[str]]:
    with _running("help", log_url, redis_url) as helper:
        yield helper


@contextmanager
def _running(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "benchmarks.replay", *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def make_topics(log_url: str) -> None:
    """Make the topics of a log that has none, with 4 partitions of events."""
    from dateline.log.kafka_address import parse_address
    from dateline.log.kafka_topics import create_topics
    from dateline.settings import Credentials

    create_topics(parse_address(log_url, Credentials()), alike=[EVENTS_TOPIC], single=[], partitions=4, replication=1)


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _percentile(found: list[float], percent: int) -> float:
    return quantiles(found, n=100)[percent - 1] * 1000 if len(found) > 1 else 0.0


def main() -> None:
    gc.set_threshold(200_000, 20, 100)
    what, *arguments = sys.argv[1:]
    if arguments and arguments[-1].startswith("batch="):
        from dateline import replay

        replay.BATCH = int(arguments.pop().removeprefix("batch="))
    if what == "reads":
        reads(arguments[0], int(arguments[1]))
    elif what == "help":
        help_along(*arguments)
    else:
        measures: dict[str, Callable[..., Figures]] = {"build": build, "kafka": kafka, "live": live}
        print(json.dumps(measures[what](*map(int, arguments))))


if __name__ == "__main__":
    main()
