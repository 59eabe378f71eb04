"""What readers would lose by a replay or a rollback is named first, and taken from them only if the operator says so."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from consumers.story import FOLD_VERSION
from dateline.log.base import NewRecord
from dateline.log.partitioner import partition_of
from schemas.topics import EVENTS_TOPIC
from tests.integration.cli import json_of
from tests.integration.test_replay import PER_STORY, SAID, STORIES, Halting, Killed, Room, consuming, opened

FIRST = STORIES[0]


@pytest.fixture
def room(tmp_path: Path, server: str, raw: Any) -> Iterator[Room]:  # Any: redis-py types an answer as all that it could ever be
    with opened(tmp_path, f"sqlite:///{tmp_path}/log.db", server) as room:
        yield room


@pytest.fixture
def elsewhere(tmp_path: Path, server: str, room: Room) -> Iterator[Room]:
    """The same Redis beside another log, with nothing in it."""
    other = Room(tmp_path / "data", f"sqlite:///{tmp_path}/another.db", server)
    yield other
    other.close()


def cut(room: Room, begin: int = 0, end: int = 10_000) -> int:
    """Take the records from one offset to another out of the first story's partition; return how many."""
    gone = "DELETE FROM records WHERE partition = ? AND offset >= ? AND offset < ?"
    with closing(sqlite3.connect(room.log_url.removeprefix("sqlite:///"), isolation_level=None)) as file:
        return file.execute(gone, (at(room), begin, end)).rowcount


def at(room: Room, story: str = FIRST) -> int:
    return partition_of(story.encode(), room.partitions)


def neighbours(room: Room) -> list[str]:
    """Return the stories of the first one's partition."""
    return [story for story in STORIES if at(room, story) == at(room)]


def test_a_replay_of_an_empty_new_log_takes_nothing_from_readers_unasked(elsewhere: Room) -> None:
    refused = elsewhere.run("replay", "timeline")

    assert refused.code == 1
    assert "Readers would lose 12 stories or the end of them: story story-" in refused.err
    assert f"readers have it up to seq {PER_STORY}, and the new generation does not have it" in refused.err
    assert "dateline replay timeline --accept-loss" in refused.err
    assert elsewhere.has(SAID)
    assert elsewhere.names("live") == elsewhere.everywhere("g1")


def test_a_loss_that_is_accepted_is_said_and_can_be_taken_back(room: Room, elsewhere: Room) -> None:
    assert elsewhere.run("replay", "timeline").code == 1

    accepted = elsewhere.run("replay", "timeline", "--accept-loss")
    lost = elsewhere.has({})
    back = room.run("rollback", "timeline")

    assert (accepted.code, lost) == (0, True), accepted
    assert "Of these 12 are lost, or their end is." in accepted.out
    assert "Readers have g2 now" in accepted.out
    assert back.code == 0, back
    assert room.has(SAID)
    room.is_whole()


def test_a_whole_copy_of_the_log_is_flipped_to_unasked(room: Room, elsewhere: Room) -> None:
    for partition in range(room.partitions):
        _copy(room, elsewhere, partition)

    replayed = elsewhere.run("replay", "timeline", "--json")

    assert replayed.code == 0, replayed
    assert json_of(replayed)["different"] == []
    assert elsewhere.has(SAID)
    elsewhere.is_whole()


def test_a_copy_that_lacks_the_end_of_one_story_is_refused_and_names_it(room: Room, elsewhere: Room) -> None:
    for partition in range(room.partitions):
        _copy(room, elsewhere, partition, but=(FIRST, 2))

    refused = elsewhere.run("replay", "timeline")
    seen = json_of(elsewhere.run("replay", "timeline", "--no-switch", "--json"))["different"]

    told = f"story {FIRST}: readers have it up to seq {PER_STORY}, and the new generation up to seq {PER_STORY - 2}"
    assert refused.code == 1
    assert f"Readers would lose 1 story or the end of them: {told}." in refused.err
    assert seen == [{"story": FIRST, "differences": [told], "lost": True}]
    assert elsewhere.has(SAID)


