"""`dateline verify --story` on a story that never stands still: what is right is right, and what is planted is found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from consumers.timeline import story_check
from consumers.timeline.replica import Content
from consumers.timeline.story_check import StoryCheck
from consumers.timeline.story_keys import Standing, live_part
from dateline.log.base import Log
from dateline.redis_store import Store
from producers.desk import Desk
from schemas.codec import committed_codec
from schemas.topics import EVENTS_TOPIC
from tests.support.planted import STORY, catch_up, cover, plant


@pytest.fixture
def under_fire(log: Log, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each time the story is read, it goes on before, in between and after."""
    desk, numbers = Desk(log, name="houston"), iter(range(1000))

    def go_on() -> None:
        for _ in range(3):
            number = next(numbers)
            desk.publish(STORY, update=f"hot-{number}", headline=f"Hot {number}", body="…", pinned=True)
            desk.mark(STORY, "launch", pinned=number % 2 == 0)
            desk.correct(STORY, f"hot-{number}", note="It was wrong.", headline=f"Hotter {number}", body="…")
            if number % 3 == 2:
                desk.kill(STORY, f"hot-{number - 1}", reason="false")
        catch_up(log, store)

    def read_in_parts(store: Store, at: Standing, story: str) -> Mapping[str, Content]:
        go_on()
        early = live_part(store, at, story)
        go_on()
        late = live_part(store, at, story)
        go_on()
        return {
            key: (early if number % 2 else late).get(key, {}) for number, key in enumerate(sorted(early.keys() | late.keys()))
        }

    monkeypatch.setattr(story_check, "live_part", read_in_parts)


def compared(log: Log, store: Store) -> list[str]:
    return StoryCheck(log, store, topic=EVENTS_TOPIC, codec=committed_codec(), story=STORY).compare().differences


@pytest.mark.usefixtures("under_fire")
def test_a_story_that_never_stands_still_is_what_the_log_says(log: Log, store: Store) -> None:
    cover(log)
    catch_up(log, store)

    assert compared(log, store) == []


@pytest.mark.usefixtures("under_fire")
@pytest.mark.parametrize("what", ["a swapped order", "a verdict too many", "a history of nobody", "an unlisted correction"])
def test_what_was_planted_in_it_is_found_and_nothing_else(log: Log, store: Store, raw: Any, what: str) -> None:
    cover(log)
    catch_up(log, store)
    said = plant(raw, what)

    found = compared(log, store)

    assert any(line.startswith(said) for line in found)
    assert all("hot-" not in line for line in found), found
