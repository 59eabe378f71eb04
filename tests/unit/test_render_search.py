"""What a search found, in the terminal: told in words, nothing of it obeyed."""

from __future__ import annotations

import io
from collections.abc import Sequence

import pytest

from consumers.search.answers import Found, Total
from consumers.search.question import Question
from dateline.cli.render_search import show_found, total_in_words
from dateline.cli.sheet import Sheet
from tests.support import hostile

MORE = ("dateline", "search")


def printed(found: Found, text: str = "smoke", more: Sequence[str] = MORE) -> str:
    out = io.StringIO()
    show_found(Sheet(out, width=80), Question(text), found, zones={"flood": "Europe/Berlin"}, more=more)
    return out.getvalue()


def none(did_you_mean: str | None = None) -> Found:
    return Found(Total(0, True), [], None, did_you_mean)


@pytest.mark.parametrize("text", hostile.VECTORS.values(), ids=hostile.VECTORS)
def test_nothing_in_a_result_is_obeyed_by_the_terminal(text: str) -> None:
    view = hostile.found(text)
    assert view.found is not None

    said = printed(view.found, view.question.text)

    assert not {sign for sign in said if sign != "\n" and (sign < " " or "\x7f" <= sign < "\xa0" or "\u202a" <= sign <= "\u202e")}


@pytest.mark.parametrize(
    ("total", "words"),
    [(Total(1, True), "1 update"), (Total(12, True), "12 updates"), (Total(10_000, False), "More than 10,000 updates")],
)
def test_the_total_is_said_in_words(total: Total, words: str) -> None:
    assert total_in_words(total) == words


def test_what_was_meant_is_a_command_that_can_be_typed() -> None:
    said = printed(none('ancient -"it\'s"'), 'anceint -"it\'s"', (*MORE, "--story", "flood"))

    assert "Did you mean: dateline search --story flood 'ancient -\"it'\"'\"'s\"'\n" in said


def test_a_question_that_begins_with_a_minus_stands_behind_the_options() -> None:
    assert "Did you mean: dateline search -- '-smoke ancient'" in printed(none("-smoke ancient"), "-smoke anceint")
