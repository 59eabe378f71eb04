"""What an operator is told when something is wrong names the thing, and a way on that takes nothing from readers."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dateline.errors import StoreFull
from dateline.redis_store import Store
from tests.integration.cli import DATELINE, run
from tests.integration.test_replay import STORIES, Room, opened
from tests.support.servers import eventually


@pytest.fixture
def room(tmp_path: Path, log_url: str, server: str, raw: Any) -> Iterator[Room]:  # Any: as in conftest
    with opened(tmp_path, log_url, server) as room:
        yield room


def test_a_damaged_story_is_told_with_the_command_that_builds_it_anew(room: Room, raw: Any) -> None:
    (key,) = (one for one in raw.keys("*:stories") if raw.hexists(one, "story-3"))
    raw.hset(key, "story-3", "no state")

    told = room.run("timeline", "story-3")

    assert told.code == 1
    assert "dateline replay timeline --story story-3 (dateline verify names what is damaged)" in told.err
    assert told.err.endswith("the whole: dateline replay timeline\n")
    assert room.run("replay", "timeline", "--story", "story-3").code == 0
    assert room.run("timeline", "story-3").code == 0


def test_a_key_of_another_kind_is_told_with_what_builds_it_anew(room: Room, raw: Any) -> None:
    (key,) = raw.keys("*:index/story-3")
    raw.delete(key)
    raw.set(key, "a text")

    told = room.run("timeline", "story-3")

    assert told.code == 1
    assert told.err.endswith("dateline verify names what is damaged, and it is built anew by: dateline replay timeline\n")


def test_keys_that_redis_will_forget_are_named(room: Room, raw: Any) -> None:
    (document,) = raw.keys("*:docs/story-3")
    raw.expire(document, 3600)
    raw.expire("{tl:p0}:live", 3600)

    whole, story = room.run("verify"), room.run("verify", "--story", "story-3")
    mended = [room.run("replay", "timeline", "--story", "story-3"), room.run("replay", "timeline")]

    assert (whole.code, story.code) == (1, 1)
    named = re.findall(r"key (\S+) will be forgotten in 3,[56]\d\d s: .* Run: redis-cli persist '(\S+)'", whole.err)
    assert sorted(named) == sorted([(document, document), ("{tl:p0}:live", "{tl:p0}:live")])
    assert story.err.count("will be forgotten") == 1
    assert [one.code for one in mended] == [0, 0]
    room.is_whole()


def test_a_view_may_be_named(room: Room) -> None:
    assert [room.run("verify", *view).code for view in ((), ("timeline",), ("all",))] == [0, 0, 0]
    wrong = room.run("verify", "timelin")
    assert room.run("replay").err.endswith("all. See: dateline replay --help\n")
    assert (wrong.code, wrong.err.endswith("'timeline', 'search', 'all'. See: dateline verify --help\n")) == (2, True)
    assert room.run("verify", "timeline", "--export", "-").code == 2


def test_redis_that_is_full_in_the_middle_of_a_build_says_how_much_and_the_build_goes_on(room: Room, raw: Any) -> None:
    assert room.run("replay", "timeline", "--no-switch").code == 0
    room.fill(per_story=200)
    room.catch_up()
    raw.config_set("maxmemory", raw.info("memory")["used_memory"] + 1000)

    told = room.run("replay", "timeline")
    raw.config_set("maxmemory", 0)
    again = room.run("replay", "timeline")

    assert told.code == 1
    assert re.search(
        r"is full: it uses \d+\.\d MB, and its maxmemory is \d+\.\d MB\. Raise that, then run the same command", told.err
    )
    assert "script" not in told.err
    assert (again.code, room.names("live")) == (0, room.everywhere("g2"))


def test_what_redis_says_when_it_is_full_is_told_apart(store: Store, raw: Any) -> None:
    raw.config_set("maxmemory", 1)
    from consumers.timeline.view import TimelineView

    with pytest.raises(StoreFull, match="is full: command not allowed when used memory > 'maxmemory'"):
        TimelineView(store).claim(0, log_id="log")


def test_redis_that_dies_in_the_middle_of_a_build_is_told_with_what_to_do(tmp_path: Path) -> None:
    from tests.chaos.mortal_redis import mortal_redis

    with mortal_redis(tmp_path / "redis") as server, opened(tmp_path, f"sqlite:///{tmp_path}/log.db", server.url) as room:
        room.fill(per_story=2000)
        room.catch_up()
        environment = {"DATELINE_DATA": str(tmp_path / "data"), **room.env}
        command = [str(DATELINE), "replay", "timeline"]
        with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
            eventually(lambda: bool(room.names("shadow")), what="a build")
            server.kill()
            assert process.stderr is not None
            told = process.stderr.read()

    assert process.returncode == 1
    assert "Have it run, then run the same command again: it goes on where it stopped" in told


def test_a_build_that_stood_still_counts_what_it_caught_up_with(room: Room) -> None:
    replay = room.replay_in_steps()
    next(replay)  # it has read the log to its end
    room.fill(["story-3"], per_story=1)
    room.catch_up()

    result = next(replay).result

    assert (result.records, result.read) == (len(STORIES) * 60 + 1,) * 2


def test_parked_holds_a_storys_name_to_the_rules_and_counts_one_record(room: Room) -> None:
    wrong = [room.run("parked", what, "a b") for what in ("show", "retry")]

    assert [one.code for one in wrong] == [1, 1]
    assert all("The story name 'a b' holds ' ' (U+0020)" in one.err for one in wrong)


def test_a_long_name_is_shown_short(room: Room) -> None:
    told = [
        room.run("replay", "timeline", "--story", "x" * 5000),
        room.run("verify", "--story", "x" * 5000),
        room.run("parked", "show", "x" * 5000),
    ]

    assert [one.code for one in told] == [1, 1, 1]
    assert all(len(one.err) < 400 for one in told)


def test_a_time_outside_the_calendar_is_told_its_bounds(room: Room) -> None:
    told = room.run("timeline", "story-3", "--as-of", "9999-12-31T23:59:59Z")

    assert "lies outside the calendar, which goes from 0001-01-02 to 9999-12-30 (0:00 UTC)." in told.err


def test_one_story_is_one_story(tmp_path: Path, log_url: str, server: str, raw: Any) -> None:
    env = {"DATELINE_LOG": log_url, "DATELINE_REDIS": server}
    run(tmp_path, "story", "open", "apollo-13", "--title", "Apollo 13", env=env)

    assert run(tmp_path, "verify", env=env).out.startswith("1 record, 1 story, 0 public updates.\n")


def test_the_private_redis_says_nothing_each_time_it_saves(tmp_path: Path) -> None:
    for number in range(3):
        run(tmp_path, "publish", "apollo-13", "--headline", f"Headline {number}")

    log = (tmp_path / "redis.log").read_text()

    assert "Background saving" not in log
    assert "DB saved on disk" not in log
