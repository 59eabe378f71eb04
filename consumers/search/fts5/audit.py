"""Proves that the live index is what the log says: folds the log anew into an index in memory, and compares the two."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from contextlib import closing

from typing_extensions import override

from consumers.search.fts5.content import Content
from consumers.search.fts5.database import MEMORY, Database, Row
from consumers.search.fts5.files import Files, open_generation, other_analyser
from consumers.search.fts5.generations import difference
from consumers.search.fts5.schema import GENERATION
from consumers.search.index import IndexAudit
from consumers.story import FOLD_VERSION
from consumers.timeline.folding import PartitionFold
from consumers.view import Folded
from dateline.errors import ContentDamaged, StoreUnavailable
from dateline.log.base import Log
from schemas.codec import Codec

_KEPT = "story NOT IN (SELECT story FROM temp.aside)"
_TABLES = {
    "story": f"SELECT story, partition, seq, title, language, state FROM stories WHERE {_KEPT}",
    "the verdict on event": f"SELECT story || '/' || event, entry FROM entries WHERE {_KEPT}",
    "the state of update": f"SELECT story || '/' || name, place IS NULL, state FROM updates WHERE {_KEPT}",
    "the problem at": "SELECT partition || '/' || offset, told FROM problems",
    "partition": "SELECT partition, next, log, fold, homeless, undecodable FROM partitions",
}
_COUNTED = ("the problem at", "partition")
"""What counts the records of stories that are parked, too."""

_STANDING = "SELECT term, doc, col, offset FROM temp.standing"
_NAMES = "SELECT place, story || '/' || name FROM docs"
_ASIDE = "SELECT place FROM docs WHERE story IN (SELECT story FROM temp.aside)"


class _Replica(PartitionFold):
    """A partition folded into an index, by the code that the view writes with."""

    def __init__(self, log: Log, topic: str, partition: int, codec: Codec, *, into: Database) -> None:
        super().__init__(log, topic, partition, codec)
        self._into = into
        self._number = partition
        begin = (partition, 0, 0, log.id(topic), FOLD_VERSION)
        into.run("INSERT INTO partitions (partition, next, first, log, fold) VALUES (?, ?, ?, ?, ?)", begin)

    @override
    def _take(self, folded: Folded) -> None:
        with self._into.writing():
            Content(self._into).write(self._number, folded)
            self._into.run("UPDATE partitions SET next = ? WHERE partition = ?", (folded.next_offset, self._number))


def audit(files: Files, log: Log, *, topic: str, codec: Codec) -> IndexAudit:
    """Compare the live generation, as it is at one moment, with the log up to its cursors."""
    named = files.named("live")
    if named is None or not named.path.exists():
        raise StoreUnavailable(f"There is no search index in {files.folder} yet. Build it with: dateline replay search")
    with closing(open_generation(named.path)) as live, closing(Database(MEMORY)) as folded, live.reading():
        if told := other_analyser(live):
            raise StoreUnavailable(told)
        folded.lay_down(GENERATION)
        records, failed = 0, set(Content(live).parked())
        for number, end in live.rows("SELECT partition, next FROM partitions"):
            replica = _Replica(log, topic, number, codec, into=folded)
            replica.fold_to(end)
            records += replica.records
            failed |= replica.failed.keys()
        found = list(_unsound(live))
        try:
            found += _differences(folded, live, failed)
        except ContentDamaged as error:
            found.append(f"the file cannot be read to its end: {error.what}")
        return IndexAudit(
            records,
            folded.value("SELECT count(*) FROM stories"),
            folded.value("SELECT count(*) FROM docs"),
            [f"story {story} is parked, and was not compared" for story in sorted(failed)] + found,
        )


def _unsound(live: Database) -> Iterator[str]:
    for (told,) in live.rows("PRAGMA quick_check"):
        if told != "ok":
            yield f"the file: {told}"
    try:
        live.run("INSERT INTO words (words) VALUES ('integrity-check')")
    except ContentDamaged as error:
        yield f"the words: {error.what}"


def _differences(folded: Database, live: Database, but: Set[str]) -> Iterator[str]:
    for database in (folded, live):
        database.run("CREATE TABLE temp.aside (story TEXT PRIMARY KEY)")
        database.run_all("INSERT INTO temp.aside VALUES (?)", [(story,) for story in but])
    for what, sql in _TABLES.items():
        if not (but and what in _COUNTED):
            yield from _rows_differ(what, dict(_keyed(folded, sql)), _keyed(live, sql))
    asked = "SELECT story || '/' || name, place, published_at, language, digest, document FROM docs"
    asked = f"{asked} WHERE {_KEPT}"
    expected, found = dict(_keyed(folded, asked)), dict(_keyed(live, asked))
    for key in sorted(expected.keys() | found.keys()):
        story, _, name = key.partition("/")
        if told := difference(story, name, expected.get(key), found.get(key)):
            yield told
    yield from _words_differ(folded, live)


def _keyed(database: Database, sql: str) -> Iterator[tuple[str, Row]]:
    return ((str(key), tuple(rest)) for key, *rest in database.each(sql))


def _rows_differ(what: str, expected: dict[str, Row], found: Iterator[tuple[str, Row]]) -> Iterator[str]:
    for key, row in found:
        if key not in expected:
            yield f"{what} {key} should not be there"
        elif expected.pop(key) != row:
            yield f"{what} {key} differs"
    yield from (f"{what} {key} is missing" for key in sorted(expected))


def _words_differ(folded: Database, live: Database) -> Iterator[str]:
    """Compare where every word stands, by a sum for each word; only where one differs, place by place."""
    for database in (folded, live):
        database.run("CREATE VIRTUAL TABLE IF NOT EXISTS temp.standing USING fts5vocab('main', 'words', 'instance')")
    names: dict[int, str] = dict(live.rows(_NAMES))
    by_name: dict[str, int] = {name: place for place, name in names.items()}
    theirs: dict[int, str] = dict(folded.rows(_NAMES))
    places = {place: by_name.get(name, place) for place, name in theirs.items()}
    expected, found = _sums(folded, places), _sums(live, {})
    for term in sorted(expected.keys() | found.keys()):
        if expected.get(term) != found.get(term):
            yield from _word_differs(term, _stands(folded, term, places), _stands(live, term, {}), names)


def _sums(database: Database, places: Mapping[int, int]) -> dict[str, int]:
    """Return a sum over where each word stands; `places` are those that go by another number."""
    sums: dict[str, int] = {}
    aside = {place for (place,) in database.rows(_ASIDE)}
    for term, place, column, offset in database.each(_STANDING):
        if place not in aside:
            sums[term] = sums.get(term, 0) + hash((places.get(place, place), column, offset))
    return sums


def _stands(database: Database, term: str, places: Mapping[int, int]) -> set[tuple[int, str, int]]:
    rows = database.each(f"{_STANDING} WHERE term = ?", (term,))
    return {(places.get(place, place), column, offset) for _, place, column, offset in rows}


def _word_differs(
    term: str, expected: set[tuple[int, str, int]], found: set[tuple[int, str, int]], names: Mapping[int, str]
) -> Iterator[str]:
    for place, column, _ in sorted(found - expected):
        yield f"update {names.get(place, place)} is found by {term!r} in its {column}, and should not be"
    for place, column, _ in sorted(expected - found):
        yield f"update {names.get(place, place)} is not found by {term!r} in its {column}"
