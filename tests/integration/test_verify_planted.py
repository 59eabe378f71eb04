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
from tests.integration.cli import DATELINE, Result, json_of, run
from tests.support.planted import PLANTED, STORY, catch_up, cover, plant, prefix_of

PATIENCE = 30.0


@pytest.fixture
def raw(server: str, tmp_path: Path) -> Iterator[Any]:  # Any: redis-py types an answer as all that it could ever be
    """The test's own hands on a view of two stories."""
    with redis.Redis.from_url(server, decode_responses=True) as client:
        client.flushall()
        store = Store(server)
        with open_log(f"sqlite:///{tmp_path}/log.db") as log:
            cover(log)
            cover(log, "skylab")
            catch_up(log, store)
        store.close()
        yield client


def dateline(tmp_path: Path, server: str, *args: str) -> Result:
    return run(tmp_path, *args, env={"DATELINE_REDIS": server})


@pytest.mark.parametrize("what", PLANTED)
def test_a_planted_difference_is_found_and_named(tmp_path: Path, server: str, raw: Any, what: str) -> None:
    said = plant(raw, what)

    whole = dateline(tmp_path, server, "verify")
    story = dateline(tmp_path, server, "verify", "--story", STORY)

    for found in (whole, story):
        assert found.code == 1
        assert f"dateline: {said}" in found.err


def test_where_nothing_was_planted_nothing_is_found(tmp_path: Path, server: str, raw: Any) -> None:
    before = dateline(tmp_path, server, "verify")
    plant(raw, "a lost place")

    other = dateline(tmp_path, server, "verify", "--story", "skylab")

    assert (before.code, before.err) == (other.code, other.err) == (0, "")
    assert before.out.endswith("The live view is what the log says.\n")
    assert other.out == "skylab: 9 records, 2 public updates.\nStory skylab is what the log says.\n"


def test_a_story_is_compared_as_json(tmp_path: Path, server: str, raw: Any) -> None:
    said = plant(raw, "a lost place")

    found = dateline(tmp_path, server, "verify", "--story", STORY, "--json")

    assert found.code == 1
    assert json_of(found) == {"story": STORY, "records": 9, "updates": 2, "differences": [said]}


def test_a_story_that_is_nowhere_is_an_error_with_the_nearest(tmp_path: Path, server: str, raw: Any) -> None:
    found = dateline(tmp_path, server, "verify", "--story", "apolo-13")

    assert found.code == 1
    assert "No story 'apolo-13' (did you mean 'apollo-13'?)" in found.err


def test_a_parked_story_is_one_line(tmp_path: Path, server: str, raw: Any) -> None:
    raw.hset(f"{prefix_of(raw)}parked", STORY, json.dumps({"seq": 4, "error": "no document", "offset": 3}))
    plant(raw, "a lost key")

    whole = dateline(tmp_path, server, "verify")
    story = dateline(tmp_path, server, "verify", "--story", STORY)

    for found in (whole, story):
        assert found.code == 1
        assert found.err.splitlines()[0] == "dateline: story apollo-13: it is parked since seq 4: no document"
        assert found.err.endswith(" differs from the log in 1 place.\n")


def test_keys_of_a_generation_that_nothing_names_are_found_and_can_be_dropped(tmp_path: Path, server: str, raw: Any) -> None:
    raw.set("{tl:p1}:g7:docs/apollo-13", "old")
    raw.hset("{tl:p3}:g7:meta", "next", 1)

    found = dateline(tmp_path, server, "verify")
    dropped = dateline(tmp_path, server, "generations", "drop", "leftovers")

    assert found.code == 1
    assert "left over: 2 keys of generation g7, which nothing names. Run: dateline generations drop leftovers" in found.err
    assert dropped.err == ""
    assert dropped.out == "Dropped 2 keys that nothing names.\n"
    assert dateline(tmp_path, server, "verify").code == 0
    assert dateline(tmp_path, server, "generations", "drop", "leftovers").out == "Nothing was left over.\n"


@pytest.mark.parametrize("together", [("--story", STORY, "--watch"), ("--watch", "--export", "-")])
def test_two_ways_to_verify_are_a_usage_error(tmp_path: Path, server: str, together: tuple[str, ...]) -> None:
    assert dateline(tmp_path, server, "verify", *together).code == 2


class Watch:
    """A `verify --watch --json` in a process of its own, whose lines are read as they come."""

    def __init__(self, data: Path, server: str) -> None:
        environment = {**os.environ, "DATELINE_DATA": str(data), "DATELINE_REDIS": server}
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
def watch(tmp_path: Path, server: str, raw: Any) -> Iterator[Watch]:
    watch = Watch(tmp_path, server)
    yield watch
    watch.close()


def test_a_watch_names_what_is_planted_while_it_runs_and_when_it_is_mended(raw: Any, watch: Watch) -> None:
    assert watch.has_gone_round()["differ"] == 0
    place = raw.zscore(f"{prefix_of(raw)}index/{STORY}", "launch")

    said = plant(raw, "a lost place")

    assert watch.said() == {"event": "differs", "story": STORY, "partition": watch_partition(raw), "difference": said}
    raw.zadd(f"{prefix_of(raw)}index/{STORY}", {"launch": place})
    assert watch.said() == {"event": "mended", "story": STORY, "partition": watch_partition(raw)}
    assert watch.interrupt() == 130


def test_a_watch_finds_a_story_that_the_view_has_lost_whole(raw: Any, watch: Watch) -> None:
    assert watch.has_gone_round()["stories"] == 2
    prefix = prefix_of(raw)

    raw.delete(*(key for key in raw.keys(f"{prefix}*/{STORY}*")))
    raw.hdel(f"{prefix}stories", STORY)
    raw.zrem(f"{prefix}recent", STORY)

    said = [watch.said() for _ in range(5)]
    assert {one["story"] for one in said} == {STORY}
    assert all(one["difference"].endswith("is missing") for one in said)


def test_a_watch_follows_what_is_published(tmp_path: Path, server: str, raw: Any, watch: Watch) -> None:
    store = Store(server)
    with open_log(f"sqlite:///{tmp_path}/log.db") as log:
        for number in range(50):
            Desk(log, name="houston").publish(STORY, headline=f"Update {number}", body="…")
            catch_up(log, store)
    store.close()
    said = plant(raw, "a swapped order")

    assert watch.said()["difference"].startswith(said.removesuffix(" differs"))


def watch_partition(raw: Any) -> int:  # Any: as above
    return int(prefix_of(raw).removeprefix("{tl:p").partition("}")[0])
