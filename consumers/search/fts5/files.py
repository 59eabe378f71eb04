"""The files of an index: `search.db` says which generation is live, and each generation has a file of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from platform import node
from uuid import NAMESPACE_URL, uuid4, uuid5

from msgspec import Struct

from consumers.generations import Pointer
from consumers.search.analyser import ANALYSER_VERSION
from consumers.search.fts5.database import Database, FileDamaged, damaged
from consumers.search.fts5.schema import FORMAT, GENERATION, POINTERS
from dateline.clock import now_ms
from dateline.errors import ContentDamaged, StoreUnavailable

_ENDINGS = ("", "-wal", "-shm", "-journal")


class Named(Struct, frozen=True):
    """What a pointer names: a generation, and the file that it lies in."""

    name: str
    path: Path


class Files:
    """The files in one folder. What is asked is read anew each time, unless `pointers` is kept open."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "search.db"

    def named(self, pointer: Pointer) -> Named | None:
        """Return what a pointer names; None where it names nothing, or there is no index.

        Raises:
            StoreUnavailable, ContentDamaged: `search.db` cannot be read.
        """
        return self.all_named().get(pointer)

    def all_named(self) -> dict[str, Named]:
        if not self.exists:
            return {}
        with closing(self.open()) as pointers:
            return self.read(pointers)

    def open(self) -> Database:
        """Open `search.db`, which is there.

        Raises:
            StoreUnavailable, ContentDamaged: It cannot be used; the message says what to do.
        """
        return _of_this_format(Database(self.path))

    def read(self, pointers: Database) -> dict[str, Named]:
        """Return what each pointer names, as an open `search.db` has it."""
        if pointers.is_empty:
            return {}
        found = pointers.rows("SELECT pointer, name, file FROM pointers")
        return {pointer: Named(name, self.folder / file) for pointer, name, file in found}

    @property
    def exists(self) -> bool:
        try:
            return self.path.stat().st_size > 0
        except FileNotFoundError:
            return False
        except OSError as error:
            raise StoreUnavailable(f"The search index {self.path} cannot be used: {error.strerror}.") from error

    @contextmanager
    def moving(self) -> Iterator[Database]:
        """Hold the pointers still for everybody else, in one transaction; `search.db` is made if it is not there."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreUnavailable(f"The search index {self.path} cannot be made: {error.strerror}.") from error
        opened = _of_this_format(Database(self.path, is_new=True, full_sync=True))
        with closing(opened) as pointers, pointers.writing():
            if pointers.is_empty:
                pointers.lay_down(POINTERS)
                pointers.run("INSERT INTO index_id VALUES (?)", (str(uuid4()),))
            yield pointers

    def id(self) -> str:
        """Return what tells this index from any other; of one that cannot be read, what tells its place from others."""
        try:
            if self.exists:
                with closing(self.open()) as pointers:
                    if not pointers.is_empty:
                        return str(pointers.value("SELECT id FROM index_id"))
            with self.moving() as pointers:
                return str(pointers.value("SELECT id FROM index_id"))
        except ContentDamaged:  # whoever puts another in its place has to have an id too
            return str(uuid5(NAMESPACE_URL, f"//{node()}{self.path.resolve()}"))

    def point(self, pointers: Database, pointer: Pointer, to: Named | None) -> None:
        """Let a pointer name something else, or nothing."""
        pointers.run("DELETE FROM pointers WHERE pointer = ?", (pointer,))
        if to is not None:
            pointers.run("INSERT INTO pointers VALUES (?, ?, ?)", (pointer, to.name, to.path.name))

    def make(self, name: str) -> Named:
        """Make the file of a new generation, while the pointers are held."""
        number, path = 1, self.folder / f"search-{name}.db"
        while path.exists():  # what could not be read, and so is not known by its name
            number += 1
            path = self.folder / f"search-{name}-{number}.db"
        with closing(Database(path, is_new=True)) as made, made.writing():
            made.lay_down(GENERATION)
            made.run("INSERT INTO made VALUES (?, ?)", (ANALYSER_VERSION, now_ms()))
        return Named(name, path)

    def leftovers(self, pointers: Database) -> list[Path]:
        """Return the generations' files that no pointer names, while the pointers are held."""
        named = {one.path for one in self.read(pointers).values()}
        return [path for path in sorted(self.folder.glob("search-g*.db")) if path not in named]

    def set_aside(self) -> None:
        """Put a `search.db` that cannot be read out of the way, and keep it: it may be somebody else's, or a newer release's."""
        for ending in _ENDINGS:
            with suppress(FileNotFoundError):
                path = self.path.with_name(self.path.name + ending)
                path.rename(path.with_name(f"damaged-{now_ms()}-{path.name}"))


def remove(path: Path) -> int:
    """Take a file and what lies beside it away; return how many files that were."""
    removed = 0
    for ending in reversed(_ENDINGS):  # itself last: by it who goes on with this knows what is left
        with suppress(FileNotFoundError):
            path.with_name(path.name + ending).unlink()
            removed += 1
    return removed


def size_bytes(path: Path) -> int:
    """Return what a file and what lies beside it take."""
    found = 0
    for ending in _ENDINGS:
        with suppress(FileNotFoundError):
            found += path.with_name(path.name + ending).stat().st_size
    return found


def open_generation(path: Path) -> Database:
    """Open a generation's file.

    Raises:
        StoreUnavailable, ContentDamaged: It cannot be used; the message says what to do.
    """
    database = _of_this_format(Database(path))
    if database.is_empty:
        database.close()
        raise damaged(path, "it is empty")
    return database


def _of_this_format(database: Database) -> Database:
    """Return a file that was opened, if this release can read what it holds; one that holds nothing yet too."""
    try:
        found = FORMAT if database.is_empty else database.value("PRAGMA user_version")
        if found != FORMAT:
            raise _other_format(database.path, found)
    except BaseException:
        database.close()
        raise
    return database


def _other_format(path: Path, found: int) -> FileDamaged:
    what = f"it has format {found}, of {'a newer' if found > FORMAT else 'an older'} release; this one has format {FORMAT}"
    way_on = "Run that release, or build it anew with this one" if found > FORMAT else "Build it anew"
    return FileDamaged(f"The search index {path} cannot be read: {what}. {way_on}: dateline replay search", what=what)


def other_analyser(database: Database) -> str:
    """Return in words that a generation was made by other rules for words than this release's; empty if it was not."""
    found = database.value("SELECT analyser FROM made")
    if found == ANALYSER_VERSION:
        return ""
    return (
        f"The search index {database.path} was made by another analyser ({found}; this release has {ANALYSER_VERSION}), so its "
        "words are others. Build it anew with: dateline replay search"
    )
