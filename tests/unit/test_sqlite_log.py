"""What is the SQLite log's own: its file, its errors, group commit. The laws of a log are in `tests/contract/test_log.py`."""

from __future__ import annotations

import os
import resource
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from dateline.errors import DatelineError, LogUnavailable, LogUnreadable, MaybeWritten, Refused
from dateline.log import open_log
from dateline.log.base import NewRecord, Record
from dateline.log.sqlite import SQLiteLog
from dateline.log.sqlite_file import LogFile

TOPIC = "dateline.events"
NOBODY = 65534


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.db"


@pytest.fixture
def log(path: Path) -> Iterator[SQLiteLog]:
    with SQLiteLog(path) as log:
        yield log


@pytest.fixture
def writers(monkeypatch: pytest.MonkeyPatch) -> list[sqlite3.Connection]:
    """The connections that logs open for writing from now on."""
    opened: list[sqlite3.Connection] = []
    connect = LogFile.connect

    def remember(file: LogFile) -> sqlite3.Connection:
        opened.append(connect(file))
        return opened[-1]

    monkeypatch.setattr(LogFile, "connect", remember)
    return opened


def values(log: SQLiteLog) -> list[bytes | None]:
    return [record.value for partition in range(log.partitions(TOPIC)) for record in log.read(TOPIC, partition, 0).records]


def append(log: SQLiteLog, *values: bytes) -> None:
    log.append(TOPIC, [NewRecord(b"apollo-13", value) for value in values])


def test_a_relative_and_an_absolute_url_name_their_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    for url in ("sqlite:///.dateline/log.db", f"sqlite:///{tmp_path}/other.db"):
        with open_log(url) as log:
            assert log.url == url

    assert (tmp_path / ".dateline/log.db").exists()
    assert (tmp_path / "other.db").exists()


