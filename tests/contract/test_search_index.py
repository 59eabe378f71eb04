"""What every search index does: one suite for all of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from consumers.search.fts5.index import Fts5Index
from consumers.search.index import SearchIndex
from consumers.search.opensearch.index import OpenSearchIndex
from consumers.search.question import Question
from dateline.errors import Refused, StoreUnavailable
from dateline.log import open_log
from dateline.log.base import Log
from producers.desk import Desk
from schemas.topics import EVENTS_TOPIC
from tests.support.opensearch_server import empty, opensearch_url
from tests.support.planted import STORY, cover
from tests.support.searched import ask, audited, feed, found


@pytest.fixture(params=["fts5", "opensearch"])
def index(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SearchIndex]:
    """An empty index, on each backend."""
    is_fts5 = request.param == "fts5"
    with closing(Fts5Index(tmp_path) if is_fts5 else OpenSearchIndex(empty(opensearch_url()))) as index:
        yield index


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    """A log in a file alone: which one it is makes no difference to an index."""
    with open_log(f"sqlite:///{tmp_path}/log.db") as log:
        yield log


def test_what_is_public_is_found_in_its_newest_revision(log: Log, index: SearchIndex) -> None:
    cover(log)
    feed(log, index)

    assert found(index, "swigert reports") == ["problem"]
    assert found(index, "lovell") == []
    assert found(index, "meteorite") == []
    assert found(index, "fifteen minutes") == []
    assert audited(index, log).differences == []


def test_a_search_in_words_gives_the_document_that_readers_have(log: Log, index: SearchIndex) -> None:
    cover(log)
    feed(log, index)

    (hit,) = ask(index, '"had a problem"').hits

    assert (hit.story, hit.update, hit.story_title, hit.language) == (STORY, "problem", "Apollo 13", "en")
    shown = json.loads(hit.document)
    assert (shown["headline"], shown["revision"]) == ("Houston, we've had a problem", 2)


@pytest.mark.parametrize(
    ("text", "updates"),
    [
        ("launch", []),
        ("lift", ["launch"]),
        ("LIFT-OFF", ["launch"]),
        ("liftoff", ["launch"]),
        ("problems", ["problem"]),
        ('"problems"', []),
        ("pro*", ["problem"]),
        ("p*", ["problem"]),
        ("houston OR lift", ["problem", "launch"]),
        ("reports -houston", []),
        ("-houston", ["launch"]),
        ("headline:reports", []),
        ("body:reports", ["problem"]),
        ("note:spoke", ["problem"]),
        ('"', []),
        ("OR AND -", []),
    ],
)
def test_people_ask_as_they_type(log: Log, index: SearchIndex, text: str, updates: list[str]) -> None:
    cover(log)
    feed(log, index)

    assert found(index, text) == updates
    assert sorted(found(index, text, sort="relevance")) == sorted(updates)


def test_a_release_brings_in_and_a_withholding_takes_away(log: Log, index: SearchIndex, desk: Desk) -> None:
    cover(log)
    desk.release(STORY, "rumour")
    desk.withhold(STORY, "launch", reason="in doubt")
    feed(log, index)
    assert (found(index, "meteorite"), found(index, "lift")) == (["rumour"], [])

    desk.release(STORY, "launch")
    desk.withhold(STORY, "rumour", reason="again")
    feed(log, index)

    assert (found(index, "meteorite"), found(index, "lift")) == ([], ["launch"])
    assert audited(index, log).differences == []


def test_filters_let_through_what_is_so(log: Log, index: SearchIndex, desk: Desk) -> None:
    cover(log)
    desk.open_story("other", title="Other")
    desk.publish("other", update="there", headline="Lift-off elsewhere", body="…", sources=["TASS:agency"], places=["Baikonur"])
    feed(log, index)

    assert found(index, "lift", story=STORY) == ["launch"]
    assert found(index, key_events=True) == ["launch"]
    assert found(index, corrected=True) == ["problem"]
    assert found(index, verification="verified") == ["launch"]
    assert found(index, "lift", source="tass") == ["there"]
    assert found(index, place="BAIKONUR") == ["there"]
    assert found(index) == []


def test_pages_of_the_newest_neither_skip_nor_repeat_while_copy_comes_in(log: Log, index: SearchIndex, desk: Desk) -> None:
    for number in range(5):
        desk.publish("s", update=f"u{number}", headline=f"Number {number}", body="all alike")
    feed(log, index)
    with closing(index.reader()) as reader:
        first = reader.search(Question("alike"), sort="newest", limit=2)
        desk.publish("s", update="later", headline="Later", body="all alike")
        desk.correct("s", "u4", note="n", headline="Other", body="all alike")
        feed(log, index)
        second = reader.search(Question("alike"), sort="newest", limit=2, cursor=first.next)
        third = reader.search(Question("alike"), sort="newest", limit=2, cursor=second.next)

    pages = [[hit.update for hit in page.hits] for page in (first, second, third)]
    assert pages == [["u4", "u3"], ["u2", "u1"], ["u0"]]
    assert (third.next, third.total.value, third.total.exact) == (None, 6, True)


def test_pages_by_relevance_hold_each_match_once(log: Log, index: SearchIndex, desk: Desk) -> None:
    for number in range(7):
        desk.publish("s", update=f"u{number}", headline=f"Number {number}", body="all alike")
    feed(log, index)

    with closing(index.reader()) as reader:
        cursor: str | None = None
        pages: list[str] = []
        while not pages or cursor is not None:
            page = reader.search(Question("alike"), sort="relevance", limit=3, cursor=cursor)
            pages += [hit.update for hit in page.hits]
            cursor = page.next

    assert sorted(pages) == [f"u{number}" for number in range(7)]


def test_a_headline_counts_for_more_than_a_body(log: Log, index: SearchIndex, desk: Desk) -> None:
    desk.publish("s", update="in-headline", headline="The oxygen tank", body="Nothing to add here.")
    desk.publish("s", update="in-body", headline="Nothing to add", body="A word of oxygen there.")
    feed(log, index)

    assert found(index, "oxygen", sort="relevance") == ["in-headline", "in-body"]
    assert found(index, "oxygen", sort="newest") == ["in-body", "in-headline"]


@pytest.mark.parametrize("cursor", ["", "x", "0-0", "5-000000000000", "🙃", "-"])
def test_a_cursor_of_another_search_is_refused(log: Log, index: SearchIndex, cursor: str) -> None:
    cover(log)
    feed(log, index)

    for sort in ("newest", "relevance"):
        with pytest.raises(Refused), closing(index.reader()) as reader:
            reader.search(Question("problem"), sort=sort, cursor=cursor)


def test_a_misspelt_word_is_put_right(log: Log, index: SearchIndex, desk: Desk) -> None:
    desk.publish("s", update="u", headline="Ancient ruins", body="Found in the desert.")
    feed(log, index)

    answer = ask(index, "anceint ruins")

    assert (answer.total.value, answer.did_you_mean) == (0, "ancient ruins")
    assert ask(index, "ancient").did_you_mean is None
    assert ask(index, "xylophonist").did_you_mean is None


def test_a_word_that_is_found_in_another_form_is_left_as_it_is(log: Log, index: SearchIndex, desk: Desk) -> None:
    desk.open_story("s", title="S", language="en")
    desk.publish("s", update="u", headline="Ancient ruins", body="Found in the desert.")
    feed(log, index)

    assert ask(index, "anceint ruined").did_you_mean == "ancient ruined"


def test_what_is_not_public_is_never_suggested(log: Log, index: SearchIndex, desk: Desk) -> None:
    desk.publish("s", update="u", headline="Ancient ruins", body="Found in the desert.")
    desk.withhold("s", "u", reason="in doubt")
    feed(log, index)

    assert ask(index, "anceint").did_you_mean is None


def test_a_story_told_in_another_language_is_found_by_its_words(log: Log, index: SearchIndex, desk: Desk) -> None:
    desk.open_story("s", title="S", language="en")
    desk.publish("s", update="u", headline="Die Häuser brennen", body="…")
    feed(log, index)
    assert found(index, "Haus") == []

    desk.revise_story("s", title="S", language="de")
    feed(log, index)

    assert found(index, "Haus") == ["u"]
    assert audited(index, log).differences == []


def test_an_index_that_nobody_has_fed_says_so(index: SearchIndex) -> None:
    with pytest.raises(StoreUnavailable, match="dateline replay search"):
        ask(index, "anything")
    assert index.positions(partitions=4) == []


def test_positions_tell_how_far_it_is(log: Log, index: SearchIndex) -> None:
    cover(log)
    feed(log, index)

    ends = log.end_offsets(EVENTS_TOPIC)
    positions = index.positions(partitions=len(ends))
    assert {one.partition: one.offset for one in positions} == ends
    assert sum(one.stories for one in positions) == 1
    assert index.size_bytes() > 0
