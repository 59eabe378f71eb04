"""What is shown of an update that was found: the right words marked, as safe HTML, in a few lines."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import html

from consumers.document import document
from consumers.search.answers import Found, Hit, Total
from consumers.search.query import planned
from consumers.search.question import Filters, Question
from consumers.search.snippets import LENGTH, Segments, Snippets, as_html, snippets
from consumers.search.told import found_json, snippets_of
from consumers.state import Correction, Update
from consumers.web.markup import clean
from consumers.words import words_of
from schemas.content import Block, Content
from tests.strategies import contents
from tests.support.coverages import HOSTILE

TIME = datetime(2026, 4, 1, tzinfo=UTC)
LONG = " ".join(f"word{number}" for number in range(200))


def shown(text: str, content: Content, *, language: str = "en") -> Snippets:
    return snippets(content, planned(Question(text), (language,)), language)


def body(text: str, *said: str, language: str = "en") -> str:
    """Return the body's snippet as text, what was sought in brackets."""
    return marked(shown(text, Content(body=tuple(Block(text=one) for one in said)), language=language).body)


def marked(segments: Segments) -> str:
    return "".join(f"[{text}]" if is_hit else text for text, is_hit in segments)


@pytest.mark.parametrize(
    ("text", "said", "expected"),
    [
        ("crew", "The crew’s fine.", "The [crew]’s fine."),
        ("ZURICH", "In Zürich, now", "In [Zürich], now"),
        ("run", "They were running", "They were [running]"),
        ("lov*", "Jim Lovell, loved", "Jim [Lovell], [loved]"),
        ("ohara", "by O’Hara’s aide", "by [O’Hara]’s aide"),
        ("O'Hara", "by OHara", "by [OHara]"),
        ("hara", "by O'Hara", "by O'[Hara]"),
        ('"in the air"', "air in the air", "air [in the air]"),
        ("a -b", "a b", "[a] b"),
        ("headline:a b", "a b", "a [b]"),
        ("宇宙船", "大きな宇宙船だ", "大きな[宇宙船]だ"),
        ("船", "大きな宇宙船だ", "大きな宇宙[船]だ"),
        ("だ", "大きな宇宙船だ", "大きな宇宙船[だ]"),
        ("大", "大きな", "[大]きな"),
        ("きな", "大きな", "大[きな]"),
        ("NASAの", "NASAの発表", "[NASAの]発表"),
        ("🚀", "go 🚀!", "go [🚀]!"),
        ("link", "a **bold [link](https://a.example/b)**", "a bold [link]"),
        ("محمد", "قال مُحَمَّد ذلك", "قال [مُحَمَّد] ذلك"),
        ("absent", "The crew", "The crew"),
        ("", "The crew", "The crew"),
    ],
)
def test_what_was_sought_is_marked(text: str, said: str, expected: str) -> None:
    assert body(text, said) == expected


def test_the_whole_headline_is_shown() -> None:
    found = shown("word199 -word1", Content(LONG))

    assert marked(found.headline) == LONG.replace("word199", "[word199]")


def test_a_phrase_is_not_marked_across_paragraphs() -> None:
    assert body('"one two"', "one", "two", "one two") == "one two [one two]"


def test_the_part_that_says_most_of_it_is_shown_from_word_to_word() -> None:
    found = body("word9 word120 word125", LONG)

    assert "[word120] word121 word122 word123 word124 [word125]" in found
    assert found.startswith("… word")
    assert found.endswith(" …")
    assert all(piece.strip("[]") in LONG.split() for piece in found.removeprefix("… ").removesuffix(" …").split())


def test_the_beginning_is_shown_where_nothing_was_found() -> None:
    found = body("absent", LONG)

    assert found.startswith("word0 word1 ")
    assert found.endswith(" …")


def test_the_end_of_a_text_is_shown_whole() -> None:
    found = body("word199", LONG)

    assert found.endswith("word198 [word199]")
    assert LENGTH - 20 < len(found) <= LENGTH + 4


@given(contents(), st.sampled_from(("a", "0", "a* OR b*", '"a b"', "-a", "é", "月", "headline:a")), st.sampled_from(("en", "ja")))
def test_a_snippet_is_a_part_of_the_text(content: Content, text: str, language: str) -> None:
    found = shown(text, content, language=language)
    plain = "".join(piece for piece, _ in found.body)

    assert len(plain) <= LENGTH + 4
    assert all(piece for piece, _ in (*found.headline, *found.body))
    assert (
        "".join(piece for piece, _ in found.headline).split() == "".join(piece for piece, _ in found.headline).split(" ")
        or not found.headline
    )


@given(st.text(max_size=400), st.integers(0, 399))
def test_any_word_of_a_text_is_marked_in_its_snippet(text: str, place: int) -> None:
    words = [word for word in clean(text).split() if word.isascii() and word.isalnum() and word not in ("OR", "AND")]
    if words:
        sought = words[place % len(words)]
        found = snippets(Content(text), planned(Question(f'"{sought}"'), ()), "ja")

        assert sought.lower() in [piece.lower() for piece, is_hit in found.headline if is_hit]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_snippet_is_safe_wherever_it_stands(hostile: str) -> None:
    text = as_html(((hostile, False), (hostile, True)))

    assert {element.tag for element in html.fragment_fromstring(str(text), create_parent="p").iter()} == {"p", "mark"}


@given(st.lists(st.tuples(st.text("ab<>&\"'/", max_size=8), st.booleans())))
def test_html_says_what_the_segments_say(segments: list[tuple[str, bool]]) -> None:
    parsed = html.fragment_fromstring(str(as_html(segments)), create_parent="p")

    assert parsed.text_content() == "".join(text for text, _ in segments)


def hit(content: Content, *, corrections: Iterable[Correction] = (), language: str = "en") -> Hit:
    update = Update("a", 1, words=words_of(content), published_at=TIME, corrections=tuple(corrections))
    return Hit("apollo-13", "a", "Apollo 13", language, document("apollo-13", update).encode())


def test_what_was_found_is_told_in_the_words_of_the_contract() -> None:
    corrected = hit(
        Content("Liftoff <now>", (Block(text="We have a **liftoff**."),)),
        corrections=[Correction(2, "It was at 13:13.", "minor", TIME)],
    )
    found = Found(Total(10_000, False), (corrected, hit(Content("Abort"))), "next", "lift off")

    told = json.loads(found_json(Question("liftoff", Filters(story="apollo-13")), found))

    first, second = told.pop("results")
    assert told == {"query": "liftoff", "total": {"value": 10_000, "exact": False}, "did_you_mean": "lift off", "next": "next"}
    assert first["snippets"] == {"headline": "<mark>Liftoff</mark> &lt;now&gt;", "body": "We have a <mark>liftoff</mark>."}
    assert (first["id"], first["story"], first["story_title"]) == ("a", "apollo-13", "Apollo 13")
    assert first["corrected_at"] == first["corrections"][0]["corrected_at"] == "2026-04-01T00:00:00Z"
    assert second["corrected_at"] is None
    assert second["snippets"] == {"headline": "Abort", "body": ""}


def test_words_are_marked_by_the_language_of_the_story() -> None:
    english, japanese = (snippets_of(Question("run"), hit(Content("Running"), language=language)) for language in ("en", "ja"))

    assert (marked(english.headline), marked(japanese.headline)) == ("[Running]", "Running")
