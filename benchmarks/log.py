"""Append to and read from the SQLite log, beside a bare sqlite3 table with the same columns and pragmas."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.harness import QUICK, Row, compare, rates
from benchmarks.work import update
from dateline.log import open_log
from dateline.log.base import NewRecord
from producers.records import record_of
from schemas.topics import EVENTS_TOPIC

BATCHES = 5 if QUICK else 20


def rows() -> list[Row]:
    record = record_of(update(1, story="story-1"))
    with TemporaryDirectory() as folder:
        return [*(_append(Path(folder), record, size) for size in (1, 100, 1000)), _read(Path(folder), record)]


def _append(folder: Path, record: NewRecord, size: int) -> Row:
    count = BATCHES * (50 if size == 1 else 1)
    with open_log(f"sqlite:///{folder}/append-{size}.db") as log, closing(_bare(folder / f"bare-{size}.db")) as bare:

        def ours() -> int:
            for _ in range(count):
                log.append(EVENTS_TOPIC, [record] * size)
            return count * size

        def peer() -> int:
            for _ in range(count):
                bare.execute("BEGIN IMMEDIATE")
                (end,) = bare.execute("SELECT coalesce(max(offset) + 1, 0) FROM records").fetchone()
                bare.executemany(
                    "INSERT INTO records VALUES (1, 0, ?, 1, ?, ?, '')",
                    [(end + n, record.key, record.value) for n in range(size)],
                )
                bare.execute("COMMIT")
            return count * size

        return compare(
            f"append, durable, {size} at a time", "records/s", ours=rates(ours), peer=rates(peer), peer_name="bare sqlite3"
        )


def _read(folder: Path, record: NewRecord) -> Row:
    count = 5_000 if QUICK else 50_000
    with open_log(f"sqlite:///{folder}/read.db?partitions=1") as log:
        log.append(EVENTS_TOPIC, [record] * count)
        with closing(sqlite3.connect(folder / "read.db")) as bare:
            query = "SELECT offset, timestamp, key, value, headers FROM records WHERE offset >= ? ORDER BY offset LIMIT 1000"
            return compare(
                "read, pages of 1000",
                "records/s",
                ours=rates(lambda: _pages(lambda start: len(log.read(EVENTS_TOPIC, 0, start, limit=1000).records))),
                peer=rates(lambda: _pages(lambda start: len(bare.execute(query, (start,)).fetchall()))),
                peer_name="bare sqlite3, tuples",
            )


def _pages(read: Callable[[int], int]) -> int:
    start = 0
    while found := read(start):
        start += found
    return start


def _bare(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.execute(
        "CREATE TABLE records (topic, partition, offset, timestamp, key, value, headers, PRIMARY KEY (topic, partition, offset)) "
        "WITHOUT ROWID"
    )
    return database