def test_a_story_that_readers_have_and_the_same_log_knows_nothing_of_is_no_loss(room: Room, raw: Any) -> None:
    raw.hset(f"{{tl:p{at(room)}}}:g1:stories", "ghost", raw.hget(f"{{tl:p{at(room)}}}:g1:stories", FIRST))

    assert room.run("replay", "timeline").code == 0

    assert room.has(SAID)
    room.is_whole()


def test_a_log_that_has_lost_its_beginning_is_refused_before_anything_is_built(room: Room) -> None:
    lost = cut(room, end=5)

    refused = room.run("replay", "timeline")

    assert (refused.code, lost) == (1, 5)
    assert f"RETENTION_GAP: partition {at(room)} of {room.log_url} begins at offset 5." in refused.err
    assert "take it with: dateline replay timeline --accept-loss" in refused.err
    assert room.names("shadow") == {}
    assert room.has(SAID)


def test_what_would_be_lost_with_a_logs_beginning_can_be_seen_before(room: Room) -> None:
    cut(room, end=5)

    seen = json_of(room.run("replay", "timeline", "--no-switch", "--json"))

    assert {one["story"] for one in seen["different"] if one["lost"]} <= set(neighbours(room))
    assert sum(one["lost"] for one in seen["different"]) == min(5, len(neighbours(room)))
    assert room.names("live") == room.everywhere("g1")
    assert room.run("replay", "timeline").code == 1


def test_a_view_is_built_from_what_is_left_of_a_log_and_goes_on_from_there(room: Room) -> None:
    cut(room, end=5)

    taken = room.run("replay", "timeline", "--accept-loss")
    again = room.run("replay", "timeline")
    room.fill([FIRST], per_story=1)
    room.catch_up()
    checked = [room.run("verify", *more) for more in ((), ("--story", FIRST))]

    assert (taken.code, "Readers have g2 now" in taken.out) == (0, True), taken
    assert (again.code, "readers see the same" in again.out) == (0, True), again
    assert [one.code for one in checked] == [0, 0], checked
    assert room.run("status").code == 0


def test_an_empty_redis_beside_a_log_that_has_lost_its_beginning_is_not_filled_unasked(room: Room, raw: Any) -> None:
    cut(room, end=5)
    raw.flushall()

    stands = room.run("timeline", FIRST)
    refused = room.run("replay", "timeline")
    taken = room.run("replay", "timeline", "--accept-loss")

    assert f"needs partition {at(room)} from offset 0, and {room.log_url} begins at 5" in stands.err
    assert [one.code for one in (stands, refused, taken)] == [1, 1, 0], (stands, refused, taken)
    assert room.run("timeline", FIRST).code == 0


def test_a_log_that_was_restored_without_its_end_is_gone_on_with_once_that_is_accepted(room: Room) -> None:
    end = room.log.end_offsets(EVENTS_TOPIC)[at(room)]
    cut(room, end - 3)

    refused = room.run("replay", "timeline")
    taken = room.run("replay", "timeline", "--accept-loss")

    told = f"partition {at(room)} of {room.log_url} ends at offset {end - 3}, and readers have it up to {end}"
    assert (refused.code, f"LOG_CHANGED: {told}" in refused.err) == (1, True), refused
    assert (taken.code, "Of these 3 are lost, or their end is." in taken.out) == (0, True), taken
    assert room.run("verify").code == 0


def test_a_rollback_to_a_generation_where_a_story_stands_still_is_refused(room: Room, raw: Any) -> None:
    before = park(room, raw)

    refused = room.run("rollback", "timeline")
    kept = room.names("live")
    raw.hset(f"{{tl:p{at(room)}}}:g1:stories", FIRST, before)
    mended = room.run("rollback", "timeline")

    assert refused.code == 1
    assert f"1 story would stand still in the previous generation: {FIRST} (ContentDamaged" in refused.err
    assert "dateline rollback timeline --accept-loss" in refused.err
    assert kept == room.everywhere("g2")
    assert mended.code == 0, mended
    assert room.has(SAID | {FIRST: PER_STORY + 1})
    room.is_whole()


