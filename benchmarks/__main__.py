"""`python -m benchmarks [PART…]`: the parts that are named, else everything; one table."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from tempfile import TemporaryDirectory

from benchmarks import codec, commands, fold, kafka, log, memory, notify, page, publishing, replay, scale, search, serving, wires
from benchmarks.harness import QUICK, Row, compare, in_process, machine, show
from benchmarks.work import fill
from dateline.log import open_log
from schemas.topics import EVENTS_TOPIC

EVENTS = 20_000 if QUICK else 60_000

Place = tuple[str, str]
"""The URL of a log, and a topic in it that holds nothing."""


def main(wanted: list[str]) -> None:
    gc.set_threshold(200_000, 20, 100)
    unknown = set(wanted) - PARTS.keys()
    if unknown:
        sys.exit(f"There is no part {min(unknown)!r}. The parts are {', '.join(PARTS)}.")
    rows: list[Row] = []
    for name in wanted or PARTS:
        print(f"… {name}", file=sys.stderr)
        rows += PARTS[name]()
    print(machine())
    show(rows)


@contextmanager
def in_sqlite() -> Iterator[Place]:
    with TemporaryDirectory() as folder:
        yield f"sqlite:///{folder}/log.db", EVENTS_TOPIC


@contextmanager
def in_kafka(url: str) -> Iterator[Place]:
    with kafka.topic_at(url) as topic:
        yield url, topic


def pipeline_rows(place: Callable[[], AbstractContextManager[Place]], about: str = "") -> list[Row]:
    return [_pipeline_row(place, about, stories) for stories in (1000, 20)]


def _pipeline_row(place: Callable[[], AbstractContextManager[Place]], about: str, stories: int) -> Row:
    with place() as (url, topic):
        with open_log(url) as log:
            fill(log, EVENTS, stories=stories, topic=topic)
        return compare(
            f"{about}log → Redis, one process, {stories:,} stories",
            "events/s",
            ours=lambda: in_process("benchmarks.pipeline", "ours", url, topic)["events_per_second"],
            peer=lambda: in_process("benchmarks.pipeline", "hand", url, topic)["events_per_second"],
            peer_name="loop written by hand, no fold",
            goal=">= 1",
        )


def latency_rows(place: Callable[[], AbstractContextManager[Place]], about: str = "", p99_ms: str = "< 10") -> list[Row]:
    runs = []
    for _ in range(3):
        with place() as (url, topic):
            runs.append(in_process("benchmarks.latency", url, topic, 3 if QUICK else 10))
    question = f"{about}publish → visible at 500 events/s"
    return [
        _figures(f"{question}, p50", "ms", [run["p50_ms"] for run in runs], "8"),
        _figures(f"{question}, p99", "ms", [run["p99_ms"] for run in runs], p99_ms),
    ]


def growth_rows() -> list[Row]:
    rows = []
    for held in (100, 10_000) if QUICK else (100, 10_000, 100_000):
        runs = [in_process("benchmarks.growth", held) for _ in range(3)]
        rows.append(_figures(f"one more update in a story of {held:,}", "µs", [run["us_per_update"] for run in runs], "flat"))
        rows.append(_figures(f"one more update in a story of {held:,}", "Redis bytes", [run["grown"] for run in runs], "flat"))
    return rows


def _figures(question: str, unit: str, found: list[float], goal: str) -> Row:
    found.sort()
    return Row(question, unit, found[len(found) // 2], (found[0], found[-1]), goal=goal)


def kafka_rows() -> list[Row]:
    with kafka.broker() as url:
        return _kafka_rows(url) if url is not None else []


def _kafka_rows(url: str) -> list[Row]:
    place = partial(in_kafka, url)
    parts: Mapping[str, Callable[[], list[Row]]] = {
        "append and read": lambda: kafka.rows(url),
        "pipeline": lambda: pipeline_rows(place, "Kafka: "),
        "latency": lambda: latency_rows(place, "Kafka: ", p99_ms="25"),
        "scale": lambda: scale.rows(url),
        "memory": lambda: memory.rows(url),
        "replay": replay.kafka_rows,
        "serving": serving.kafka_rows,
    }
    rows: list[Row] = []
    for name, make in parts.items():
        print(f"… kafka: {name}", file=sys.stderr)
        rows += make()
    return rows


PARTS: Mapping[str, Callable[[], list[Row]]] = {
    "codec": codec.rows,
    "log": log.rows,
    "fold": fold.rows,
    "pipeline": lambda: pipeline_rows(in_sqlite),
    "latency": lambda: latency_rows(in_sqlite),
    "growth": growth_rows,
    "replay": replay.rows,
    "commands": commands.rows,
    "serving": serving.rows,
    "page": page.rows,
    "search": search.rows,
    "publishing": publishing.rows,
    "wires": wires.rows,
    "notify": notify.rows,
    "kafka": kafka_rows,
}

main(sys.argv[1:])
