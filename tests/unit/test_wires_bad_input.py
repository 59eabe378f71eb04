"""Whatever a wire or whoever poses as one sends: items, or one clear line; never a traceback, never long, nothing fetched."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from contextlib import suppress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dateline.errors import Refused
from producers.wires.events import LONGEST_EXTRA_BYTES
from producers.wires.formats import FORMATS, read_items
from producers.wires.item import MOST_BYTES, BadItem, Found, Item
from schemas.events import UpdatePublished
from schemas.rules import check
from tests.support.wires import NOW, atom, bad, meant, newsml, ninjs, only, rss

BOMB = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
OUTSIDE = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
WELL: dict[str, bytes] = {
    "ninjs": ninjs(bodies=[{"contentType": "text/html", "value": "<p>It <b>fell</b>.</p>"}]),
    "newsml-g2": newsml(2, meta="<edNote>Corrects</edNote>"),
    "rss": rss("<guid>1</guid><title>T</title><description>&lt;p&gt;x&lt;/p&gt;</description>"),
    "atom": atom("<entry><id>1</id><title>T</title><updated>2026-03-02T06:00:00Z</updated></entry>"),
}
XML = [form for form in FORMATS if form != "ninjs"]
_SIGNS = [b"<", b">", b"&", b'"', b"]]>", b"<![CDATA["]
SLOWEST = 20.0
"""Seconds, on a machine that does much else; what is not bounded takes minutes."""


def refused(data: bytes, form: str) -> str:
    with pytest.raises(Refused) as error:
        list(read_items(data, form))
    text = str(error.value)
    assert len(text) < 400
    assert "\n" not in text
    return text


@pytest.mark.parametrize("form", FORMATS)
def test_a_truncated_document_is_refused_with_its_place(form: str) -> None:
    assert refused(WELL[form][:-20], form).startswith("line ")


@pytest.mark.parametrize("form", FORMATS)
def test_a_wrong_encoding_is_refused_with_its_place(form: str) -> None:
    wrong = WELL[form].replace(b"T<", b"\xfc<").replace(b"hits", b"h\xfcts").replace(b"Ship", b"Sh\xfcp")

    assert refused(wrong, form).startswith("line ")


@pytest.mark.parametrize("form", XML)
@pytest.mark.parametrize("doctype", [BOMB, OUTSIDE])
def test_entities_are_refused(form: str, doctype: str) -> None:
    assert "DOCTYPE" in refused(doctype.encode() + WELL[form], form)
    assert "DOCTYPE" in refused(b'<?xml version="1.0"?>\n<!-- x -- ->-->\n' + doctype.encode() + WELL[form], form)
    assert "DOCTYPE" in refused((doctype + WELL[form].decode()).encode("utf-16"), form)


@pytest.mark.parametrize("form", FORMATS)
def test_what_is_too_large_is_refused(form: str) -> None:
    assert "bytes" in refused(WELL[form] + b" " * MOST_BYTES, form)


@pytest.mark.parametrize(("form", "end"), [("newsml-g2", b"<p>"), ("rss", b"<description>"), ("atom", b"<title>")])
def test_deep_nesting_is_refused_or_flattened_in_time(form: str, end: bytes) -> None:
    began = time.monotonic()
    deep = WELL[form].replace(end, end + b"<b>" * 100_000, 1)

    assert refused(deep, form).startswith("line ")
    assert time.monotonic() - began < SLOWEST


def test_deep_json_is_refused() -> None:
    assert refused(b'{"uri": ' + b"[" * 200_000, "ninjs")
    assert "nested" in refused(b"[" * 200_000 + b"]" * 200_000, "ninjs")


def test_deep_html_in_a_text_is_flattened_in_time() -> None:
    began = time.monotonic()

    for tag in ("div", "b", "blockquote", "ul", "table"):
        only(ninjs(bodies=[{"contentType": "text/html", "value": f"<{tag}>" * 50_000 + "x"}]))

    assert time.monotonic() - began < SLOWEST


def test_a_wrong_namespace_is_named() -> None:
    assert "urn:other" in refused(WELL["newsml-g2"].replace(b"http://iptc.org/std/nar/2006-10-01/", b"urn:other"), "newsml-g2")
    assert "urn:other" in refused(WELL["atom"].replace(b"http://www.w3.org/2005/Atom", b"urn:other"), "atom")


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (newsml(guid=""), "guid"),
        (ninjs(uri=None), "uri"),
        (ninjs(uri=7), "uri"),
        (rss("<title>T</title>"), "guid"),
        (atom("<entry><title>T</title></entry>"), "id"),
        (atom("<at:deleted-entry/>"), "ref"),
        (newsml(status="stat:maybe"), "pubStatus"),
        (ninjs(pubStatus="witheld"), "did you mean 'withheld'"),
        (newsml(at="yesterday"), "versionCreated"),
        (ninjs(versionCreated=20260302), "versionCreated"),
        (ninjs(embargoedUntil="soon"), "embargoedUntil"),
    ],
)
def test_an_item_that_lacks_or_twists_a_field_is_bad_by_itself(data: bytes, field: str) -> None:
    found = bad(data)

    assert field in found.reason
    assert found.place


@pytest.mark.parametrize("data", [newsml(at="2036-01-01T00:00:00Z"), ninjs(versionCreated="2036-01-01T00:00:00Z")])
def test_a_date_in_the_future_is_refused_by_the_rules(data: bytes) -> None:
    [event] = meant(data).events

    with pytest.raises(Refused, match="occurred_at"):
        check(event, now=NOW)


@pytest.mark.parametrize(
    "harm",
    [
        "<script>bad()</script>",
        '<img src="javascript:bad()" onerror="bad()">',
        '<a href="javascript:bad()">x</a>',
        '<a href="data:text/html,bad()">x</a>',
        "<style>@import 'https://bad.example'</style>",
        '<iframe srcdoc="bad()"></iframe>',
        "<svg onload=bad()>bad()</svg>",
        '<form action="https://bad.example"><button>bad()</button></form>',
    ],
)
def test_harm_in_html_is_left_out(harm: str) -> None:
    item = only(ninjs(bodies=[{"contentType": "text/html", "value": f"<p>before</p>{harm}<p>after</p>"}]))

    assert "bad" not in repr(item.content)
    assert [block.text for block in item.content.body if block.text != "x"] == ["before", "after"]


def test_controls_and_half_characters_are_taken_out() -> None:
    item = only(b'{"uri": "a", "headline": "x\\u0000\\ud800\\u001by", "edNote": "\\u0007", "profile": "\\udfff"}')

    assert item.content.headline == "xy"
    assert item.extra["profile"] == ""


def test_html_names_of_signs_in_a_feed_are_what_they_mean() -> None:
    item = only(rss("<guid>1</guid><title>Caf&eacute;&nbsp;&amp; bar &unknown;</title>"))

    assert item.content.headline == "Café & bar &unknown;"


def _read(data: bytes, form: str) -> Sequence[Found]:
    try:
        return list(read_items(data, form))
    except Refused:
        return ()


def _usable(data: bytes, form: str) -> None:
    for one in _read(data, form):
        assert one.place
        if isinstance(one, Item):
            assert one.guid
        elif isinstance(one, BadItem):
            assert one.reason


@pytest.mark.parametrize("form", ["auto", *FORMATS])
def test_any_bytes_are_items_or_a_clear_error(form: str) -> None:
    @settings(deadline=None)
    @given(st.binary(max_size=400))
    @example(b"\xff\xfe<")
    @example(b"[" * 20_000)
    @example(b"<!DOCTYPE" + b"<!---->" * 2_000)
    @example(b"<!---->" * 2_000 + b"<!DOCTYPE x")
    @example(b'{"uri": "a", "associations": {"a": 1}, "renditions": 5, "altIds": "x", "headlines": [1]}')
    def law(data: bytes) -> None:
        _usable(data, form)

    law()


@pytest.mark.parametrize("form", FORMATS)
def test_a_document_with_any_part_replaced_is_items_or_a_clear_error(form: str) -> None:
    well = WELL[form]

    @settings(deadline=None)
    @given(
        st.integers(0, len(well)),
        st.integers(0, 40),
        st.binary(max_size=30) | st.sampled_from([b"<", b">", b"&", b'"', b"]]>", b"<![CDATA["]),
    )
    def law(start: int, length: int, other: bytes) -> None:
        _usable(well[:start] + other + well[start + length :], form)

    law()


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_FIELDS = st.sampled_from(
    re.findall(
        r"\w+",
        "uri version versionCreated pubStatus urgency edNote headline headlines bodies body_html descriptions subjects place "
        "person associations renditions altIds infoSources by byline slugline type embargoed copyrightHolder genre language",
    )
)


@settings(deadline=None)
@given(st.dictionaries(_FIELDS, _JSON, max_size=6))
def test_any_value_in_any_field_of_ninjs_is_an_item_or_a_clear_error(fields: dict[str, object]) -> None:
    _usable(ninjs(**fields), "ninjs")


@settings(deadline=None)
@given(st.text(alphabet=st.sampled_from(list("<>/abpiulqh1\"'= &;!-[]*_\\")), max_size=120))
def test_any_markup_becomes_blocks_that_keep_the_rules(html: str) -> None:
    found = meant(ninjs(bodies=[{"contentType": "text/html", "value": html}]))

    for event in found.events:
        check(event, now=NOW)


@pytest.mark.parametrize("part", [b"<![CDATA[", b"&", b"&a", b"&nbsp;", b"]]", b"\x01", b"<![CDATA[\x01"])
def test_a_feed_full_of_what_can_be_mended_is_read_or_refused_in_time(part: bytes) -> None:
    began = time.monotonic()

    with suppress(Refused):
        list(read_items(b"<rss><channel><title>x & y" + part * (1_000_000 // len(part)), "rss"))

    assert time.monotonic() - began < SLOWEST


@pytest.mark.parametrize("form", ["rss", "atom"])
def test_a_feed_with_very_many_entries_is_read_in_time(form: str) -> None:
    entry = "<guid>1</guid><title>T</title>" if form == "rss" else "<entry><id>1</id><title>T</title></entry>"
    began = time.monotonic()

    found = list(read_items((rss if form == "rss" else atom)(*[entry] * 50_000), form))

    assert len(found) == 50_000
    assert time.monotonic() - began < SLOWEST


def test_an_item_with_very_many_fields_is_read_in_time_and_its_rest_is_bounded() -> None:
    began = time.monotonic()

    [event] = meant(ninjs(**{f"field{number}": "é" * 20 for number in range(100_000)})).events

    assert isinstance(event, UpdatePublished)
    assert len(event.extra.encode()) <= LONGEST_EXTRA_BYTES
    assert '"leftOut"' in event.extra
    assert time.monotonic() - began < SLOWEST
