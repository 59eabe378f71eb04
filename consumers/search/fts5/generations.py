"""The index's generations: one file each, and one pointer for all partitions."""

from __future__ import annotations

import time
from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from typing import Final

from msgspec.structs import replace
from typing_extensions import override

from consumers.generations import Comparison, Generation, Generations, Pointer
from consumers.record_digest import Chain, log_digest
from consumers.search.fts5.content import Content
from consumers.search.fts5.database import Database, Row
from consumers.search.fts5.files import Files, Named, is_readable, open_generation, remove, size_bytes
from consumers.search.fts5.standing import standing
from consumers.search.fts5.view import Fts5View
from consumers.search.order import SPREAD
from consumers.timeline.documents import read_story
from consumers.view import Parked, View
from dateline.errors import ContentDamaged, GenerationGone, Refused, StoreBroken

_PATIENCE: Final = 3.0
"""Seconds without any story in which both builds stand at one record, after which the rest is not compared."""

_PAUSE: Final = 0.005
_SHOWN: Final = ("place", "published time", "language", "words", "document")


class Fts5Generations(Generations):
    """Reads and moves the pointers. What cannot be read stands nowhere, so that a replay can take its place."""

    view_name = "search"

    def __init__(self, files: Files, *, group: str, partitions: int) -> None:
        self._files = files
        self._group = group
        self._partitions = partitions
        self._ready: dict[tuple[Pointer, str], dict[int, int | None]] = {}

    @override
    def standing(self, pointer: Pointer) -> Mapping[int, Generation]:
        with suppress(ContentDamaged):
            return {
                one.partition: Generation(
                    one.generation, one.offset, one.log_id, one.fold_version, one.made_at, one.stories, one.first
                )
                for one in standing(self._files, pointer)
            }
        return {}

    @override
    def view(self, pointer: Pointer, *, new: str = "none", first: Mapping[int, int] | None = None) -> View:
        return Fts5View(self._files, group=self._group, pointer=pointer, new=new, first=first)

    @override
    def parked(self, pointer: Pointer) -> Mapping[str, Parked]:
        with suppress(ContentDamaged), ExitStack() as stack:
            database = self._opened(pointer, stack)
            return Content(database).parked() if database is not None else {}
        return {}

    @override
    def retry(self, pointer: Pointer, story: str) -> bool:
        with ExitStack() as stack:
            database = self._opened(pointer, stack)
            if database is None:
                return False
            with database.writing():
                found = Content(database).parked().get(story)
                if found is None:
                    return False
                asked = database.value("SELECT partition FROM parked WHERE story = ?", (story,))
                Content(database).park(story, asked, replace(found, retry=True))
        return True

    @override
    def seqs(self, pointer: Pointer, partition: int) -> Mapping[str, int]:
        with ExitStack() as stack:
            database = self._opened(pointer, stack)
            return _seqs(database, partition) if database is not None else {}

    @override
    def compare(self, partition: int, pointer: Pointer = "shadow", *, but: Container[str] = ()) -> Iterator[Comparison]:
        with ExitStack() as stack:
            pair = [found for one in ("live", pointer) if (found := self._opened(one, stack))]
            if len(pair) != 2:
                raise GenerationGone("The search index has no two generations any more to compare. See: dateline generations")
            live, other = pair
            waiting = {story for found in pair for story in _seqs(found, partition) if story not in but}
            patient_until = time.monotonic() + _PATIENCE
            while waiting and time.monotonic() < patient_until:
                with live.reading(), other.reading():
                    mine, theirs = _seqs(live, partition), _seqs(other, partition)
                    still = sorted(story for story in waiting if mine.get(story, 0) == theirs.get(story, 0))
                    compared = [_comparison(story, live, other) for story in still]
                yield from compared
                waiting -= set(still)
                if still:
                    patient_until = time.monotonic() + _PATIENCE
                elif waiting:
                    time.sleep(_PAUSE)
            yield from (Comparison(story, None) for story in sorted(waiting))

    @override
    def flip(self, partition: int, to: Pointer, name: str, *, reset: Sequence[str] = (), enough: int | None = None) -> int | None:
        """All partitions lie in one file, so all are flipped at once, when the last of them is ready."""
        with self._files.moving() as pointers:
            found = self._files.read(pointers)
            live, new = found.get("live"), found.get(to)
            if new is None or new.name != name or not new.path.exists():
                if live is not None and live.name == name:
                    return None
                raise Refused(f"Generation {name} of the search index is gone: another replay or a drop took it away.")
            ready = self._ready.setdefault((to, name), {})
            ready[partition] = enough
            with closing(open_generation(new.path)) as database:
                mine = _offsets(database)
            behind = self._fenced(live, mine, ready, is_exact=to == "shadow")
            if partition in behind:
                return behind[partition]
            if not behind and mine.keys() <= ready.keys():
                self._swap(pointers, live, to, new)
                del self._ready[to, name]
        if behind and mine.keys() <= ready.keys():
            time.sleep(_PAUSE)
            return mine[partition][0]
        self._remove_leftovers()
        return None

    def _fenced(
        self, live: Named | None, mine: _Offsets, ready: Mapping[int, int | None], *, is_exact: bool
    ) -> Mapping[int, int]:
        """Fence whoever writes the live generation, if a flip can come next; return the partitions that are behind it.

        Args:
            is_exact: Whether a partition that was ready must not have fallen behind since; who rolls back feeds one at a time.
        """
        if live is None or not is_readable(live.path):
            return {}
        with closing(open_generation(live.path)) as database, database.writing():
            theirs = _offsets(database)
            last = max(ready, key=list(ready).index)
            behind = {
                p: wanted
                for p, enough in ready.items()
                if (is_exact or p == last) and p in mine and (wanted := _wanted(mine[p], theirs.get(p), enough)) is not None
            }
            if not behind and mine.keys() <= ready.keys():
                database.run("UPDATE partitions SET token = ''")
        return behind

    def _swap(self, pointers: Database, live: Named | None, to: Pointer, new: Named) -> None:
        self._files.point(pointers, to, None)
        if live is not None and is_readable(live.path):
            self._files.point(pointers, "previous", live)
        self._files.point(pointers, "live", new)

    @override
    def drop(self, *pointers: Pointer) -> int:
        self._mend()
        with self._files.moving() as moving:
            found = self._files.read(moving)
            for pointer in pointers:
                named = found.get(pointer)
                if named is not None:
                    _fence(named)
                    self._files.point(moving, pointer, None)
        return self._remove_leftovers()

    def _mend(self) -> None:
        """Put a `search.db` out of the way that cannot be read: what it named cannot be known any more."""
        try:
            self._files.all_named()
        except ContentDamaged:
            self._files.set_aside()

    def _remove_leftovers(self) -> int:
        with self._files.moving() as pointers:
            return sum(remove(path) for path in self._files.leftovers(pointers))

    @override
    def size_bytes(self, pointer: Pointer, *, partitions: Collection[int] | None = None) -> int:
        with suppress(ContentDamaged):
            named = self._files.named(pointer)
            if named is not None and (partitions is None or partitions):
                return size_bytes(named.path)
        return 0

    @override
    def record(self, pointer: Pointer, *, partitions: Collection[int]) -> bytes | None:
        with ExitStack() as stack:
            try:
                database = self._opened(pointer, stack)
                rows = database.rows("SELECT partition, state FROM stories") if database is not None else []
                states = [read_story(state) for partition, state in rows if partition in partitions]
            except StoreBroken:
                return None
        return log_digest((state.id, Chain(state.seq, state.digest)) for state in states)

    def _opened(self, pointer: Pointer, stack: ExitStack) -> Database | None:
        named = self._files.named(pointer)
        if named is None or not named.path.exists():
            return None
        return stack.enter_context(closing(open_generation(named.path)))


