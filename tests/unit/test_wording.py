"""What people are told: by kind and language, and no headline makes anything else of it."""

from __future__ import annotations

from itertools import pairwise
from string import Formatter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.notifications.wording import Told, languages, texts_in, words_of
from schemas.subscriptions import CHANGE_KINDS

LINK = "https://live.example.org/stories/apollo-13/updates/a-problem"
EVIL = st.text(max_size=80) | st.sampled_from(
    [
        "x\r\nBcc: everybody@example.org",
        "x\nSubject: y\n\nbody",
        "{story.__class__.__mro__}",
        "{note}{link}{0}{}",
        "%(story)s ${HOME} {{7*7}}",
        "<!channel> <@U1> <https://evil.example|click>",
        "[click](https://evil.example)",
        "@everyone @here",
        "<script>alert(1)</script>",
        "\u202egnp.exe",
        "{" * 50,
    ]
)


@pytest.mark.parametrize("language", sorted(languages()))
def test_every_language_says_everything_with_the_same_words_put_in(language: str) -> None:
    texts, english = texts_in(language), texts_in("en")

    assert texts.keys() == english.keys()
    assert set(CHANGE_KINDS) < texts.keys()
    for key, text in texts.items():
        assert {name for _, name, _, _ in Formatter().parse(text) if name} == {
            name for _, name, _, _ in Formatter().parse(english[key]) if name
        }


def test_a_correction_says_what_was_wrong_and_refers_to_the_earlier_message() -> None:
    told = Told(kind="corrected", story="Apollo 13", headline="A problem aboard", note="It was Swigert.", link=LINK, revision=1)

    words = words_of(told, "en")

    assert words.title == "Correction: A problem aboard"
    assert words.body.splitlines() == [
        "Story: Apollo 13",
        "What was wrong: It was Swigert.",
        "This refers to our earlier message (revision 1).",
        LINK,
    ]


def test_a_kill_says_none_of_the_words_that_were_killed() -> None:
    words = words_of(Told(kind="killed", story="Apollo 13", headline="A false report", note="False.", revision=2), "en")

    assert "A false report" not in words.title + words.body
    assert words.title == "Withdrawn: please do not use what we sent"


@pytest.mark.parametrize(("language", "title"), [("de-AT", "Korrektur: x"), ("DE", "Korrektur: x"), ("tlh", "Correction: x")])
def test_a_language_without_texts_is_english(language: str, title: str) -> None:
    assert words_of(Told(kind="corrected", story="s", headline="x"), language).title == title


@given(EVIL, EVIL, EVIL, st.sampled_from([*CHANGE_KINDS, "sung"]), st.sampled_from(sorted(languages())))
def test_no_headline_is_more_than_words(headline: str, story: str, note: str, kind: str, language: str) -> None:
    words = words_of(Told(kind=kind, story=story, headline=headline, note=note, link=LINK, revision=1), language)

    assert len(words.title) < 500
    lines = words.body.split("\n")
    assert len(lines) in (3, 4)
    assert lines[-1] == LINK
    for line in (words.title, *lines[:-1]):
        assert line.replace("\u2060", "").isprintable()
        assert "://" not in line
        assert "](" not in line
        assert not set(line) & set("<>`\\")
        assert all(after == "\u2060" for before, after in pairwise(line) if before == "@")


def test_braces_of_a_headline_stay_as_they_are() -> None:
    assert words_of(Told(kind="published", story="s", headline="{story} {0} %s"), "en").title == "{story} {0} %s"
