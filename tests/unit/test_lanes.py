"""The laws of the lanes: nothing is lost, no story's order is broken, and no routine copy goes before what cannot wait."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from producers.lanes import Lanes, in_lanes, is_urgent
from schemas.events import EmbargoSet, UpdateCorrected, UpdateKilled, UpdatePublished, UpdateRevised, UpdateWithheld


@dataclass(frozen=True)
class Waiting:
    story: str
    is_urgent: bool


queues = st.lists(st.builds(Waiting, st.sampled_from("abcd"), st.integers(0, 5).map(lambda number: number == 0)))


@given(queues)
def test_no_storys_order_is_broken_and_nothing_is_lost_or_doubled(queue: list[Waiting]) -> None:
    found = list(in_lanes(queue))

    assert sorted(place for place, _ in found) == list(range(len(queue)))
    assert all(queue[place] == one for place, one in found)
    for story in "abcd":
        places = [place for place, one in found if one.story == story]
        assert places == sorted(places)


@given(queues)
def test_only_its_own_storys_copy_goes_before_what_cannot_wait(queue: list[Waiting]) -> None:
    order = [one for _, one in in_lanes(queue)]

    urgent = [at for at, one in enumerate(order) if one.is_urgent]
    for at in range(max(urgent, default=-1) + 1):
        assert any(order[later].story == order[at].story for later in urgent if later >= at)


def test_a_flash_a_correction_and_what_takes_words_away_cannot_wait() -> None:
    assert all(map(is_urgent, (UpdatePublished(urgency=2), UpdateCorrected(), UpdateKilled(), UpdateWithheld(), EmbargoSet())))
    assert not any(map(is_urgent, (UpdatePublished(urgency=3), UpdateRevised())))


@dataclass(frozen=True)
class Sent:
    number: int
    stories: frozenset[str]
    is_urgent: bool
    size: int

    def __len__(self) -> int:
        return self.size


TAKE = "take"
MOST = 4
stories_of_one = st.frozensets(st.sampled_from("abcd"), min_size=1, max_size=2)
steps = st.lists(st.just(TAKE) | st.tuples(stories_of_one, st.booleans(), st.integers(1, 6)), max_size=30)


@given(steps)
def test_copy_that_comes_while_the_lanes_are_emptied_is_kept_in_each_storys_order(
    steps: list[str | tuple[frozenset[str], bool, int]],
) -> None:
    lanes, put, taken = Lanes[Sent](MOST), list[Sent](), list[Sent]()

    for number, step in enumerate([*steps, *[TAKE] * len(steps)]):
        if not isinstance(step, str):
            put.append(Sent(number, *step))
            lanes.put(put[-1])
            continue
        group = lanes.take()
        taken += group
        assert len(group) == 1 or sum(map(len, group)) <= MOST
        waiting = [one for one in put if one not in taken]
        if any(one.is_urgent for one in waiting):  # then nothing goes that is not ahead of something urgent
            assert all(one.is_urgent or _is_ahead(one, put) for one in group)

    assert sorted(one.number for one in taken) == [one.number for one in put]
    for story in "abcd":
        numbers = [one.number for one in taken if story in one.stories]
        assert numbers == sorted(numbers)


def _is_ahead(one: Sent, put: list[Sent]) -> bool:
    """Tell whether something urgent that came later is of the same story, or is tied to it by what came between."""
    tied = set(one.stories)
    for later in put[put.index(one) + 1 :]:
        if tied & later.stories:
            if later.is_urgent:
                return True
            tied |= later.stories
    return False
