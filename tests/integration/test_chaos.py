"""The short form of `make chaos`: each fault a few times. Bounds on time are wide here; `make chaos` measures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.kills import kafka_newsroom, kill_consumers, sqlite_newsroom
from tests.chaos.members import come_and_go, pause_members
from tests.chaos.mortal_redis import MortalRedis, mortal_redis
from tests.chaos.newsroom import Newsroom
from tests.chaos.notifying import kafka_room, kill_notifiers, kill_one_of_two, lose_redis, sqlite_room
from tests.chaos.searching import kill_search
from tests.chaos.stores import kill_redis

SEED = 13
ANY_TIME = 10.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MortalRedis]:
    with mortal_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="module")
def room(server: MortalRedis, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Newsroom]:
    """A newsroom on Kafka, one for all tests: what one leaves behind, the next begins with."""
    with kafka_newsroom(tmp_path_factory.mktemp("kafka"), seed=SEED, redis_url=server.url) as room:
        yield room


def test_a_consumer_of_a_file_that_is_killed_loses_nothing_and_shows_nothing_twice(tmp_path: Path) -> None:
    with sqlite_newsroom(tmp_path, seed=SEED) as room:
        kill_consumers(room, times=6, within=ANY_TIME)


def test_a_consumer_of_kafka_that_is_killed_loses_nothing_and_shows_nothing_twice(room: Newsroom) -> None:
    kill_consumers(room, times=4, within=ANY_TIME)


def test_members_that_join_and_leave_and_are_killed_leave_nothing_behind(room: Newsroom, tmp_path: Path) -> None:
    killed, _ = come_and_go(room, tmp_path, times=6, apart=False)

    assert killed, "the seed kills nobody"


def test_a_member_paused_past_its_session_is_fenced_when_it_wakes(room: Newsroom, tmp_path: Path) -> None:
    pause_members(room, tmp_path, times=1)


def test_a_redis_that_lost_all_or_some_comes_right_again_from_kafka(room: Newsroom, server: MortalRedis) -> None:
    kill_redis(room, server, times=3)


def test_a_redis_that_lost_all_or_some_comes_right_again_from_a_file(tmp_path: Path) -> None:
    with (
        mortal_redis(tmp_path / "redis") as server,
        Newsroom(tmp_path, f"sqlite:///{tmp_path}/log.db", server.url, SEED) as room,
    ):
        kill_redis(room, server, times=3)


def test_a_consumer_of_the_search_index_that_is_killed_loses_nothing(tmp_path: Path) -> None:
    kill_search(tmp_path, times=5, seed=SEED, within=ANY_TIME)


def test_a_notifier_that_is_killed_tells_everyone_once(tmp_path: Path) -> None:
    with mortal_redis(tmp_path / "redis") as server, sqlite_room(tmp_path, seed=SEED, server=server) as room:
        kill_notifiers(room, times=8)


def test_of_two_notifiers_one_may_go_and_come_back(tmp_path: Path) -> None:
    with mortal_redis(tmp_path / "redis") as server, sqlite_room(tmp_path, seed=SEED, server=server) as room:
        kill_one_of_two(room, times=4)


def test_notifiers_on_kafka_join_leave_and_share(tmp_path: Path) -> None:
    with mortal_redis(tmp_path / "redis") as server, kafka_room(tmp_path, seed=SEED, server=server) as room:
        kill_one_of_two(room, times=4)


def test_a_notifier_whose_redis_lost_all_or_some_says_nothing_twice(tmp_path: Path) -> None:
    with mortal_redis(tmp_path / "redis") as server, sqlite_room(tmp_path, seed=SEED, server=server) as room:
        lose_redis(room, server, times=3)
