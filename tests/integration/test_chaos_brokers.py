"""The short forms of what `make chaos` does to brokers and to producers' connections, and what a writer says meanwhile."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from dateline.errors import LogUnavailable, MaybeWritten
from dateline.log import open_log
from dateline.log.base import Log, NewRecord
from producers.desk import Desk
from tests.chaos import brokers, producers
from tests.chaos.brokers import impatient, newsroom_on
from tests.chaos.newsroom import make_topics
from tests.support.kafka_servers import Broker, new_topic, proxied_broker
from tests.support.proxy import Proxy
from tests.support.servers import eventually

PATIENCE = 3.0
AT_ONCE = 2.0
LARGE = b"." * 300_000
"""More than a connection's buffers hold at the far end, so that part of it waits on this machine."""


def test_what_was_acknowledged_is_shown_once_when_the_only_broker_was_killed_or_stopped(tmp_path: Path) -> None:
    with impatient(PATIENCE), brokers.broker_newsroom(tmp_path, seed=13) as (room, broker):
        brokers.restart_broker(room, broker, times=2)


def test_what_was_acknowledged_is_shown_once_when_the_leader_among_three_brokers_was_killed(tmp_path: Path) -> None:
    with brokers.cluster_newsroom(tmp_path, seed=13) as (room, cluster):
        brokers.kill_leaders(room, cluster, times=1)


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Broker, Proxy]]:
    with proxied_broker(tmp_path_factory.mktemp("kafka")) as proxied:
        yield proxied


@pytest.fixture
def broker(proxied: tuple[Broker, Proxy]) -> Broker:
    return proxied[0]


@pytest.fixture
def proxy(proxied: tuple[Broker, Proxy]) -> Proxy:
    return proxied[1]


@pytest.fixture
def topic(broker: Broker) -> str:
    return new_topic(broker.address, partitions=1)


@pytest.fixture
def log(broker: Broker) -> Iterator[Log]:
    with impatient(PATIENCE), open_log(f"kafka://{broker.address}") as log:
        yield log


@pytest.fixture
def far_log(proxy: Proxy) -> Iterator[Log]:
    """The same log, reached through the proxy."""
    with impatient(PATIENCE), open_log(f"kafka://127.0.0.1:{proxy.port}") as log:
        yield log


def test_a_batch_that_is_sent_again_because_its_connection_was_cut_is_shown_once(
    broker: Broker, proxy: Proxy, tmp_path: Path
) -> None:
    with impatient(PATIENCE), newsroom_on(tmp_path, [broker], seed=13) as room:
        producers.cut_connections(room, proxy, times=3)


def test_what_nobody_can_read_stops_nothing_else(broker: Broker, tmp_path: Path) -> None:
    with newsroom_on(tmp_path, [broker], seed=13) as room:
        producers.mix_in_garbage(room, times=1)


def read_all(log: Log, topic: str) -> list[str]:
    """Return the words that the values of partition 0 begin with."""
    found, offset, end = [], 0, log.end_offsets(topic)[0]
    while offset < end:
        batch = log.read(topic, 0, offset)
        found += [(record.value or b"")[:20].decode().strip(".") for record in batch.records]
        offset = batch.next_offset
    return found


def append(log: Log, topic: str, *values: str | bytes) -> None:
    log.append(topic, [NewRecord(b"k", value if isinstance(value, bytes) else value.encode()) for value in values])


def test_a_desk_without_an_answer_is_told_which_events_may_be_written(broker: Broker, log: Log) -> None:
    make_topics(log.url)
    desk = Desk(log, name="houston")
    desk.publish("apollo-13", headline="Lift-off")

    broker.pause()
    try:
        with pytest.raises(MaybeWritten) as raised:
            desk.publish("apollo-13", headline="We have had a problem", event_id="the-problem")
    finally:
        broker.resume()

    assert raised.value.event_ids == ("the-problem",)
    resumed = time.monotonic()
    desk.publish("apollo-13", headline="We have had a problem", event_id="the-problem")
    assert time.monotonic() - resumed < AT_ONCE


def test_threads_that_append_when_a_broker_falls_silent_are_each_told_of_their_own(broker: Broker, log: Log, topic: str) -> None:
    written: dict[int, list[str]] = {thread: [] for thread in range(4)}
    doubtful: set[str] = set()
    refused: set[str] = set()

    def append_until_silence(thread: int) -> None:
        while True:
            value = f"{thread} {len(written[thread])}"
            try:
                append(log, topic, value)
            except MaybeWritten:
                return doubtful.add(value)
            except LogUnavailable:
                return refused.add(value)
            written[thread].append(value)

    threads = [threading.Thread(target=append_until_silence, args=(thread,)) for thread in written]
    for thread in threads:
        thread.start()
    eventually(lambda: all(len(values) > 5 for values in written.values()), what="appends of each thread")
    broker.pause()
    try:
        for thread in threads:
            thread.join(30)
            assert not thread.is_alive()
    finally:
        broker.resume()
    resumed = time.monotonic()
    append(log, topic, "later")
    took = time.monotonic() - resumed

    assert took < AT_ONCE
    assert len(doubtful) + len(refused) == len(threads)
    assert doubtful
    found = read_all(log, topic)
    assert max(Counter(found).values()) == 1
    assert not refused & set(found)
    assert found[-1] == "later", "what was given up is written behind what came later"
    for thread_number, values in written.items():
        own = [value for value in found if value.startswith(f"{thread_number} ")]
        assert own[: len(values)] == values
        assert set(own[len(values) :]) <= doubtful


def test_what_was_given_up_on_the_way_is_never_written_behind_what_came_later(
    proxy: Proxy, log: Log, far_log: Log, topic: str
) -> None:
    append(far_log, topic, "first")

    proxy.hold()
    try:
        with pytest.raises(MaybeWritten):
            append(far_log, topic, b"given up" + LARGE)
        append(log, topic, "later")
    finally:
        proxy.release()
    append(far_log, topic, "last")
    proxy.cut()
    append(far_log, topic, "after that")

    assert read_all(log, topic) == ["first", "later", "last", "after that"]


def test_an_acknowledgement_that_is_lost_is_asked_for_again_and_nothing_is_written_twice(
    proxy: Proxy, log: Log, far_log: Log, topic: str
) -> None:
    append(far_log, topic, "first")
    cuts = proxy.cuts

    proxy.cut_after(0, "answered")
    append(far_log, topic, "second", "third")

    assert proxy.cuts == cuts + 1
    assert read_all(log, topic) == ["first", "second", "third"]


def test_a_batch_that_is_cut_off_on_the_way_is_sent_again_whole(proxy: Proxy, log: Log, far_log: Log, topic: str) -> None:
    append(far_log, topic, "first")
    cuts = proxy.cuts

    proxy.cut_after(100_000, "sent")
    append(far_log, topic, b"second" + LARGE)

    assert proxy.cuts == cuts + 1
    assert read_all(log, topic) == ["first", "second"]
