"""What a machine remembers of the wires that it reads: of each item the last version, of each file and feed what was read.

It is a help, not the truth: the log tells the same item from a new one by itself. It knows an edit in a feed, whose entries have
no versions; a release, which is a usable version after a withheld one; and the story that a later version belongs to.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from dateline.errors import LogUnavailable
from producers.wires.events import Known

FILE = "wires.db"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS log (id TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS items (
    desk TEXT, guid TEXT, story TEXT, version INTEGER, checksum TEXT, status TEXT, dated INTEGER,
    PRIMARY KEY (desk, guid, story)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS files (path TEXT PRIMARY KEY, mark TEXT, problem TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS feeds (url TEXT PRIMARY KEY, etag TEXT, modified TEXT) WITHOUT ROWID;
"""
_FIND = "SELECT story, version, checksum, status, dated FROM items WHERE desk = ? AND guid = ?"
_SAVE = "INSERT OR REPLACE INTO items (desk, guid, story, version, checksum, status, dated) VALUES (?, ?, ?, ?, ?, ?, ?)"
_SAVE_FILE = (
    "INSERT INTO files VALUES (?, ?, ?) ON CONFLICT (path) DO UPDATE SET mark = excluded.mark, problem = excluded.problem"
)
_SAVE_FEED = (
    "INSERT INTO feeds VALUES (?, ?, ?) ON CONFLICT (url) DO UPDATE SET etag = excluded.etag, modified = excluded.modified"
)


class Memory:
    """What is known of items, kept while the process runs; `WireMemory` keeps it for longer."""

    def __init__(self) -> None:
        self._new: dict[tuple[str, str], dict[str, Known]] = {}

    def known(self, desk: str, guid: str, story: str | None) -> Known | None:
        """Return what is known of an item in a story; without a story, in the one that it came into last."""
        by_story = self._new.get((desk, guid), {})
        if story is not None:
            return by_story.get(story)
        return next(reversed(by_story.values()), None)

    def learn(self, desk: str, guid: str, known: Known) -> None:
        by_story = self._new.setdefault((desk, guid), {})
        by_story.pop(known.story, None)
        by_story[known.story] = known

    def forget_new(self) -> None:
        """Forget what was learnt since it was last saved."""
        self._new.clear()

    def save(self) -> None:
        """Keep what was learnt; called once the events are in the log."""

    def close(self) -> None:
        """Let go of it."""


class WireMemory(Memory):
    """What is known, in a small SQLite file beside the log. It forgets all if the log is another one.

    Raises:
        LogUnavailable: The file cannot be used.
    """

    def __init__(self, folder: Path, *, log_id: str) -> None:
        super().__init__()
        self._path = folder / FILE
        with self._translated():
            self._file = sqlite3.connect(self._path, timeout=30.0, isolation_level=None, check_same_thread=False)
            self._file.execute("PRAGMA journal_mode = WAL")
            self._file.execute("PRAGMA synchronous = FULL")
            self._file.executescript(_SCHEMA)
            self._begin_anew_for(log_id)

    def known(self, desk: str, guid: str, story: str | None) -> Known | None:
        learnt = super().known(desk, guid, story)
        if learnt is not None:
            return learnt
        with self._translated():
            if story is not None:
                row = self._file.execute(f"{_FIND} AND story = ?", (desk, guid, story)).fetchone()
            else:
                row = self._file.execute(f"{_FIND} ORDER BY version DESC LIMIT 1", (desk, guid)).fetchone()
        return Known(*row) if row else None

    def save(self) -> None:
        rows = [
            (desk, guid, one.story, one.version, one.checksum, one.status, one.dated)
            for (desk, guid), by_story in self._new.items()
            for one in by_story.values()
        ]
        if rows:
            with self._translated(), self._transaction():
                self._file.executemany(_SAVE, rows)
        self.forget_new()

    def file_read(self, path: str) -> tuple[str, str | None] | None:
        """Return the mark of the file that was read at a path, and what was wrong with it; None if none was."""
        with self._translated():
            row = self._file.execute("SELECT mark, problem FROM files WHERE path = ?", (path,)).fetchone()
        return (row[0], row[1]) if row else None

    def remember_file(self, path: str, mark: str, problem: str | None) -> None:
        with self._translated():
            self._file.execute(_SAVE_FILE, (path, mark, problem))

    def feed_read(self, url: str) -> tuple[str, str]:
        """Return the ETag and the Last-Modified that a feed came with, empty where there were none."""
        with self._translated():
            row = self._file.execute("SELECT etag, modified FROM feeds WHERE url = ?", (url,)).fetchone()
        return (row[0], row[1]) if row else ("", "")

    def remember_feed(self, url: str, etag: str, modified: str) -> None:
        with self._translated():
            self._file.execute(_SAVE_FEED, (url, etag, modified))

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *about: object) -> None:
        self.close()

    def _begin_anew_for(self, log_id: str) -> None:
        with self._transaction():
            if "dated" not in [row[1] for row in self._file.execute("PRAGMA table_info(items)")]:  # an older release's file
                self._file.execute("ALTER TABLE items ADD COLUMN dated INTEGER")
            row = self._file.execute("SELECT id FROM log").fetchone()
            if row is not None and row[0] != log_id:
                for table in ("log", "items", "files", "feeds"):
                    self._file.execute(f"DELETE FROM {table}")  # noqa: S608 - our own names
                row = None
            if row is None:
                self._file.execute("INSERT INTO log VALUES (?)", (log_id,))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._file.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._file.execute("ROLLBACK")
            raise
        self._file.execute("COMMIT")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise LogUnavailable(f"{self._path} cannot be used ({error}). Free some space, or move the file away.") from error
