"""Consumers killed with -9 at random moments while events flow; each time the view is what the log says."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.chaos.mortal_redis import mortal_redis
from tests.chaos.newsroom import Consumer, Newsroom, make_topics
from tests.chaos.scenario import Durations, Scenario
from tests.support.kafka_servers import kafka_broker

WRITES_AGAIN = 2.0
"""Seconds within which a consumer that is started anew writes again, Python's start included."""

_CHECK_EVERY = 20


@contextmanager
def sqlite_newsroom(folder: Path, *, seed: int) -> Iterator[Newsroom]:
    """Open a newsroom on the embedded default."""
    with Newsroom(folder, f"sqlite:///{folder}/log.db", None, seed) as room:
        yield room


@contextmanager
def kafka_newsroom(folder: Path, *, seed: int, redis_url: str, options: str = "") -> Iterator[Newsroom]:
    """Open a newsroom on a broker of its own.

    Args:
        options: What stands behind the `?` of the log's URL.
    """
    with kafka_broker(folder / "kafka") as broker:
        url = f"kafka://{broker.address}{options and '?' + options}"
        make_topics(url)
        with Newsroom(folder / "data", url, redis_url, seed) as room:
            yield room


def kill_consumers(room: Newsroom, *, times: int, within: float = WRITES_AGAIN) -> str:
    """Kill one consumer after the other, each at a random moment: while it starts, joins, works or waits.

    Args:
        within: Seconds within which a new one writes again, in the middle.
    """
    restarts: list[float] = []
    unfinished = 0
    with room.publishing() as desks:
        for kill in range(1, times + 1):
            with room.consumer() as consumer:
                if kill > 1 and room.dice.random() < 0.2:
                    time.sleep(room.dice.uniform(0.0, 1.5))
                else:
                    restarts.append(_first_write(room, consumer))
                    if kill % _CHECK_EVERY == 0:
                        room.check(f"before kill {kill}")
                    time.sleep(room.dice.choice([room.dice.uniform(0.0, 0.02), room.dice.uniform(0.0, 0.5)]))
                ends = room.ends()
                consumer.kill()
            found = room.cursor()
            unfinished += any(found.get(partition, 0) < end for partition, end in ends.items())
            room.compare(f"after kill {kill}")
        said = desks.said
    with room.consumer():
        room.check("at the end")
    took = Durations("start to first write", restarts)
    took.check(within)
    return f"{took}; {unfinished} kills came before it was done; {said:,} events"


def _first_write(room: Newsroom, consumer: Consumer) -> float:
    """Wait until the consumer moves the view's cursor; return the seconds since it was started."""
    before = room.cursor()
    room.wait(lambda: room.cursor() != before, "the first write of a new consumer")
    return time.monotonic() - consumer.started


def _kill_on_sqlite(folder: Path, times: int, seed: int) -> str:
    with sqlite_newsroom(folder, seed=seed) as room:
        return kill_consumers(room, times=times)


def _kill_on_kafka(folder: Path, times: int, seed: int) -> str:
    with mortal_redis(folder / "redis") as server, kafka_newsroom(folder, seed=seed, redis_url=server.url) as room:
        return kill_consumers(room, times=times)


SCENARIOS = (
    Scenario("sqlite-kills", "kill -9 of the consumer, the log in a file", _kill_on_sqlite, 200, 5.0),
    Scenario("kafka-kills", "kill -9 of the consumer, the log in Kafka", _kill_on_kafka, 200, 10.0),
)
