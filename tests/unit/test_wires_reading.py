"""What each format says, read from the project's own examples and from IPTC's where they lie beside the project."""

from __future__ import annotations

from pathlib import Path

import pytest

from dateline.errors import Refused
from producers.wires.formats import detect, read_items
from producers.wires.item import BadItem, Item, PassedOver
from schemas.content import Block, Media, Source
from tests.support.iptc import iptc
from tests.support.wires import EXAMPLES, atom, newsml, ninjs, only, rss

DOCUMENTS = sorted(path for path in EXAMPLES.rglob("*.*") if path.suffix != ".md")


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_example_is_read_whole(path: Path) -> None:
    found = list(read_items(path.read_bytes(), "auto"))

    assert found
    assert not [one for one in found if isinstance(one, BadItem)]


@pytest.mark.parametrize("version", [1, 2, 3])
def test_ninjs_says_the_same_in_every_version(version: int) -> None:
    item = only((EXAMPLES / f"ninjs/ninjs-{version}.json").read_bytes())

    assert (item.guid, item.version, item.status, item.urgency) == ("https://items.epa.example/bridge-1", 2, "usable", 2)
    assert (item.slug, item.author, item.note, item.is_correction) == ("HARBOUR-BRIDGE", "Anna Example", "Adds arches", False)
    assert item.content.headline == "Ship hits harbour bridge, two arches down"
    assert item.content.body == (Block(text="A container ship hit the bridge; **two arches** fell."),)
    assert item.content.places == ("Port Example",)
    assert item.content.sources == (Source("Example Press Agency", "agency"),)
    [picture] = item.content.media
    assert (picture.uri, picture.caption, picture.width) == ("https://pictures.epa.example/bridge-web.jpg", "The bridge", 1200)
    assert item.extra["usageTerms"] == "For subscribers only"
    assert item.extra["subjects"][0]["uri"] == "http://cv.iptc.org/newscodes/mediatopic/20000139"
    assert item.extra["firstCreated"] == "2026-03-02T05:12:00Z"


def test_newsml_g2_says_who_where_and_what() -> None:
    item = only((EXAMPLES / "newsml-g2/02-write-thru.xml").read_bytes())

    assert (item.version, item.urgency, item.author, item.slug) == (2, 2, "Anna Example", "HARBOUR-BRIDGE")
    assert item.at is not None
    assert item.at.isoformat() == "2026-03-02T05:31:00+00:00"
    assert item.content.body[0].text.endswith("on Monday; **two arches** fell, police say.")
    assert "*Jo Example*" in item.content.body[1].text
    assert "[port](https://port.example/)" in item.content.body[1].text
    assert (item.content.places, item.content.tags) == (("Port Example",), ("accident",))
    assert item.extra["subjects"] == [{"name": "accident", "uri": "http://cv.iptc.org/newscodes/mediatopic/20000139"}]
    assert item.extra["copyrightHolder"] == "Example Press Agency"
    assert {"role": "signal", "value": "sig:update"} in item.extra["altIds"]


def test_a_picture_comes_in_the_widest_form_that_a_page_can_use_and_a_package_says_nothing() -> None:
    picture, package = read_items((EXAMPLES / "newsml-g2/10-package-with-picture.xml").read_bytes(), "newsml-g2")

    assert isinstance(picture, Item)
    assert picture.content.media == (
        Media(
            uri="https://pictures.epa.example/bridge-web.jpg",
            caption="The harbour bridge after the collision",
            credit="Anna Example/EPA",
            width=1200,
            height=800,
        ),
    )
    assert picture.content.body == ()
    assert isinstance(package, PassedOver)
    assert "2 items" in package.reason


def test_rss_brings_text_lists_and_the_widest_picture_but_no_script() -> None:
    first, second = read_items((EXAMPLES / "feeds/broadcaster.rss").read_bytes(), "rss")

    assert isinstance(first, Item)
    assert isinstance(second, Item)
    assert first.content.headline == "Bridge & harbour closed"
    assert first.content.body == (
        Block(text="The bridge is **closed**."),
        Block(type="list", items=("Take the ferry", "Or walk")),
    )
    assert [(one.uri, one.credit) for one in first.content.media] == [("https://radio.example/bridge.jpg", "EPA")]
    assert second.guid == "https://radio.example/news/2"
    assert second.content.body == (Block(text="The ferry runs all night, the port says."),)


def test_atom_brings_quotes_and_tombstones() -> None:
    gone, entry = read_items((EXAMPLES / "feeds/authority.atom").read_bytes(), "atom")

    assert isinstance(gone, Item)
    assert isinstance(entry, Item)
    assert (gone.guid, gone.status, gone.note) == ("tag:port.example,2026:notice-1", "withheld", "Issued in error")
    assert entry.content.body[1] == Block(type="quote", text="Nobody enters.", speaker="The harbour master")
    assert entry.content.tags == ("Notice",)


