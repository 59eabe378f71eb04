"""The index as the runner feeds it: content and cursor move in one transaction of the generation's file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from secrets import token_hex
from typing import Generic, TypeVar

from typing_extensions import override

from consumers.generations import Pointer
from consumers.search.fts5 import killed
from consumers.search.fts5.content import Content
from consumers.search.fts5.database import Database, FileDamaged
from consumers.search.fts5.files import Files, Named, is_readable, open_generation, other_analyser, remove
from consumers.search.fts5.standing import standing
from consumers.story import FOLD_VERSION
from consumers.view import Applied, Claim, Cursor, Folded, Loaded, Needs, Parked, Pending, View
from dateline.errors import DatelineError, GenerationGone, OtherVersion, StoreBroken, StoreUnavailable

T = TypeVar("T")


class Fts5View(View):
    """Writes the generation that a pointer names. Not safe for use by several threads."""

    def __init__(
        self, files: Files, *, group: str, pointer: Pointer = "live", new: str = "", first: Mapping[int, int] | None = None
    ) -> None:
        """Open nothing yet.

        Args:
            group: Of the live one.
            new: What a generation is called that is made where there is none: of the live one it follows from the
                one before; `none` makes none.
            first: The offset that each partition of a new one begins at; 0 where none is given.
        """
        self.name = group if pointer == "live" else f"{group}-{pointer}"
        self._files = files
        self._pointer: Pointer = pointer
        self._new = new
        self._first = first or {}
        self._open: dict[str, Database] = {}
        self._owes = False

    @override
    def claim(self, partition: int, *, log_id: str) -> Claim:
        token = token_hex(8)
        with _in_words(), self._files.moving() as pointers:
            named = self._named(partition, pointers)
            database = self._database(named)
            if told := other_analyser(database):
                raise OtherVersion(told)
            with database.writing():
                claim = self._claim(database, named, partition, token, log_id)
        with _in_words():
            self._owes = not killed.pay(self._files, database)
        return claim

    def _named(self, partition: int, pointers: Database) -> Named:
        """Return what this view writes, made anew where there is none."""
        found = self._files.read(pointers)
        named = found.get(self._pointer)
        if named is not None and named.path.exists():
            return named
        live = found.get("live")
        is_live = self._new and live is not None and live.name == self._new and is_readable(live.path)
        if self._new == "none" or is_live:
            raise self._gone(partition)
        if named is not None:
            self._files.point(pointers, self._pointer, None)
        for path in self._files.leftovers(pointers):
            remove(path)
        numbers = (int(re.sub(r"\D", "", one.name) or 0) for one in found.values())
        made = self._files.make(self._new or f"g{max(numbers, default=0) + 1}")
        self._files.point(pointers, self._pointer, made)
        return made

    def _claim(self, database: Database, named: Named, partition: int, token: str, log_id: str) -> Claim:
        if database.row("SELECT 1 FROM partitions WHERE partition = ?", (partition,)) is None:
            if self._new == "none":
                raise self._gone(partition)
            first = self._first.get(partition, 0)
            begin = (partition, first, first, log_id, FOLD_VERSION)
            database.run("INSERT INTO partitions (partition, next, first, log, fold) VALUES (?, ?, ?, ?, ?)", begin)
        ours = (token, partition, log_id, FOLD_VERSION)
        database.run("UPDATE partitions SET token = ? WHERE partition = ? AND log = ? AND fold = ?", ours)
        asked = "SELECT next, log, fold, homeless, undecodable FROM partitions WHERE partition = ?"
        ((offset, log, fold, homeless, undecodable),) = database.rows(asked, (partition,))
        return Claim(
            partition=partition,
            offset=offset,
            log_id=log,
            fold_version=fold,
            generation=named.name,
            token=token,
            homeless=homeless,
            undecodable=undecodable,
            parked=Content(database).parked(partition),
        )

    def _gone(self, partition: int) -> GenerationGone:
        what = f"Partition {partition} of the search index has no {self._pointer} generation any more"
        return GenerationGone(f"{what}: it was flipped or dropped. See: dateline generations")

    @override
    def cursors(self, partitions: int) -> Mapping[int, Cursor]:
        with _in_words():
            found = standing(self._files, self._pointer)
        return {one.partition: Cursor(one.partition, one.offset, one.log_id, one.fold_version, token=one.token) for one in found}

    @override
    def parked(self, partition: int) -> Mapping[str, Parked]:
        named = self._files.named(self._pointer)
        if named is None or not named.path.exists():
            return {}
        with closing(open_generation(named.path)) as database:
            return Content(database).parked(partition)

    @override
    def load(self, claim: Claim, needs: Needs) -> Pending[Loaded]:
        return _Answer(lambda: Content(self._held(claim)).load(needs))

    @override
    def apply(self, claim: Claim, batch: Folded) -> Pending[Applied]:
        return _Answer(lambda: self._apply(claim, batch))

    def _apply(self, claim: Claim, batch: Folded) -> Applied:
        database, partition = self._held(claim), claim.partition
        with database.writing():
            held = database.row("SELECT token, next FROM partitions WHERE partition = ?", (partition,))
            if held is None or held[0] != claim.token:
                return Applied("FENCED")
            if held[1] != batch.offset:
                return Applied("MOVED", held[1])
            Content(database).write(partition, batch)
            database.run("UPDATE partitions SET next = ? WHERE partition = ?", (batch.next_offset, partition))
        if self._owes or _has_kill(batch):
            self._owes = not killed.pay(self._files, database)
        return Applied("OK")

    @override
    def reset(self) -> None:
        for database in self._open.values():
            database.close()
        self._open.clear()

    def _held(self, claim: Claim) -> Database:
        database = self._open.get(claim.generation)
        if database is None:
            raise StoreUnavailable(f"The claim on partition {claim.partition} of the search index was given up; claim it anew.")
        return database

    def _database(self, named: Named) -> Database:
        """Return the open file, opened anew where another one has taken its name or its place."""
        found = self._open.get(named.name)
        if found is not None and found.path == named.path and found.is_in_place:
            return found
        if found is not None:
            found.close()
        opened = self._open[named.name] = open_generation(named.path)
        return opened


class _Answer(Pending[T], Generic[T]):
    """An answer that is there already, or why there is none."""

    __slots__ = ("_error", "_value")

    def __init__(self, act: Callable[[], T]) -> None:
        self._error: DatelineError | None = None
        try:
            with _in_words():
                self._value = act()
        except DatelineError as error:
            self._error = error

    @override
    def result(self) -> T:
        if self._error is not None:
            raise self._error
        return self._value


def _has_kill(batch: Folded) -> bool:
    updates = (step.outcome.update for steps in batch.stories.values() for step in steps)
    return any(update is not None and update.killed_at is not None for update in updates)


@contextmanager
def _in_words() -> Iterator[None]:
    """Let a damaged file stop the whole view: it is no story's fault."""
    try:
        yield
    except FileDamaged as error:
        raise StoreBroken(str(error)) from error
