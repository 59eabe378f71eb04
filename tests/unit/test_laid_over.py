"""Two lines laid over each other: each can be read out of what comes of it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from consumers.timeline.diff import laid_over
from tests.strategies import prose


@given(prose(max_size=120), st.data())
def test_both_lines_are_in_it_whole(old: str, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(old)))
    new = old[:cut] + data.draw(prose()) + old[cut:]

    found = laid_over(old, new)

    if found:
        assert "".join(text for side, text in found if side != "new") == old
        assert "".join(text for side, text in found if side != "old") == new


def test_a_word_that_was_put_right_stands_beside_the_right_one() -> None:
    found = laid_over("The name is Mattingley.", "The name is Mattingly.")

    assert found == [("same", "The name is "), ("old", "Mattingley"), ("new", "Mattingly"), ("same", ".")]


def test_changes_with_next_to_nothing_between_them_are_one() -> None:
    found = laid_over("At 9 pm he left the house in a hurry.", "By 10 am he left the house in a hurry.")

    assert found[:2] == [("old", "At 9 pm "), ("new", "By 10 am ")]


def test_lines_with_little_in_common_are_not_laid_over_each_other() -> None:
    assert laid_over("One thing happened.", "Quite another was said about it later on.") == []


def test_lines_that_are_very_long_are_not_either() -> None:
    assert laid_over("a " * 5000, "a " * 5001) == []
