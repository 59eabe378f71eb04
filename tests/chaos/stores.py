"""Redis killed with -9 while events flow, and back with its AOF, without its last second, or empty. Nobody helps."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from tests.chaos.kills import kafka_newsroom
from tests.chaos.mortal_redis import MortalRedis, mortal_redis
from tests.chaos.newsroom import Newsroom
from tests.chaos.scenario import Durations, Scenario

FAULTS = ("whole", "less", "empty")
"""What Redis comes back with, in turn."""


def kill_redis(room: Newsroom, server: MortalRedis, *, times: int, faults: Sequence[str] = FAULTS) -> str:
    """Kill Redis under a consumer that goes on, and see that the view comes right by itself."""
    took: dict[str, list[float]] = {fault: [] for fault in faults}
    lost = 0
    with room.consumer() as consumer, room.publishing():
        room.wait(lambda: len(room.cursor()) == len(room.ends()), "the consumer's first writes")
        for kill in range(1, times + 1):
            fault = faults[(kill - 1) % len(faults)]
            kept = server.written_bytes
            time.sleep(room.dice.uniform(0.1, 1.0))
            before = sum(room.cursor().values())
            server.kill()
            if fault == "less":
                server.cut(room.dice.randint(kept, server.written_bytes))
            elif fault == "empty":
                server.lose_everything()
            server.start()
            back = sum(room.cursor().values())
            lost += max(0, before - back)
            took[fault].append(_recover(room, before))
            room.check(f"kill {kill} of Redis, which came back {fault}")
            assert consumer.runs, f"kill {kill}: the consumer has ended"
    recovered = ", ".join(str(Durations(fault, seconds)) for fault, seconds in took.items())
    return f"to be past where it was: {recovered}; {lost:,} records came back"


def _recover(room: Newsroom, before: int) -> float:
    """Wait until the view is past where it was; return the seconds that it took."""
    return room.wait(lambda: sum(room.cursor().values()) > before, f"the view's way back to {before}")


def _with_sqlite(folder: Path, times: int, seed: int) -> str:
    with mortal_redis(folder / "redis") as server, Newsroom(folder, f"sqlite:///{folder}/log.db", server.url, seed) as room:
        return kill_redis(room, server, times=times)


def _with_kafka(folder: Path, times: int, seed: int) -> str:
    with mortal_redis(folder / "redis") as server, kafka_newsroom(folder, seed=seed, redis_url=server.url) as room:
        return kill_redis(room, server, times=times)


SCENARIOS = (
    Scenario("redis-kill-sqlite", "kill -9 of Redis, back whole, with less, or empty; the log in a file", _with_sqlite, 30, 20.0),
    Scenario("redis-kill-kafka", "the same, the log in Kafka", _with_kafka, 30, 20.0),
)
