"""Body text: what people type becomes blocks, and blocks become what people type."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.body import body_text, parse_body
from schemas.content import Block

_SIGNS = (
    "## ",
    "- ",
    "> ",
    ">",
    "<https://a.example/b>",
    "— ",
    "-- ",
    "\\",
    "\n",
    "\n\n",
    "\r\n",
    "\r",
    "  ",
    "\t",
    "a",
    "b c",
    "\u2028",
)
_TYPED = st.lists(st.sampled_from(_SIGNS), max_size=14).map("".join) | st.text(max_size=30)


def test_each_kind_of_block_has_its_sign() -> None:
    text = (
        "Lovell reports.\n\n## Known\n\n- tank 2\n- tank 1\n\n> A problem.\n> — Jack Swigert\n\n<https://nasa.example/a>\nThe log"
    )

    assert parse_body(text) == (
        Block(text="Lovell reports."),
        Block(type="heading", text="Known"),
        Block(type="list", items=("tank 2", "tank 1")),
        Block(type="quote", text="A problem.", speaker="Jack Swigert"),
        Block(type="embed", uri="https://nasa.example/a", text="The log"),
    )


def test_blocks_of_different_kinds_need_no_empty_line_between_them() -> None:
    assert parse_body("## Known\nText\n- one\n> said\nmore") == (
        Block(type="heading", text="Known"),
        Block(text="Text"),
        Block(type="list", items=("one",)),
        Block(type="quote", text="said"),
        Block(text="more"),
    )


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        ("", ()),
        (" \n\n \t\n", ()),
        (">", ()),
        ("a\nb", (Block(text="a\nb"),)),
        ("a\r\n\r\nb\rc", (Block(text="a"), Block(text="b\nc"))),
        ("a\n \n\n\nb", (Block(text="a"), Block(text="b"))),
        ("- a\n\n- b", (Block(type="list", items=("a",)), Block(type="list", items=("b",)))),
        ("> a\n>\n> b", (Block(type="quote", text="a\n\nb"),)),
        ("> a\n> -- Jim", (Block(type="quote", text="a", speaker="Jim"),)),
        ("> — Jim", (Block(type="quote", text="— Jim"),)),
        ("#hashtag\n-5 degrees\n>x", (Block(text="#hashtag\n-5 degrees\n>x"),)),
        ("\\- no list", (Block(text="- no list"),)),
        ("a\\b \\# c", (Block(text="a\\b \\# c"),)),
    ],
)
def test_text_is_read_as_people_mean_it(text: str, blocks: tuple[Block, ...]) -> None:
    assert parse_body(text) == blocks


@given(_TYPED)
def test_blocks_survive_being_written_and_read_again(typed: str) -> None:
    blocks = parse_body(typed)

    assert parse_body(body_text(blocks)) == blocks


@given(_TYPED)
def test_no_block_is_empty_and_no_line_end_of_windows_stays(typed: str) -> None:
    for block in parse_body(typed):
        assert block.text or block.items or block.uri
        assert "\r" not in block.text


@pytest.mark.parametrize(
    "text", ["## not a heading", "- not a list", "> not a quote", "\\- a backslash", "<https://not.embedded>"]
)
def test_a_paragraph_that_looks_like_another_block_stays_one(text: str) -> None:
    assert parse_body(body_text([Block(text=text)])) == (Block(text=text),)


def test_a_block_of_an_unknown_type_is_written_as_text() -> None:
    assert body_text([Block(type="map", text="Where", uri="https://maps.example")]) == "Where\nhttps://maps.example"
