"""The log's contract: topics of partitions of records, appended and never changed.

A backend moves bytes and knows no event. Every backend passes `tests/contract/test_log.py` unchanged.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import NamedTuple, Self

from msgspec import Struct, msgpack

from dateline.clock import now_ms
from dateline.errors import Refused

MAX_RECORD_BYTES = 1_048_515
"""The most that key, value and headers of one record may hold together: what a Kafka broker takes by default (1,048,588 bytes
with the frame around a record), so that whatever is in a log fits into another one."""

MAX_AHEAD_MS = 3_600_000
"""How far ahead of this machine's clock a record's timestamp may lie."""

MAX_AGO_MS = 1 << 47
"""How far before 1970 a record's timestamp may lie: beyond every calendar's beginning, within every backend's range."""

Headers = tuple[tuple[str, bytes], ...]

_GROUP = re.compile(r"[a-z0-9-]{1,100}")

_unpack_headers = msgpack.Decoder(Headers).decode


@dataclass(frozen=True, slots=True)
class NewRecord:
    """A record to be appended.

    Attributes:
        timestamp: Milliseconds since 1970 (UTC); None means now. May be in the past, also before 1970.
        partition: Where it goes; None means by the key's murmur2, as Kafka's Java client does it
            (a record without a key then goes to partition 0).
    """

    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    timestamp: int | None = None
    partition: int | None = None

    @property
    def size_bytes(self) -> int:
        headers = sum(len(name.encode()) + len(value) for name, value in self.headers)
        return len(self.key or b"") + len(self.value or b"") + headers


class Record(Struct, frozen=True, gc=False):
    """A record as the log holds it; `offset` rises within a partition and may have gaps.

    Attributes:
        kept_headers: The headers, or the msgpack of them as a backend keeps it: few of those who read want them.
    """

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    kept_headers: Headers | bytes = ()

    @property
    def headers(self) -> Headers:
        kept = self.kept_headers
        return _unpack_headers(kept) if isinstance(kept, bytes) else kept


