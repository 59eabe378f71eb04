"""What lies in a generation's file: the fold's states, what readers get, and the words to find it by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from consumers.search.plan import FIELDS

FORMAT: Final = 1
"""Raised whenever the tables change; a file of another format is built anew."""

COLUMNS: Final[Sequence[str]] = (*FIELDS, "marks")
EVERY: Final = "·"
"""The mark of each update. Nobody's word holds this sign, so nobody finds a mark by typing it."""

GENERATION: Final[Sequence[str]] = (
    f"PRAGMA user_version = {FORMAT}",
    "CREATE TABLE made (analyser TEXT NOT NULL, at INTEGER NOT NULL)",
    """CREATE TABLE partitions (
        partition INTEGER PRIMARY KEY, next INTEGER NOT NULL, first INTEGER NOT NULL, log TEXT NOT NULL, fold INTEGER NOT NULL,
        token TEXT NOT NULL DEFAULT '', homeless INTEGER NOT NULL DEFAULT 0, undecodable INTEGER NOT NULL DEFAULT 0)""",
    """CREATE TABLE stories (
        story TEXT PRIMARY KEY, partition INTEGER NOT NULL, seq INTEGER NOT NULL, title TEXT NOT NULL, language TEXT NOT NULL,
        state TEXT NOT NULL) WITHOUT ROWID""",
    "CREATE INDEX languages ON stories (language)",
    """CREATE TABLE updates (story TEXT NOT NULL, name TEXT NOT NULL, place INTEGER, state TEXT NOT NULL,
        PRIMARY KEY (story, name)) WITHOUT ROWID""",
    "CREATE UNIQUE INDEX places ON updates (place) WHERE place IS NOT NULL",
    """CREATE TABLE entries (story TEXT NOT NULL, event TEXT NOT NULL, entry TEXT NOT NULL,
        PRIMARY KEY (story, event)) WITHOUT ROWID""",
    """CREATE TABLE docs (
        place INTEGER PRIMARY KEY, story TEXT NOT NULL, name TEXT NOT NULL, published_at INTEGER NOT NULL, language TEXT NOT NULL,
        digest BLOB NOT NULL, document TEXT NOT NULL)""",
    "CREATE TABLE parked (story TEXT PRIMARY KEY, partition INTEGER NOT NULL, entry TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE problems (partition INTEGER, offset INTEGER, told TEXT NOT NULL,
        PRIMARY KEY (partition, offset)) WITHOUT ROWID""",
    "CREATE TABLE owed (story TEXT, name TEXT, PRIMARY KEY (story, name)) WITHOUT ROWID",
    f"""CREATE VIRTUAL TABLE words USING fts5(
        {", ".join(COLUMNS)}, content = '', detail = full, tokenize = 'ascii', prefix = '1 2 3')""",
    "INSERT INTO words (words, rank) VALUES ('secure-delete', 1)",
)
"""`place` is an update's order (`consumers.search.order`). `owed` names killed updates whose words may lie elsewhere yet."""

POINTERS: Final[Sequence[str]] = (
    f"PRAGMA user_version = {FORMAT}",
    "CREATE TABLE index_id (id TEXT NOT NULL)",
    "CREATE TABLE pointers (pointer TEXT PRIMARY KEY, name TEXT NOT NULL, file TEXT NOT NULL) WITHOUT ROWID",
)
