"""What people type: any text is a question, and each sign in it means one thing."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.search.plan import FIELDS, AllOf, AnyOf, Node, Plan, Terms, Without
from consumers.search.query import LONGEST_QUESTION, MOST_WORDS, parsed, planned
from consumers.search.question import Filters, Question
from consumers.search.spelling import candidates, doubtful, respelt
from consumers.web.markup import clean
from dateline.errors import Refused

TYPED = st.lists(
    st.sampled_from(
        (
            "a",
            "OR",
            "AND",
            "-",
            '"',
            "“",
            "*",
            ":",
            "headline:",
            "nofield:",
            "O'Hara",
            "-x",
            "月",
            "宇宙",
            "🚀",
            "(",
            " ",
            "  ",
            "NEAR/2",
        )
    )
    | st.text(max_size=3),
    max_size=30,
).map("".join)
TIME = datetime(2026, 4, 1, tzinfo=UTC)


def plan(text: str, *languages: str) -> Plan:
    return planned(Question(text), languages)


def asked(text: str) -> Node | None:
    """What is asked for where no story's language has stems."""
    return plan(text).words


def word(*tokens: str, field: str = "", prefix: bool = False) -> Terms:
    return Terms(tokens, (field,) if field else (), prefix)


A, B, C = word("a"), word("b"), word("c")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", A),
        ("a b", AllOf((A, B))),
        ("a AND b", AllOf((A, B))),
        ("a OR b", AnyOf((A, B))),
        ("a b OR c", AllOf((A, AnyOf((B, C))))),
        ("(a OR b) c", AllOf((AnyOf((A, B)), C))),
        ("a or b", AllOf((A, word("or"), B))),
        ("a OR OR b", AnyOf((A, B))),
        ("OR a OR", A),
        ("a OR !!! OR b", AnyOf((A, B))),
        ("-a", Without(None, A)),
        ("a -b -c", Without(A, AnyOf((B, C)))),
        ("a OR -b", Without(None, Without(B, A))),
        ("-a OR -b c", Without(C, AllOf((A, B)))),
        ('-"a b"', Without(None, word("a", "b"))),
        ("-headline:a", Without(None, word("a", field="headline"))),
        ("- a -- b", AllOf((A, B))),
        ("a-b", AnyOf((word("a", "b"), word("ab")))),
        ('"a b"', word("a", "b")),
        ("“a b„ c", AllOf((word("a", "b"), C))),
        ('"a b', word("a", "b")),
        ('a"b c', AllOf((word("a", "b"), C))),
        ('"a b"c', AllOf((word("a", "b"), C))),
        ('"O\'Hara said"', AnyOf((word("o", "hara", "said"), word("ohara", "said")))),
        ("apol*", word("apol", prefix=True)),
        ("apol*)", word("apol", prefix=True)),
        ("**apol**", word("apol")),
        ('"a apol"*', word("a", "apol", prefix=True)),
        ("* -* a", A),
        ("source:nasa", word("nasa", field="source")),
        ("Source：NASA", word("nasa", field="source")),
        ("place: a", word("a", field="place")),
        ('source:"a b" c', AllOf((word("a", "b", field="source"), C))),
        ("tag:a*", word("a", field="tag", prefix=True)),
        ("tag:a OR tag:b", AnyOf((word("a", field="tag"), word("b", field="tag")))),
        ("source:", word("source")),
        ("foo:bar", AllOf((word("foo"), word("bar")))),
        ("-foo:bar", Without(None, AllOf((word("foo"), word("bar"))))),
        ('foo:"a b"', AllOf((word("foo"), word("a", "b")))),
        ("10:30", word("10", "30")),
        ("U.S.", word("u", "s")),
        ("Lovell's", word("lovell")),
        ("月", word("月", prefix=True)),
        ("宇宙船", word("宇宙", "宙船")),
        ("NASAの", word("nasa", "の", prefix=True)),
        ("🚀", word("🚀")),
        ("🇨🇭", word("🇨", "🇭")),
        ("a a", A),
    ],
)
def test_what_is_typed_means_one_thing(text: str, expected: Node) -> None:
    assert asked(text) == expected


@pytest.mark.parametrize(
    "text", ["", " ", '"', '""', "-", "OR", "AND OR", "*", "-*", "!!!", '-"', "( ) [ ] { } ^ ~ \\ + :", "\ud800", "\x00"]
)
def test_signs_alone_ask_for_nothing(text: str) -> None:
    assert plan(text, "en") == Plan(None, is_nothing=True)


@pytest.mark.parametrize("field", FIELDS)
def test_every_field_can_be_asked_for(field: str) -> None:
    assert asked(f"{field}:x") == word("x", field=field)


