"""A search index, wherever it is kept: what feeds and reads it, its generations, and the proof that it is what the log says."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from msgspec import Struct

from consumers.generations import Generations, Pointer
from consumers.search.answers import SearchReader
from consumers.timeline.answers import ViewPosition
from consumers.view import View
from dateline.log.base import Log
from schemas.codec import Codec


class IndexAudit(Struct, frozen=True):
    """What an audit of an index found.

    Attributes:
        records: Records folded.
        stories: Stories of which there are any.
        updates: Updates that can be found.
        differences: Each in words; empty if the index is what the log says.
    """

    records: int
    stories: int
    updates: int
    differences: Sequence[str]


class SearchIndex(ABC):
    """One index with all its generations. Opened by each process for itself; its parts are made anew by each call.

    Attributes:
        group: The consumer group that feeds it: on one file, its own (it takes all partitions); else one for all processes.
        shown: Where it is, for messages, without secrets.
    """

    group: str
    shown: str

    @abstractmethod
    def view(self, pointer: Pointer = "live") -> View:
        """Return what the runner feeds."""

    @abstractmethod
    def generations(self, *, partitions: int) -> Generations:
        """Return its generations, for replay, rollback and drop."""

    @abstractmethod
    def reader(self) -> SearchReader:
        """Return what reads the live generation."""

    @abstractmethod
    def positions(self, *, partitions: int, pointer: Pointer = "live") -> Sequence[ViewPosition]:
        """Return how far each partition is that there is, without making any.

        Raises:
            StoreUnavailable: The index cannot be reached.
            ContentDamaged: What is there is no index, or is damaged; the message says how to build it anew.
        """

    @abstractmethod
    def audit(self, log: Log, *, topic: str, codec: Codec) -> IndexAudit:
        """Fold the log up to the index's cursor, in memory, and compare with the live generation, key by key.

        Raises:
            StoreUnavailable: It cannot be read, or never stood still for long enough.
        """

    @abstractmethod
    def size_bytes(self) -> int:
        """Return how much disk the whole takes."""

    @abstractmethod
    def close(self) -> None:
        """Let go of it."""
