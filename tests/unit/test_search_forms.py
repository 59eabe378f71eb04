"""Which parts of a plan are forms of one word."""

from __future__ import annotations

from consumers.search.forms import alternatives
from consumers.search.plan import AnyOf, Node
from consumers.search.query import planned
from consumers.search.question import Question


def test_the_forms_of_one_word_are_one() -> None:
    for text in ("running", "O'Hara", "al-Harir's"):
        assert len(alternatives(_asked(text))) == 1


def test_words_with_an_or_between_are_as_many_as_there_are() -> None:
    assert len(alternatives(_asked("running OR O'Hara OR walked"))) == 3


def test_nothing_is_lost() -> None:
    asked = _asked('running OR "a b" OR headline:walked')

    parts = [part for group in alternatives(asked) for part in (group.parts if isinstance(group, AnyOf) else (group,))]

    assert tuple(parts) == asked.parts


def _asked(text: str) -> AnyOf:
    words: Node | None = planned(Question(text), ["en"]).words
    assert isinstance(words, AnyOf)
    return words
