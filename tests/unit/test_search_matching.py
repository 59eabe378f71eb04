"""Whether a question finds an update, against a reading of the same terms that knows no tokens, plans or fields of text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.notifications.candidates import held_by, needed
from consumers.search.indexed import indexed
from consumers.search.matching import holds, matches
from consumers.search.query import planned
from consumers.search.question import Filters, Question
from consumers.state import Correction, Update
from consumers.words import words_of
from schemas.content import Block, Content, Media, Source

TIME = datetime(2026, 4, 1, tzinfo=UTC)
NO_FILTERS = Filters()

WRITTEN = {
    "run": ("run", "run"),
    "Running": ("running", "run"),
    "crew": ("crew", "crew"),
    "crew’s": ("crew", "crew"),
    "Crews": ("crews", "crew"),
    "Zürich": ("zurich", "zurich"),
    "zurich": ("zurich", "zurich"),
    "Straße": ("strasse", "strass"),
    "ﬁne": ("fine", "fine"),
    "1970": ("1970", "1970"),
}
"""Words as they are written, what each is without case and accents, and what each is the English stem of."""

Texts = Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Term:
    """A term of a question: `kind` is word, phrase or prefix."""

    kind: str
    words: tuple[str, ...]
    field: str
    is_not: bool

    def typed(self) -> str:
        said = {"word": "{}", "phrase": '"{}"', "prefix": "{}*"}[self.kind].format(" ".join(self.words))
        return f"{'-' if self.is_not else ''}{self.field + ':' if self.field else ''}{said}"

    def finds(self, fields: dict[str, Texts]) -> bool:
        texts = [text for name, texts in fields.items() if self.field in ("", name) for text in texts]
        return any(self._stands_in(text) for text in texts) is not self.is_not

    def _stands_in(self, text: Sequence[str]) -> bool:
        if self.kind == "phrase":
            sought = [WRITTEN[word][0] for word in self.words]
            plain = [WRITTEN[word][0] for word in text]
            return any(plain[at : at + len(sought)] == sought for at in range(len(plain)))
        if self.kind == "prefix":
            return any(WRITTEN[word][0].startswith(self.words[0]) for word in text)
        surface, stem = WRITTEN[self.words[0]]
        return any(WRITTEN[word][0] == surface or WRITTEN[word][1] == stem for word in text)


def _terms() -> st.SearchStrategy[Term]:
    fields = st.sampled_from(("", "", "headline", "body", "source"))
    words = st.sampled_from(sorted(WRITTEN))
    one = st.tuples(words)
    return st.one_of(
        st.builds(Term, st.just("word"), one, fields, st.booleans()),
        st.builds(Term, st.just("phrase"), st.lists(words, min_size=1, max_size=3).map(tuple), fields, st.booleans()),
        st.builds(Term, st.just("prefix"), st.tuples(st.sampled_from(("r", "cre", "crews", "zu", "19"))), fields, st.booleans()),
    )


GROUPS = st.lists(st.lists(_terms(), min_size=1, max_size=3), min_size=1, max_size=3)
SAID = st.lists(st.sampled_from(sorted(WRITTEN)), max_size=5)
FIELDS = st.fixed_dictionaries(
    {"headline": st.lists(SAID, min_size=1, max_size=1), "body": st.lists(SAID, max_size=2), "source": st.lists(SAID, max_size=2)}
)


def typed(groups: Sequence[Sequence[Term]]) -> str:
    return " ".join(" OR ".join(term.typed() for term in group) for group in groups)


def told(fields: dict[str, Texts]) -> Update:
    said = {name: [" ".join(text) for text in texts] for name, texts in fields.items()}
    return update(
        Content(said["headline"][0], tuple(Block(text=text) for text in said["body"]), sources=tuple(map(Source, said["source"])))
    )


def update(content: Content, *, notes: Sequence[str] = (), verification: str | None = None, key_event: bool = False) -> Update:
    corrections = tuple(Correction(2, note, "minor", TIME) for note in notes)
    return Update(
        "a",
        1,
        words=words_of(content),
        corrections=corrections,
        verification=verification,
        key_event=key_event,
        published_at=TIME,
    )


def finds(text: str, said: Update | str, *, language: str = "en", filters: Filters = NO_FILTERS) -> bool:
    found = said if isinstance(said, Update) else update(Content(body=(Block(text=said),)))
    return matches(Question(text, filters), found, story="apollo-13", language=language)


@given(GROUPS, FIELDS)
def test_a_question_finds_what_a_plain_reading_of_it_finds(groups: list[list[Term]], fields: dict[str, Texts]) -> None:
    expected = all(any(term.finds(fields) for term in group) for group in groups)

    assert finds(typed(groups), told(fields)) is expected


@given(GROUPS, FIELDS)
def test_what_a_question_finds_holds_one_of_the_words_that_it_needs(groups: list[list[Term]], fields: dict[str, Texts]) -> None:
    plan, said = planned(Question(typed(groups)), ("en",)), told(fields)
    words = needed(plan)

    found = holds(plan, indexed("apollo-13", said, "en"), TIME)

    assert not found or words is None or words & held_by(indexed("apollo-13", said, "en"))


@given(_terms(), FIELDS)
def test_what_holds_a_term_and_what_does_not_are_all_there_is(term: Term, fields: dict[str, Texts]) -> None:
    text = term.typed().removeprefix("-")

    assert finds(text, told(fields)) is not finds(f"-{text}", told(fields))


@given(_terms(), _terms(), FIELDS)
def test_or_is_a_union_and_side_by_side_an_intersection(one: Term, other: Term, fields: dict[str, Texts]) -> None:
    said = told(fields)
    alone = (finds(one.typed(), said), finds(other.typed(), said))

    assert finds(f"{one.typed()} OR {other.typed()}", said) is any(alone)
    assert finds(f"{one.typed()} {other.typed()}", said) is all(alone)


@given(st.text(max_size=20), st.sampled_from(("en", "de", "fr", "ru", "ar", "ja")))
def test_a_text_of_one_word_finds_itself(text: str, language: str) -> None:
    phrase = " ".join(text.replace('"', " ").split())
    if not planned(Question(f'"{phrase}"'), (language,)).is_nothing:
        content = Content(phrase)
        found = finds(f'"{phrase}"', update(content), language=language)
        assert found or any(quote in phrase for quote in "＂“”„‟«»")


@given(st.text(max_size=40), st.sampled_from(("en", "de", "fr")))
def test_no_text_raises(text: str, language: str) -> None:
    assert finds(text, "Liftoff! We have a liftoff.", language=language) in (True, False)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("zurich", "Zürich"),
        ("ZÜRICH", "zurich"),
        ("strasse", "Straße"),
        ("Straße", "STRASSE"),
        ("final", "ﬁnal"),
        ("ＮＡＳＡ", "nasa"),
        ("O'Hara", "O’Hara"),
        ("O'Hara", "OHara"),
        ("O'Hara", "O Hara"),
        ("OHara", "O'Hara"),
        ("o hara", "O'Hara"),
        ("hara", "O'Hara"),
        ("oh*", "O'Hara"),
        ("al-Harir", "Al Harir"),
        ("al-Harir", "alHarir"),
        ("alharir", "al-Harir"),
        ("al harir", "al-Harir"),
        ("email", "e-mails"),
        ("Lovell", "Lovell’s"),
        ("Lovell's", "Lovell"),
        ("l'équipe", "L’equipe"),
        ("équipe", "l'equipe"),
        ("宇宙", "有人宇宙飛行"),
        ("月", "満月の夜"),
        ("夜", "満月の夜"),
        ("月", "月"),
        ("宇宙飛行", "宇宙飛行士"),
        ("宇宙 飛行", "飛行と宇宙"),
        ("뉴스", "한국뉴스입니다"),
        ("新闻", "今日新闻"),
        ("ダメ", "ﾀﾞﾒ"),
        ("NASAの", "NASAの発表"),
        ("محمد", "مُحَمَّد"),
        ("مُحَمَّد", "محمد"),
        ("שלום", "שָׁלוֹם"),
        ("צהל", "צה״ל"),
        ("🚀", "go 🚀 go"),
        ("U.S.", "in the U.S. today"),
        ("-nothing", "anything"),
        ("anceint OR ancient", "Ancient Rome"),
    ],
)
def test_a_word_is_found_however_it_is_written(text: str, said: str) -> None:
    assert finds(text, said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("宇船", "宇宙船"),
        ('"O Hara said"', "OHara said"),
        ('"hara ohara"', "by O'Hara"),
        ("か", "が"),
        ("lov", "Lovell"),
        ("secret", "[words](https://example.com/secret)"),
        ("!!!", "!!!"),
        ("", "anything"),
    ],
)
def test_another_word_is_not_found(text: str, said: str) -> None:
    assert not finds(text, said)


@pytest.mark.parametrize(
    ("language", "text", "said"),
    [
        ("en", "astronauts running", "An astronaut runs"),
        ("de", "Haus", "Häuser und Hauses"),
        ("fr", "élection", "les élections"),
        ("fr", "election", "les élections"),
    ],
)
def test_words_are_stemmed_by_the_language_of_the_story(language: str, text: str, said: str) -> None:
    assert finds(text, said, language=language)
    assert not finds(text, said, language="ja")


def test_one_question_finds_stories_of_several_languages() -> None:
    plan = planned(Question("nations"), ("en", "fr"))
    english, french = update(Content("A nation")), update(Content("Une nation"))

    assert all(holds(plan, indexed("s", one, language), TIME) for one, language in ((english, "en"), (french, "fr")))


@pytest.mark.parametrize("field", ["headline", "body", "caption", "credit", "speaker", "source", "place", "tag", "note"])
def test_a_field_is_sought_where_it_is(field: str) -> None:
    content = Content(
        "Inheadline",
        (Block(text="Inbody"), Block("quote", "words", "Inspeaker")),
        (Media(caption="x", alt="Incaption", credit="Incredit"),),
        (Source("Insource"),),
        ("Inplace",),
        ("Intag",),
    )
    said = update(content, notes=("Innote",))

    assert finds(f"in{field}", said)
    assert finds(f"{field}:in{field}", said)
    assert not any(finds(f"{other}:in{field}", said) for other in ("headline", "body", "tag") if other != field)


@pytest.mark.parametrize(
    "filters",
    [
        Filters(story="apollo-13"),
        Filters(source="nasa"),
        Filters(tag="EAGLE"),
        Filters(place="zurich"),
        Filters(key_events=True),
        Filters(corrected=True),
        Filters(verification="verified"),
        Filters(since=TIME, until=TIME + timedelta(seconds=1)),
    ],
)
def test_a_filter_lets_through_what_is_so_and_nothing_else(filters: Filters) -> None:
    content = Content("Liftoff", sources=(Source("NASA"),), places=("Zürich",), tags=("Eagle",))
    so = update(content, notes=("n",), verification="verified", key_event=True)
    other = update(Content("Liftoff", sources=(Source("NASA TV"),), places=("Zürich West",), tags=("Eagles",)))
    elsewhere = matches(Question("", filters), Update("b", published_at=TIME), story="apollo-11", language="en")

    assert finds("", so, filters=filters)
    assert finds("liftoff", so, filters=filters)
    assert not finds("absent", so, filters=filters)
    assert not elsewhere
    assert filters.story is not None or filters.since is not None or not finds("", other, filters=filters)


@pytest.mark.parametrize("filters", [Filters(since=TIME + timedelta(microseconds=1)), Filters(until=TIME)])
def test_a_time_is_from_and_before(filters: Filters) -> None:
    assert not finds("liftoff", "liftoff", filters=filters)


def test_what_is_not_public_is_not_found() -> None:
    assert not finds("liftoff", Update("a", 1, words=words_of(Content("liftoff")), withheld=True))