@pytest.mark.parametrize(
    ("body", "blocks"),
    [
        ("<p>a<br/>b</p>", (Block(text="a\nb"),)),
        ("<h2>Head</h2><p>x</p>", (Block(type="heading", text="Head"), Block(text="x"))),
        ("<p>2 * 3 [x] _y_</p>", (Block(text="2 \\* 3 \\[x] \\_y\\_"),)),
        ("<table><tr><td>Ship</td><td>Old</td></tr></table>", (Block(text="Ship | Old"),)),
        ("loose <script>bad()</script>text", (Block(text="loose text"),)),
        ("<ul><li>a<ul><li>b</li></ul></li></ul>", (Block(type="list", items=("a", "b")),)),
        ('<p><a href="javascript:bad()">words</a></p>', (Block(text="words"),)),
        ('<iframe src="https://video.example/1"></iframe>', (Block(type="embed", uri="https://video.example/1"),)),
    ],
)
def test_markup_becomes_blocks(body: str, blocks: tuple[Block, ...]) -> None:
    html = ninjs(bodies=[{"contentType": "text/html", "value": body}])

    assert only(html).content.body == blocks


def test_nitf_is_read_without_its_headline_and_byline() -> None:
    head = "<body.head><hedline><hl1>H</hl1></hedline><byline>B</byline></body.head>"
    nitf = f"<nitf><body>{head}<body.content><p>T</p></body.content></body></nitf>"

    assert only(newsml(body=nitf)).content.body == (Block(text="T"),)


def test_an_item_without_a_headline_is_called_by_its_first_words() -> None:
    item = only(rss("<guid>1</guid><description>A ship has hit the bridge.</description>"))

    assert item.content.headline == "A ship has hit the bridge."


def test_a_composite_from_our_own_feed_is_read_as_its_parts() -> None:
    part = {
        "uri": "urn:a",
        "name": "a",
        "pubStatus": "canceled",
        "altIds": [{"role": "story", "value": "s"}, {"role": "update", "value": "a"}],
    }
    document = ninjs(type="composite", headline=None, associations=[part, {**part, "uri": "urn:b"}])

    passed, first, second = read_items(document, "ninjs")

    assert isinstance(passed, PassedOver)
    assert isinstance(first, Item)
    assert isinstance(second, Item)
    assert (first.story, first.update, first.status, second.guid) == ("s", "a", "canceled", "urn:b")


def test_one_item_a_line_is_read_too() -> None:
    found = list(read_items(ninjs() + b"\n" + ninjs(version="2") + b"\n{broken\n", "ninjs"))

    assert [type(one).__name__ for one in found] == ["Item", "Item", "BadItem"]
    assert found[2].place == "line 3"


@pytest.mark.parametrize(
    ("data", "form"),
    [
        (ninjs(), "ninjs"),
        (newsml(), "newsml-g2"),
        (newsml().decode().replace("\n", " ").encode("utf-16"), "newsml-g2"),
        (rss(), "rss"),
        (b'<?xml version="1.0"?><!-- x --><feed xmlns="http://www.w3.org/2005/Atom"/>', "atom"),
    ],
)
def test_the_format_is_found_out(data: bytes, form: str) -> None:
    assert detect(data) == form


@pytest.mark.parametrize("data", [b"", b"  ", b"hello", b"<html><body/></html>", b"<x/>", b"\x89PNG\r\n"])
def test_what_is_in_no_format_is_refused_with_its_place(data: bytes) -> None:
    with pytest.raises(Refused, match="line 1"):
        detect(data)


def test_iptcs_examples_are_read() -> None:
    folder = iptc()
    names = [path.name for path in sorted(folder.glob("*/examples/*")) if not _is_whole(path)]

    assert names == ["LISTING_25_An_NITF_marked-up_article_conveyed_in_inlineXML.xml"]  # a part of a document


def _is_whole(path: Path) -> bool:
    try:
        return not [one for one in read_items(path.read_bytes(), "auto") if isinstance(one, BadItem)]
    except Refused:
        return False


def test_an_entrys_own_words_are_not_those_of_its_picture() -> None:
    media = '<media:title xmlns:media="http://search.yahoo.com/mrss/">Picture</media:title>'
    item = only(
        rss(f"{media}<guid>1</guid><title>Words</title>{media.replace('title', 'description')}<description>Text</description>")
    )

    assert (item.content.headline, item.content.body) == ("Words", (Block(text="Text"),))


def test_an_empty_content_gives_way_to_the_summary() -> None:
    entry = '<entry><id>1</id><title>T</title><content src="https://a.example/1"/><summary>Words</summary></entry>'

    assert only(atom(entry)).content.body == (Block(text="Words"),)


