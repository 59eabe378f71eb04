"""The file under an SQLite log: its format, how it is opened, and what SQLite's errors mean for a log."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from uuid import UUID, uuid4

from dateline.errors import DatelineError, LogUnavailable, LogUnreadable, MaybeWritten, Refused

APPLICATION_ID = 0x44544C4E  # "DTLN"
FORMAT = 1

_SCHEMA = (
    "CREATE TABLE log (id TEXT NOT NULL)",
    "CREATE TABLE topics (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, partitions INTEGER NOT NULL)",
    """CREATE TABLE records (
        topic INTEGER NOT NULL, partition INTEGER NOT NULL, offset INTEGER NOT NULL,
        timestamp INTEGER NOT NULL, key BLOB, value BLOB, headers BLOB,
        PRIMARY KEY (topic, partition, offset)) WITHOUT ROWID""",
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {FORMAT}",
)
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT}

Frozen = tuple[int, int, int, bool]
"""What a file that nobody writes looks like: inode, size, time of change, whether a write-ahead log lies beside it."""


class LogFile:
    """One log file, made on opening if it is not there.

    Attributes:
        id: What tells this file from any other log, also from one made anew at its path.
        busy_timeout: Seconds to wait for another process that writes.
    """

    def __init__(self, path: Path, *, busy_timeout: float) -> None:
        self.path = path
        self.busy_timeout = busy_timeout
        self._absolute = path.absolute()
        if not self._find():
            self._make()
        while (found := self._identify()) is None:
            self._make()
        self.id = found
        self._inode = self._absolute.stat().st_ino

    def connect(self) -> sqlite3.Connection:
        """Open a connection that writes."""
        connection = self._open("mode=rw")
        try:
            self._use_wal(connection)
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA journal_size_limit = 67108864")
        except BaseException:
            connection.close()
            raise
        return connection

    def connect_reader(self) -> tuple[sqlite3.Connection, Frozen | None]:
        """Open a connection for reading, and tell what the file looks like if it is read as one that nobody writes.

        SQLite wants to make files beside a log even to read it. Where it cannot (a read-only disk), and no
        write-ahead log holds records that the file lacks, the file is read as it is.
        """
        connection = self._open("mode=rw")
        try:
            connection.execute("SELECT 1 FROM sqlite_master").fetchall()
        except sqlite3.Error as error:
            connection.close()
            if not is_read_only(error) or _may_write(self._absolute.parent) or self._has_wal():
                raise
            frozen = self.look()
            return self._open("mode=ro&immutable=1"), frozen
        return connection, None

    def look(self) -> Frozen:
        """Return what changes when anybody writes the file, is about to, or takes it away."""
        with suppress(OSError):
            found = self._absolute.stat()
            return found.st_ino, found.st_size, found.st_mtime_ns, self._has_wal()
        return 0, 0, 0, False

    def size_bytes(self) -> int | None:
        """Return what the file and its write-ahead log take on the disk; None where it is not there."""
        with suppress(FileNotFoundError):
            size = self._absolute.stat().st_size
            with suppress(FileNotFoundError):
                size += self.beside("-wal").stat().st_size
            return size
        return None

    def beside(self, ending: str) -> Path:
        """Return the path of a file that belongs to this one."""
        return self._absolute.with_name(self._absolute.name + ending)

    def check_in_place(self) -> None:
        """Stop where the file was moved or removed: what is written to it then would be lost."""
        with suppress(OSError):
            if self._absolute.stat().st_ino == self._inode:
                return
        raise LogUnavailable(
            f"The log {self.path} was moved or removed while it was in use; nothing was written. Put it back, or start again."
        )

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turn SQLite's errors into ours."""
        try:
            yield
        except sqlite3.Error as error:
            raise self.translate(error) from error

    def translate(self, error: BaseException, *, committing: bool = False) -> DatelineError:
        """Return our error for one that stopped SQLite.

        Args:
            committing: Whether it came from COMMIT. A failed write leaves no commit mark in the write-ahead log;
                after a failed sync the mark may lie there, and counts if the process dies before it is replaced.
        """
        if isinstance(error, DatelineError):
            return type(error)(str(error))
        if committing and not _is_undone(error):
            return MaybeWritten(
                f"The log {self.path} gave no answer ({error or type(error).__name__}): "
                "the records may be there. Sending them again is safe."
            )
        if _primary(error) in _DAMAGED:
            return LogUnreadable(
                f"{self.path} is no log, or is damaged ({error}). Name another file, or restore it from a backup."
            )
        if isinstance(error, sqlite3.ProgrammingError):
            return self.closed()
        return LogUnavailable(f"The log {self.path} cannot be used: {self._why(error)}")

    def closed(self) -> Refused:
        return Refused(f"The log {self.path} was closed. Open it again.")

    def _why(self, error: BaseException) -> str:
        code = _primary(error)
        if code == sqlite3.SQLITE_FULL:
            return "its disk is full; nothing was written. Free some space, then try again."
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return f"another process kept it locked for {self.busy_timeout:g} s; nothing was written. Look for one that hangs."
        if is_read_only(error):
            return "it cannot be opened, or not for writing; nothing was written. Check who may use file, folder and disk."
        name = getattr(error, "sqlite_errorname", type(error).__name__)
        return f"{error} ({name}); nothing was written. Check its disk, then try again."

    def _open(self, options: str) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{self._absolute.as_uri()}?{options}",
            uri=True,
            timeout=self.busy_timeout,
            isolation_level=None,
            check_same_thread=False,
        )
        connection.execute("PRAGMA fullfsync = ON")  # on macOS a plain fsync leaves data in the disk's cache
        return connection

    def _find(self) -> bool:
        """Tell whether the file is there; if not, make its folder."""
        folder = self._absolute.parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
            return self._absolute.exists()
        except OSError as error:
            raise LogUnavailable(
                f"The log {self.path} cannot be opened: {folder} is no folder that can be used ({error.strerror}). "
                "Name another place, or check who may use this one."
            ) from error

    def _make(self) -> None:
        with suppress(OSError):  # SQLite says it better
            os.close(os.open(self._absolute, os.O_RDWR | os.O_CREAT, 0o600))  # a log also holds what was killed
        with self.translated(), closing(self._open("mode=rwc")) as connection:
            self._use_wal(connection)
            connection.execute("BEGIN IMMEDIATE")
            if connection.execute("PRAGMA application_id").fetchone()[0] == 0:
                for statement in _SCHEMA:
                    connection.execute(statement)
                connection.execute("INSERT INTO log VALUES (?)", (str(uuid4()),))
            connection.execute("COMMIT")

    def _use_wal(self, connection: sqlite3.Connection) -> None:
        """Keep a write-ahead log. SQLite turns away all but one of those who ask at once, so ask again."""
        deadline = time.monotonic() + self.busy_timeout
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if _primary(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
            time.sleep(0.005)

    def _identify(self) -> UUID | None:
        """Return the file's id; None where it is still empty (its maker has just begun, or died there)."""
        with self.translated():
            connection, _ = self.connect_reader()
            with closing(connection):
                connection.execute("BEGIN")
                application: int = connection.execute("PRAGMA application_id").fetchone()[0]
                version: int = connection.execute("PRAGMA user_version").fetchone()[0]
                tables: int = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
                if application == version == tables == 0:
                    return None
                self._check_format(application, version)
                return UUID(connection.execute("SELECT id FROM log").fetchone()[0])

    def _check_format(self, application: int, version: int) -> None:
        if application != APPLICATION_ID:
            raise LogUnreadable(f"{self.path} is an SQLite file of another program, not a Dateline log. Name another file.")
        if version > FORMAT:
            raise LogUnreadable(
                f"{self.path} was made by a newer Dateline (format {version}); this release reads {FORMAT}: upgrade Dateline."
            )

    def _has_wal(self) -> bool:
        with suppress(OSError):
            return self.beside("-wal").stat().st_size > 0
        return False


def is_read_only(error: BaseException) -> bool:
    """Tell whether SQLite stopped because it may not write the file, or make files beside it."""
    return _primary(error) in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM)


def _is_undone(error: BaseException) -> bool:
    if not isinstance(error, sqlite3.Error):
        return False
    return _primary(error) != sqlite3.SQLITE_IOERR or error.sqlite_errorcode == sqlite3.SQLITE_IOERR_WRITE


def _primary(error: BaseException) -> int:
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _may_write(folder: Path) -> bool:
    return os.access(folder, os.W_OK, effective_ids=os.access in os.supports_effective_ids)
