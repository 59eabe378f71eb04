"""A consumer that has nothing to do when a replay or a rollback flips under it holds what readers have then."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from consumers.timeline.signs import read_signs
from tests.integration.cli import json_of
from tests.integration.test_parked import DAMAGED, Place, damage, place
from tests.integration.test_replay import Room, consuming, opened
from tests.support.both_logs import on_both_logs
from tests.support.servers import eventually

__all__ = ["place"]


@pytest.fixture
def room(tmp_path: Path, log_url: str, server: str, raw: Any) -> Iterator[Room]:  # Any: as in conftest
    with opened(tmp_path, log_url, server) as room:
        yield room


def owned(room: Room, generation: str) -> bool:
    """Whether this generation is live, and in every partition somebody signs for it."""
    signs = read_signs(room.store, room.partitions)
    return room.names("live") == room.everywhere(generation) and all(signs[p].owner for p in signs) and len(signs) == 4


@on_both_logs
def test_an_idle_consumer_holds_every_partition_again_after_a_replay_and_a_rollback(room: Room) -> None:
    with consuming(room):
        eventually(lambda: owned(room, "g1"), what="an owner of each partition")

        assert room.run("replay", "timeline").code == 0
        eventually(lambda: owned(room, "g2"), what="an owner of each partition after the replay")
        assert room.run("rollback", "timeline").code == 0
        eventually(lambda: owned(room, "g1"), what="an owner of each partition after the rollback")

        partitions = json_of(room.run("status", "--json"))["timeline"]["partitions"]
        assert all(one["owner"] and one["seen_s"] is not None for one in partitions)


@on_both_logs
def test_an_idle_consumer_lets_a_story_catch_up_that_is_parked_in_what_was_flipped_to(place: Place) -> None:
    with place.fed():
        before = damage(place)
        place.said(DAMAGED, "Second")
        place.is_parked()
        key = place.key("stories")
        assert place.dateline("replay", "timeline").code == 0
        assert place.dateline("rollback", "timeline", "--accept-loss").code == 0
        place.raw.hset(key, DAMAGED, before)

        retried = place.dateline("parked", "retry", DAMAGED, "--json")

        assert (retried.code, json_of(retried)[0]["status"]) == (0, "caught up")
    assert place.differences() == []
