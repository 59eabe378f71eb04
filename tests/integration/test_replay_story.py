"""`dateline replay timeline --story`: one story built anew in place, whatever was wrong and whatever goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from consumers.timeline.audit import Auditor
from consumers.timeline.reader import TimelineReader
from consumers.timeline.rebuild import Rebuilt, rebuild_story
from dateline.log.base import Log, NewRecord
from dateline.redis_store import Store
from producers.desk import Desk
from schemas.codec import committed_codec
from schemas.topics import EVENTS_TOPIC
from tests.integration.cli import DATELINE, Run, json_of
from tests.support.both_logs import on_both_logs
from tests.support.planted import PLANTED, STORY, catch_up, cover, plant, prefix_of
from tests.support.servers import eventually

MANY = 400


def rebuilt(log: Log, store: Store, story: str = STORY) -> Rebuilt | None:
    return rebuild_story(log, store, topic=EVENTS_TOPIC, codec=committed_codec(), story=story)


def differences(log: Log, store: Store) -> list[str]:
    return Auditor(log, store, topic=EVENTS_TOPIC, codec=committed_codec()).audit().differences


def resets(raw: Any) -> list[str]:  # Any: as in `raw`
    """Return the stories whose readers were told to begin anew."""
    told = [fields for key in raw.keys("*wake") for _, fields in raw.xrange(key)]
    return [story for fields in told for story in json.loads(fields.get("reset", "[]"))]


def lose(raw: Any, story: str = STORY) -> None:  # Any: as in `raw`
    """Take everything of a story out of the view."""
    prefix = prefix_of(raw, story)
    raw.delete(*(key for key in raw.keys(f"{prefix}*/{story}*")))
    raw.hdel(f"{prefix}stories", story)
    raw.zrem(f"{prefix}recent", story)
    listed = [name for name in raw.zrange(f"{prefix}corrections", 0, -1) if name.startswith(f"{story}/")]
    raw.zrem(f"{prefix}corrections", "", *listed)


@pytest.mark.parametrize("what", PLANTED)
def test_what_was_planted_is_put_right(log: Log, store: Store, raw: Any, what: str) -> None:
    cover(log)
    cover(log, "skylab")
    catch_up(log, store)
    said = plant(raw, what)

    found = rebuilt(log, store)

    assert found is not None
    assert any(line.startswith(said) for line in found.differences)
    assert differences(log, store) == []
    assert raw.keys("*rebuild/*") == []
    assert rebuilt(log, store, "skylab") is not None
    assert differences(log, store) == []


@on_both_logs
def test_the_command_says_what_it_put_right(dateline: Run, log: Log, store: Store, raw: Any) -> None:
    cover(log)
    catch_up(log, store)
    said = plant(raw, "a changed headline")

    first = dateline("replay", "timeline", "--story", STORY)
    second = dateline("replay", "timeline", "--story", STORY)
    third = json_of(dateline("replay", "timeline", "--story", STORY, "--json"))

    assert f"\n  {said}" in first.out
    assert "open pages begin anew" in first.out
    assert second.out == "Built apollo-13 in g1 from 9 records: 2 public updates.\nIt is as it was.\n"
    assert (third["story"], third["records"], third["differences"], third["keys"]) == (STORY, 9, [], 0)
    assert resets(raw) == [STORY]
    assert dateline("verify").code == 0


def test_readers_are_not_disturbed_by_what_they_do_not_see(log: Log, store: Store, raw: Any) -> None:
    cover(log)
    catch_up(log, store)
    plant(raw, "a verdict too many")

    found = rebuilt(log, store)

    assert found is not None
    assert not found.is_seen
    assert resets(raw) == []


@on_both_logs
def test_a_story_that_the_view_has_lost_is_built(log: Log, store: Store, raw: Any) -> None:
    cover(log)
    cover(log, "skylab")
    catch_up(log, store)
    lose(raw)

    found = rebuilt(log, store)

    assert found is not None
    assert (found.records, found.updates) == (9, 2)
    assert differences(log, store) == []


@on_both_logs
def test_a_story_that_the_log_does_not_know_is_taken_away(log: Log, store: Store, raw: Any) -> None:
    cover(log)
    catch_up(log, store)
    prefix = prefix_of(raw)
    ghost = next(name for number in range(99) if home(log, name := f"ghost-{number}") == home(log, STORY))
    raw.hset(f"{prefix}docs/{ghost}", "one", "{}")

    found = rebuilt(log, store, ghost)

    assert found is not None
    assert (found.records, found.keys) == (0, 1)
    assert differences(log, store) == []


@on_both_logs
def test_a_story_that_is_nowhere_is_an_error_with_the_nearest(dateline: Run, log: Log, store: Store) -> None:
    cover(log)
    catch_up(log, store)

    found = dateline("replay", "timeline", "--story", "apolo-13")

    assert found.code == 1
    assert "No story 'apolo-13' (did you mean 'apollo-13'?)" in found.err


def test_a_parked_story_is_no_longer_parked(log: Log, store: Store, raw: Any) -> None:
    cover(log)
    catch_up(log, store)
    prefix = prefix_of(raw)
    raw.hset(f"{prefix}parked", STORY, json.dumps({"retry": False, "offset": 3, "seq": 4, "error": "no document", "at": 0}))
    raw.hset(f"{prefix}stories", STORY, "damaged")

    found = rebuilt(log, store)

    assert found is not None
    assert found.was_parked
    assert found.differences == ["story apollo-13: it is parked since seq 4: no document"]
    assert not raw.exists(f"{prefix}parked")
    assert differences(log, store) == []
    assert resets(raw) == [STORY]


@on_both_logs
def test_what_waited_and_could_not_be_read_is_counted(log: Log, store: Store, raw: Any) -> None:
    cover(log)
    log.append(EVENTS_TOPIC, [NewRecord(STORY.encode(), b"no event")])
    catch_up(log, store)
    prefix = prefix_of(raw)
    raw.hset(f"{prefix}parked", STORY, json.dumps({"retry": False, "offset": 3, "seq": 4, "error": "no document", "at": 0}))
    raw.delete(f"{prefix}problems")
    raw.hset(f"{prefix}meta", "undecodable", 0)

    assert rebuilt(log, store) is not None

    assert raw.hget(f"{prefix}meta", "undecodable") == "1"
    assert differences(log, store) == []


@on_both_logs
def test_a_story_that_a_consumer_parked_is_mended(dateline: Run, log: Log, store: Store, raw: Any) -> None:
    cover(log)
    catch_up(log, store)
    raw.hset(f"{prefix_of(raw)}state/{STORY}", "launch", "damaged")
    Desk(log, name="houston").mark(STORY, "launch", pinned=True)
    Desk(log, name="houston").publish(STORY, update="late", headline="Late", body="…")
    catch_up(log, store)

    before = dateline("verify")
    replayed = dateline("replay", "timeline", "--story", STORY)
    after = dateline("verify")

    assert before.code == 1
    assert "dateline: story apollo-13: it is parked since seq 10: " in before.err
    assert replayed.out.startswith("Built apollo-13 in g1 from 11 records: 3 public updates.\nIt is no longer parked:\n")
    assert (after.code, after.err) == (0, "")


@on_both_logs
def test_what_a_consumer_remembers_of_the_story_is_loaded_anew(log: Log, store: Store, raw: Any) -> None:
    """A consumer that goes on from the state that it remembers would write over what was built."""
    from consumers.runner import Runner
    from consumers.timeline.view import TimelineView

    cover(log)
    runner = Runner(log, TimelineView(store), topic=EVENTS_TOPIC, codec=committed_codec())
    assert runner.run_until(log.end_offsets(EVENTS_TOPIC), deadline=float("inf"))
    rebuilt(log, store)
    assert raw.hget(f"{prefix_of(raw)}meta", "token") is None

    Desk(log, name="houston").publish(STORY, update="late", headline="Late", body="…")

    assert runner.run_until(log.end_offsets(EVENTS_TOPIC), deadline=float("inf"))
    runner.close()
    assert differences(log, store) == []


@contextmanager
def consuming(tmp_path: Path, env: dict[str, str]) -> Iterator[None]:
    """Run a consumer in a process of its own."""
    environment = {**os.environ, "DATELINE_DATA": str(tmp_path), **env}
    process = subprocess.Popen([str(DATELINE), "consume", "timeline"], stderr=subprocess.DEVNULL, env=environment)
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


@contextmanager
def publishing(log: Log) -> Iterator[list[int]]:
    """Publish to the story without a pause, and correct some of it; yields what was said so far."""
    batch = uuid4().hex[:6]
    said: list[int] = []
    stopped = threading.Event()

    def publish() -> None:
        desk = Desk(log, name="houston")
        while not stopped.is_set():
            number = len(said)
            desk.publish(STORY, update=f"{batch}-{number}", headline=f"New {number}", body="Text.")
            if number % 3 == 0:
                desk.correct(STORY, f"{batch}-{number // 2}", note="It was wrong.", headline=f"Better {number}", body="Text.")
            if number % 50 == 0:
                desk.kill(STORY, f"{batch}-{number // 2}", reason="false")
            said.append(number)

    thread = threading.Thread(target=publish)
    thread.start()
    try:
        yield said
    finally:
        stopped.set()
        thread.join()


@on_both_logs
def test_a_story_is_built_while_a_desk_publishes_to_it_and_a_consumer_runs(
    tmp_path: Path, env: dict[str, str], log: Log, store: Store, raw: Any
) -> None:
    cover(log)
    damages = cycle(("a changed headline", "a lost place", "a lost key", "a lost state", "an unlisted correction"))
    tries: list[int] = []
    with consuming(tmp_path, env):
        eventually(lambda: has_caught_up(log, store))
        while len(tries) < 5 or (max(tries) == 1 and len(tries) < 30):
            with publishing(log) as said:
                eventually(lambda said=said: len(said) > 20)  # type: ignore[misc]  # mypy infers no type of a default
                plant(raw, next(damages))
                found = rebuilt(log, store)
                assert found is not None
                tries.append(found.tries)
            eventually(lambda: has_caught_up(log, store))
            assert differences(log, store) == []

    assert max(tries) > 1, "the story never went on while it was built"
    assert raw.keys("*rebuild/*") == []


def has_caught_up(log: Log, store: Store) -> bool:
    ends = log.end_offsets(EVENTS_TOPIC)
    positions = TimelineReader(store, partitions=len(ends)).positions()
    return {one.partition: one.offset for one in positions if one.offset} == {p: end for p, end in ends.items() if end}


@on_both_logs
def test_readers_have_the_old_one_or_the_new_one_and_never_a_mix(log: Log, store: Store, raw: Any) -> None:
    desk = Desk(log, name="houston")
    names = [f"update-{number}" for number in range(MANY)]
    for name in names:
        desk.publish(STORY, update=name, headline="True", body="Text.")
    catch_up(log, store)
    docs = f"{prefix_of(raw)}docs/{STORY}"
    raw.hset(docs, mapping={name: text.replace("True", "False") for name, text in raw.hgetall(docs).items()})
    reader = TimelineReader(store, partitions=log.partitions(EVENTS_TOPIC))
    seen: list[set[bool]] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            page = reader.page(STORY, limit=MANY)
            assert page is not None
            seen.append({b'"headline":"True"' in document for document in page.documents})
            assert len(page.documents) == MANY

    thread = threading.Thread(target=read)
    thread.start()
    eventually(lambda: bool(seen))
    rebuilt(log, store)
    after = len(seen)
    eventually(lambda: len(seen) > after + 1)
    done.set()
    thread.join()

    assert all(len(one) == 1 for one in seen)
    assert (seen[0], seen[-1]) == ({False}, {True})


@on_both_logs
@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 0.99])
def test_killed_at_any_moment_it_leaves_the_old_one_and_is_run_again(
    tmp_path: Path, env: dict[str, str], dateline: Run, log: Log, store: Store, raw: Any, share: float
) -> None:
    desk = Desk(log, name="houston")
    for number in range(MANY):
        desk.publish(STORY, update=f"update-{number}", headline="A headline", body="Text.")
        desk.revise(STORY, f"update-{number}", headline="Another headline", body="Text.")
    catch_up(log, store)
    wanted = set(raw.keys(f"*/{STORY}*"))
    lose(raw)
    environment = {**os.environ, "DATELINE_DATA": str(tmp_path), **env}
    command = [str(DATELINE), "replay", "timeline", "--story", STORY]

    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    eventually(lambda: len(raw.keys("*rebuild/*")) > share * len(wanted) or process.poll() is not None)
    process.kill()
    process.wait()

    assert {key for key in raw.keys(f"*/{STORY}*") if "rebuild/" not in key} in (set(), wanted)
    again = dateline("replay", "timeline", "--story", STORY)
    assert (again.code, again.err) == (0, "")
    assert raw.keys("*rebuild/*") == []
    assert differences(log, store) == []


def home(log: Log, story: str) -> int:
    from dateline.log.partitioner import partition_of

    return partition_of(story.encode(), log.partitions(EVENTS_TOPIC))
