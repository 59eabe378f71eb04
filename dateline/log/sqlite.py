"""A log in one SQLite file: several threads and processes of one host append to it and tail it."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple
from uuid import uuid5

from typing_extensions import override

from dateline.errors import LogUnavailable, Refused
from dateline.log.base import Batch, Log, Member, NewRecord, Position, check_group, check_new
from dateline.log.sqlite_file import LogFile
from dateline.log.sqlite_member import SQLiteMember
from dateline.log.sqlite_reader import Reader
from dateline.log.sqlite_writer import Writer

_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,100}")


class _Topic(NamedTuple):
    """A topic; its number is 0 where it is not there and cannot be made, on a read-only disk."""

    number: int
    partitions: int


class SQLiteLog(Log):
    """Readers are lent to one thread at a time and kept for the next; one writer serves them all."""

    def __init__(self, path: Path, *, partitions: int = 4, busy_timeout: float = 10.0) -> None:
        """Open the log at `path`.

        Args:
            partitions: How many a topic gets when it is first used.
            busy_timeout: Seconds to wait for another process that writes.

        Raises:
            LogUnreadable: What is there is no log, or one of a newer release.
            LogUnavailable: The file can neither be read nor made.
        """
        self._file = LogFile(path, busy_timeout=busy_timeout)
        self._new_topic_partitions = partitions
        self._topics: dict[str, _Topic] = {}
        self._readers: deque[Reader] = deque()
        self._members: set[SQLiteMember] = set()
        self._writer = Writer(self._file)
        self._closed = False

    @property
    @override
    def url(self) -> str:
        return f"sqlite:///{self._file.path}"

    @override
    def id(self, topic: str) -> str:
        self._check_open()
        self._file.check_in_place()
        return str(uuid5(self._file.id, topic))

    @override
    def partitions(self, topic: str) -> int:
        return self._topic(topic).partitions

    @override
    def append(self, topic: str, records: Sequence[NewRecord]) -> Sequence[Position]:
        number, partitions = self._topic(topic)
        check_new(records, partitions=partitions)
        if not records:
            return []
        if not number:
            raise LogUnavailable(f"The log {self._file.path} has no topic {topic!r} and is read-only here; nothing was written.")
        return self._writer.append(number, records, partitions=partitions)

    @override
    def begin_offsets(self, topic: str) -> Mapping[int, int]:
        with self._reader() as reader:
            return reader.begins(*self._topic(topic))

    @override
    def end_offsets(self, topic: str) -> Mapping[int, int]:
        with self._reader() as reader:
            return reader.ends(*self._topic(topic))

    @override
    def size_bytes(self, topic: str) -> int | None:
        return self._file.size_bytes()

    @override
    def read(self, topic: str, partition: int, offset: int, *, limit: int = 1000) -> Batch:
        with self._reader() as reader:
            return reader.page(self._topic(topic).number, partition, offset, limit)

    @override
    def join(self, topic: str, *, group: str) -> Member:
        check_group(group)
        self._topic(topic)
        lock = self._file.beside(f".{topic}.{group}.lock")
        member = SQLiteMember(self._file, partial(self._topic, topic), lock=lock, on_close=self._members.discard)
        self._members.add(member)
        return member

    @override
    def close(self) -> None:
        self._closed = True
        for member in tuple(self._members):
            member.close()
        self._close_readers()
        self._writer.close()

    def _topic(self, name: str) -> _Topic:
        """Look the topic up, and make it where it is not there."""
        self._check_open()
        if name in self._topics:
            return self._topics[name]
        if not _TOPIC.fullmatch(name):
            raise Refused(f"{name!r} is no name for a topic. Use letters, digits, dots, hyphens and underscores, 100 at most.")
        with self._reader() as reader:
            found = reader.topic(name)
            if found is None and self._writer.make_topic(name, partitions=self._new_topic_partitions):
                found = reader.topic(name)
        if found is None:
            return _Topic(0, self._new_topic_partitions)
        return self._topics.setdefault(name, _Topic(*found))

    def _check_open(self) -> None:
        if self._closed:
            raise self._file.closed()

    @contextmanager
    def _reader(self) -> Iterator[Reader]:
        """Lend a reader that no other thread uses."""
        self._check_open()
        try:
            reader = self._readers.pop()
        except IndexError:
            reader = Reader(self._file)
        try:
            yield reader
        finally:
            self._readers.append(reader)
            if self._closed:
                self._close_readers()

    def _close_readers(self) -> None:
        while self._readers:
            with suppress(IndexError):  # another thread took the last
                self._readers.pop().close()
