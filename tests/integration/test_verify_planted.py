"""`dateline verify`: a difference that is planted in Redis is found and named, whole, by story and by watching."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Queue
from typing import IO, Any

import pytest
import redis

from dateline.log import open_log
from dateline.redis_store import Store
from producers.desk import Desk
from tests.integration.cli import DATELINE, Run, json_of
from tests.support.both_logs import on_both_logs
from tests.support.planted import PLANTED, STORY, catch_up, cover, plant, prefix_of

PATIENCE = 30.0


@pytest.fixture
def raw(server: str, log_url: str) -> Iterator[Any]:  # Any: redis-py types an answer as all that it could ever be
    """The test's own hands on a view of two stories."""
    with redis.Redis.from_url(server, decode_responses=True) as client:
        client.flushall()
        store = Store(server)
        with open_log(log_url) as log:
            cover(log)
            cover(log, "skylab")
            catch_up(log, store)
        store.close()
        yield client


@pytest.mark.parametrize("what", PLANTED)
def test_a_planted_difference_is_found_and_named(dateline: Run, raw: Any, what: str) -> None:
    said = plant(raw, what)

    whole = dateline("verify")
    story = dateline("verify", "--story", STORY)

    for found in (whole, story):
        assert found.code == 1
        assert f"dateline: {said}" in found.err


@on_both_logs
def test_where_nothing_was_planted_nothing_is_found(dateline: Run, raw: Any) -> None:
    before = dateline("verify")
    plant(raw, "a lost place")

    other = dateline("verify", "--story", "skylab")

    assert (before.code, before.err) == (other.code, other.err) == (0, "")
    assert before.out.endswith("The live view is what the log says.\n")
    assert other.out == "skylab: 9 records, 2 public updates.\nStory skylab is what the log says.\n"


@on_both_logs
def test_a_story_is_compared_as_json(dateline: Run, raw: Any) -> None:
    said = plant(raw, "a lost place")

    found = dateline("verify", "--story", STORY, "--json")

    assert found.code == 1
    assert json_of(found) == {"story": STORY, "records": 9, "updates": 2, "differences": [said]}


def test_a_story_that_is_nowhere_is_an_error_with_the_nearest(dateline: Run, raw: Any) -> None:
    found = dateline("verify", "--story", "apolo-13")

    assert found.code == 1
    assert "No story 'apolo-13' (did you mean 'apollo-13'?)" in found.err


@on_both_logs
def test_a_parked_story_is_one_line(dateline: Run, raw: Any) -> None:
    raw.hset(f"{prefix_of(raw)}parked", STORY, json.dumps({"seq": 4, "error": "no document", "offset": 3}))
    plant(raw, "a lost key")

    whole = dateline("verify")
    story = dateline("verify", "--story", STORY)

    for found in (whole, story):
        assert found.code == 1
        assert found.err.splitlines()[0] == "dateline: story apollo-13: it is parked since seq 4: no document"
        assert found.err.endswith(" differs from the log in 1 place.\n")


@on_both_logs
def test_keys_of_a_generation_that_nothing_names_are_found_and_can_be_dropped(dateline: Run, raw: Any) -> None:
    raw.set("{tl:p1}:g7:docs/apollo-13", "old")
    raw.hset("{tl:p3}:g7:meta", "next", 1)

    found = dateline("verify")
    dropped = dateline("generations", "drop", "leftovers")

    assert found.code == 1
    assert "left over: 2 keys of generation g7, which nothing names. Run: dateline generations drop leftovers" in found.err
    assert dropped.err == ""
    assert dropped.out == "Dropped 2 keys that nothing names.\n"
    assert dateline("verify").code == 0
    assert dateline("generations", "drop", "leftovers").out == "Nothing was left over.\n"


@pytest.mark.parametrize("together", [("--story", STORY, "--watch"), ("--watch", "--export", "-")])
def test_two_ways_to_verify_are_a_usage_error(dateline: Run, together: tuple[str, ...]) -> None:
    assert dateline("verify", *together).code == 2


class Watch:
    """A `verify --watch --json` in a process of its own, whose lines are read as they come."""

    def __init__(self, data: Path, env: dict[str, str]) -> None:
        environment = {**os.environ, "DATELINE_DATA": str(data), **env}
        command, pipe = [str(DATELINE), "verify", "--watch", "--json"], subprocess.PIPE
        self.process = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment)
        self._out, self._err = _read(self.process.stdout), _read(self.process.stderr)

    def said(self) -> Any:  # Any: what JSON holds
        """Return the next line on stdout."""
        return json.loads(self._out.get(timeout=PATIENCE))

    def has_gone_round(self) -> Any:  # Any: as above
        """Wait until it has compared everything once, and return what it said of that."""
        while (told := json.loads(self._err.get(timeout=PATIENCE)))["event"] != "went_round":
            pass
        return told

    def interrupt(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(PATIENCE)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


def _read(pipe: IO[str] | None) -> Queue[str]:
    assert pipe is not None
    lines: Queue[str] = Queue()

    def read() -> None:
        with pipe:
            for line in pipe:
                lines.put(line)

    threading.Thread(target=read, daemon=True).start()
    return lines


@pytest.fixture
def watch(tmp_path: Path, env: dict[str, str], raw: Any) -> Iterator[Watch]:
    watch = Watch(tmp_path, env)
    yield watch
    watch.close()


@on_both_logs
def test_a_watch_names_what_is_planted_while_it_runs_and_when_it_is_mended(raw: Any, watch: Watch) -> None:
    assert watch.has_gone_round()["differ"] == 0
    place = raw.zscore(f"{prefix_of(raw)}index/{STORY}", "launch")

    said = plant(raw, "a lost place")

    assert watch.said() == {"event": "differs", "story": STORY, "partition": watch_partition(raw), "difference": said}
    raw.zadd(f"{prefix_of(raw)}index/{STORY}", {"launch": place})
    assert watch.said() == {"event": "mended", "story": STORY, "partition": watch_partition(raw)}
    assert watch.interrupt() == 130


@on_both_logs
def test_a_watch_finds_a_story_that_the_view_has_lost_whole(raw: Any, watch: Watch) -> None:
    assert watch.has_gone_round()["stories"] == 2
    prefix = prefix_of(raw)

    raw.delete(*(key for key in raw.keys(f"{prefix}*/{STORY}*")))
    raw.hdel(f"{prefix}stories", STORY)
    raw.zrem(f"{prefix}recent", STORY)

    said = [watch.said() for _ in range(5)]
    assert {one["story"] for one in said} == {STORY}
    assert all(one["difference"].endswith("is missing") for one in said)


@on_both_logs
def test_a_watch_follows_what_is_published(server: str, log_url: str, raw: Any, watch: Watch) -> None:
    store = Store(server)
    with open_log(log_url) as log:
        for number in range(50):
            Desk(log, name="houston").publish(STORY, headline=f"Update {number}", body="…")
            catch_up(log, store)
    store.close()
    said = plant(raw, "a swapped order")

    assert watch.said()["difference"].startswith(said.removesuffix(" differs"))


def watch_partition(raw: Any) -> int:  # Any: as above
    return int(prefix_of(raw).removeprefix("{tl:p").partition("}")[0])
