"""Writing an SQLite log: group commit, and topics made on first use."""

from __future__ import annotations

import sqlite3
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from dateline.clock import now_ms
from dateline.errors import DatelineError
from dateline.log.base import NewRecord, Position
from dateline.log.partitioner import partition_of
from dateline.log.sqlite_file import LogFile, is_read_only

_INSERT = "INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?)"
_END = "SELECT offset + 1 FROM records WHERE topic = ? AND partition = ? ORDER BY offset DESC LIMIT 1"

_encode_headers = msgspec.msgpack.Encoder().encode


class _Row(NamedTuple):
    """A record as its table holds it, but for topic and offset."""

    partition: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: bytes | None


@dataclass(slots=True)
class _Waiting:
    """What one caller of `append` waits for."""

    topic: int
    rows: Sequence[_Row]
    positions: list[Position] = field(default_factory=list)
    done: bool = False
    error: DatelineError | None = None


class Writer:
    """The one connection that writes. Safe for use by several threads.

    Each thread queues its records; the first to get the lock commits all that wait, and pays for one sync.
    """

    def __init__(self, file: LogFile) -> None:
        self._file = file
        self._queue: deque[_Waiting] = deque()
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._closed = False

    def append(self, topic: int, records: Sequence[NewRecord], *, partitions: int) -> Sequence[Position]:
        mine = _Waiting(topic, [_to_row(record, partitions) for record in records])
        self._queue.append(mine)
        with self._lock:
            if not mine.done:
                self._commit([self._queue.popleft() for _ in range(len(self._queue))])
        if mine.error is not None:
            raise mine.error
        return mine.positions

    def make_topic(self, name: str, *, partitions: int) -> bool:
        """Make the topic unless it is there, and tell whether the log can be written at all."""
        with self._lock:
            try:
                self._open().execute("INSERT OR IGNORE INTO topics (name, partitions) VALUES (?, ?)", (name, partitions))
            except sqlite3.Error as error:
                if is_read_only(error):
                    return False
                raise self._file.translate(error) from error
        return True

    def close(self) -> None:
        with self._lock:
            self._closed = True
            if self._connection is not None:
                self._connection.close()

    def _commit(self, group: Sequence[_Waiting]) -> None:
        """Write what all of `group` wait for, in one transaction, and tell each."""
        committing = False
        try:
            connection = self._open()
            connection.execute("BEGIN IMMEDIATE")
            ends: dict[tuple[int, int], int] = {}
            for waiting in group:
                connection.executemany(_INSERT, _place(connection, waiting, ends))
            committing = True
            connection.execute("COMMIT")
        except BaseException as error:
            self._roll_back()
            for waiting in group:
                waiting.error = self._file.translate(error, committing=committing)
                waiting.error.__cause__ = error
            if not isinstance(error, sqlite3.Error | DatelineError):
                raise
        finally:
            for waiting in group:
                waiting.done = True

    def _open(self) -> sqlite3.Connection:
        if self._closed:
            raise self._file.closed()
        self._file.check_in_place()
        if self._connection is None:
            self._connection = self._file.connect()
        return self._connection

    def _roll_back(self) -> None:
        if self._connection is not None and self._connection.in_transaction:
            with suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")


def _to_row(record: NewRecord, partitions: int) -> _Row:
    timestamp = now_ms() if record.timestamp is None else record.timestamp
    headers = _encode_headers(record.headers) if record.headers else None
    return _Row(_choose_partition(record, partitions), timestamp, record.key, record.value, headers)


def _choose_partition(record: NewRecord, partitions: int) -> int:
    if record.partition is not None:
        return record.partition
    return 0 if record.key is None else partition_of(record.key, partitions)


def _place(connection: sqlite3.Connection, waiting: _Waiting, ends: dict[tuple[int, int], int]) -> Iterator[tuple[object, ...]]:
    """Give each row the next offset of its partition; `ends` holds those known in this transaction."""
    for row in waiting.rows:
        place = waiting.topic, row.partition
        if place not in ends:
            found = connection.execute(_END, place).fetchone()
            ends[place] = found[0] if found else 0
        offset = ends[place]
        ends[place] = offset + 1
        waiting.positions.append(Position(row.partition, offset))
        yield waiting.topic, row.partition, offset, row.timestamp, row.key, row.value, row.headers
