"""The NewsML-G2 form, against IPTC's own schema where it lies beside the project, and against our own reader of the format."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given
from lxml import etree

from consumers.web.coverage import Coverage
from consumers.web.feeds.newsml import newsml_feed
from producers.wires.item import BadItem, Item
from producers.wires.newsml_g2 import read_newsml_g2
from tests.support.coverages import LINKS, STORY, apollo, coverage_of, hostile_coverages
from tests.support.iptc import iptc


@cache
def _compiled(path: str) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(path))


@pytest.fixture
def newsml() -> etree.XMLSchema:
    return _compiled(str(iptc() / "newsml-g2/schema/NewsML-G2_2.35-spec-All-Power.xsd"))


def test_a_feed_is_a_valid_news_message(newsml: etree.XMLSchema) -> None:
    newsml.assertValid(etree.fromstring(newsml_feed(apollo(), LINKS)))
    newsml.assertValid(etree.fromstring(newsml_feed(coverage_of([]), LINKS)))


def test_the_schema_finds_what_is_wrong(newsml: etree.XMLSchema) -> None:
    """Without this the test above would hold for a schema that takes anything."""
    message = etree.fromstring(newsml_feed(apollo(), LINKS))
    del message[1][0].attrib["guid"]

    assert not newsml.validate(message)


def test_hostile_texts_make_valid_messages(newsml: etree.XMLSchema) -> None:
    @given(hostile_coverages())
    def check(coverage: Coverage) -> None:
        newsml.assertValid(etree.fromstring(newsml_feed(coverage, LINKS)))

    check()


def test_what_is_written_is_read_back_with_names_words_and_status() -> None:
    items = [item for item in read_newsml_g2(newsml_feed(apollo(), LINKS)) if isinstance(item, Item)]

    by_update = {item.update: item for item in items}
    assert {item.story for item in items} == {STORY}
    assert {name: item.status for name, item in by_update.items()} == {
        "a-problem": "usable",
        "launch": "usable",
        "rumour": "canceled",
        "doubt": "withheld",
    }
    problem = by_update["a-problem"]
    [written] = [update for update in apollo().updates if update.id == "a-problem"]
    assert (problem.version, problem.is_correction, problem.urgency) == (3, True, 1)
    assert "It was tank 2, not tank 1." in problem.note
    assert problem.content.headline == written.headline
    *others, embed = problem.content.body
    assert [block.type for block in others] == [block.type for block in written.body[:-1]] + ["paragraph"]
    assert (embed.type, embed.uri) == ("embed", written.body[-1].uri)  # an embed's words stand above it, as a paragraph
    assert [(media.uri, media.caption, media.credit, media.alt) for media in problem.content.media] == [
        (media.uri, media.caption, media.credit, media.alt) for media in written.media
    ]
    assert problem.content.places == written.places


@given(hostile_coverages())
def test_our_own_reader_takes_whatever_we_write(coverage: Coverage) -> None:
    found = list(read_newsml_g2(newsml_feed(coverage, LINKS)))

    assert not [one for one in found if isinstance(one, BadItem)]
