"""Tailing an SQLite log as a member of a group: one member holds every partition, the others stand by."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from typing_extensions import override

from dateline.errors import LogUnavailable
from dateline.log.base import Batch, Member
from dateline.log.sqlite_file import LogFile
from dateline.log.sqlite_reader import Reader

_BUSY_PAUSE = 0.002
_IDLE_PAUSE = 0.010
_BUSY_FOR = 1.0
"""Seconds after the last news for which a member looks for more at the short pause; after that it slows down."""


class SQLiteMember(Member):
    """Reads with a connection of its own: news is a commit by any other, which SQLite tells in 2 µs."""

    def __init__(
        self,
        file: LogFile,
        topic: Callable[[], tuple[int, int]],
        *,
        lock: Path,
        on_close: Callable[[SQLiteMember], None],
    ) -> None:
        """Join.

        Args:
            topic: Looks up the topic's number and its partition count.
            lock: The group's lock file.
            on_close: Called with this member once it has left.
        """
        self._file = file
        self._topic = topic
        self._on_close = on_close
        self._guard = threading.Lock()  # the log may close a member that another thread uses
        self._closed = False
        self._offsets: dict[int, int] = {}
        self._ends: Mapping[int, int] = {}
        self._version: object = None
        self._first = 0
        self._news_at = time.monotonic()
        self._lock = _GroupLock(lock)
        try:
            self._reader = Reader(file)
        except BaseException:
            self._lock.close()
            raise
        self._lock.take()

    @override
    def assignment(self) -> frozenset[int]:
        return frozenset(range(self._topic()[1])) if self._lock.held else frozenset()

    @override
    def seek(self, partition: int, offset: int) -> None:
        if partition in self.assignment():
            self._offsets[partition] = offset

    @override
    def poll(self, *, limit: int = 500, timeout: float = 0.0) -> Sequence[Batch]:
        self._file.check_in_place()
        deadline = time.monotonic() + timeout
        while True:
            with self._open():
                taken = not self._lock.held and self._lock.take()
                batches = self._next_batches(limit)
            now = time.monotonic()
            if batches:
                self._news_at = now
            if batches or taken or now >= deadline:
                return batches
            time.sleep(min(self._pause(now), deadline - now))

    @override
    def hint(self, offsets: Mapping[int, int]) -> None:
        pass

    @override
    def close(self) -> None:
        with self._guard:
            if not self._closed:
                self._closed = True
                self._reader.close()
                self._lock.close()
        self._on_close(self)

    def _next_batches(self, limit: int) -> Sequence[Batch]:
        """Read on in each partition that has news, each time beginning with another, so that none starves."""
        if not self._offsets:
            return []
        number, partitions = self._topic()
        self._look_for_news(number, partitions)
        batches: list[Batch] = []
        for partition in (*range(self._first, partitions), *range(self._first)):
            offset = self._offsets.get(partition)
            if limit > 0 and offset is not None and offset < self._ends[partition]:
                batches.append(self._reader.page(number, partition, offset, limit))
                limit -= len(batches[-1].records)
        for batch in batches:
            self._offsets[batch.partition] = batch.next_offset
        if batches:
            self._first = (batches[0].partition + 1) % partitions
        return batches

    def _look_for_news(self, number: int, partitions: int) -> None:
        version = self._reader.version()
        if version != self._version:
            self._ends = self._reader.ends(number, partitions)
            self._version = version

    def _pause(self, now: float) -> float:
        idle = (now - self._news_at) / _BUSY_FOR
        return min(_IDLE_PAUSE, max(1.0, idle) * _BUSY_PAUSE)

    @contextmanager
    def _open(self) -> Iterator[None]:
        with self._guard:
            if self._closed:
                raise self._file.closed()
            yield


class _GroupLock:
    """Lets one member of a group read. The file stays: a new one in its place would be another lock.

    A flock and not a record lock (fcntl): it belongs to this one opening of the file, so that two members in one
    process exclude each other too. The kernel drops it with the process, also at kill -9, and a program that the process
    started does not keep it, for Python's descriptors close on exec.
    """

    def __init__(self, path: Path) -> None:
        self.held = False
        try:
            self._file = _open_lock(path)
        except OSError as error:
            raise LogUnavailable(
                f"The group's lock file {path} cannot be opened ({error.strerror}). Check who may write its folder."
            ) from error

    def take(self) -> bool:
        """Take the lock if it is free, and tell whether it is held now."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        self.held = True
        return True

    def close(self) -> None:
        """Let go, also where a forked child still has the file open."""
        if self.held:
            fcntl.flock(self._file, fcntl.LOCK_UN)
        self.held = False
        os.close(self._file)


def _open_lock(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError:
        return os.open(path, os.O_RDONLY)  # on a read-only disk, one that was made before
