"""Brokers that stop, die and come back while desks publish and a consumer runs."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from dateline.errors import LogUnavailable, MaybeWritten
from dateline.log import kafka_client, kafka_writer, open_log
from dateline.log.kafka_address import parse_address
from dateline.log.kafka_client import Client
from dateline.log.partitioner import partition_of
from dateline.settings import Credentials
from producers.desk import Desk
from schemas.identity import new_event_id
from schemas.topics import EVENTS_TOPIC
from tests.chaos.desks import Acknowledged, Desks
from tests.chaos.newsroom import Newsroom, make_topics
from tests.chaos.scenario import Durations, Scenario
from tests.support.kafka_servers import Broker, kafka_broker, kafka_cluster
from tests.support.servers import redis_server

PUBLISHES_AGAIN = 10.0
"""Seconds within which a desk is answered again once its broker serves clients, or another broker leads its partition."""

PARTITIONS = 4
_HANGS = 60.0


def restart_broker(room: Newsroom, broker: Broker, *, times: int) -> str:
    """Stop the only broker and start it again, in order or with kill -9 by turns."""
    waits: list[float] = []
    with room.consumer(), room.publishing(desks=3) as desks, _probe(room) as probe:
        for turn in range(1, times + 1):
            _let_publish(room, desks)
            how, end = ("kill -9", broker.kill) if turn % 2 else ("stop", broker.stop)
            end()
            time.sleep(room.dice.choice([0.0, room.dice.uniform(0.0, 3.0)]))
            broker.start()
            waits.append(probe.say(f"story-{turn % 7}"))
            room.check(f"after {how} {turn}")
        said = desks.said
    return _measured(room, Durations("answered again after the start", waits), said)


def kill_leaders(room: Newsroom, brokers: Sequence[Broker], *, times: int) -> str:
    """Kill the leader of a partition that is written, go on without it, and start it again."""
    waits: list[float] = []
    with _Cluster(room.log_url) as cluster, room.consumer(), room.publishing(desks=3) as desks, _probe(room) as probe:
        for turn in range(1, times + 1):
            story = f"story-{room.dice.randrange(40)}"
            partition = partition_of(story.encode(), PARTITIONS)
            _let_publish(room, desks)
            leader = brokers[cluster.leader(partition) - 1]
            leader.kill()
            waits.append(probe.say(story))
            room.check(f"with the leader killed, {turn}")
            leader.start()
            room.wait(lambda: cluster.is_whole(len(brokers)), "every broker's copy of every partition", within=_HANGS)
            room.check(f"with the leader back, {turn}")
        said = desks.said
    return _measured(room, Durations("answered again after the kill", waits), said)


@contextmanager
def impatient(seconds: float = 3.0) -> Iterator[None]:
    """Have appends give up sooner than in a newsroom, so that a run sees it often."""
    with patch.object(kafka_writer, "DELIVERY_TIMEOUT", seconds), patch.object(kafka_client, "_REQUEST_MS", int(500 * seconds)):
        yield


@contextmanager
def broker_newsroom(folder: Path, *, seed: int) -> Iterator[tuple[Newsroom, Broker]]:
    """Open a newsroom on a broker that may be stopped."""
    with kafka_broker(folder / "kafka") as broker, newsroom_on(folder, [broker], seed=seed) as room:
        yield room, broker


@contextmanager
def cluster_newsroom(folder: Path, *, seed: int) -> Iterator[tuple[Newsroom, Sequence[Broker]]]:
    """Open a newsroom on three brokers that each hold every record; two of them have to."""
    with kafka_cluster(folder / "kafka") as brokers, newsroom_on(folder, brokers, seed=seed) as room:
        yield room, brokers


@contextmanager
def newsroom_on(folder: Path, brokers: Sequence[Broker], *, seed: int) -> Iterator[Newsroom]:
    """Open a newsroom whose log lies on `brokers`, each record on each of them."""
    url = f"kafka://{','.join(broker.address for broker in brokers)}"
    make_topics(url, partitions=PARTITIONS, replication=len(brokers))
    with redis_server(folder / "redis") as (host, port), Newsroom(folder / "data", url, f"redis://{host}:{port}", seed) as room:
        yield room


def _let_publish(room: Newsroom, desks: Desks) -> None:
    """Wait for a random moment while desks publish and the view follows."""
    said = desks.said
    room.wait(lambda: desks.said > said + 20 and bool(room.cursor()), "the work of desks and consumer")
    time.sleep(room.dice.uniform(0.0, 1.0))


class _Probe:
    """A desk that says one thing when it is told to, and again until it has its answer."""

    def __init__(self, room: Newsroom, desk: Desk) -> None:
        self._ledger = room.ledger
        self._desk = desk

    def say(self, story: str) -> float:
        """Return the seconds until the answer."""
        start, event_id = time.monotonic(), new_event_id()
        while time.monotonic() - start < _HANGS:
            try:
                receipt = self._desk.publish(story, headline="Anybody there?", event_id=event_id)
            except MaybeWritten:
                self._ledger.maybe[event_id] += 1
            except LogUnavailable:
                self._ledger.refused += 1
            else:
                done = Acknowledged(self._desk.name, story, event_id, receipt.partition, receipt.offset)
                self._ledger.acknowledged.append(done)
                return time.monotonic() - start
        raise AssertionError(f"no answer within {_HANGS:g} s")


@contextmanager
def _probe(room: Newsroom) -> Iterator[_Probe]:
    with Desk(open_log(room.log_url), name="probe") as desk:
        yield _Probe(room, desk)


class _Cluster:
    """What brokers say of the events' partitions."""

    def __init__(self, url: str) -> None:
        self._client = Client(parse_address(url, Credentials()))

    def leader(self, partition: int) -> int:
        """Return the number of the broker that leads `partition`."""
        return int(self._partitions()[partition]["leader_id"])

    def is_whole(self, brokers: int) -> bool:
        """Whether so many brokers hold all that is acknowledged, of every partition."""
        return all(len(one["isr_nodes"]) == brokers for one in self._partitions().values())

    def _partitions(self) -> Mapping[int, Mapping[str, Any]]:  # Any: the driver has no types
        (topic,) = self._client.ask(lambda admin: admin.describe_topics([EVENTS_TOPIC]))
        return {one["partition_index"]: one for one in topic["partitions"]}

    def __enter__(self) -> _Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()


def _measured(room: Newsroom, took: Durations, said: int) -> str:
    took.check(PUBLISHES_AGAIN)
    again = f"{sum(room.ledger.maybe.values())} maybe written and {room.ledger.refused} not, all sent again"
    return f"{took}; {said:,} events; {again}"


def _restart(folder: Path, times: int, seed: int) -> str:
    with impatient(), broker_newsroom(folder, seed=seed) as (room, broker):
        return restart_broker(room, broker, times=times)


def _kill_leader(folder: Path, times: int, seed: int) -> str:
    with cluster_newsroom(folder, seed=seed) as (room, brokers):
        return kill_leaders(room, brokers, times=times)


SCENARIOS = (
    Scenario("broker-restart", "stop or kill -9 of the only broker, and its start", _restart, 20, 40.0),
    Scenario("broker-leader", "kill -9 of the leader among three brokers", _kill_leader, 20, 60.0),
)
