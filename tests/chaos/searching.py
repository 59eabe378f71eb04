"""The consumer of the search index killed with -9 while events flow; each time the index is what the log says."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from consumers.search.fts5.index import Fts5Index
from consumers.search.index import SearchIndex
from dateline.log import open_log
from dateline.log.base import Log
from schemas.codec import committed_codec
from schemas.topics import EVENTS_TOPIC
from tests.chaos.desks import Desks, Ledger
from tests.chaos.newsroom import Consumer
from tests.chaos.scenario import Durations, Scenario
from tests.support.servers import eventually

WRITES_AGAIN = 2.0
_PATIENCE = 60.0


def kill_search(folder: Path, *, times: int, seed: int, within: float = WRITES_AGAIN) -> str:
    """Kill one consumer of the index after the other, each at a random moment.

    Args:
        within: Seconds within which a new one writes again, in the middle.
    """
    dice, restarts = random.Random(seed), []
    url = f"sqlite:///{folder}/log.db"
    with open_log(url) as log, closing(Fts5Index(folder)) as index:
        with _publishing(url, seed) as desks:
            for kill in range(1, times + 1):
                with _consumer(folder) as consumer:
                    if kill > 1 and dice.random() < 0.2:
                        time.sleep(dice.uniform(0.0, 1.5))
                    else:
                        restarts.append(_first_write(index, log, consumer))
                        time.sleep(dice.choice([dice.uniform(0.0, 0.02), dice.uniform(0.0, 0.5)]))
                _compare(index, log, f"after kill {kill} (seed {seed})")
            said = desks.said
        with _consumer(folder):
            ends = log.end_offsets(EVENTS_TOPIC)
            eventually(lambda: _cursor(index, log) == ends, within=_PATIENCE, what="an index that is current")
        _compare(index, log, f"at the end (seed {seed})")
    took = Durations("start to first write", restarts)
    took.check(within)
    return f"{took}; {said:,} events"


@contextmanager
def _publishing(url: str, seed: int) -> Iterator[Desks]:
    desks = Desks(url, Ledger(), names=["desk-1", "desk-2"], seed=seed, pause=0.02)
    try:
        yield desks
    finally:
        desks.stop()
    desks.raise_failure()


@contextmanager
def _consumer(folder: Path) -> Iterator[Consumer]:
    outside = {name: value for name, value in os.environ.items() if not name.startswith("DATELINE_")}
    consumer = Consumer({**outside, "DATELINE_DATA": str(folder)}, "search")
    try:
        yield consumer
    finally:
        consumer.kill()


def _first_write(index: SearchIndex, log: Log, consumer: Consumer) -> float:
    before = _cursor(index, log)
    eventually(lambda: _cursor(index, log) != before, within=_PATIENCE, what="the first write of a new consumer")
    return time.monotonic() - consumer.started


def _cursor(index: SearchIndex, log: Log) -> Mapping[int, int]:
    found = index.positions(partitions=log.partitions(EVENTS_TOPIC))
    return {one.partition: one.offset for one in found}


def _compare(index: SearchIndex, log: Log, when: str) -> None:
    found = index.audit(log, topic=EVENTS_TOPIC, codec=committed_codec())
    assert not found.differences, f"{when}: {len(found.differences)} differences: {list(found.differences)[:5]}"


def _kill_on_sqlite(folder: Path, times: int, seed: int) -> str:
    return kill_search(folder, times=times, seed=seed)


SCENARIOS = (Scenario("search-kills", "kill -9 of the search index's consumer", _kill_on_sqlite, 100, 6.0),)
