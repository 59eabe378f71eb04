"""SQLite as the index uses it: connections, transactions, and its errors put into ours."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import apsw
import apsw.ext

from dateline.errors import ContentDamaged, DatelineError, StoreFull, StoreUnavailable

MEMORY: Final = Path(":memory:")
_BUSY: Final = 10.0
"""Seconds to wait for another process that writes."""

_APPLICATION_ID: Final = 0x446C5378  # "DlSx"

Row = tuple[Any, ...]  # Any: what a query's columns hold
Score = Callable[[apsw.FTS5ExtensionApi], float]
"""Says how well a row that was found fits, of which it is given what FTS5 knows."""


def damaged(path: Path, what: str) -> ContentDamaged:
    """Return the error for a file that does not hold what an index holds."""
    return ContentDamaged(
        f"The search index {path} is damaged ({what}). The timeline is not touched by it. Build the index anew with: "
        "dateline replay search",
        what=what,
    )


class FileDamaged(ContentDamaged):
    """A file is no index, or SQLite cannot read it: no single story's matter."""


def not_ours(path: Path, what: str) -> FileDamaged:
    """Return the error for a file that was written by something else, as far as can be seen."""
    return FileDamaged(
        f"{path} is no search index of Dateline's: {what}. Nothing is written to it. Move it elsewhere if somebody wants it; "
        "then, or if nobody does, put an index in its place with: dateline replay search",
        what=what,
    )


class Database:
    """One connection to one file. Used by one thread at a time."""

    def __init__(self, path: Path, *, is_new: bool = False, full_sync: bool = False) -> None:
        """Open a file that is there, or make it.

        Args:
            is_new: Whether it is made if it is not there.
            full_sync: Whether what is written is there after a power cut too.

        Raises:
            StoreUnavailable: It cannot be opened.
            FileDamaged: It is no file of an index.
        """
        self.path = path
        self._scores: dict[str, Score] = {}
        if is_new and path != MEMORY:
            with suppress(OSError):  # SQLite says it better
                os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        with self.translated():
            flags = apsw.SQLITE_OPEN_READWRITE | (apsw.SQLITE_OPEN_CREATE if path == MEMORY else 0)
            self._connection = apsw.Connection(str(path), flags=flags)
            try:
                self._set_up(full_sync=full_sync)
            except BaseException:
                self._connection.close(True)
                raise
        self._inode = path.stat().st_ino if path != MEMORY else 0

    def _set_up(self, *, full_sync: bool) -> None:
        self._connection.set_busy_timeout(int(_BUSY * 1000))
        application = self.value("PRAGMA application_id")
        if application == 0 and self.value("SELECT count(*) FROM sqlite_master") == 0:
            self._connection.execute("PRAGMA journal_mode = WAL")
        elif application != _APPLICATION_ID:
            raise not_ours(self.path, "it is a database of another program")
        for pragma in (
            f"synchronous = {'FULL' if full_sync else 'NORMAL'}",
            "secure_delete = ON",
            "temp_store = MEMORY",
            "cache_size = -32000",
            "journal_size_limit = 67108864",
        ):
            self._connection.execute(f"PRAGMA {pragma}")

    @property
    def is_in_place(self) -> bool:
        """Whether its file is still the one at its path."""
        with suppress(OSError):
            return self.path.stat().st_ino == self._inode
        return self.path == MEMORY

    @property
    def is_empty(self) -> bool:
        """Whether nothing was ever written: whoever made it has just begun, or died there."""
        return bool(self.value("PRAGMA application_id") == 0)

    def lay_down(self, schema: Iterable[str]) -> None:
        """Make the tables of an empty file, within a transaction."""
        for statement in (f"PRAGMA application_id = {_APPLICATION_ID}", *schema):
            self.run(statement)

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:  # Any: texts, numbers, bytes and None
        with self.translated():
            return self._connection.execute(sql, values).fetchall()

    def each(self, sql: str, values: Sequence[Any] = ()) -> Iterator[Row]:  # Any: as above
        """Yield the rows of a query as they are found."""
        with self.translated():
            yield from self._connection.execute(sql, values)

    def row(self, sql: str, values: Sequence[Any] = ()) -> Row | None:  # Any: as above
        found = self.rows(sql, values)
        return found[0] if found else None

    def value(self, sql: str, values: Sequence[Any] = ()) -> Any:  # Any: as above, and what a column holds
        found = self.row(sql, values)
        return found[0] if found else None

    def run(self, sql: str, values: Sequence[Any] = ()) -> int:  # Any: as above
        """Run a statement; return how many rows it changed."""
        with self.translated():
            self._connection.execute(sql, values)
            return self._connection.changes()

    def run_all(self, sql: str, values: Iterable[Sequence[Any]]) -> None:  # Any: as above
        with self.translated():
            self._connection.executemany(sql, values)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Write the block in one transaction, which nobody else writes beside; undone if it raises."""
        self.run("BEGIN IMMEDIATE")
        try:
            yield
            self.run("COMMIT")
        except BaseException:
            self._roll_back()
            raise

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Read one state of the file all through the block."""
        self.run("BEGIN")
        try:
            yield
        finally:
            self._roll_back()

    def checkpoint(self, *, patience: float) -> bool:
        """Move everything into the file and empty what lies beside it; return whether no reader was in the way."""
        self._connection.set_busy_timeout(int(patience * 1000))
        try:
            found = self.row("PRAGMA wal_checkpoint(TRUNCATE)")
        except StoreUnavailable:
            return False
        finally:
            self._connection.set_busy_timeout(int(_BUSY * 1000))
        return found is not None and found[0] == 0

    def add_score(self, name: str, score: Score) -> None:
        """Let queries of the full text call `score` as `name(table, …)`."""
        if name not in self._scores:
            self._connection.register_fts5_function(name, lambda api, *_: self._scores[name](api))
        self._scores[name] = score

    def close(self) -> None:
        self._connection.close(True)

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turn SQLite's errors into ours."""
        try:
            yield
        except apsw.Error as error:
            raise self._translate(error) from error

    def _roll_back(self) -> None:
        with suppress(apsw.Error):  # what failed may have rolled back already
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def _translate(self, error: apsw.Error) -> DatelineError:
        if isinstance(error, apsw.FullError):
            return StoreFull(f"The search index {self.path} cannot be written: its disk is full. It is whole; free some space.")
        if isinstance(error, apsw.NotADBError):
            return not_ours(self.path, "it is no SQLite file, but another program's, or something else wrote over it")
        if isinstance(error, apsw.CorruptError | apsw.FormatError | apsw.SQLError | apsw.MismatchError):
            told = damaged(self.path, str(error) or type(error).__name__)
            return FileDamaged(str(told), what=told.what)
        return StoreUnavailable(f"The search index {self.path} cannot be used: {self._why(error)}")

    def _why(self, error: apsw.Error) -> str:
        if isinstance(error, apsw.CantOpenError) and not self.path.exists():
            return "it is not there. Build it with: dateline replay search"
        if isinstance(error, apsw.ReadOnlyError | apsw.CantOpenError | apsw.PermissionsError):
            return "it cannot be opened, or not for writing. Check who may use file, folder and disk."
        if isinstance(error, apsw.BusyError | apsw.LockedError):
            return f"another process kept it locked for {_BUSY:g} s. Look for one that hangs."
        return f"{error or type(error).__name__}. Check its disk; if that is well: dateline replay search"