def test_a_beacon_is_no_picture() -> None:
    html = '<p>x<img src="https://a.example/b.gif" width="1" height="1"><img src="https://a.example/p.jpg" width="640"></p>'

    assert [one.uri for one in only(ninjs(bodies=[{"contentType": "text/html", "value": html}])).content.media] == [
        "https://a.example/p.jpg"
    ]


def test_items_in_an_apis_own_object_are_read() -> None:
    found = list(read_items(b'{"_meta": {}, "_items": [' + ninjs() + b"," + ninjs(uri="b") + b"]}", "ninjs"))

    assert [one.place for one in found if isinstance(one, Item)] == ["item 1", "item 2"]


@pytest.mark.parametrize(
    ("date", "hour"),
    [
        ("Mon, 02 Mar 2026 06:12:00 CET", 5),
        ("Mon, 02 Mar 2026 06:12:00 CEST", 4),
        ("Mon, 02 Mar 2026 06:12:00 BST", 5),
        ("Mon, 02 Mar 2026 06:12:00 EST", 11),
        ("Mon, 02 Mar 2026 06:12:00 GMT+0200", 4),
        ("2026-03-02 06:12:00 UTC", 6),
        ("2026-03-02T06:12:00", 6),
        ("20260302T061200+0100", 5),
    ],
)
def test_a_date_is_read_as_feeds_write_it(date: str, hour: int) -> None:
    at = only(rss(f"<guid>1</guid><title>T</title><pubDate>{date}</pubDate>")).at

    assert at is not None
    assert (at.hour, at.minute) == (hour, 12)


@pytest.mark.parametrize(
    ("entry", "guid"),
    [
        ("<link>/news/1</link>", "/news/1"),
        ("<guid> </guid><link>https://example.org/1</link>", "https://example.org/1"),
        ('<guid isPermaLink="false">https://www.bbc.com/news/articles/c1#3</guid>', "https://www.bbc.com/news/articles/c1"),
        ('<guid isPermaLink="false">https://example.org/live#3</guid>', "https://example.org/live#3"),
    ],
)
def test_an_entry_is_named_by_what_stays_the_same(entry: str, guid: str) -> None:
    assert only(rss(f"<title>T</title>{entry}")).guid == guid


def test_an_atom_entry_without_an_id_is_named_by_its_link() -> None:
    assert only(atom('<entry><title>T</title><link href="https://example.org/1"/></entry>')).guid == "https://example.org/1"


def test_what_is_declared_as_latin_1_is_read_as_windows_means_it() -> None:
    data = rss("<guid>1</guid><title>\x93Ship\x94 &#150; 5 \x80</title>").decode()
    data = f'<?xml version="1.0" encoding="iso-8859-1"?>{data}'

    assert only(data.encode("latin-1")).content.headline == "“Ship” – 5 €"


@pytest.mark.parametrize(
    ("title", "headline"),
    [
        ("Fish & ships", "Fish & ships"),
        ("Q&A on the bridge; R&D;", "Q&A on the bridge; R&D;"),
        ("Ship\x0b hits\x00 bridge", "Ship hits bridge"),
        ("Ship &mdash; <![CDATA[A & B &mdash; *here*]]>", "Ship — A & B — *here*"),
        ("&lt;b&gt;Ship&lt;/b&gt; *hits* &amp;amp; runs", "Ship *hits* & runs"),
    ],
)
def test_a_title_is_read_as_feeds_write_it(title: str, headline: str) -> None:
    assert only(rss(f"<guid>1</guid><title>{title}</title>")).content.headline == headline


def test_what_a_lone_sign_stands_in_is_not_changed_elsewhere() -> None:
    entry = "<title>A & B</title><link><![CDATA[https://example.org/?a=1&b=2]]></link>"

    assert only(rss(entry)).guid == "https://example.org/?a=1&b=2"


def test_a_link_that_is_a_path_leads_to_the_feeds_own_server() -> None:
    entry = "<entry><id>1</id><title>T</title><link href='/1'/></entry>"
    based = atom(entry).replace(b"<feed ", b'<feed xml:base="https://example.org/news/" ')
    in_rss = rss("<guid>1</guid><title>T</title><link>/1</link>").replace(b"<item>", b"<link>https://example.org/</link><item>")

    assert [only(data).content.sources[0].uri for data in (based, in_rss)] == ["https://example.org/1"] * 2


@pytest.mark.parametrize("data", [newsml(), rss("<guid>1</guid><title>T</title>")])
def test_lines_before_the_declaration_do_no_harm(data: bytes) -> None:
    assert only(b'\r\n\n<?xml version="1.0"?>' + data)


def test_a_caption_in_html_is_plain() -> None:
    described = [{"role": "caption", "contentType": "text/html", "value": "<p>The <b>bridge</b> *today*</p>"}]
    item = only(ninjs(type="picture", descriptions=described, renditions=[{"name": "a", "href": "https://example.org/1.jpg"}]))

    assert item.content.media[0].caption == "The bridge *today*"
