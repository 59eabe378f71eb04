"""The follower: what changes is told in order and once, whatever happens to Redis and to whoever listens."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from consumers.timeline import keys
from consumers.timeline.answers import News, PublicChange
from consumers.timeline.reader import TimelineReader
from consumers.web.follower import Follower
from dateline.errors import StoreUnavailable
from dateline.redis_store import Store
from schemas.topics import EVENTS_TOPIC
from tests.support.live_room import STORY, LiveRoom, live_room
from tests.support.servers import eventually, redis_cluster, redis_server


class Reading(TimelineReader):
    """A reader that fails when it is told to."""

    failure: Exception | None = None
    is_torn = False

    def wait(self, seen: Any, *, timeout: float) -> News:  # Any: as the reader has it
        if self.failure is not None:
            raise self.failure
        news = super().wait(seen, timeout=0.05)
        return News(news.seen, {}, set(), True) if self.is_torn else news


class Heard:
    """What a listener was told, and the source that it is told from."""

    def __init__(self, room: LiveRoom) -> None:
        self._reader = Reading(room.store, partitions=room.log.partitions(EVENTS_TOPIC))
        self.reading = self._reader
        self.seqs: list[int] = []
        self.anew: list[int | None] = []
        self.changes: list[Sequence[str] | None] = []
        self.errors: list[Exception] = []
        self.failures: list[str] = []
        self.regains = 0
        self._lock = threading.Lock()

    def reader(self) -> TimelineReader:
        return self._reader

    def renew(self, failed: TimelineReader | None) -> None:
        pass

    def changed(self, stories: Sequence[str] | None) -> None:
        self.changes.append(stories)

    def told(self, story: str, changes: Sequence[PublicChange]) -> None:
        with self._lock:
            self.seqs += [one.change.seq for one in changes]

    def began_anew(self, story: str, seq: int | None) -> None:
        self.anew.append(seq)

    def lost(self, error: Exception) -> None:
        self.errors.append(error)

    def failed(self, story: str, error: Exception) -> None:
        self.failures.append(story)

    def regained(self) -> None:
        self.regains += 1


@pytest.fixture(params=["server", "cluster"])
def room(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LiveRoom]:
    if request.param == "cluster":
        with redis_cluster(tmp_path / "redis") as url, live_room(tmp_path / "data", redis_url=url) as room:
            yield room
        return
    with redis_server(tmp_path / "redis") as (host, port), live_room(tmp_path, redis_url=f"redis://{host}:{port}") as room:
        yield room


@pytest.fixture
def heard(room: LiveRoom) -> Heard:
    return Heard(room)


@pytest.fixture
def follower(heard: Heard) -> Iterator[Follower]:
    follower = Follower(heard, heard)
    follower.start()
    eventually(lambda: heard.regains == 1, what="the follower")
    yield follower
    follower.stop()


def test_each_change_is_told_once_and_in_order_while_stories_are_listened_to_anew(
    room: LiveRoom, heard: Heard, follower: Follower
) -> None:
    follower.listen(STORY, 0)
    for number in range(20):
        room.publish(f"u-{number}")

    eventually(lambda: len(heard.seqs) >= 21, what="all changes")
    assert heard.seqs == list(range(1, 22))
    assert all(stories == [STORY] for stories in heard.changes)


def test_a_loss_is_said_and_what_came_meanwhile_is_told_after_it(room: LiveRoom, heard: Heard, follower: Follower) -> None:
    follower.listen(STORY, 1)
    heard.reading.failure = StoreUnavailable("Redis is away.")
    eventually(lambda: len(heard.errors) > 0, what="the loss")
    room.publish("a", "b")
    room.store._client.xadd(keys.wake(_home(room)), {"stories": "{}", "reset": f'["{STORY}"]'})
    regains = heard.regains

    heard.reading.failure = None

    eventually(lambda: heard.regains > regains and len(heard.seqs) == 2, what="the changes")
    eventually(lambda: heard.anew == [3], what="the word of a flip while nobody heard it")
    assert heard.seqs == [2, 3]


def test_an_error_that_nobody_foresaw_is_said_and_it_goes_on(room: LiveRoom, heard: Heard, follower: Follower) -> None:
    follower.listen(STORY, 1)
    heard.reading.failure = ZeroDivisionError("a bug")
    eventually(lambda: len(heard.errors) > 0, what="the loss")
    assert str(heard.errors[0]) == "a bug"

    heard.reading.failure = None
    room.publish("a")

    eventually(lambda: heard.seqs == [2], what="the change")


def test_a_word_that_nobody_can_read_is_passed_over(room: LiveRoom, heard: Heard, follower: Follower) -> None:
    follower.listen(STORY, 1)
    room.store._client.xadd(keys.wake(_home(room)), {"stories": "no JSON"})
    eventually(lambda: len(heard.errors) > 0, what="the error")

    room.publish("a")

    eventually(lambda: heard.seqs == [2], what="the change")
    eventually(lambda: heard.regains > 1, what="that it is well again")


def test_where_words_may_be_missing_everything_may_have_changed(room: LiveRoom, heard: Heard, follower: Follower) -> None:
    heard.reading.is_torn = True
    eventually(lambda: None in heard.changes, what="that anything may have changed")


def test_what_is_wrong_with_one_story_keeps_no_other_waiting(room: LiveRoom, heard: Heard, follower: Follower) -> None:
    room.publish("x", story="apollo-14")
    room.store._client.hset(f"{keys.prefix(_home(room, 'apollo-14'))}g1:stories", "apollo-14", "broken")
    follower.listen("apollo-14", 0)
    eventually(lambda: heard.failures == ["apollo-14"], what="that it is said")

    follower.listen(STORY, 1)
    room.publish("a")

    eventually(lambda: heard.seqs == [2], what="the change")
    assert heard.errors == []


def test_so_many_words_at_once_that_some_may_be_gone_are_noticed(room: LiveRoom) -> None:
    reader = TimelineReader(room.store, partitions=4)
    seen = reader.wake_ends([keys.wake(0)])
    pipeline = room.store._client.pipeline(transaction=False)
    for _ in range(keys.WAKE_KEPT - 1):
        pipeline.xadd(keys.wake(0), {"stories": "{}"})
    pipeline.execute()
    assert not reader.wait(seen, timeout=1.0).is_torn

    room.store._client.xadd(keys.wake(0), {"stories": "{}"})

    assert reader.wait(seen, timeout=1.0).is_torn


def _home(room: LiveRoom, story: str = STORY) -> int:
    return TimelineReader(Store(room.store.shown), partitions=room.log.partitions(EVENTS_TOPIC))._partition(story)
