"""Laws of the index in SQLite: it finds what `matches` says, and it is the fold, however the log is cut and delivered."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from consumers.search.fts5.content import Content as Index
from consumers.search.fts5.files import Files, open_generation
from consumers.search.fts5.index import Fts5Index
from consumers.search.fts5.reader import Fts5Reader
from consumers.search.matching import matches
from consumers.search.question import Filters, Question
from consumers.state import Change, Correction, Heading, Story, Update
from consumers.timeline.documents import story_text
from consumers.words import words_of
from dateline.log import open_log
from dateline.log.base import NewRecord
from schemas.codec import committed_codec
from schemas.content import Content
from schemas.topics import EVENTS_TOPIC
from tests import strategies
from tests.support.searched import audited, feed

START = datetime(1970, 4, 14, tzinfo=UTC)
LANGUAGES = {"en-story": "en", "de-story": "de", "none-story": "xx"}
SOME = (
    *("runs", "running", "run", "Häuser", "Haus", "O'Hara", "ohara", "al-Harir", "Zürich", "zurich", "東京都", "京都", "東"),
    *("the", "oxygen", "Oxygen-tank", "NASA's", "nasa", "l'eau", "ﬁre", "fire", "12", "é", "🚀"),
)
words = st.sampled_from(SOME) | st.text(max_size=4)
texts = st.lists(words, min_size=1, max_size=6).map(" ".join).filter(lambda text: bool(text.strip()))


def contents() -> st.SearchStrategy[Content]:
    said = st.builds(
        lambda content, headline, body: type(content)(headline, (*content.body, *(type(b)(text=body) for b in content.body[:1]))),
        strategies.contents(),
        texts,
        texts,
    )
    return said | strategies.contents()


def questions() -> st.SearchStrategy[Question]:
    word = st.builds(
        "{}{}{}{}".format,
        st.sampled_from(("", "", "", "-")),
        st.sampled_from(("", "", "", "headline:", "body:", "note:", "who:")),
        words | st.builds('"{}"'.format, texts),
        st.sampled_from(("", "", "", "*")),
    )
    text = st.lists(word | st.sampled_from(("OR", "AND", '"', "-")), max_size=5).map(" ".join) | st.text(max_size=20)
    when = st.none() | st.integers(0, 9).map(lambda hours: START + timedelta(hours=hours))
    filters = st.builds(
        Filters,
        story=st.sampled_from((None, None, None, *LANGUAGES)),
        since=when,
        until=when,
        key_events=st.sampled_from((False, False, True)),
        corrected=st.sampled_from((False, False, True)),
        verification=st.sampled_from((None, None, "verified")),
    )
    return st.builds(Question, text, st.just(Filters()) | filters)


@st.composite
def updates(draw: st.DrawFn) -> list[tuple[str, Update]]:
    found = []
    for number in range(draw(st.integers(1, 6))):
        at = START + timedelta(hours=draw(st.integers(0, 9)))
        change = Change(number + 1, 0, "published", f"u{number}", 1, None, None, at, 1000)
        notes = draw(st.lists(texts, max_size=2))
        update = Update(
            f"u{number}",
            1 + len(notes),
            True,
            words=words_of(draw(contents())),
            key_event=draw(st.booleans()),
            verification=draw(st.sampled_from((None, "verified", "disputed"))),
            withheld=draw(st.sampled_from((False, False, False, True))),
            place=number + 1,
            published_at=at,
            updated_at=at,
            corrections=tuple(Correction(2, note, "minor", at) for note in notes),
            last=change,
        )
        found.append((draw(st.sampled_from(tuple(LANGUAGES))), update))
    return found


def filled(folder: Path, given: Sequence[tuple[str, Update]]) -> Files:
    files = Files(folder)
    with files.moving() as pointers:
        made = files.make("g1")
        files.point(pointers, "live", made)
    with closing(open_generation(made.path)) as database, database.writing():
        for story, language in LANGUAGES.items():
            state = story_text(Story(story, Heading(story, language=language)))
            database.run("INSERT INTO stories VALUES (?, 0, 1, ?, ?, ?)", (story, story, language, state))
        for story, update in given:
            Index(database)._write_update(story, update, LANGUAGES[story], update.last)
    return files


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(updates(), st.lists(questions(), min_size=1, max_size=8))
def test_it_finds_exactly_what_matches(given: list[tuple[str, Update]], asked: list[Question]) -> None:
    with TemporaryDirectory() as folder, closing(Fts5Reader(filled(Path(folder), given))) as reader:
        for question in asked:
            wanted = {u.id for story, u in given if matches(question, u, story=story, language=LANGUAGES[story])}

            newest = reader.search(question, sort="newest", limit=100)
            best = reader.search(question, sort="relevance", limit=100)

            assert {hit.update for hit in newest.hits} == {hit.update for hit in best.hits} == wanted, question
            assert (newest.total.value, newest.total.exact, newest.next) == (len(wanted), True, None)
            if newest.did_you_mean is not None:
                again = reader.search(replace(question, text=newest.did_you_mean))
                assert again.total.value > 0


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.lists(strategies.events(), min_size=1, max_size=25), st.data())
def test_it_is_the_fold_however_the_log_is_cut(events: list[Any], data: st.DataObject) -> None:
    """And whoever feeds it begins anew between two cuts."""
    with TemporaryDirectory() as folder, open_log(f"sqlite:///{folder}/log.db") as log:
        index, left = Fts5Index(Path(folder)), [NewRecord(one.story.encode(), committed_codec().encode(one)) for one in events]
        left += data.draw(st.lists(st.sampled_from(left), max_size=3))  # delivered twice
        while left:
            many = data.draw(st.integers(1, len(left)))
            log.append(EVENTS_TOPIC, left[:many])
            del left[:many]
            feed(log, index, batch=data.draw(st.integers(1, 5)))

        assert audited(index, log).differences == []
