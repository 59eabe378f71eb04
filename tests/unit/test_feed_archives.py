"""The laws by which a feed is cut into a head and archives."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from consumers.timeline.answers import Marks
from consumers.timeline.reader import TimelineReader
from consumers.web.feeds.archives import WINDOW, Archives, archives_of, beside_archive, beside_head, places_of
from consumers.web.reading import FeedReader
from tests.support.coverages import LINKS, STORY

MARKS = st.dictionaries(st.integers(0, 5), st.integers(1, 500), max_size=6)


def test_an_archive_begins_to_exist_when_the_story_has_passed_its_end() -> None:
    assert 1 not in archives_of(WINDOW - 1, {0: 3})
    assert 1 in archives_of(WINDOW, {0: 3})
    assert 2 not in archives_of(2 * WINDOW - 1, {0: 3})
    assert 0 not in archives_of(9 * WINDOW, {0: 3})


def test_archives_hold_every_place_once() -> None:
    places = [place for number in range(1, 4) for place in range(places_of(number)[0], places_of(number)[1] + 1)]

    assert places == list(range(1, 3 * WINDOW + 1))


@given(MARKS, st.integers(0, 5))
def test_a_change_gives_new_addresses_from_its_own_archive_to_the_newest_alone(marks: dict[int, int], window: int) -> None:
    seq = 6 * WINDOW
    before = archives_of(seq, marks)
    after = archives_of(seq, marks | {window: 501})

    assert len(after.versions) == 6
    for number in range(1, 7):
        same = beside_archive(LINKS, STORY, before, number=number) == beside_archive(LINKS, STORY, after, number=number)
        assert same == (number <= window)
    assert beside_head(LINKS, STORY, before) != beside_head(LINKS, STORY, after)


def test_what_an_archive_names_does_not_change_when_a_newer_one_comes() -> None:
    now, later = archives_of(2 * WINDOW, {0: 3, 1: 70}), archives_of(3 * WINDOW, {0: 3, 1: 70, 2: 120})

    assert beside_archive(LINKS, STORY, now, number=2) == beside_archive(LINKS, STORY, later, number=2)


def test_one_walks_back_from_the_head_to_the_first_archive() -> None:
    archives = archives_of(3 * WINDOW, {0: 3, 1: 70, 2: 120})

    walked = [beside_head(LINKS, STORY, archives).previous]
    walked += [beside_archive(LINKS, STORY, archives, number=number).previous for number in (3, 2, 1)]

    own = [beside_archive(LINKS, STORY, archives, number=number).itself for number in (3, 2, 1)]
    assert walked == [*own, None]


def test_a_story_without_archives_has_a_head_alone() -> None:
    beside = beside_head(LINKS, STORY, Archives())

    assert (beside.itself, beside.previous, beside.current) == (LINKS.feed(STORY, "atom"), None, None)


class Marked(TimelineReader):
    """A reader of a view that holds these changes, each given by its seq and its window."""

    def __init__(self, generation: str, changes: dict[int, int]) -> None:
        self.generation = generation
        self.held = changes
        self.asked: list[int] = []

    def marks(self, story: str, *, since: int = 0, window: int, limit: int = 500) -> Marks | None:
        self.asked.append(since)
        last = {number: seq for seq, number in self.held.items() if seq > since}
        reached = max(self.held, default=0)
        return Marks(self.generation, reached, max(since, reached), False, last)


def test_only_the_changes_since_the_last_request_are_read() -> None:
    reader = Marked("g1", {WINDOW: 0})
    feeds = FeedReader(reader)
    assert feeds.archives(STORY).versions == (WINDOW,)

    reader.held[WINDOW + 1] = 0

    assert feeds.archives(STORY).versions == (WINDOW + 1,)
    assert reader.asked == [0, WINDOW]


def test_another_generation_is_read_from_its_beginning() -> None:
    reader = Marked("g1", {3: 0, WINDOW: 0})
    feeds = FeedReader(reader)
    feeds.archives(STORY)

    reader.generation, reader.held = "g2", {3: 0, 2 * WINDOW: 1}

    assert feeds.archives(STORY).versions == (3, 2 * WINDOW)


def test_a_redis_that_lost_its_last_second_is_read_from_its_beginning() -> None:
    reader = Marked("g1", {WINDOW: 0, WINDOW + 5: 0})
    feeds = FeedReader(reader)
    feeds.archives(STORY)

    del reader.held[WINDOW + 5]

    assert feeds.archives(STORY).versions == (WINDOW,)