def test_a_word_is_sought_in_the_words_of_every_language() -> None:
    assert plan("running", "en-GB", "de", "ja", "en").words == AnyOf((word("running"), word("·de·running"), word("·en·run")))


def test_a_word_in_parts_has_the_stem_of_all_as_one_word() -> None:
    assert plan("space-walks", "en").words == AnyOf((word("space", "walks"), word("spacewalks"), word("·en·spacewalk")))


@pytest.mark.parametrize("text", ['"running"', "running*", "1970", "宇宙"])
def test_a_phrase_a_beginning_and_a_number_have_no_stems(text: str) -> None:
    assert plan(text, "en", "de").words == asked(text)


def test_filters_become_marks_and_bounds() -> None:
    filters = Filters(
        story="s", source="NASA", tag="ä", place="x", key_events=True, corrected=True, verification="verified", since=TIME
    )

    found = planned(Question("", filters), ())

    assert [mark[0] for mark in found.marks] == list("sotpvkc")
    assert (found.words, found.since, found.until, found.is_nothing) == (None, TIME, None, False)


def test_the_value_of_a_filter_is_folded_and_a_story_is_not() -> None:
    def marks(filters: Filters) -> tuple[str, ...]:
        return planned(Question("", filters), ()).marks

    assert marks(Filters(place="Zürich  West")) == marks(Filters(place="zurich west")) != marks(Filters(tag="zurich west"))
    assert marks(Filters(story="Apollo")) != marks(Filters(story="apollo"))


def test_a_question_of_the_greatest_length_is_answered_and_a_longer_one_refused() -> None:
    assert not plan("宇" * LONGEST_QUESTION, "en").is_nothing
    assert not plan("a " * MOST_WORDS, "en").is_nothing

    with pytest.raises(Refused, match=r"1,000 characters; this one has 1,001"):
        plan("x" * (LONGEST_QUESTION + 1))
    with pytest.raises(Refused, match=r"64 words; this one has 65"):
        plan("a." * (MOST_WORDS + 1))


@given(st.text(max_size=LONGEST_QUESTION) | TYPED)
def test_any_text_is_a_question(text: str) -> None:
    try:
        found = plan(text, "en", "de", "fr")
    except Refused:
        assert len(text) > MOST_WORDS
        return
    assert found.is_nothing == (found.words is None) == (not parsed(text))
    assert all(terms.tokens and all(terms.tokens) and set(terms.fields) <= set(FIELDS) for terms in _terms(found.words))


@given(TYPED)
def test_only_the_whole_is_sought_in_all_that_there_is(text: str) -> None:
    """Backends need no complement but at the top: everywhere else what is taken away is taken from something."""
    words = plan(text).words
    inner = (words.part, words.but) if isinstance(words, Without) else (words,)

    assert all(part.part is not None for node in inner for part in _nodes(node) if isinstance(part, Without))


@given(st.text("aböz", min_size=1, max_size=6))
def test_candidates_are_one_slip_away(text: str) -> None:
    found = list(candidates(text, "abz"))

    assert len(found) == len(set(found))
    assert text not in found
    assert all(text in candidates(other, "aböz") for other in found)


def test_a_slip_is_one_letter_more_or_less_or_other_or_two_turned_round() -> None:
    assert "ancient" in candidates("anceint", "")
    assert {"ancint", "anceintx", "anxeint"} <= set(candidates("anceint", "x"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("anceint ruins", ("anceint", "ruins")),
        ('"anceint city" -lost sour* 1970 宇宙船 the', ("anceint", "city")),
        ("headline:Anceint OR ruins", ("anceint", "ruins")),
    ],
)
def test_words_that_are_sought_may_be_misspelt(text: str, expected: tuple[str, ...]) -> None:
    assert doubtful(text) == expected


def test_only_the_misspelt_word_is_replaced() -> None:
    text = '  Anceint OR "the anceint, city" -anceint  tag:ANCEINT anceint* O\'Neil'

    assert respelt(text, {"anceint": "ancient"}) == ('  Ancient OR "the ancient, city" -anceint  tag:ANCIENT anceint* O\'Neil')


@given(TYPED)
def test_nothing_misspelt_leaves_the_question_as_it_is(text: str) -> None:
    assert respelt(text, {}) == clean(text)
    assert respelt(text, {token: token for token in doubtful(text)}).casefold() == clean(text).casefold() or not text.isascii()


def _nodes(node: Node | None) -> list[Node]:
    if node is None:
        return []
    if isinstance(node, Terms):
        return [node]
    parts = (node.part, node.but) if isinstance(node, Without) else node.parts
    return [node, *(inner for part in parts for inner in _nodes(part))]


def _terms(node: Node | None) -> list[Terms]:
    return [found for found in _nodes(node) if isinstance(found, Terms)]
