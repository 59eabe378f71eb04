"""The search index on SQLite, as the rest of Dateline sees it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from typing_extensions import override

from consumers.generations import Generations, Pointer
from consumers.search.answers import SearchReader
from consumers.search.fts5.audit import audit
from consumers.search.fts5.files import Files, size_bytes
from consumers.search.fts5.generations import Fts5Generations
from consumers.search.fts5.reader import Fts5Reader
from consumers.search.fts5.standing import standing
from consumers.search.fts5.view import Fts5View
from consumers.search.index import IndexAudit, SearchIndex
from consumers.timeline.answers import ViewPosition
from consumers.view import View
from dateline.log.base import Log
from schemas.codec import Codec


class Fts5Index(SearchIndex):
    """An index in the files `search.db` and `search-g1.db` … of a folder; nothing is made before something is claimed."""

    def __init__(self, folder: Path, *, group: str = "search") -> None:
        """Open nothing yet.

        Args:
            group: The consumer group; where several indexes are fed from one log, one for each (see `id`).
        """
        self._files = Files(folder)
        self.group = group
        self.shown = str(self._files.path)

    @property
    def id(self) -> str:
        """What tells this index from any other; made with it if it is not there."""
        return self._files.id()

    @override
    def view(self, pointer: Pointer = "live") -> View:
        return Fts5View(self._files, group=self.group, pointer=pointer, new="" if pointer == "live" else "none")

    @override
    def generations(self, *, partitions: int) -> Generations:
        return Fts5Generations(self._files, group=self.group, partitions=partitions)

    @override
    def reader(self) -> SearchReader:
        return Fts5Reader(self._files)

    @override
    def positions(self, *, partitions: int, pointer: Pointer = "live") -> Sequence[ViewPosition]:
        return standing(self._files, pointer)

    @override
    def audit(self, log: Log, *, topic: str, codec: Codec) -> IndexAudit:
        return audit(self._files, log, topic=topic, codec=codec)

    @override
    def size_bytes(self) -> int:
        return size_bytes(self._files.path) + sum(size_bytes(path) for path in self._files.folder.glob("search-g*.db"))

    @override
    def close(self) -> None:
        pass
