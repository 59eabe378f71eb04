"""The notifier killed with -9 at random moments while events flow; each receiver is told what the fold says, once."""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from threading import Event, Thread
from typing import Any

import redis

from dateline.log import open_log
from dateline.log.base import Log
from dateline.log.kafka_address import parse_address
from dateline.log.kafka_topics import create_topics
from dateline.settings import Credentials
from producers.desk import Desk
from schemas.topics import DESKS_TOPIC, STORY_TOPICS, SUBSCRIPTIONS_TOPIC
from tests.chaos.mortal_redis import MortalRedis, mortal_redis
from tests.chaos.scenario import Durations, Scenario
from tests.support.hook_servers import HookServer, NotifierProcess, hook_server, moody, notifier
from tests.support.kafka_servers import kafka_broker
from tests.support.servers import eventually
from tests.support.told_by_fold import SECRET_KEY, Expected, babble, check_order, ledger, subscribe, wait_for

ASKED: Sequence[dict[str, Any]] = ({}, {"question": "oxygen"}, {"corrections_only": True}, {"minimum_urgency": 2}, {})
"""What the subscriptions ask for; the last one's receiver is away half of the time."""

_PACE = 0.12
_UNDER_WAY = 0.5
"""Seconds that a receiver may take over a message that its sender did not live to hear of."""


class Room:
    """A log, subscribers that are told of it, and a desk that talks. Use `room`."""

    def __init__(self, log: Log, env: dict[str, str], folder: Path, seed: int) -> None:
        self.log, self.env, self.folder = log, env, folder
        self.dice = random.Random(seed)
        self.receivers: list[HookServer] = []
        self.names: list[str] = []
        self.faults: list[float] = []
        self.said = 0
        self._chapter = 0

    @property
    def taken(self) -> int:
        """How many messages the receivers took."""
        return sum(len(receiver.got) for receiver in self.receivers)

    def turn_page(self) -> None:
        """Go on with stories that are new: a story's updates come to their end."""
        self._chapter += 1

    @contextmanager
    def talking(self) -> Iterator[None]:
        """Have the desk say something again and again, in a thread of its own."""
        over, errors = Event(), list[BaseException]()

        def talk() -> None:
            dice = random.Random(self.dice.random())
            try:
                with open_log(self.env["DATELINE_LOG"]) as log:
                    desk = Desk(log, name="houston")
                    while not over.wait(dice.uniform(0, 2 * _PACE)):
                        stories = [f"{name}-{self._chapter}" for name in ("apollo", "artemis", "gemini", "mercury")]
                        babble(desk, dice, stories=stories)
                        self.said += 1
            except BaseException as error:
                errors.append(error)

        thread = Thread(target=talk)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
        assert not errors, f"the desk has failed: {errors}"

    def wait_for_more(self) -> float:
        """Wait until somebody is told something; return the seconds that it took."""
        began, before = time.monotonic(), self.taken
        eventually(lambda: self.taken > before, within=60, what="the next message")
        return time.monotonic() - began

    def settle(self) -> None:
        """Have all receivers well, and wait until everyone was told everything."""
        for receiver in self.receivers:
            receiver.answer = lambda: 204
            receiver.open_again()
        expected = Expected(self.log)
        for receiver, name in zip(self.receivers, self.names, strict=True):
            wait_for(receiver, expected.of(name)[0], within=120)
        with redis.Redis.from_url(self.env["DATELINE_REDIS"], decode_responses=True) as raw:
            eventually(lambda: not raw.keys("{nt:*due/*") and not raw.keys("{nt:*held"), within=60, what="nothing being left")

    def check(self, *, senders: int = 1) -> str:
        """Hold what the receivers got, and the ledger, to the laws; return what there was.

        Args:
            senders: How many may be at work: only where one has died or slept may a message come twice.
        """
        expected, twice, all_ids = Expected(self.log), 0, set[str]()
        for receiver, name in zip(self.receivers, self.names, strict=True):
            must, may = expected.of(name)
            assert must <= receiver.ids, f"{len(must - receiver.ids)} messages are missing"
            assert receiver.ids <= may, f"{len(receiver.ids - may)} messages came that nobody asked for"
            check_order(receiver)
            twice += self._came_twice(receiver)
            all_ids |= receiver.ids
        said = [entry for entry in ledger(self.log) if type(entry).__name__ == "NotificationSent"]
        ids = [entry.event_id for entry in said]
        named = {entry.notification for entry in said}
        assert named <= all_ids, "the ledger names what nobody got"
        unsaid = [one for receiver in self.receivers for one in receiver.got if one.id not in named]
        assert all(any(-_UNDER_WAY <= fault - one.at <= 2 * _UNDER_WAY for fault in self.faults) for one in unsaid), (
            "the ledger does not name what was sent, and no sender had died"
        )
        assert len(ids) == len(set(ids)) or senders > 1, f"{len(ids) - len(set(ids))} messages stand twice in the ledger"
        doubled = len(ids) - len(set(ids))
        return f"{self.said:,} events, {len(all_ids):,} messages, {twice} came twice, {doubled} stand twice in the ledger"

    def _came_twice(self, receiver: HookServer) -> int:
        """Count what came more than once; each time a sender had died, or slept, in between."""
        came, twice = defaultdict[str, list[float]](list), 0
        for one in receiver.got:
            came[one.id].append(one.at)
        for moments in came.values():
            for first, second in pairwise(moments):
                twice += 1
                explained = any(first - _UNDER_WAY <= fault <= second for fault in self.faults)
                assert explained, f"a message came again after {second - first:.2f} s, and no sender had died"
        return twice


