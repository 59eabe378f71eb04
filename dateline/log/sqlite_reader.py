"""Reading an SQLite log: pages of records, the offsets where partitions begin and end, and whether there is news."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

from dateline.log.base import Batch, Record
from dateline.log.sqlite_file import LogFile

_PAGE = """
    SELECT offset, timestamp, key, value, headers FROM records
    WHERE topic = ? AND partition = ? AND offset >= ? ORDER BY offset LIMIT ?"""

_EDGE = """
    WITH RECURSIVE numbered (partition) AS (SELECT 0 UNION ALL SELECT partition + 1 FROM numbered WHERE partition + 1 < ?)
    SELECT partition, coalesce((
        SELECT offset FROM records WHERE topic = ? AND records.partition = numbered.partition ORDER BY offset {} LIMIT 1
    ), {}) FROM numbered"""
_FIRST = _EDGE.format("ASC", 0)
_LAST = _EDGE.format("DESC", -1)


class Reader:
    """A connection that reads. Each transaction is one short SELECT, so that checkpoints are never held up.

    Not safe for use by several threads at once.
    """

    def __init__(self, file: LogFile) -> None:
        self._file = file
        with file.translated():
            self._connection, self._frozen = file.connect_reader()

    def version(self) -> object:
        """Return something that differs once any other connection has committed."""
        return self._one("PRAGMA data_version") if self._frozen is None else self._file.look()

    def topic(self, name: str) -> tuple[int, int] | None:
        """Return the topic's number and its partition count."""
        rows = self._rows("SELECT number, partitions FROM topics WHERE name = ?", name)
        return (rows[0][0], rows[0][1]) if rows else None

    def page(self, topic: int, partition: int, offset: int, limit: int) -> Batch:
        records = [
            Record(partition, place, timestamp, key, value, headers or ())
            for place, timestamp, key, value, headers in self._rows(_PAGE, topic, partition, offset, max(limit, 0))
        ]
        return Batch(partition, records, records[-1].offset + 1 if records else offset)

    def begins(self, topic: int, partitions: int) -> Mapping[int, int]:
        return dict(self._rows(_FIRST, partitions, topic))

    def ends(self, topic: int, partitions: int) -> Mapping[int, int]:
        return {partition: last + 1 for partition, last in self._rows(_LAST, partitions, topic)}

    def close(self) -> None:
        self._connection.close()

    def _one(self, sql: str) -> object:
        value: object = self._rows(sql)[0][0]
        return value

    def _rows(self, sql: str, *values: int | str) -> list[Any]:  # Any: a column holds what was stored
        with self._file.translated():
            if self._frozen is not None and self._frozen != self._file.look():
                self._open_again()
            return self._connection.execute(sql, values).fetchall()

    def _open_again(self) -> None:
        """Somebody writes the file that nobody seemed to write: read it with all its locks."""
        replaced: sqlite3.Connection = self._connection
        self._connection, self._frozen = self._file.connect_reader()
        replaced.close()
