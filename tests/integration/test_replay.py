"""`dateline replay` and what goes with it: readers go on reading, nothing is lost, and whatever was stopped is gone on with."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import redis
from typing_extensions import override

from consumers.generations import Pointer
from consumers.runner import Runner
from consumers.story import FOLD_VERSION
from consumers.timeline import keys
from consumers.timeline.audit import Auditor
from consumers.timeline.generations import TimelineGenerations
from consumers.timeline.reader import TimelineReader
from consumers.timeline.view import TimelineView
from dateline import turn as dateline_turn
from dateline.cli.main import run as dateline
from dateline.errors import DatelineError, StoreUnavailable
from dateline.log import open_log
from dateline.redis_store import Store
from dateline.replay import Replay
from dateline.rollback import roll_back
from dateline.turn import only_one
from producers.records import record_of
from schemas.codec import committed_codec
from schemas.content import Content
from schemas.events import UpdatePublished
from schemas.identity import new_event_id
from schemas.topics import EVENTS_TOPIC
from tests.integration.cli import DATELINE, Result, json_of, run
from tests.integration.test_consume import Consumer
from tests.support.both_logs import on_both_logs
from tests.support.readers import Publishing, Readers
from tests.support.servers import eventually, redis_cluster, redis_server

STORIES = [f"story-{n}" for n in range(12)]
PER_STORY = 60
SAID = dict.fromkeys(STORIES, PER_STORY)


class Room:
    """A log with a coverage, a Redis, and the timeline in it."""

    def __init__(self, data: Path, log_url: str, redis_url: str) -> None:
        self.data, self.redis_url, self.log_url = data, redis_url, log_url
        self.env = {"DATELINE_LOG": log_url, "DATELINE_REDIS": redis_url}
        self.log = open_log(log_url)
        self.store = Store(redis_url)
        self.partitions = self.log.partitions(EVENTS_TOPIC)
        self.generations = TimelineGenerations(self.store, partitions=self.partitions)
        self.reader = TimelineReader(self.store, partitions=self.partitions)

    def fill(self, stories: Sequence[str] = STORIES, *, per_story: int = PER_STORY) -> None:
        records = [record_of(_update(story, number)) for number in range(1, per_story + 1) for story in stories]
        self.log.append(EVENTS_TOPIC, records)

    def catch_up(self) -> None:
        runner = Runner(self.log, TimelineView(self.store), topic=EVENTS_TOPIC, codec=committed_codec())
        try:
            assert runner.run_until(self.log.end_offsets(EVENTS_TOPIC), deadline=time.monotonic() + 30)
        finally:
            runner.close()

    def run(self, *args: str) -> Result:
        return run(self.data, *args, env=self.env)

    def names(self, pointer: Pointer) -> dict[int, str]:
        return {partition: one.name for partition, one in self.generations.standing(pointer).items()}

    def everywhere(self, name: str) -> dict[int, str]:
        return dict.fromkeys(range(self.partitions), name)

    def replay(self, generations: TimelineGenerations | None = None) -> Replay:
        """Replay in this process, up to the end of the flip."""
        *_, replay = self.replay_in_steps(generations)
        return replay

    def replay_in_steps(self, generations: TimelineGenerations | None = None) -> Iterator[Replay]:
        """Replay in this process: stop once it is built, and once it is live."""
        replay = Replay(self.log, generations or self.generations, codec=committed_codec())
        replay.begin(check_room=lambda: None)
        replay.build(progress=lambda done, total: None, stay=lambda: None)
        yield replay
        with replay.following() as check:
            replay.compare(check=check)
            replay.flip(home=lambda story: 0, check=check)
        yield replay

    def readers(self, stories: Sequence[str] = STORIES) -> Readers:
        return Readers(self.redis_url, partitions=self.partitions, stories=stories)

    def publishing(self) -> Publishing:
        return Publishing(self.log_url, stories=STORIES, said=SAID)

    def is_whole(self) -> None:
        """See that the live view is what the log says, up to its end."""
        found = Auditor(self.log, self.store, topic=EVENTS_TOPIC, codec=committed_codec()).audit()
        assert found.differences == []
        assert found.records == sum(self.log.end_offsets(EVENTS_TOPIC).values())

    def has(self, said: Mapping[str, int]) -> bool:
        """Whether readers have so many records of each story."""
        return {one.story.id: one.story.seq for one in self.reader.stories()} == dict(said)

    def close(self) -> None:
        self.store.close()
        self.log.close()


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    with redis_server(tmp_path / "redis") as (host, port):
        yield f"redis://{host}:{port}"


@pytest.fixture
def room(tmp_path: Path, log_url: str, redis_url: str) -> Iterator[Room]:
    with opened(tmp_path, log_url, redis_url) as room:
        yield room


@contextmanager
def opened(folder: Path, log_url: str, redis_url: str) -> Iterator[Room]:
    room = Room(folder / "data", log_url, redis_url)
    try:
        room.fill()
        room.catch_up()
        yield room
    finally:
        room.close()


@pytest.fixture
def raw(redis_url: str) -> Iterator[Any]:  # Any: redis-py types an answer as all that it could ever be
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


@contextmanager
def consuming(room: Room) -> Iterator[Consumer]:
    consumer = Consumer(room.data, "timeline", env=room.env)
    try:
        yield consumer
    finally:
        # One that was only starting ends by the signal; none is killed, for then its group would keep its place for a while.
        assert consumer.end(signal.SIGTERM) in (0, -signal.SIGTERM)


class Halting(TimelineGenerations):
    """Generations whose owner is killed once so many partitions are flipped."""

    def __init__(self, room: Room, *, flips: int) -> None:
        super().__init__(room.store, partitions=room.partitions)
        self._left = flips

    @override
    def flip(self, partition: int, to: Pointer, name: str, *, reset: Sequence[str] = (), enough: int | None = None) -> int | None:
        if not self._left:
            raise Killed
        behind = super().flip(partition, to, name, reset=reset, enough=enough)
        self._left -= behind is None
        return behind


class Killed(Exception):
    """The process that flips is gone."""


@on_both_logs
def test_readers_and_a_desk_notice_nothing_of_replays_and_a_rollback(room: Room) -> None:
    with consuming(room), room.readers() as readers, room.publishing() as desk:
        told = [room.run(*command) for command in (["replay", "timeline"], ["replay", "timeline"], ["rollback", "timeline"])]

        assert [one.code for one in told] == [0, 0, 0], told
        assert room.names("live") == room.everywhere("g2")
        assert "readers see the same" in told[0].out
        eventually(lambda: readers.reads > 200)
    with consuming(room):
        eventually(lambda: room.has(desk.said), what="everything that was said, in what readers have")
    room.is_whole()


@on_both_logs
def test_a_replay_killed_at_any_moment_goes_on_when_it_is_run_again(room: Room) -> None:
    dice = random.Random(5)
    for _ in range(5):
        killed = subprocess.Popen([DATELINE, "replay", "timeline"], env=_environment(room), stdout=subprocess.DEVNULL)
        time.sleep(dice.uniform(0.2, 0.8))
        killed.kill()
        killed.wait()
        assert room.has(SAID)

    done = room.run("replay", "timeline")

    assert done.code == 0, done
    assert "readers see the same" in done.out
    assert len(set(room.names("live").values())) == 1
    assert room.names("shadow") == {}
    room.is_whole()


@on_both_logs
def test_a_flip_that_was_stopped_is_gone_on_with(room: Room) -> None:
    with pytest.raises(Killed):
        room.replay(Halting(room, flips=2))
    assert sorted(room.names("live").values()) == ["g1", "g1", "g2", "g2"]
    assert room.has(SAID)

    replayed = room.replay().result

    assert (replayed.generation, replayed.read, replayed.flipped) == ("g2", 0, 2)
    assert room.names("live") == room.everywhere("g2")
    room.is_whole()


@on_both_logs
def test_a_flip_that_was_stopped_can_be_taken_back_and_done_anew(room: Room) -> None:
    with pytest.raises(Killed):
        room.replay(Halting(room, flips=2))

    names = roll_back(room.log, room.generations, codec=committed_codec(), patience=20.0).generations

    assert names == room.everywhere("g1")
    assert room.names("live") == room.everywhere("g1")
    assert room.replay().result.generation == "g3"
    assert room.names("live") == room.everywhere("g3")
    room.is_whole()


@on_both_logs
def test_a_rollback_that_was_stopped_is_gone_on_with(room: Room) -> None:
    room.replay()
    with pytest.raises(Killed):
        roll_back(room.log, Halting(room, flips=3), codec=committed_codec(), patience=20.0)

    names = roll_back(room.log, room.generations, codec=committed_codec(), patience=20.0).generations

    assert names == room.everywhere("g1")
    assert room.names("live") == room.everywhere("g1")


@pytest.mark.parametrize("flips", [0, 2])
def test_redis_that_dies_in_a_replay_comes_back_with_one_generation_or_the_other(tmp_path: Path, flips: int) -> None:
    from tests.chaos.mortal_redis import mortal_redis

    with mortal_redis(tmp_path / "redis") as server, opened(tmp_path, f"sqlite:///{tmp_path}/log.db", server.url) as room:
        with pytest.raises(DatelineError if flips == 0 else Killed):
            room.replay(_Dying(room, server.kill) if flips == 0 else Halting(room, flips=flips))
        server.kill()
        server.start()

        with room.readers() as readers:
            eventually(lambda: readers.reads > 100)
            replayed = room.replay().result

        assert (replayed.different, replayed.uncompared) == ([], [])
        assert room.names("live") == room.everywhere(replayed.generation)
        room.catch_up()
        room.is_whole()


class _Dying(TimelineGenerations):
    """Generations whose Redis is killed while one is being built."""

    def __init__(self, room: Room, kill: Callable[[], None]) -> None:
        super().__init__(room.store, partitions=room.partitions)
        self._kill = kill

    @override
    def view(self, pointer: Pointer, *, new: str = "none", first: Mapping[int, int] | None = None) -> TimelineView:
        view = TimelineView(self._store, pointer=pointer, new=new, first=first)
        if new == "none":
            self._kill()
        return view


def test_a_connection_that_was_lost_gives_no_answer_any_more(room: Room, raw: Any) -> None:
    with closing(room.store.wire([keys.SEQ])) as wire:
        assert int(wire.send(keys.SEQ, ["{tl:p0}:g1:stories"], ["nobody"]).get()) == 0
        raw.client_kill_filter(_type="normal")

        for _ in range(3):
            with pytest.raises(StoreUnavailable):
                wire.send(keys.SEQ, ["{tl:p0}:g1:stories"], ["nobody"]).get()


@on_both_logs
def test_two_replays_of_one_view_do_not_get_in_each_others_way(
    room: Room, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("dateline.cli.alone.PATIENCE", 0.1)
    for name, value in room.env.items():
        monkeypatch.setenv(name, value)

    with only_one(room.log, "replay", what="replay", notify=lambda text: None):
        code = dateline(["--data", str(room.data), "replay", "timeline"])

    assert code == 1
    assert "Another replay is under way" in capsys.readouterr().err
    assert room.names("shadow") == {}


@on_both_logs
def test_a_story_that_readers_see_otherwise_is_listed_and_their_pages_begin_anew(room: Room, raw: Any) -> None:
    (found,) = raw.keys("*:docs/story-3")
    raw.hset(found, "u-60", '{"id":"u-60","headline":"Planted"}')

    told = room.run("replay", "timeline")

    assert told.code == 0
    assert "Readers see 1 story of 12 otherwise now" in told.out
    assert "the document of update u-60" in told.out
    wake = f"{found.partition(':g1')[0]}:wake"
    assert [json.loads(fields["reset"]) for _, fields in raw.xrange(wake) if "reset" in fields] == [["story-3"]]
    room.is_whole()


def test_only_the_first_ten_differences_are_listed(room: Room, raw: Any) -> None:
    for found in raw.keys("*:docs/story-*"):
        raw.hset(found, "u-60", "{}")

    told = room.run("replay", "timeline", "--no-switch")

    assert told.out.count("the document of update u-60") == 10
    assert "… and 2 more stories" in told.out
    assert room.names("live") == room.everywhere("g1")


def test_without_room_for_a_second_generation_nothing_is_built_or_dropped(room: Room, raw: Any) -> None:
    room.replay()
    size = room.generations.size_bytes("live")
    raw.config_set("maxmemory", raw.info("memory")["used_memory"] - size // 2)

    told = room.run("replay", "timeline")

    assert told.code == 1
    assert "A second generation needs about" in told.err
    assert room.names("previous") == room.everywhere("g1")
    assert room.names("shadow") == {}


@on_both_logs
def test_a_rollback_says_how_far_it_was_behind_and_has_caught_up(room: Room) -> None:
    room.replay()
    room.log.append(EVENTS_TOPIC, [record_of(_update(story, PER_STORY + 1)) for story in STORIES])
    room.catch_up()

    with room.readers():
        told = room.run("rollback", "timeline", "--json")
        again = room.run("rollback", "timeline")

    everywhere = {str(partition): "g1" for partition in range(room.partitions)}
    assert json_of(told) == {
        "view": "timeline",
        "generation": "g1",
        "generations": everywhere,
        "was_behind": 12,
        "parked": [],
    }
    assert "Readers have g2 again; it was 0 records behind" in again.out
    assert room.has(dict.fromkeys(STORIES, PER_STORY + 1))


@on_both_logs
def test_a_rollback_to_another_releases_generation_is_refused_and_names_it(room: Room, raw: Any) -> None:
    room.replay()
    for key in raw.keys("*:g1:meta"):
        raw.hset(key, "fold", FOLD_VERSION - 1)

    told = room.run("rollback", "timeline")

    assert told.code == 1
    assert f"Generation g1 was made by fold version {FOLD_VERSION - 1}, and this release has {FOLD_VERSION}" in told.err
    assert room.names("live") == room.everywhere("g2")


def test_without_a_previous_generation_a_rollback_and_a_drop_are_refused(room: Room) -> None:
    assert "no previous generation" in room.run("rollback", "timeline").err
    assert "no previous generation" in room.run("generations", "drop", "previous").err


def test_a_drop_takes_all_keys_away_and_what_a_stopped_one_left(room: Room, raw: Any) -> None:
    room.replay()
    raw.set("{tl:p0}:g7:docs/left", "by a drop that was killed")

    told = room.run("generations", "drop", "previous")

    assert told.code == 0
    assert {found[1] for key in raw.keys("*:g*") if (found := keys.generation_of(key))} == {"g2"}
    room.is_whole()


def test_a_new_build_does_not_go_on_from_what_a_stopped_drop_left(room: Room, raw: Any) -> None:
    raw.hset("{tl:p0}:g2:meta", "next", 5)

    assert room.replay().result.different == []

    assert room.names("live") == room.everywhere("g2")
    room.is_whole()


def test_a_drop_of_the_build_that_was_stopped_half_way_stops_no_replay(room: Room, raw: Any) -> None:
    assert room.run("replay", "timeline", "--no-switch").code == 0
    raw.delete("{tl:p0}:shadow", "{tl:p1}:shadow")

    assert room.replay().result.different == []

    assert room.names("live") == room.everywhere("g2")
    room.is_whole()


@on_both_logs
def test_a_live_generation_that_is_made_meanwhile_keeps_clear_of_the_build(room: Room, raw: Any) -> None:
    raw.flushall()
    Replay(room.log, room.generations, codec=committed_codec()).begin(check_room=lambda: None)

    room.catch_up()

    assert room.names("shadow") == room.everywhere("g1")
    assert room.names("live") == room.everywhere("g2")
    room.replay()
    assert room.names("live") == room.everywhere("g1")
    room.is_whole()


def test_what_goes_with_the_other_log_only_is_refused(room: Room) -> None:
    told = room.run("replay", "timeline", "--join")

    assert told.code == 1
    assert "an SQLite log is read by one process" in told.err


@on_both_logs
def test_generations_are_listed(room: Room) -> None:
    room.replay()
    room.run("replay", "timeline", "--no-switch")

    found = json_of(room.run("generations", "--json"))
    shown = room.run("generations").out

    assert [(one["generation"], one["state"], one["lag"]) for one in found] == [("g2", "live", 0), ("g3", "being built", 0)]
    assert {one["digest"] for one in found} == {json_of(room.run("verify", "--json"))["record"]}
    assert "partitions" not in shown
    assert shown.count(found[0]["digest"][:12]) == 2


def test_partitions_that_began_anew_go_back_to_what_they_had(room: Room, raw: Any) -> None:
    raw.delete("{tl:p1}:g1:meta")  # its claim makes one of its own
    room.catch_up()
    assert room.names("live") == {**room.everywhere("g1"), 1: "g2"}
    assert room.run("replay", "timeline").code == 0

    listed = room.run("generations")
    back = room.run("rollback", "all")

    assert (back.code, back.err) == (0, "")
    assert back.out.startswith("Readers have g1, g2 in partition 1 again; ")
    assert room.names("live") == {**room.everywhere("g1"), 1: "g2"}
    assert [line.split("  ")[-1] for line in listed.out.splitlines()] == ["partitions", "0, 1, 2, 3", "0, 2, 3", "1"]
    assert room.run("generations", "drop", "leftovers").code == 0
    room.is_whole()


def test_a_replay_says_so_before_it_drops_the_last_generation_that_is_one_everywhere(room: Room, raw: Any) -> None:
    room.replay()
    raw.delete("{tl:p1}:g2:meta")
    room.catch_up()

    told = room.run("replay", "timeline")

    assert told.code == 0
    assert "The previous generation, g1, is dropped now" in told.err
    assert "is what readers have: g2, g3 in partition 1." in told.err


def test_a_drop_is_told_in_json(room: Room) -> None:
    room.replay()

    told = json_of(room.run("generations", "drop", "previous", "--json"))

    assert told == {"view": "timeline", "which": "previous", "generations": ["g1"], "keys": told["keys"]}
    assert told["keys"] > 12
    nothing = json_of(room.run("generations", "drop", "leftovers", "--json"))
    assert nothing == {"view": "timeline", "which": "leftovers", "generations": [], "keys": 0}


def test_on_a_file_a_second_replay_is_refused_at_once(room: Room) -> None:
    with only_one(room.log, "replay", what="replay", notify=lambda text: None):
        refused = [room.run(*command) for command in (["replay", "timeline"], ["rollback", "timeline"])]

    assert [one.code for one in refused] == [1, 1]
    assert all("Another replay is under way" in one.err and "Waiting" not in one.err for one in refused)
    assert room.names("live") == room.everywhere("g1")


@on_both_logs
def test_a_replay_that_waited_for_another_leaves_what_that_one_made(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    began, is_live = dateline_turn.only_one, room.replay

    @contextmanager
    def after_another(*args: Any, **options: Any) -> Iterator[Callable[[], None]]:
        is_live()
        with began(*args, **options) as stay:
            yield stay

    monkeypatch.setattr("dateline.turn.only_one", after_another)
    for name, value in room.env.items():
        monkeypatch.setenv(name, value)

    assert dateline(["--data", str(room.data), "replay", "timeline"]) == 1
    assert room.names("live") == room.everywhere("g2")
    assert room.names("previous") == room.everywhere("g1")


@on_both_logs
def test_an_upgrade_is_a_replay_while_readers_read_and_the_older_consumer_runs(room: Room, raw: Any) -> None:
    raw.flushall()
    with _release(room, FOLD_VERSION - 1, 1, "consume", "timeline") as old:
        _wait_for(old, "claimed")
        eventually(lambda: room.has(SAID))
        with room.readers() as readers, _release(room, FOLD_VERSION, 2, "consume", "timeline") as new:
            waits = _wait_for(new, "waiting")
            with room.publishing() as desk:
                with _release(room, FOLD_VERSION, 2, "replay", "timeline") as replay:
                    assert replay.wait(60) == 0
                assert "waiting" in _wait_for(old, "waiting")
                _wait_for(new, "claimed")
            desk.said["story-0"] += 1
            copy = ("publish", "story-0", "--id", f"u-{desk.said['story-0']}", "--headline", "In the new form")
            with _release(room, FOLD_VERSION, 2, *copy) as publish:
                assert publish.wait(60) == 0
            eventually(lambda: room.has(desk.said), what="everything that was said, in what readers have")
            assert readers.reads > 100
        assert old.poll() is None
    assert f"made by fold version {FOLD_VERSION - 1}, and this release has {FOLD_VERSION}: run dateline replay" in waits
    assert {one.fold_version for one in room.generations.standing("live").values()} == {FOLD_VERSION}
    assert all(one.undecodable == 0 for one in room.reader.positions())


@on_both_logs
def test_on_a_cluster_replay_and_rollback_do_the_same(tmp_path: Path, log_url: str) -> None:
    with redis_cluster(tmp_path / "redis") as url, opened(tmp_path, log_url, url) as room, room.readers() as readers:
        replayed = room.run("replay", "timeline")
        assert _states(room) == {"g1": "previous", "g2": "live"}
        back = room.run("rollback", "timeline")
        assert _states(room) == {"g1": "live", "g2": "previous"}
        dropped = room.run("generations", "drop", "previous")
        story = room.run("replay", "timeline", "--story", "story-3")
        verified = [room.run("verify"), room.run("verify", "--story", "story-3")]
        eventually(lambda: readers.reads > 100)

        done = (replayed, back, dropped, story, *verified)
        assert [(one.code, one.err) for one in done] == [(0, "")] * len(done)
        assert "readers see the same" in replayed.out
        assert story.out.endswith("It is as it was.\n")
        assert _states(room) == {"g1": "live"}
        room.is_whole()


def test_on_a_cluster_a_flip_that_was_stopped_is_gone_on_with_or_taken_back(tmp_path: Path, log_url: str) -> None:
    with redis_cluster(tmp_path / "redis") as url, opened(tmp_path, log_url, url) as room, room.readers():
        with pytest.raises(Killed):
            room.replay(Halting(room, flips=2))
        assert sorted(room.names("live").values()) == ["g1", "g1", "g2", "g2"]
        assert room.replay().result.flipped == 2

        with pytest.raises(Killed):
            roll_back(room.log, Halting(room, flips=3), codec=committed_codec(), patience=20.0)
        assert roll_back(room.log, room.generations, codec=committed_codec(), patience=20.0).generations == room.everywhere("g1")

        assert room.names("live") == room.everywhere("g1")
        room.is_whole()


def _states(room: Room) -> dict[str, str]:
    return {one["generation"]: one["state"] for one in json_of(room.run("generations", "--json"))}


@pytest.mark.parametrize("log_url", ["kafka"], indirect=True)
def test_on_kafka_several_processes_share_a_build(room: Room) -> None:
    assert "Nothing is being built" in room.run("replay", "timeline", "--join").err
    assert room.run("replay", "timeline", "--no-switch").code == 0
    with _helper(room) as helper, room.readers() as readers:
        room.log.append(EVENTS_TOPIC, [record_of(_update(s, n)) for n in range(61, 300) for s in STORIES])
        room.catch_up()
        eventually(lambda: _lag(room) == 0, what="the helper's building")
        told = room.run("replay", "timeline")
        assert told.code == 0, told
        assert helper.wait(30) == 0
        assert helper.stdout is not None
        assert helper.stdout.read() == "g2 is live.\n"
        eventually(lambda: readers.reads > 100)
    assert "readers see the same" in told.out
    room.is_whole()


def _lag(room: Room) -> int:
    ends = room.log.end_offsets(EVENTS_TOPIC)
    return sum(ends[p] - one.offset for p, one in room.generations.standing("shadow").items())


@contextmanager
def _helper(room: Room) -> Iterator[subprocess.Popen[str]]:
    command = [str(DATELINE), "replay", "timeline", "--join"]
    with subprocess.Popen(command, env=_environment(room), stdout=subprocess.PIPE, text=True) as helper:
        try:
            yield helper
        finally:
            helper.kill()


@contextmanager
def _release(room: Room, fold: int, schema: int, *args: str) -> Iterator[subprocess.Popen[str]]:
    """Run a command of another release; it is ended with the block if it still runs, and leaves its group in order."""
    command = [sys.executable, "-m", "tests.support.other_release", f"{fold}", f"{schema}", *args]
    with subprocess.Popen(command, env=_environment(room), stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(30)
            finally:
                process.kill()


def _wait_for(process: subprocess.Popen[str], word: str) -> str:
    """Return the next line that a process says in which `word` is an event."""
    assert process.stderr is not None
    heard = []
    for line in process.stderr:
        heard.append(line)
        if f'"event": "{word}"' in line:
            return line
    raise AssertionError(f"it never said {word!r}, but {heard}")


def _environment(room: Room) -> dict[str, str]:
    root = str(Path(__file__).parents[2])
    return {**os.environ, "PYTHONPATH": root, "DATELINE_DATA": str(room.data), **room.env}


def _update(story: str, number: int) -> UpdatePublished:
    return UpdatePublished(
        event_id=new_event_id(),
        story=story,
        desk="houston",
        occurred_at=datetime.now(UTC),
        update=f"u-{number}",
        content=Content(f"Headline {number}"),
    )
