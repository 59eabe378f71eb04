"""The laws of the HTML that is made of what users wrote."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree, html

from consumers.timeline.shown import Shown
from consumers.web.markup import blocks_html, clean, cut_at_word, figure_html, link_html, plain_text, text_html, web_address
from schemas.content import Block, Media
from tests.support.coverages import HOSTILE, hostile_texts, hostile_updates

ELEMENTS = {
    *("p", "br", "strong", "em", "a", "h3", "blockquote", "footer", "ul", "li"),
    *("figure", "figcaption", "span", "img", "video", "audio"),
}
ATTRIBUTES = {
    *("href", "rel", "class", "src", "alt", "width", "height", "loading", "decoding", "referrerpolicy"),
    *("controls", "preload", "aria-label"),
}


def parsed(markup: str) -> etree._Element:
    """Return the markup read as XML."""
    return etree.fromstring(f"<div>{markup}</div>".encode())


def check_harmless(markup: str) -> None:
    """Fail unless the markup holds only elements, attributes and addresses that we make, read as XML or as HTML."""
    whole = f"<div>{markup}</div>"
    for tree in (parsed(markup), html.document_fromstring(whole, parser=html.HTMLParser(encoding="utf-8")).find(".//div")):
        assert tree is not None
        for element in tree.iterdescendants():
            assert element.tag in ELEMENTS, element.tag
            assert {*map(str, element.attrib)} <= ATTRIBUTES, element.attrib
            for name in ("href", "src"):
                address = str(element.get(name, "https://"))
                assert re.match(r"https?://|mailto:", address, re.IGNORECASE), address
                assert name == "href" or not address.startswith("mailto:")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("**bold** and _thin_", "<strong>bold</strong> and <em>thin</em>"),
        ("one\ntwo\r\nthree", "one<br/>two<br/>three"),
        ("a < b & c", "a &lt; b &amp; c"),
        (r"\*no\*", "*no*"),
        (
            "[**here**](https://ok.example/?a=1&b=2)",
            '<a href="https://ok.example/?a=1&amp;b=2" rel="nofollow noopener noreferrer"><strong>here</strong></a>',
        ),
        ("[write](mailto:a@b.example)", '<a href="mailto:a@b.example" rel="nofollow noopener noreferrer">write</a>'),
        ("[no](javascript:alert(1))", "[no](javascript:alert(1))"),
        ("[no](https://[/)", "no"),
    ],
)
def test_the_small_markdown_becomes_html(text: str, expected: str) -> None:
    assert str(text_html(text)) == expected


def test_every_type_of_block_has_its_element() -> None:
    body = [
        Block(text="One."),
        Block(type="heading", text="Two"),
        Block(type="quote", text="Three.", speaker="Four"),
        Block(type="list", items=("five", "six")),
        Block(type="embed", uri="https://ok.example/7", text="Eight"),
        Block(type="poll", text="Nine", items=("ten",), uri="https://ok.example/11"),
    ]

    tags = [element.tag for element in parsed(blocks_html(body))]

    assert tags == ["p", "h3", "blockquote", "ul", "p", "p", "p", "ul", "p"]
    assert "<h4>Two</h4>" in blocks_html(body, level=4)


def test_blocks_that_say_nothing_leave_nothing() -> None:
    kinds = ("paragraph", "heading", "quote", "list", "embed", "poll")

    assert blocks_html([Block(type=kind, text=" ") for kind in kinds]) == ""


@pytest.mark.parametrize("uri", ["javascript:alert(1)", "data:text/html,x", "//x.example/", "https://", "file:///etc", ""])
def test_only_what_is_on_the_web_is_linked_or_loaded(uri: str) -> None:
    assert web_address(uri) is None
    assert "href" not in blocks_html([Block(type="embed", uri=uri)])
    assert "href" not in link_html(uri, "words")
    assert "src" not in figure_html(Media(uri=uri))


@pytest.mark.parametrize(("kind", "tag"), [("image", "img"), ("video", "video"), ("audio", "audio"), ("hologram", "a")])
def test_a_figure_has_its_caption_and_credit(kind: str, tag: str) -> None:
    media = Media(kind, "https://ok.example/1", "The *crew*", "NASA", 'Three "men"\nin white', 640, 480)

    figure = parsed(figure_html(media))[0]

    assert figure.tag == "figure"
    assert figure.find(f".//{tag}") is not None
    assert figure.xpath("string(figcaption)") == "The *crew* NASA"


def test_text_loses_its_signs_where_there_can_be_no_markup() -> None:
    assert plain_text("**Bold**, [a link](https://ok.example/) and \\*stars\\*") == "Bold, a link and *stars*"


@pytest.mark.parametrize(("length", "cut"), [(11, "The river …"), (9, "The …"), (2, "Th …")])
def test_a_long_line_is_cut_between_words_if_it_can_be(length: int, cut: str) -> None:
    assert cut_at_word("The river rises.", length=length) == cut


def test_what_writes_from_right_to_left_keeps_the_marks_that_it_needs() -> None:
    text = "\u200fשלום\u200e \u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 👩\u200d🚀"

    assert clean(text) == text


@given(st.text(st.characters()) | hostile_texts())
def test_clean_text_holds_nothing_that_xml_or_a_reader_would_trip_over(text: str) -> None:
    cleaned = clean(text)

    assert clean(cleaned) == cleaned
    assert not any(unicodedata.category(one) in ("Cc", "Cs") for one in cleaned if one not in "\n\t")
    assert not any(
        unicodedata.bidirectional(one) in {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"} for one in cleaned
    )
    etree.Element("p").text = cleaned


@given(hostile_updates())
def test_no_text_becomes_an_element_an_attribute_or_a_scheme(update: Shown) -> None:
    check_harmless(blocks_html(update.body))
    for media in update.media:
        check_harmless(figure_html(media))
    for source in update.sources:
        check_harmless(link_html(source.uri, source.name))


@pytest.mark.parametrize("text", HOSTILE)
def test_each_hostile_text_is_shown_as_text(text: str) -> None:
    check_harmless(text_html(text))
    check_harmless(figure_html(Media(uri=f"https://ok.example/{text}", caption=text, credit=text, alt=text)))


def test_ten_thousand_blocks_are_shown() -> None:
    blocks = [Block(text=f"**{number}** ]]> <b>") for number in range(10_000)]

    assert len(parsed(blocks_html(blocks))) == 10_000
