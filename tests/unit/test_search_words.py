"""The words of a text: what counts as the same word, whoever types it."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.search.analyser import ANALYSER_VERSION, words, words_of
from consumers.search.folding import LONGEST, folded, token
from consumers.search.indexed import indexed
from consumers.search.plan import FIELDS
from consumers.search.stems import stem_tokens, stemmed_as
from consumers.state import Correction, Update
from consumers.words import words_of as said
from schemas.content import Block, Content, Media, Source
from schemas.times import EARLIEST
from tests.strategies import contents

TOKEN = re.compile(r"[a-z0-9\u0080-\U0010ffff]+")


def tokens(text: str) -> list[str]:
    return [name for _, word in words(text) for name in word.tokens]


def beside(text: str) -> list[str]:
    return [word.beside for _, word in words(text) if word.beside]


def update(content: Content, *, notes: tuple[str, ...] = ()) -> Update:
    corrections = tuple(Correction(2, note, "minor", EARLIEST) for note in notes)
    return Update("a", 1, words=said(content), corrections=corrections)


def body(text: str, language: str = "en") -> str:
    return indexed("s", update(Content(body=(Block(text=text),))), language).fields.get("body", "")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Zürich", "zurich"),
        ("ﬁnal", "final"),
        ("ＮＡＳＡ", "nasa"),
        ("Straße", "STRASSE"),
        ("Łódź", "lodz"),
        ("Ærøskøbing", "aeroskobing"),
        ("İstanbul", "istanbul"),
        ("Diyarbakır", "diyarbakir"),
        ("Þórr", "thorr"),
        ("Cafe\u0301", "Café"),
        ("Ελλάς", "ελλασ"),
        ("Ёлка", "елка"),
        ("مُحَمَّد", "محمد"),
        ("محـــمد", "محمد"),
        ("أحمد", "احمد"),
        ("١٩٧٠", "1970"),
        ("שָׁלוֹם", "שלום"),
        ("ﾀﾞﾒ", "ダメ"),
        ("soft\u00adware", "software"),
        ("می\u200cخواهم", "میخواهم"),
    ],
)
def test_a_word_is_the_same_however_it_is_written(one: str, other: str) -> None:
    assert tokens(one) == tokens(other) != []


@pytest.mark.parametrize(("one", "other"), [("か", "が"), ("はは", "ばば"), ("कि", "की"), ("กา", "กี")])
def test_a_mark_that_makes_another_letter_stays(one: str, other: str) -> None:
    assert tokens(one) != tokens(other)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Apollo 13, now.", ["apollo", "13", "now"]),
        ("snake_case a/b", ["snake", "case", "a", "b"]),
        ("the crew’s, Lovell's", ["the", "crew", "lovell"]),
        ("U.S. 1,000", ["u", "s", "1", "000"]),
        ("宇宙飛行士", ["宇宙", "宙飛", "飛行", "行士"]),
        ("月", ["月"]),
        ("한국어 뉴스", ["한국", "국어", "뉴스"]),
        ("NASAの発表", ["nasa", "の発", "発表"]),
        ("2024年", ["2024", "年"]),
        ("ジム・ラヴェル", ["ジム", "ラヴ", "ヴェ", "ェル"]),
        ("ก้าว", ["ก้", "้า", "าว"]),
        ("🚀 go 🇨🇭", ["🚀", "go", "🇨", "🇭"]),
        ("— … ' - · \u0301", []),
        ("\ud800", []),
    ],
)
def test_a_text_is_cut_into_words(text: str, expected: list[str]) -> None:
    assert tokens(text) == expected


@pytest.mark.parametrize(
    ("text", "parts", "joined"),
    [
        ("O'Hara", ["o", "hara"], ["ohara"]),
        ("O’Hara’s", ["o", "hara"], ["ohara"]),
        ("al-Harir", ["al", "harir"], ["alharir"]),
        ("Jean‑Luc", ["jean", "luc"], ["jeanluc"]),
        ("Qurʾān", ["qur", "an"], ["quran"]),
        ("ʿAlī", ["ali"], []),
        ("צה״ל", ["צה", "ל"], ["צהל"]),
        ("'quoted'", ["quoted"], []),
        ("2010–2012", ["2010", "2012"], []),
        ("宇宙船", ["宇宙", "宙船"], ["船"]),
    ],
)
def test_a_word_in_parts_is_one_word_too(text: str, parts: list[str], joined: list[str]) -> None:
    assert (tokens(text), beside(text)) == (parts, joined)


@pytest.mark.parametrize(
    ("language", "one", "other"),
    [
        ("en", "running", "runs"),
        ("en-GB", "Astronauts", "astronaut"),
        ("de", "Häuser", "Hauses"),
        ("de", "Häuser", "Hauser"),
        ("fr", "élections", "election"),
        ("es", "canciones", "cancion"),
        ("ru", "космонавты", "космонавт"),
        ("nb", "husene", "huset"),
    ],
)
def test_a_word_has_the_stem_of_its_language(language: str, one: str, other: str) -> None:
    stemming = stemmed_as(language)

    assert set(stem_tokens(one, stemming)) & set(stem_tokens(other, stemming))


@pytest.mark.parametrize("language", ["ja", "zh-Hant", "ko", "", "x-klingon", "ÆØ", "\ud800"])
def test_a_language_without_a_stemmer_has_no_stems(language: str) -> None:
    assert stemmed_as(language) == ""
    assert stem_tokens("running", language) == ()


def test_a_field_holds_its_words_then_what_stands_beside_them_then_stems() -> None:
    assert body("O'Hara runs") == "o hara runs · ohara · ·en·o ·en·hara ·en·ohara ·en·run"
    assert body("O'Hara runs", "ja") == "o hara runs · ohara"


def test_markup_is_no_word() -> None:
    assert body("**bold** [text](https://example.com/secret) \\*", "ja") == "bold text"


def test_what_is_no_text_is_left_out_of_every_field() -> None:
    content = Content("lift\x1foff", (Block(text="lift\x00off"),))

    assert indexed("s", update(content), "ja").fields == {"headline": "liftoff", "body": "liftoff"}


def test_a_phrase_cannot_cross_from_a_text_to_the_next() -> None:
    content = Content("Liftoff", sources=(Source("Reuters"), Source("AP")), places=("Houston", "Moscow"))

    fields = indexed("s", update(content), "ja").fields

    assert (fields["source"], fields["place"]) == ("reuters · ap", "houston · moscow")


def test_all_that_an_update_says_is_indexed() -> None:
    content = Content(
        "Headline",
        (
            Block(text="Paragraph"),
            Block("quote", "Quoted", "Lovell"),
            Block("list", items=("One", "Two")),
            Block("heading", "Head"),
        ),
        (Media(caption="Caption", credit="Credit", alt="Alt"),),
        (Source("Source"),),
        ("Place",),
        ("Tag",),
    )

    fields = indexed("s", update(content, notes=("Noted",)), "ja").fields

    assert fields == {
        "headline": "headline",
        "body": "paragraph · quoted · one · two · head",
        "caption": "caption · alt",
        "credit": "credit",
        "speaker": "lovell",
        "source": "source",
        "place": "place",
        "tag": "tag",
        "note": "noted",
    }
    assert set(fields) == set(FIELDS)


def test_the_version_names_all_that_tokens_depend_on() -> None:
    assert unicodedata.unidata_version in ANALYSER_VERSION


@given(st.text() | st.text(st.characters(min_codepoint=0x2000, max_codepoint=0x33FF)))
def test_a_token_is_what_both_backends_keep_as_it_is(text: str) -> None:
    for _, word in words(text):
        for name in (*word.tokens, *([word.beside] if word.beside else [])):
            assert TOKEN.fullmatch(name)
            assert len(name) <= LONGEST
            assert "·" not in name
            assert name.split() == [name]


@given(st.text())
def test_the_places_of_words_lie_within_the_text_in_order(text: str) -> None:
    starts = [at + start for at, word in words(text) for start, _ in word.spans]
    ends = [at + end for at, word in words(text) for _, end in word.spans]

    assert starts == sorted(starts)
    assert all(0 <= start < end <= len(text) for start, end in zip(starts, ends, strict=True))


@given(st.text(max_size=60))
def test_a_word_is_read_the_same_alone_and_within_a_text(text: str) -> None:
    assert [word for _, word in words(f"a {text} b")][1:-1] == [word for chunk in text.split() for word in words_of(chunk)]


@given(st.text())
def test_what_is_folded_stays_as_it_is(text: str) -> None:
    assert folded(folded(text)) == folded(text)
    assert token(token(text)) == token(text)


@given(st.from_regex(r"[A-Za-z0-9 '-]{0,40}", fullmatch=True))
def test_case_and_width_do_not_matter(text: str) -> None:
    wide = "".join(chr(ord(sign) + 0xFEE0) if sign != " " else "\u3000" for sign in text)

    assert tokens(text) == tokens(text.upper()) == tokens(wide)


@given(contents(), st.sampled_from(("en", "de", "ja", "ru")))
def test_an_update_is_indexed_in_tokens_with_one_space_between(content: Content, language: str) -> None:
    found = indexed("s", update(content), language)

    assert all(re.fullmatch(r"\S+( \S+)*", text, re.ASCII) for text in found.fields.values())
    assert all(re.fullmatch(r"[a-z0-9]+", mark) for mark in found.marks)
    assert not any(text.startswith("·") or text.endswith(" ·") for text in found.fields.values())