@contextmanager
def sqlite_room(folder: Path, *, seed: int, server: MortalRedis) -> Iterator[Room]:
    """Open a room whose log is a file."""
    with _room(folder, f"sqlite:///{folder}/log.db", server, seed) as room:
        yield room


@contextmanager
def kafka_room(folder: Path, *, seed: int, server: MortalRedis) -> Iterator[Room]:
    """Open a room whose log is a broker of its own."""
    with kafka_broker(folder / "kafka") as broker:
        url = f"kafka://{broker.address}?session_timeout_ms=6000&max_poll_interval_ms=8000"
        address = parse_address(url, Credentials())
        create_topics(address, alike=STORY_TOPICS, single=[SUBSCRIPTIONS_TOPIC, DESKS_TOPIC], partitions=4, replication=1)
        with _room(folder, url, server, seed) as room:
            yield room


@contextmanager
def _room(folder: Path, url: str, server: MortalRedis, seed: int) -> Iterator[Room]:
    env = {"DATELINE_REDIS": server.url, "DATELINE_LOG": url, "DATELINE_SECRET_KEY": SECRET_KEY}
    with ExitStack() as stack:
        log = stack.enter_context(open_log(url))
        room = Room(log, env, folder, seed)
        for number, fields in enumerate(ASKED):
            receiver = stack.enter_context(hook_server(answer=moody(random.Random(seed + number))))
            room.receivers.append(receiver)
            room.names.append(subscribe(log, receiver, **fields))
        yield room


def kill_notifiers(room: Room, *, times: int) -> str:
    """Kill one notifier after the other, each at a random moment: while it starts, claims, sends, writes or waits."""
    restarts: list[float] = []
    away = room.receivers[-1]
    with room.talking(), notifier(room.folder, room.env) as process:
        for kill in range(1, times + 1):
            if kill % 5 == 0:
                room.turn_page()
                away.close() if kill % 10 else away.open_again()
            if kill > 1 and room.dice.random() < 0.2:
                time.sleep(room.dice.uniform(0.0, 1.5))
            else:
                restarts.append(room.wait_for_more())
                time.sleep(room.dice.choice([room.dice.uniform(0.0, 0.03), room.dice.uniform(0.0, 0.5)]))
            _kill(room, process)
            process.start()
    return _end(room, f"{Durations('start to first message', restarts)}")


def kill_one_of_two(room: Room, *, times: int) -> str:
    """Run two notifiers, kill one or the other, and now and then end one kindly: both share the work, or one stands by."""
    gaps: list[float] = []
    with ExitStack() as stack:
        both = [stack.enter_context(notifier(room.folder, room.env)) for _ in range(2)]
        with room.talking():
            room.wait_for_more()
            for kill in range(1, times + 1):
                if kill % 5 == 0:
                    room.turn_page()
                victim = room.dice.choice(both)
                if room.dice.random() < 0.3:
                    victim.stop()
                else:
                    _kill(room, victim)
                gaps.append(room.wait_for_more())
                victim.start()
                time.sleep(room.dice.uniform(0.0, 1.5))
        return _end(room, f"{Durations('to the next message', gaps)}", running=True, senders=2)


def lose_redis(room: Room, server: MortalRedis, *, times: int) -> str:
    """Kill Redis under a notifier that goes on; it comes back whole, without its last moments, or empty."""
    faults, took = ("whole", "less", "empty"), list[float]()
    with notifier(room.folder, room.env):
        with room.talking():
            room.wait_for_more()
            for kill in range(1, times + 1):
                room.turn_page()
                fault, kept = faults[kill % len(faults)], server.written_bytes
                time.sleep(room.dice.uniform(0.2, 1.0))
                server.kill()
                if fault == "less":
                    server.cut(room.dice.randint(kept, server.written_bytes))
                elif fault == "empty":
                    server.lose_everything()
                server.start()
                took.append(room.wait_for_more())
        return _end(room, f"{Durations('to the next message', took)}", running=True)


def _kill(room: Room, process: NotifierProcess) -> None:
    room.faults.append(time.monotonic())
    process.kill()


def _end(room: Room, about: str, *, running: bool = False, senders: int = 1) -> str:
    with ExitStack() as stack:
        if not running:
            stack.enter_context(notifier(room.folder, room.env))
        room.settle()
    return f"{about}; {room.check(senders=senders)}"


def _kills(folder: Path, times: int, seed: int) -> str:
    with mortal_redis(folder / "redis") as server, sqlite_room(folder, seed=seed, server=server) as room:
        return kill_notifiers(room, times=times)


def _two_on_sqlite(folder: Path, times: int, seed: int) -> str:
    with mortal_redis(folder / "redis") as server, sqlite_room(folder, seed=seed, server=server) as room:
        return kill_one_of_two(room, times=times)


def _two_on_kafka(folder: Path, times: int, seed: int) -> str:
    with mortal_redis(folder / "redis") as server, kafka_room(folder, seed=seed, server=server) as room:
        return kill_one_of_two(room, times=times)


def _redis_lost(folder: Path, times: int, seed: int) -> str:
    with mortal_redis(folder / "redis") as server, sqlite_room(folder, seed=seed, server=server) as room:
        return lose_redis(room, server, times=times)


SCENARIOS = (
    Scenario("notifier-kills", "kill -9 of the notifier, the log in a file", _kills, 200, 6.0),
    Scenario("notifier-two", "two notifiers, one or the other killed or ended; the log in a file", _two_on_sqlite, 50, 10.0),
    Scenario("notifier-two-kafka", "the same, the log in Kafka: they join, leave and share", _two_on_kafka, 30, 20.0),
    Scenario("notifier-redis", "kill -9 of Redis under a notifier, back whole, with less, or empty", _redis_lost, 30, 20.0),
)