_Offsets = Mapping[int, tuple[int, str]]
"""Of each partition, the first offset that was not seen, and the log's id."""


def _offsets(database: Database) -> _Offsets:
    return {partition: (offset, log) for partition, offset, log in database.rows("SELECT partition, next, log FROM partitions")}


def _wanted(mine: tuple[int, str], theirs: tuple[int, str] | None, enough: int | None) -> int | None:
    """Return the offset that a partition has to reach before a flip; None if it may go.

    A live generation of another log says nothing about how far this one has to be.
    """
    if theirs is None or theirs[1] != mine[1]:
        return None
    wanted = theirs[0] if enough is None else min(theirs[0], enough)
    return wanted if mine[0] < wanted else None


def _fence(named: Named) -> None:
    with suppress(StoreBroken, FileNotFoundError):
        if named.path.exists():
            with closing(open_generation(named.path)) as database, database.writing():
                database.run("UPDATE partitions SET token = ''")


def _seqs(database: Database, partition: int) -> dict[str, int]:
    return dict(database.rows("SELECT story, seq FROM stories WHERE partition = ?", (partition,)))


def _comparison(story: str, live: Database, other: Database) -> Comparison:
    mine, theirs = _shown(story, live), _shown(story, other)
    told = [
        line
        for name in sorted(mine.keys() | theirs.keys())
        if (line := difference(story, name, theirs.get(name), mine.get(name)))
    ]
    return Comparison(story, not told, told)


def _shown(story: str, database: Database) -> dict[str, Row]:
    asked = "SELECT name, place, published_at, language, digest, document FROM docs WHERE story = ?"
    return {name: tuple(rest) for name, *rest in _of_story(database, asked, story)}


def _of_story(database: Database, asked: str, story: str) -> list[Row]:
    places = database.rows("SELECT place FROM updates WHERE story = ? AND place IS NOT NULL", (story,))
    asked = asked.replace("story = ?", "place = ? AND story = ?")
    return [row for (place,) in places for row in database.rows(asked, (place, story))]


def difference(story: str, name: str, expected: Row | None, found: Row | None) -> str:
    """Return in words how what is found of an update differs from what is expected; empty if it does not."""
    which = f"story {story}: update {name}"
    if expected is None or found is None:
        return f"{which} is missing" if found is None else f"{which} should not be there"
    unlike = [
        what
        for what, one, other in zip(_SHOWN, expected, found, strict=True)
        if (abs(one - other) >= SPREAD if what == "place" else one != other)
    ]
    return f"{which} differs in its {', '.join(unlike)}" if unlike else ""
