"""What a machine remembers of the wires that it reads."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from dateline.wire_memory import FILE, WireMemory
from producers.wires.events import Known

FIRST = Known("bridge", 1, "a", "usable")
SECOND = Known("bridge", 2, "b", "withheld")


def test_what_was_saved_is_known_to_the_next_process_and_what_was_not_is_forgotten(tmp_path: Path) -> None:
    with WireMemory(tmp_path, log_id="log") as memory:
        memory.learn("desk", "guid", FIRST)
        memory.save()
        memory.learn("desk", "guid", SECOND)
        assert memory.known("desk", "guid", None) == SECOND

    with WireMemory(tmp_path, log_id="log") as memory:
        assert memory.known("desk", "guid", "bridge") == FIRST
        assert memory.known("desk", "guid", "other") is None
        assert memory.known("other", "guid", None) is None


def test_another_log_knows_nothing_of_it(tmp_path: Path) -> None:
    with WireMemory(tmp_path, log_id="log") as memory:
        memory.learn("desk", "guid", FIRST)
        memory.save()
        memory.remember_file("/a", "1:1", None)
        memory.remember_feed("https://a", "tag", "")

    with WireMemory(tmp_path, log_id="another") as memory:
        assert memory.known("desk", "guid", None) is None
        assert memory.file_read("/a") is None
        assert memory.feed_read("https://a") == ("", "")


def test_the_file_of_an_older_release_is_read_on(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / FILE)) as file:
        file.executescript("""
            CREATE TABLE log (id TEXT NOT NULL);
            CREATE TABLE items (desk TEXT, guid TEXT, story TEXT, version INTEGER, checksum TEXT, status TEXT,
                PRIMARY KEY (desk, guid, story)) WITHOUT ROWID;
            INSERT INTO log VALUES ('log');
            INSERT INTO items VALUES ('desk', 'guid', 'bridge', 1, 'a', 'usable');
        """)

    with WireMemory(tmp_path, log_id="log") as memory:
        assert memory.known("desk", "guid", "bridge") == FIRST


def test_two_processes_use_it_at_once(tmp_path: Path) -> None:
    with WireMemory(tmp_path, log_id="log") as one, WireMemory(tmp_path, log_id="log") as other:
        one.learn("desk", "guid", FIRST)
        one.save()
        other.learn("desk", "guid", SECOND)
        other.save()

        assert one.known("desk", "guid", "bridge") == SECOND