def test_a_rollback_that_takes_a_story_back_says_so_and_it_catches_up_later(room: Room, raw: Any) -> None:
    before = park(room, raw)

    taken = room.run("rollback", "timeline", "--accept-loss")
    listed = json_of(room.run("parked", "list", "--json"))
    wake = [fields["reset"] for _, fields in raw.xrange(f"{{tl:p{at(room)}}}:wake") if "reset" in fields]
    raw.hset(f"{{tl:p{at(room)}}}:g1:stories", FIRST, before)
    retried = room.run("parked", "retry", FIRST)

    assert (taken.code, f"1 story stands still in it: {FIRST}. See: dateline parked list" in taken.out) == (0, True), taken
    assert [(one["story"], one["build"]) for one in listed] == [(FIRST, "live")]
    assert wake == [f'["{FIRST}"]'], "its pages begin anew, for its seq goes back"
    assert (retried.code, retried.out) == (0, f"{FIRST}: caught up.\n")
    assert room.has(SAID | {FIRST: PER_STORY + 1})
    room.is_whole()


def test_a_replay_that_takes_a_story_back_says_so_and_it_catches_up_later(room: Room, raw: Any) -> None:
    room.run("replay", "timeline", "--no-switch")
    state = f"{{tl:p{at(room)}}}:g2:stories"
    before = raw.hget(state, FIRST)
    raw.hset(state, FIRST, "no state")
    room.fill([FIRST], per_story=1)

    refused = room.run("replay", "timeline")
    taken = room.run("replay", "timeline", "--accept-loss")
    raw.hset(state, FIRST, before)
    retried = room.run("parked", "retry", FIRST)

    assert (refused.code, refused.err.startswith(f"dateline: 1 story could not be built: {FIRST}")) == (1, True)
    assert (taken.code, f"1 story stands still in it: {FIRST}." in taken.out) == (0, True), taken
    assert (retried.code, retried.out) == (0, f"{FIRST}: caught up.\n")
    room.is_whole()


def test_an_upgrade_that_was_stopped_between_two_flips_is_named_with_the_way_on(room: Room, raw: Any) -> None:
    for key in raw.keys("*:g1:meta"):
        raw.hset(key, "fold", FOLD_VERSION - 1)
    with pytest.raises(Killed):
        room.replay(Halting(room, flips=2))

    status = room.run("status")
    with consuming(room) as consumer:
        waits = consumer.says("waiting")["error"]
        done = room.run("replay", "timeline")
        consumer.claims()

    told = f"made by two fold versions (version {FOLD_VERSION - 1} in partition 2, 3; version {FOLD_VERSION} in partition 0, 1)"
    way_on = f"With the release that has fold version {FOLD_VERSION}, run: dateline replay timeline"
    assert (status.code, told in status.out, way_on in status.err) == (1, True, True), status
    assert told in waits
    assert way_on in waits
    assert done.code == 0, done
    assert room.names("live") == room.everywhere("g2")
    room.is_whole()


def park(room: Room, raw: Any) -> str:
    """Have a story stand still in the previous generation and go on in the live one; return its state, to mend it."""
    room.replay()
    state = f"{{tl:p{at(room)}}}:g1:stories"
    before: str = raw.hget(state, FIRST)
    raw.hset(state, FIRST, "no state")
    room.fill([FIRST], per_story=1)
    room.catch_up()
    return before


def _copy(room: Room, other: Room, partition: int, *, but: tuple[str, int] = ("", 0)) -> None:
    """Copy a partition, but the last records of one story."""
    story, last = but
    records = room.log.read(EVENTS_TOPIC, partition, 0, limit=10_000).records
    mine = [one for one in records if one.key == story.encode()]
    left_out = {one.offset for one in mine[len(mine) - last :]}
    kept = [NewRecord(r.key, r.value, r.headers, r.timestamp) for r in records if r.offset not in left_out]
    other.log.append(EVENTS_TOPIC, kept)