def test_a_url_says_how_many_partitions_a_new_topic_gets_and_an_old_one_keeps_its_own(path: Path) -> None:
    with open_log(f"sqlite:///{path}?partitions=7") as log:
        assert log.partitions("first") == 7

    with open_log(f"sqlite:///{path}?partitions=2") as log:
        assert (log.partitions("first"), log.partitions("second")) == (7, 2)
    with open_log(f"sqlite:///{path}") as log:
        assert (log.partitions("second"), log.partitions("third")) == (2, 4)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("postgres://localhost/log", "Known are sqlite:///"),
        ("log.db", "Known are sqlite:///"),
        ("sqlite://log.db", "names no file"),
        ("sqlite:///", "names no file"),
        ("sqlite:///log.db?partitions=0", "from 1 to 1024"),
        ("sqlite:///log.db?partitions=many", "from 1 to 1024"),
        ("sqlite:///log.db?partition=3", "unknown option 'partition'"),
    ],
)
def test_a_url_that_names_no_log_is_refused(url: str, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        open_log(url)


def test_a_path_may_hold_any_character(tmp_path: Path) -> None:
    path = tmp_path / "a?b=c&d %20#é.db"

    with SQLiteLog(path) as log:
        append(log, b"v")

    assert path.exists()


def test_threads_that_open_a_new_file_at_once_open_one_log(tmp_path: Path) -> None:
    gate = threading.Barrier(8)

    def open_it(place: int) -> str:
        gate.wait()
        with SQLiteLog(tmp_path / f"{place // 8}.db") as log:
            return log.id(TOPIC)

    with ThreadPoolExecutor(8) as threads:
        ids = list(threads.map(open_it, range(20 * 8)))

    assert [len(set(ids[first : first + 8])) for first in range(0, 20 * 8, 8)] == [1] * 20


def test_a_file_that_somebody_else_is_just_making_is_waited_for(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other, ThreadPoolExecutor(1) as threads:
        other.execute("BEGIN IMMEDIATE")
        opening = threads.submit(SQLiteLog, path)
        wait([opening], timeout=0.2)
        waited = not opening.done()
        other.execute("ROLLBACK")

        opening.result().close()

    assert waited


def test_an_empty_file_becomes_a_log(path: Path) -> None:
    path.touch()

    with SQLiteLog(path) as log:
        append(log, b"v")
        assert values(log) == [b"v"]


def test_a_log_made_anew_in_the_same_place_has_another_id(path: Path) -> None:
    with SQLiteLog(path) as log:
        before = log.id(TOPIC)
    path.unlink()

    with SQLiteLog(path) as log:
        assert log.id(TOPIC) != before


def test_a_file_of_a_newer_release_is_refused_with_what_to_do(log: SQLiteLog, path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 2")

    with pytest.raises(LogUnreadable, match=r"made by a newer Dateline \(format 2\); this release reads 1: upgrade"):
        SQLiteLog(path)


def test_an_sqlite_file_of_another_program_is_refused_and_left_alone(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE recipes (name)")
    before = path.read_bytes()

    with pytest.raises(LogUnreadable, match="of another program"):
        SQLiteLog(path)

    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"no", b"no database " * 1000])
def test_a_file_that_is_no_database_is_refused_and_left_alone(path: Path, content: bytes) -> None:
    path.write_bytes(content)

    with pytest.raises(LogUnreadable, match="no log, or is damaged"):
        SQLiteLog(path)

    assert path.read_bytes() == content


def test_a_file_in_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    for path in (tmp_path / "file/log.db", tmp_path / "file/below/log.db"):
        with pytest.raises(LogUnavailable, match="is no folder that can be used"):
            SQLiteLog(path)


def test_a_folder_in_place_of_the_file_is_unavailable(path: Path) -> None:
    path.mkdir()

    with pytest.raises(LogUnavailable, match=r"log\.db cannot be used"):
        SQLiteLog(path)


@pytest.mark.parametrize("name", ["", "a/b", "ü", "x" * 101])
def test_names_that_would_not_do_for_a_file_or_for_kafka_are_refused(log: SQLiteLog, name: str) -> None:
    with pytest.raises(Refused, match="no name for a topic"):
        log.append(name, [NewRecord(b"k", b"v")])
    with pytest.raises(Refused, match="no name for a group"):
        log.join(TOPIC, group=name)


def test_a_full_disk_writes_nothing_and_appending_goes_on_once_there_is_room(
    log: SQLiteLog, writers: list[sqlite3.Connection]
) -> None:
    append(log, b"before")
    pages = writers[0].execute("PRAGMA page_count").fetchone()[0]
    writers[0].execute(f"PRAGMA max_page_count = {pages + 2}")

    with pytest.raises(LogUnavailable, match=r"log\.db cannot be used: its disk is full; nothing was written"):
        append(log, b"small", b"large" * 10_000)

    assert values(log) == [b"before"]
    writers[0].execute("PRAGMA max_page_count = 100000")
    append(log, b"after")
    assert values(log) == [b"before", b"after"]


@contextmanager
def no_file_over(size_bytes: int) -> Iterator[None]:
    """Let the kernel fail every write past `size_bytes`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_write_that_fails_writes_nothing(log: SQLiteLog, path: Path) -> None:
    append(log, b"before")

    with no_file_over(path.with_name("log.db-wal").stat().st_size), pytest.raises(LogUnavailable, match="SQLITE_IOERR_WRITE"):
        append(log, b"lost")

    append(log, b"after")
    assert values(log) == [b"before", b"after"]


def test_a_commit_whose_sync_fails_may_have_been_written(log: SQLiteLog, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class FailsToSync(sqlite3.Connection):
        """A disk whose sync fails cannot be had here, so the driver says so, once."""

        failed = False

        def execute(self, sql: str, *parameters: object) -> sqlite3.Cursor:
            if sql == "COMMIT" and not self.failed:
                self.failed = True
                error = sqlite3.OperationalError("disk I/O error")
                error.sqlite_errorcode, error.sqlite_errorname = sqlite3.SQLITE_IOERR_FSYNC, "SQLITE_IOERR_FSYNC"
                raise error
            return super().execute(sql, *parameters)  # type: ignore[arg-type]  # passed on as it came

    log.partitions(TOPIC)
    connection = sqlite3.connect(path, factory=FailsToSync, isolation_level=None, check_same_thread=False)
    monkeypatch.setattr(LogFile, "connect", lambda _: connection)
    with SQLiteLog(path) as other:
        with pytest.raises(MaybeWritten, match="Sending them again is safe"):
            append(other, b"in doubt")

        append(other, b"after")

    assert values(log) == [b"after"]


def test_a_log_that_another_process_keeps_locked_is_unavailable_and_usable_afterwards(path: Path) -> None:
    with SQLiteLog(path, busy_timeout=0.05) as log, closing(sqlite3.connect(path, isolation_level=None)) as other:
        append(log, b"before")
        other.execute("BEGIN IMMEDIATE")

        with pytest.raises(LogUnavailable, match=r"locked for 0\.05 s; nothing was written"):
            append(log, b"lost")

        assert values(log) == [b"before"], "readers are not in a writer's way"
        other.execute("ROLLBACK")
        append(log, b"after")
        assert values(log) == [b"before", b"after"]


def test_a_damaged_file_is_said_to_be_damaged(path: Path) -> None:
    with SQLiteLog(path) as log:
        append(log, *(b"." * 3000 for _ in range(50)))
    with path.open("r+b") as file:
        file.seek(4 * 4096)
        file.write(b"\xff" * 40 * 4096)

    with SQLiteLog(path) as log, pytest.raises(LogUnreadable, match="damaged"):
        values(log)


def test_a_file_that_was_removed_while_in_use_takes_no_more_records(log: SQLiteLog, path: Path) -> None:
    append(log, b"v")
    with log.join(TOPIC, group="readers") as member:
        path.unlink()

        with pytest.raises(LogUnavailable, match="moved or removed"):
            append(log, b"lost")
        with pytest.raises(LogUnavailable, match="moved or removed"):
            member.poll()


@pytest.mark.parametrize(
    "use",
    [
        lambda log: append(log, b"v"),
        lambda log: log.read(TOPIC, 0, 0),
        lambda log: log.end_offsets(TOPIC),
        lambda log: log.partitions("another"),
        lambda log: log.id(TOPIC),
        lambda log: log.join(TOPIC, group="readers"),
    ],
)
def test_a_closed_log_says_that_it_was_closed(log: SQLiteLog, use: Callable[[SQLiteLog], object]) -> None:
    append(log, b"v")
    member = log.join(TOPIC, group="readers")
    log.close()
    log.close()

    with pytest.raises(Refused, match=r"log\.db was closed"):
        use(log)
    with pytest.raises(Refused, match=r"log\.db was closed"):
        member.poll()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may read (pytest's own are closed to others)."""
    with TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@contextmanager
def without_rights(folder: Path) -> Iterator[None]:
    """Use `folder` as somebody who may only read it; root may do all, so root becomes nobody for a while."""
    if os.geteuid() == 0:
        for path in filter(Path.is_file, folder.iterdir()):
            path.chmod(0o644)  # a log is its owner's only
        os.seteuid(NOBODY)
        try:
            yield
        finally:
            os.seteuid(0)
        return
    for path in (*folder.iterdir(), folder):
        path.chmod(0o555 if path == folder else 0o444)
    try:
        yield
    finally:
        folder.chmod(0o755)
        for path in folder.iterdir():
            path.chmod(0o755 if path.is_dir() else 0o644)


def test_a_log_in_a_read_only_folder_can_be_read_and_refuses_to_be_written(open_folder: Path) -> None:
    with SQLiteLog(open_folder / "log.db") as log:
        append(log, b"1", b"2")
        before = log.id(TOPIC)

    with without_rights(open_folder), SQLiteLog(open_folder / "log.db") as log:
        assert (values(log), log.id(TOPIC)) == ([b"1", b"2"], before)
        assert log.end_offsets("never.used") == {0: 0, 1: 0, 2: 0, 3: 0}
        for topic in (TOPIC, "never.used"):
            with pytest.raises(LogUnavailable, match="nothing was written"):
                log.append(topic, [NewRecord(b"k", b"lost")])
        with pytest.raises(LogUnavailable, match="lock file"):
            log.join(TOPIC, group="readers")


def test_a_log_in_a_folder_that_is_closed_to_us_is_unavailable(open_folder: Path) -> None:
    (open_folder / "closed").mkdir(mode=0o000)

    with without_rights(open_folder), pytest.raises(LogUnavailable, match="Permission denied"):
        SQLiteLog(open_folder / "closed/log.db")


def test_a_group_can_be_joined_in_a_read_only_folder_where_it_was_before(open_folder: Path) -> None:
    with SQLiteLog(open_folder / "log.db") as log, log.join(TOPIC, group="readers"):
        append(log, b"1")

    with without_rights(open_folder), SQLiteLog(open_folder / "log.db") as log, log.join(TOPIC, group="readers") as member:
        for partition in member.assignment():
            member.seek(partition, 0)
        (got,) = member.poll()

    assert [record.value for record in got.records] == [b"1"]


def test_a_reader_in_a_read_only_folder_sees_what_somebody_else_writes_there(open_folder: Path) -> None:
    with SQLiteLog(open_folder / "log.db") as log:
        append(log, b"1")

    def start_reading() -> SQLiteLog:
        with without_rights(open_folder):
            reader = SQLiteLog(open_folder / "log.db")
            assert values(reader) == [b"1"]
            return reader

    with start_reading() as reader, SQLiteLog(open_folder / "log.db") as writer:
        append(writer, b"2")
        with without_rights(open_folder):
            assert values(reader) == [b"1", b"2"]


def test_records_that_a_read_only_copy_cannot_show_are_not_passed_over(open_folder: Path) -> None:
    with SQLiteLog(open_folder / "live.db") as log:
        append(log, b"1")
        for ending in ("", "-wal"):
            (open_folder / f"log.db{ending}").write_bytes((open_folder / f"live.db{ending}").read_bytes())

    with without_rights(open_folder), pytest.raises(LogUnavailable, match="cannot be opened"):
        SQLiteLog(open_folder / "log.db")


def test_appends_that_wait_are_committed_together(log: SQLiteLog, path: Path, writers: list[sqlite3.Connection]) -> None:
    append(log, b"first")
    said: list[str] = []
    writers[0].set_trace_callback(said.append)
    gate = threading.Barrier(17)

    def append_one(number: int) -> None:
        gate.wait()
        append(log, b"%d" % number)

    with ThreadPoolExecutor(16) as threads, closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        done = [threads.submit(append_one, number) for number in range(16)]
        gate.wait()
        other.execute("ROLLBACK")
        for future in done:
            future.result()

    assert sorted(values(log)[1:], key=str) == sorted((b"%d" % number for number in range(16)), key=str)
    assert said.count("COMMIT") < 16


def test_a_batch_lies_whole_and_without_gaps_between_those_of_other_threads(log: SQLiteLog) -> None:
    def append_batch(number: int) -> list[int]:
        return [position.offset for position in log.append(TOPIC, [NewRecord(None, b"%d" % number)] * 10)]

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(append_batch, range(40)))

    assert all(offsets == list(range(offsets[0], offsets[0] + 10)) for offsets in found)
    assert sorted(offset for offsets in found for offset in offsets) == list(range(400))


def test_one_threads_refused_batch_does_not_harm_another(log: SQLiteLog) -> None:
    def append_one(number: int) -> type[DatelineError] | None:
        try:
            log.append(TOPIC, [NewRecord(b"k", b"%d" % number, partition=99 if number % 2 else None)])
        except DatelineError as error:
            return type(error)
        return None

    with ThreadPoolExecutor(8) as threads:
        outcomes = list(threads.map(append_one, range(40)))

    assert outcomes == [None, Refused] * 20
    assert len(values(log)) == 20


def test_a_partition_with_much_to_read_does_not_starve_another(log: SQLiteLog) -> None:
    log.append(TOPIC, [NewRecord(None, b"old", partition=0)] * 1000)
    log.append(TOPIC, [NewRecord(None, b"new", partition=3)])

    with log.join(TOPIC, group="readers") as member:
        for partition in member.assignment():
            member.seek(partition, 0)
        seen: list[Record] = []
        for _ in range(2):
            seen += [record for got in member.poll(limit=5) for record in got.records]

    assert b"new" in [record.value for record in seen]


def test_a_member_that_waits_takes_over_at_once_when_the_holder_leaves(log: SQLiteLog) -> None:
    with (
        log.join(TOPIC, group="readers") as holder,
        log.join(TOPIC, group="readers") as follower,
        ThreadPoolExecutor(1) as threads,
    ):
        polled = threads.submit(follower.poll, timeout=30.0)

        started = time.monotonic()
        holder.close()
        batches = polled.result()

        assert time.monotonic() - started < 0.5
        assert (list(batches), holder.assignment(), len(follower.assignment())) == ([], frozenset(), 4)


HOLD_AND_START_A_PROGRAM = """
import subprocess, sys
from dateline.log import open_log
member = open_log(sys.argv[1]).join("dateline.events", group="readers")
assert member.assignment()
subprocess.Popen([sys.executable, "-c", "print('started', flush=True); input()"], close_fds=False).wait()
"""


def test_a_program_that_the_holder_started_and_that_outlives_it_does_not_keep_the_lock(log: SQLiteLog) -> None:
    command = [sys.executable, "-c", HOLD_AND_START_A_PROGRAM, log.url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"started\n"

        holder.kill()

        with log.join(TOPIC, group="readers") as follower:
            follower.poll(timeout=30.0)
            assert len(follower.assignment()) == 4
        holder.communicate(b"\n")


def test_closing_the_log_ends_a_poll_that_waits(log: SQLiteLog) -> None:
    member = log.join(TOPIC, group="readers")
    with ThreadPoolExecutor(1) as threads:
        polled = threads.submit(member.poll, timeout=30.0)

        log.close()

        with pytest.raises(Refused, match="was closed"):
            polled.result(timeout=5.0)
