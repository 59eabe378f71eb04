"""The timeline in real servers: fencing, moved cursors, a cluster, and what an audit finds."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import redis

from consumers.runner import Runner
from consumers.timeline.audit import Audit, Auditor
from consumers.timeline.reader import TimelineReader
from consumers.timeline.view import TimelineView
from dateline.errors import LogChanged, StoreUnavailable
from dateline.log import open_log
from dateline.log.base import Log, NewRecord
from dateline.redis_store import Store
from producers.desk import Desk
from schemas.codec import committed_codec
from schemas.topics import EVENTS_TOPIC
from tests.support.planted import catch_up, cover
from tests.support.servers import redis_cluster


def audited(log: Log, store: Store) -> Audit:
    return Auditor(log, store, topic=EVENTS_TOPIC, codec=committed_codec()).audit()


def test_the_live_view_is_what_the_log_says(log: Log, store: Store) -> None:
    cover(log)

    catch_up(log, store)

    found = audited(log, store)
    assert found.differences == []
    assert (found.records, found.stories, found.updates) == (9, 1, 2)


def test_the_digest_does_not_depend_on_partitions(log: Log, store: Store, raw: Any, tmp_path: Path) -> None:
    cover(log, "one")
    cover(log, "two")
    catch_up(log, store)
    first = audited(log, store)
    raw.flushall()

    with open_log(f"sqlite:///{tmp_path}/other.db?partitions=7") as other:
        for partition in range(log.partitions(EVENTS_TOPIC)):
            records = log.read(EVENTS_TOPIC, partition, 0).records
            other.append(EVENTS_TOPIC, [NewRecord(r.key, r.value, r.headers, r.timestamp) for r in records])
        catch_up(other, store)
        second = audited(other, store)

    assert (first.digest, first.record) == (second.digest, second.record)
    assert second.differences == []


@pytest.mark.parametrize(
    ("plant", "named"),
    [
        (["HSET", "docs", "launch", '{"headline":"Changed"}'], "story apollo-13: the document of update launch differs in "),
        (["ZREM", "index", "launch"], "story apollo-13: the place in the timeline of update launch is missing"),
        (["ZADD", "index", "99", "launch"], "story apollo-13: the place in the timeline of update launch differs: 99.0"),
        (["HSET", "docs", "ghost", "{}"], "story apollo-13: the document of update ghost should not be there"),
        (["DEL", "changes"], "story apollo-13: the change 1-0 is missing"),
        (["HDEL", "state", "rumour"], "story apollo-13: the state of update rumour is missing"),
        (
            ["ZREM", "corrections", "apollo-13/problem/0000000002"],
            "story apollo-13: the listed correction apollo-13/problem/0000000002 is missing",
        ),
        (["SET", "history", "a text"], "story apollo-13: the history"),
    ],
)
def test_an_audit_names_a_planted_difference(log: Log, store: Store, raw: Any, plant: list[str], named: str) -> None:
    cover(log)
    catch_up(log, store)
    prefix = next(key for key in raw.keys("*meta") if raw.hget(key, "next") != "0").removesuffix("meta")

    command, kind, *arguments = plant
    raw.execute_command(command, f"{prefix}{kind}/apollo-13", *arguments)

    assert any(difference.startswith(named) for difference in audited(log, store).differences)


def test_whoever_held_a_partition_before_is_fenced(log: Log, store: Store, raw: Any) -> None:
    cover(log)
    catch_up(log, store)
    story = "apollo-13"
    zombie = Runner(log, TimelineView(store), topic=EVENTS_TOPIC, codec=committed_codec())
    zombie.run_until({0: 0}, deadline=time.monotonic())
    zombie._turn(0.0)
    stolen = TimelineView(store)
    for partition in range(log.partitions(EVENTS_TOPIC)):
        stolen.claim(partition, log_id=log.id(EVENTS_TOPIC))
    before = {key: raw.dump(key) for key in raw.keys("*") if not key.endswith("meta")}

    Desk(log, name="houston").publish(story, update="late", headline="Late", body="…")
    zombie._turn(1.0)
    zombie.flush()

    assert {key: raw.dump(key) for key in raw.keys("*") if not key.endswith("meta")} == before
    assert zombie.run_until(log.end_offsets(EVENTS_TOPIC), deadline=time.monotonic() + 10), "it asks the group, and claims anew"
    assert audited(log, store).differences == []
    zombie.close()
    stolen.reset()


def test_a_view_that_fell_back_catches_up_from_where_it_stands(log: Log, store: Store, server: str) -> None:
    """A failover that loses the last second takes view and cursor back together."""
    cover(log)
    runner = Runner(log, TimelineView(store), topic=EVENTS_TOPIC, codec=committed_codec())
    with redis.Redis.from_url(server) as binary:
        runner.run_until(log.end_offsets(EVENTS_TOPIC), deadline=time.monotonic() + 10)
        older = {key: binary.dump(key) for key in binary.keys("*")}
        cover(log, "later")
        runner.run_until(log.end_offsets(EVENTS_TOPIC), deadline=time.monotonic() + 10)

        binary.flushall()
        for key, dumped in older.items():
            binary.restore(key, 0, dumped)
    cover(log, "latest")

    assert runner.run_until(log.end_offsets(EVENTS_TOPIC), deadline=time.monotonic() + 10)
    assert audited(log, store).differences == []
    runner.close()


def test_a_view_that_was_lost_is_built_anew(log: Log, store: Store, raw: Any) -> None:
    cover(log)
    runner = Runner(log, TimelineView(store), topic=EVENTS_TOPIC, codec=committed_codec())
    runner.run_until(log.end_offsets(EVENTS_TOPIC), deadline=time.monotonic() + 10)

    raw.flushall()
    cover(log, "later")

    assert runner.run_until(log.end_offsets(EVENTS_TOPIC), deadline=time.monotonic() + 10)
    assert audited(log, store).differences == []
    runner.close()


def test_a_view_of_another_log_is_left_alone(log: Log, store: Store, tmp_path: Path) -> None:
    cover(log)
    catch_up(log, store)

    with open_log(f"sqlite:///{tmp_path}/another.db") as another:
        cover(another)
        with pytest.raises(LogChanged, match=r"^LOG_CHANGED: the timeline view \(partition 0\) was built from log "):
            catch_up(another, store)

    assert audited(log, store).differences == []


def test_a_redis_that_is_not_there_is_said_so(log: Log) -> None:
    store = Store("redis://user:secret@127.0.0.1:1/0")

    with pytest.raises(StoreUnavailable, match=r"Redis at redis://127\.0\.0\.1:1/0 cannot be used") as caught:
        TimelineReader(store, partitions=4).stories()

    assert "secret" not in str(caught.value)
    store.close()


def test_everything_works_on_a_cluster(log: Log, tmp_path: Path) -> None:
    cover(log, "one")
    cover(log, "two")
    cover(log, "three")
    with redis_cluster(tmp_path / "cluster") as url:
        store = Store(url)

        catch_up(log, store)

        reader = TimelineReader(store, partitions=log.partitions(EVENTS_TOPIC))
        page = reader.page("two")
        assert page is not None
        assert [b'"id":"problem"' in document for document in page.documents] == [True, False]
        assert len(reader.stories()) == 3
        assert len(reader.corrections()) == 3
        assert reader.page_as_of("one", 3) is not None
        assert audited(log, store).differences == []
        store.close()
