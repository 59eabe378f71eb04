"""A batch that Redis refuses: nothing of it is there, or its partition is given up and says so, and a replay mends it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consumers.runner import Runner
from consumers.timeline.audit import Auditor
from consumers.timeline.view import TimelineView
from dateline.errors import DatelineError, HalfWritten, StoreBroken, StoreUnavailable
from dateline.log import open_log
from dateline.log.base import Log
from dateline.redis_store import Store
from producers.desk import Desk
from schemas.codec import committed_codec
from schemas.topics import EVENTS_TOPIC
from tests.integration.cli import json_of, run
from tests.support.planted import STORY, catch_up, cover, prefix_of

WELL = "mir"
"""A story of another partition."""


def differences(log: Log, store: Store) -> list[str]:
    return Auditor(log, store, topic=EVENTS_TOPIC, codec=committed_codec()).audit().differences


@given(st.integers(0, 60_000))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_batch_for_which_there_is_no_memory_is_there_whole_or_not_at_all(
    tmp_path_factory: pytest.TempPathFactory, store: Store, raw: Any, room_bytes: int
) -> None:
    """Redis refuses at the first write of a script or not at all, wherever its limit is reached."""
    raw.config_set("maxmemory", 0)
    raw.flushall()
    with open_log(f"sqlite:///{tmp_path_factory.mktemp('log')}/log.db") as log:
        cover(log)
        catch_up(log, store)
        desk = Desk(log, name="houston")
        for number in range(40):
            desk.publish(STORY, headline=f"Update {number}", body="Copy. " * 300)
            desk.mark(STORY, "launch", pinned=number % 2 == 0)
        raw.config_set("maxmemory", raw.info("memory")["used_memory"] + room_bytes)

        runner = Runner(log, TimelineView(store), topic=EVENTS_TOPIC, codec=committed_codec(), batch=8)
        try:
            with pytest.raises(StoreUnavailable, match="maxmemory"):
                runner.run_until(log.end_offsets(EVENTS_TOPIC), deadline=time.monotonic() + 20)
        finally:
            runner.close()
        assert differences(log, store) == [], "up to the cursor, the view is what the log says"

        raw.config_set("maxmemory", 0)
        catch_up(log, store)
        assert differences(log, store) == []


def test_a_first_write_that_is_refused_can_be_tried_again(log: Log, store: Store, raw: Any) -> None:
    cover(log)
    catch_up(log, store)
    changes = f"{prefix_of(raw)}changes/{STORY}"
    raw.rename(changes, "aside")
    raw.set(changes, "a text")
    Desk(log, name="houston").publish(STORY, headline="Late", body="…")

    with pytest.raises(StoreBroken, match="WRONGTYPE") as caught:
        catch_up(log, store)
    raw.rename("aside", changes)
    catch_up(log, store)

    assert not isinstance(caught.value, HalfWritten)
    assert differences(log, store) == []


def test_a_batch_that_is_refused_in_its_middle_is_never_gone_on_from(log: Log, store: Store, raw: Any) -> None:
    """To apply it again would take its events for repetitions, and leave what was refused out for ever."""
    cover(log)
    catch_up(log, store)
    tear(log, raw)
    with pytest.raises(HalfWritten, match=r"A batch of partition \d was written in part: .*index/apollo-13: WRONGTYPE"):
        catch_up(log, store)
    raw.rename("aside", f"{prefix_of(raw)}index/{STORY}")
    before = held(store, raw)

    for _ in range(2):
        with pytest.raises(HalfWritten, match="run: dateline replay timeline"):
            catch_up(log, store)

    assert held(store, raw) == before


def test_other_partitions_go_on_beside_one_that_was_written_in_part(log: Log, store: Store, raw: Any) -> None:
    cover(log)
    catch_up(log, store)
    tear(log, raw)
    stopped: dict[int, DatelineError] = {}
    runner = Runner(log, TimelineView(store), topic=EVENTS_TOPIC, codec=committed_codec(), on_stopped=stopped.__setitem__)
    deadline = time.monotonic() + 20
    runner.run(stopped=lambda: bool(stopped) or time.monotonic() > deadline, timeout=0.01)
    cover(log, WELL)
    ends = log.end_offsets(EVENTS_TOPIC)
    well = {partition: end for partition, end in ends.items() if partition not in stopped and end}

    assert runner.run_until(well, deadline=time.monotonic() + 20)
    runner.close()

    assert [type(error) for error in stopped.values()] == [HalfWritten]
    assert well


def test_status_says_so_and_a_replay_mends_it(tmp_path: Path, log: Log, store: Store, raw: Any, server: str) -> None:
    cover(log)
    catch_up(log, store)
    tear(log, raw)
    with pytest.raises(HalfWritten):
        catch_up(log, store)
    env = {"DATELINE_REDIS": server}

    status = run(tmp_path, "status", env=env)
    replayed = run(tmp_path, "replay", "timeline", env=env)
    verified = run(tmp_path, "verify", "--json", env=env)

    assert status.code == 1
    assert "Timeline  stopped: A batch of partition" in status.out
    assert "run: dateline replay timeline" in status.err
    assert (replayed.code, "Readers have g2 now" in replayed.out) == (0, True), replayed
    assert (verified.code, json_of(verified)["differences"]) == (0, [])


def test_a_build_that_was_written_in_part_is_begun_anew(tmp_path: Path, log: Log, store: Store, raw: Any, server: str) -> None:
    cover(log)
    catch_up(log, store)
    env = {"DATELINE_REDIS": server}
    run(tmp_path, "replay", "timeline", "--no-switch", env=env)
    for key in raw.keys("*:g2:meta"):
        raw.hset(key, "torn", "ZADD: refused")

    replayed = run(tmp_path, "replay", "timeline", env=env)

    assert (replayed.code, "readers see the same" in replayed.out) == (0, True), replayed
    assert differences(log, store) == []


def held(store: Store, raw: Any) -> dict[str, Any]:  # Any: redis-py types an answer as all that it could ever be
    """Return everything that the generation holds, the claim aside."""
    found: dict[str, Any] = dict(store.contents(prefix_of(raw)))
    del found[f"{prefix_of(raw)}meta"]["token"]
    return found


def tear(log: Log, raw: Any) -> None:  # Any: as above
    """Have Redis refuse a write in the middle of the next batch."""
    index = f"{prefix_of(raw)}index/{STORY}"
    raw.rename(index, "aside")
    raw.set(index, "a text")
    Desk(log, name="houston").publish(STORY, update="late", headline="Late", body="…")
