"""The laws of the lanes: nothing is lost, no story's order is broken, and no routine copy goes before what cannot wait."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from producers.lanes import in_lanes, is_urgent
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
