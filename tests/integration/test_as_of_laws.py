"""The laws of "as of", over any sequence of events and any moment: what the live view answers is what the log and a model say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from copy import deepcopy
from datetime import datetime
from typing import Any

import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st

from consumers.memory import Memory
from consumers.state import Incoming
from consumers.timeline.answers import Page, cursor_after, place_below, story_json
from consumers.timeline.past import StoryPast
from consumers.timeline.past_check import page_differences
from consumers.timeline.reader import TimelineReader
from consumers.timeline.view import TimelineView
from consumers.view import Folded, Step, StoryLoaded
from dateline.private_redis import PrivateRedis
from dateline.redis_store import Store
from schemas.times import from_ms
from tests.support.story_model import StoryModel
from tests.unit.test_fold_laws import STORIES, Record, documents_of_json, records

Json = dict[str, Any]  # Any: what JSON holds
law = settings(max_examples=60, deadline=None)

seqs = st.lists(st.integers(0, 62), min_size=1, max_size=4)
times = st.lists(st.integers(-4, 42), min_size=1, max_size=4)


class Live:
    """A view in a Redis, emptied before each example."""

    def __init__(self, url: str) -> None:
        self.store = Store(url)
        self.reader = TimelineReader(self.store, partitions=1)
        self._broom = redis.Redis.from_url(url)

    def show(self, steps: dict[str, list[Step]], *, end: int) -> None:
        self._broom.flushall()
        view = TimelineView(self.store)
        claim = view.claim(0, log_id="log")
        assert view.apply(claim, Folded(0, end, steps, [], 0, 0)).result().status == "OK"
        view.reset()

    def close(self) -> None:
        self._broom.close()
        self.store.close()


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with PrivateRedis(tmp_path_factory.mktemp("redis")) as server, closing(Live(server.url)) as live:
        yield live


class Telling:
    """A story as the model tells it: what stood on the page after each record, and what is gone in the end."""

    def __init__(self, story: str, said: Sequence[Record]) -> None:
        model = StoryModel(story)
        self.pages: list[tuple[int, list[Json], Json]] = [(-1, [], deepcopy(model.heading))]
        for record in said:
            if isinstance(record, Incoming) and record.story == story:
                model.say(record.event, record.timestamp)
                self.pages.append((model.recorded_at, deepcopy(model.page()), deepcopy(model.heading)))
        updates = model.updates.items()
        self.gone = {name for name, update in updates if update["killed"] or update["embargo"] is not None}
        self.places = {name: update["place"] for name, update in updates}

    def at(self, moment: datetime | int) -> tuple[list[Json], Json]:
        """Return the page at a moment without what is gone today, and the heading."""
        _, page, heading = self.pages[self._record(moment)]
        return [document for document in page if document["id"] not in self.gone], heading

    def gone_at(self, moment: datetime | int) -> list[Json]:
        """Return the last that readers had by a moment of what is gone today, newest first."""
        last: dict[str, Json] = {}
        for _, page, _ in self.pages[: self._record(moment) + 1]:
            last |= {document["id"]: document for document in page if document["id"] in self.gone}
        return [last[name] for name in sorted(last, key=lambda name: -self.places[name])]

    def _record(self, moment: datetime | int) -> int:
        if isinstance(moment, int):
            return min(moment, len(self.pages) - 1)
        return max(at for at, (recorded, _, _) in enumerate(self.pages) if recorded < 0 or from_ms(recorded) <= moment)


def folded(said: Sequence[Record]) -> dict[str, list[Step]]:
    memory, incoming = Memory(), [record for record in said if isinstance(record, Incoming)]
    needs = memory.needs(incoming)
    memory.learn(needs, {name: StoryLoaded(None, {}, {}) for name in needs})
    return memory.fold(incoming)


def past_of(story: str, moment: datetime | int, steps: dict[str, list[Step]]) -> StoryPast:
    past = StoryPast(story, moment)
    for step in steps.get(story, ()):
        past.take(step)
    return past


def moments(seqs: Sequence[int], times: Sequence[int]) -> Iterator[datetime | int]:
    yield from seqs
    yield from map(from_ms, times)


def shown(page: Page | None) -> list[Json]:
    return documents_of_json(page.documents) if page is not None else []


@law
@given(records(), seqs, times)
def test_as_of_any_moment_is_the_fold_up_to_it_without_what_is_gone_today(
    live: Live, said: list[Record], seqs: list[int], times: list[int]
) -> None:
    steps = folded(said)
    live.show(steps, end=1000)

    for story in STORIES:
        telling = Telling(story, said)
        for moment in moments(seqs, times):
            answer, past = live.reader.page_as_of(story, moment, limit=500), past_of(story, moment, steps)
            page, heading = telling.at(moment)

            assert page_differences(story, past.page(), answer) == [], f"{story} as of {moment}"
            assert shown(answer) == page, f"{story} as of {moment}"
            if answer is not None:
                headed = story_json(answer.story)
                assert {name: headed[name] for name in heading} == heading | {"topics": tuple(heading["topics"])}


@law
@given(records(), seqs, times, st.integers(1, 3))
def test_unredacted_is_the_same_page_and_apart_from_it_the_last_that_readers_had_of_what_is_gone(
    said: list[Record], seqs: list[int], times: list[int], limit: int
) -> None:
    steps = folded(said)

    for story in STORIES:
        telling = Telling(story, said)
        for moment in moments(seqs, times):
            past = past_of(story, moment, steps)
            kept: list[Json] = []
            gone: list[Json] = []
            cursor, is_more = None, True
            while is_more:
                found = past.unredacted(limit=limit, below=place_below(cursor))
                if found is None:
                    break
                assert len(found.gone) + len(found.page.documents) <= limit
                assert {one.id: one.had.stands for one in found.gone}.keys() <= telling.gone
                kept += shown(found.page)
                gone += documents_of_json([one.had.document.encode() for one in found.gone])
                cursor = found.page.next
                is_more = cursor is not None

            assert kept == shown(past.page())
            assert gone == telling.gone_at(moment) if past.page() is not None else gone == []


def test_a_cursor_is_read_as_it_is_written() -> None:
    assert place_below(cursor_after(12)) == 12
