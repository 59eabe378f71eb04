"""Whatever comes from outside is text on every page: rendered, parsed, and held against a harmless one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import html

from tests.support import hostile

_ANYTHING = st.text(st.characters() | st.sampled_from("<>&\"'{}%/\\[]()*_`\u202e\ud83d\x00"), min_size=1, max_size=40)
_KNOWN = """href src rel class id lang dir title alt width height loading decoding referrerpolicy datetime content name property
charset type media role tabindex reversed open hidden controls preload http-equiv aria-labelledby aria-label poster
action value maxlength autocomplete enterkeyhint placeholder aria-current"""
_ATTRIBUTES = frozenset(_KNOWN.split())


def parsed(page: str) -> Any:  # Any: what lxml's expressions give is not known to its types
    return html.fromstring(page)


@settings(max_examples=40)
@given(_ANYTHING)
def test_no_text_becomes_markup(text: str) -> None:
    for name, page in hostile.pages(text).items():
        harmless = hostile.pages("x")[name]
        page.encode()
        assert sorted(_tags(page)) == sorted(_tags(harmless)) or _is_shorter(page, harmless), name
        assert [one for one in _attributes(page) if one not in _ATTRIBUTES and not one.startswith("data-")] == [], name


def _is_shorter(page: str, harmless: str) -> bool:
    """Whether only what the small Markdown and empty text bring or take makes the difference."""
    light = {
        "strong",
        "em",
        "a",
        "br",
        "small",
        "figcaption",
        "figure",
        "img",
        "video",
        "audio",
        "p",
        "h1",
        "h2",
        "h3",
        "h4",
        "span",
    }
    return set(_tags(page)) - light <= set(_tags(harmless))


@pytest.mark.parametrize("text", hostile.VECTORS.values(), ids=hostile.VECTORS)
def test_each_vector_is_text(text: str) -> None:
    for name, page in hostile.pages(text).items():
        wild = set(_tags(page)) & {
            "iframe",
            "svg",
            "base",
            "style",
            "object",
            "embed",
            "plaintext",
            "textarea",
            "noscript",
        }
        assert wild == set(), name
        assert set(parsed(page).xpath("//form/@action")) <= {"/search"}, name
        assert not re.search("[\ud800-\udfff\u202a-\u202e\u2066-\u2069\x00-\x08\x1b]", page), name


@settings(max_examples=40)
@given(_ANYTHING)
def test_the_json_for_search_engines_ends_where_it_should(text: str) -> None:
    page = parsed(hostile.pages(text)["story"])

    assert json.loads(page.xpath("//script[@id='_ld']")[0].text)["@type"] == "LiveBlogPosting"
    assert len(page.xpath("//script")) == 3


def _tags(page: str) -> Iterator[str]:
    return (one.tag for one in parsed(page).iter() if isinstance(one.tag, str))


def _attributes(page: str) -> Iterator[str]:
    return (name for one in parsed(page).iter() if isinstance(one.tag, str) for name in one.attrib)


def test_a_broken_language_and_zone_do_no_harm() -> None:
    page = parsed(hostile.pages('"><script>alert(1)</script>')["story"])

    assert page.get("lang") == "en"
    assert page.xpath("//h1/@lang") == ["und"]
    assert "UTC" in page.xpath("string(//*[@class='zone'])")
