"""Names of stories, updates and desks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dateline.errors import Refused
from schemas.names import check_name, is_name, nearest, story_of_key
from tests.strategies import names


@pytest.mark.parametrize("name", ["apollo-13", "a", "7", "été_2024", "東京:速報", "x.y~z@w", "a" * 200])
def test_a_name_is_letters_digits_and_a_few_signs(name: str) -> None:
    assert check_name("story", name) == name


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "is missing"),
        ("two words", "holds ' ' (U+0020)"),
        ("a/b", "holds '/' (U+002F)"),
        ("{a}", "holds '{' (U+007B)"),
        ("a\n", "holds '\\n' (U+000A)"),
        ("a\ud800", "holds '\\ud800' (U+D800)"),
        ("-a", "begins with '-'"),
        ("_a", "begins with '_'"),
        ("..", "begins with '.'"),
        ("a" * 201, "has 201 characters"),
    ],
)
def test_any_other_name_is_refused_with_the_rule(name: str, reason: str) -> None:
    with pytest.raises(Refused) as refused:
        check_name("story", name)

    assert reason in str(refused.value)
    assert "write 1 to 200 letters, digits and - . _ ~ : @" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_name_is_brought_into_one_unicode_form() -> None:
    decomposed = "e\u0301te\u0301"

    assert check_name("story", decomposed) == "\u00e9t\u00e9"
    assert not is_name(decomposed)


def test_the_nearest_known_name_comes_first_whatever_the_case() -> None:
    assert nearest("Apolo-13", ["artemis-2", "apollo-11", "apollo-13"])[0] == "apollo-13"
    assert nearest("zzz", ["apollo-13"]) == []


@pytest.mark.parametrize(
    "key", [None, b"", b"\xff\xfe", b"two words", "e\u0301".encode(), b"a" * 201, b"a" * 1_000_000, b"a\x00"]
)
def test_a_key_that_names_no_story_has_none(key: bytes | None) -> None:
    assert story_of_key(key) is None


@given(names())
def test_a_storys_name_is_its_key(name: str) -> None:
    assert story_of_key(name.encode()) == name


@given(st.binary(max_size=20))
def test_whatever_the_key_its_story_is_a_name_or_none(key: bytes) -> None:
    story = story_of_key(key)

    assert story is None or (is_name(story) and story.encode() == key)
