"""Searches the live generation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from queue import Empty, SimpleQueue
from typing import Final

from msgspec import json
from typing_extensions import override

from consumers.search.answers import COUNTED, Found, Hit, SearchReader, Sort, Total
from consumers.search.fts5.asked import Asked
from consumers.search.fts5.database import Database
from consumers.search.fts5.files import Files, Named, open_generation, other_analyser
from consumers.search.fts5.ranking import ranked
from consumers.search.fts5.suggestion import suggestion
from consumers.search.query import planned
from consumers.search.question import Question
from dateline.errors import Refused, StoreUnavailable

_MOST_IDLE: Final = 8
_LAST: Final = re.compile("[0-9a-f]{1,15}|[0-7][0-9a-f]{15}")
"""What SQLite takes for a number: 63 bits."""

_LANGUAGES: Final = """WITH RECURSIVE found (language) AS (
    SELECT min(language) FROM stories UNION ALL
    SELECT (SELECT min(language) FROM stories WHERE language > found.language) FROM found WHERE found.language IS NOT NULL)
    SELECT language FROM found WHERE language IS NOT NULL"""

_HIT: Final = """SELECT d.story, d.name, s.title, d.language, d.document
    FROM docs AS d LEFT JOIN stories AS s USING (story) WHERE d.place = ?"""


class Fts5Reader(SearchReader):
    """Keeps some connections, one for each search that runs; follows the pointer."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._idle: SimpleQueue[_Open] = SimpleQueue()
        self._is_closed = False

    @override
    def search(self, question: Question, *, sort: Sort = "relevance", limit: int = 20, cursor: str | None = None) -> Found:
        with self._connected() as opened, opened.generation.reading():
            database = opened.generation
            languages = [language for (language,) in database.rows(_LANGUAGES)]
            plan = planned(question, languages)
            after = _Cursor.read(cursor, question, sort, opened.named.name)
            if plan.is_nothing:
                return Found(Total(0, True), ())
            asked = Asked(plan)
            total = _total(database, asked)
            meant = suggestion(database, question, languages) if not total.value and cursor is None else None
            if sort == "newest":
                places, last = _newest(database, asked, limit, after)
            else:
                places, last = _best(database, asked, limit, after)
            following = None if last is None else _Cursor.text(last, question, sort, opened.named.name)
            return Found(total, [_hit(database, place) for place in places], following, meant)

    @override
    def close(self) -> None:
        self._is_closed = True
        while True:
            try:
                self._idle.get_nowait().close()
            except Empty:
                return

    @contextmanager
    def _connected(self) -> Iterator[_Open]:
        opened = self._take()
        try:
            opened.follow()
            yield opened
        except Refused:  # the question is at fault, not the connection
            self._keep(opened)
            raise
        except BaseException:
            opened.close()
            raise
        self._keep(opened)

    def _keep(self, opened: _Open) -> None:
        if self._is_closed or self._idle.qsize() >= _MOST_IDLE:
            opened.close()
        else:
            self._idle.put(opened)

    def _take(self) -> _Open:
        try:
            return self._idle.get_nowait()
        except Empty:
            return _Open(self._files)


class _Open:
    """The live generation, open for one search at a time."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._pointers: Database | None = None
        self._generation: Database | None = None
        self.named = Named("", files.path)

    @property
    def generation(self) -> Database:
        assert self._generation is not None
        return self._generation

    def follow(self) -> None:
        """Open what is live now, if it is not open yet.

        Raises:
            StoreUnavailable: There is none, or it was made by another release.
        """
        if self._pointers is None or not self._pointers.is_in_place:
            self.close()
            if not self._files.exists:
                raise self._none_yet()
            self._pointers = self._files.open()
        named = self._files.read(self._pointers).get("live")
        if named is None or not named.path.exists():
            raise self._none_yet()
        if self._generation is not None and (named != self.named or not self._generation.is_in_place):
            self._generation.close()
            self._generation = None
        if self._generation is None:
            self._generation = open_generation(named.path)
            self.named = named
            if told := other_analyser(self._generation):
                raise StoreUnavailable(told)

    def close(self) -> None:
        for database in (self._generation, self._pointers):
            if database is not None:
                database.close()
        self._generation = self._pointers = None

    def _none_yet(self) -> StoreUnavailable:
        return StoreUnavailable(
            f"There is no search index in {self._files.folder} yet. It is built by: dateline consume search, or anew by: "
            "dateline replay search"
        )


class _Cursor:
    """Where a page ended: bound to its question and, by relevance, to the generation that ranked it."""

    @staticmethod
    def text(last: int, question: Question, sort: Sort, generation: str) -> str:
        return f"{last:x}-{_Cursor._bound(question, sort, generation)}"

    @staticmethod
    def read(cursor: str | None, question: Question, sort: Sort, generation: str) -> int | None:
        if cursor is None:
            return None
        last, _, bound = cursor.partition("-")
        if bound != _Cursor._bound(question, sort, generation):
            raise Refused("The cursor is none of this search's, or the index was built anew since. Begin with the first page.")
        if not _LAST.fullmatch(last):
            raise Refused("The cursor is none that a search gave. Begin with the first page.")
        return int(last, 16)

    @staticmethod
    def _bound(question: Question, sort: Sort, generation: str) -> str:
        said = json.encode([question, sort, generation if sort == "relevance" else ""])
        return blake2b(said, digest_size=6).hexdigest()


def _total(database: Database, asked: Asked) -> Total:
    sql = f"SELECT count(*) FROM (SELECT 1 FROM {asked.source} LIMIT {COUNTED + 1})"
    found = database.value(sql, asked.values)
    return Total(min(found, COUNTED), found <= COUNTED)


def _newest(database: Database, asked: Asked, limit: int, after: int | None) -> tuple[list[int], int | None]:
    below = "" if after is None else " AND words.rowid < ?"
    sql = f"SELECT words.rowid FROM {asked.source}{below} ORDER BY words.rowid DESC LIMIT ?"
    values = [*asked.values, *([] if after is None else [after]), limit + 1]
    places = [place for (place,) in database.rows(sql, values)]
    return places[:limit], places[limit - 1] if len(places) > limit else None


def _best(database: Database, asked: Asked, limit: int, after: int | None) -> tuple[list[int], int | None]:
    start = after or 0
    places = ranked(database, asked)
    end = start + limit
    return places[start:end], end if end < len(places) else None


def _hit(database: Database, place: int) -> Hit:
    ((story, name, title, language, document),) = database.rows(_HIT, (place,))
    return Hit(story, name, title or story, language, document.encode())