class Position(NamedTuple):
    """Where a record was written."""

    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one partition in offset order, and the offset to go on from.

    `next_offset` may lie past the last record's offset + 1 (gaps), and a batch may hold no record at all
    when only gaps were stepped over.
    """

    partition: int
    records: Sequence[Record]
    next_offset: int


class Member(ABC):
    """One member of a group that shares a topic's partitions; at most one live member is assigned each.

    A partition that is newly assigned yields nothing until `seek` was called for it.
    Not safe for use by several threads.
    """

    @abstractmethod
    def assignment(self) -> frozenset[int]:
        """Return the partitions that this member holds as of the last `poll` (or of joining)."""

    @abstractmethod
    def seek(self, partition: int, offset: int) -> None:
        """Read `partition` from `offset` on. A partition that is not assigned is ignored."""

    @abstractmethod
    def poll(self, *, limit: int = 500, timeout: float = 0.0) -> Sequence[Batch]:
        """Return the next batches, at most one a partition, none if there is nothing new.

        Args:
            limit: The most records to return, over all batches.
            timeout: Seconds to wait for the first record. Returns early when the assignment changes.

        Raises:
            LogUnavailable: The log cannot be read; nothing was consumed.
        """

    @abstractmethod
    def hint(self, offsets: Mapping[int, int]) -> None:
        """Tell lag tools how far this group is. Only a hint: nothing of ours reads it, and it may be lost."""

    @abstractmethod
    def close(self) -> None:
        """Leave the group, so that another member can take over at once."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class Log(ABC):
    """An append-only store of records. Safe for use by several threads, and by several processes at once."""

    @property
    @abstractmethod
    def url(self) -> str:
        """The address it was opened by, without any secret."""

    @abstractmethod
    def id(self, topic: str) -> str:
        """Return what tells this topic's log from any other, also from one that was made anew in its place.

        Raises:
            LogUnavailable: What was opened is no longer there.
        """

    @abstractmethod
    def partitions(self, topic: str) -> int:
        """Return the topic's partition count, which never changes (a key would move)."""

    @abstractmethod
    def append(self, topic: str, records: Sequence[NewRecord]) -> Sequence[Position]:
        """Append `records`; when it returns, all are durable. Those of one partition keep their order.

        Returns:
            One position a record, in the order given.

        Raises:
            Refused: A record is too large, too far in the future, or names a partition that is not there;
                nothing was written.
            LogUnavailable: Nothing was written.
            MaybeWritten: No answer in time; each record is there whole or not at all.
        """

    @abstractmethod
    def begin_offsets(self, topic: str) -> Mapping[int, int]:
        """Return for each partition the offset of the first record that it holds or will hold."""

    @abstractmethod
    def end_offsets(self, topic: str) -> Mapping[int, int]:
        """Return for each partition the offset that a view's cursor has reached once nothing is left to read."""

    def size_bytes(self, topic: str) -> int | None:
        """Return about how many bytes of disk the topic takes, all copies of it; None where that cannot be known.

        A backend that keeps its topics in one place answers for them all.
        """
        return None

    @abstractmethod
    def read(self, topic: str, partition: int, offset: int, *, limit: int = 1000) -> Batch:
        """Return up to `limit` records from `offset` on, without waiting.

        The batch is empty and its `next_offset` is `offset` when there is nothing more.
        """

    @abstractmethod
    def join(self, topic: str, *, group: str) -> Member:
        """Join `group` on `topic`."""

    @abstractmethod
    def close(self) -> None:
        """Let go of files and connections; the log cannot be used afterwards."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def check_group(name: str) -> None:
    """Refuse what is no name for a group on every backend.

    Raises:
        Refused: It is none.
    """
    if not _GROUP.fullmatch(name):
        raise Refused(f"{name!r} is no name for a group. Use small letters, digits and hyphens.")


def id_of(topic_id: str, partitions: int) -> str:
    """Return the id of a log whose partition count somebody else may change: with another count it is another log."""
    return f"{topic_id}/{partitions}"


def partitions_in(log_id: str) -> int | None:
    """Return the partition count that a log's id holds (`id_of`); None if it holds none."""
    count = log_id.rpartition("/")[2] if "/" in log_id else ""
    return int(count) if count.isascii() and count.isdigit() else None


def how_changed(before: str, now: str, *, view: str = "timeline") -> str:
    """Return in words how a log became another one, and what to do about a view that was built from it, from its two ids."""
    if before.rpartition("/")[0] == now.rpartition("/")[0] and partitions_in(before) and partitions_in(now):
        return (
            f"The topic had {partitions_in(before)} partitions and has {partitions_in(now)}, so its keys lie elsewhere now. Stop "
            "who writes to it, and bring all of it into a new log: dateline log copy --rehome FROM TO"
        )
    return f"Point both settings at what belongs together. If this is the log that readers shall have: dateline replay {view}"


def check_new(records: Sequence[NewRecord], *, partitions: int) -> None:
    """Refuse what no backend may write. Every backend calls it before it writes anything.

    Raises:
        Refused: Says which record, by its place in `records`, and why.
    """
    latest = now_ms() + MAX_AHEAD_MS
    for place, record in enumerate(records):
        if record.size_bytes > MAX_RECORD_BYTES:
            raise Refused(
                f"Record {place} of {len(records)} holds {record.size_bytes:,} bytes; "
                f"a record may hold {MAX_RECORD_BYTES:,}. Split it into several."
            )
        if record.timestamp is not None and not -MAX_AGO_MS <= record.timestamp <= latest:
            raise Refused(
                f"Record {place} of {len(records)} has the timestamp {record.timestamp} ms, which is more than an "
                "hour ahead of this machine's clock or in no calendar. Check both clocks."
            )
        if record.partition is not None and not 0 <= record.partition < partitions:
            raise Refused(
                f"Record {place} of {len(records)} names partition {record.partition}; "
                f"the topic has {partitions} (0 to {partitions - 1})."
            )
