"""The search index on OpenSearch."""

from __future__ import annotations

from collections.abc import Sequence

from typing_extensions import override

from consumers.generations import Generations, Pointer
from consumers.search.answers import SearchReader
from consumers.search.index import IndexAudit, SearchIndex
from consumers.search.opensearch import names
from consumers.search.opensearch.audit import audit
from consumers.search.opensearch.cursors import Placed, read_cursors
from consumers.search.opensearch.generations import OpenSearchGenerations, size_of
from consumers.search.opensearch.reader import OpenSearchReader
from consumers.search.opensearch.server import Server
from consumers.search.opensearch.view import OpenSearchView
from consumers.timeline.answers import ViewPosition
from consumers.view import View
from dateline.log.base import Log
from schemas.codec import Codec


class OpenSearchIndex(SearchIndex):
    """All indices of ours on one OpenSearch."""

    def __init__(self, url: str) -> None:
        """Connect to nothing yet.

        Raises:
            Refused: The driver is not installed; the message says how to get it.
        """
        self._server = Server(url)
        self.group = "search"
        self.shown = self._server.shown

    @override
    def view(self, pointer: Pointer = "live") -> View:
        return OpenSearchView(self._server, pointer=pointer, new="" if pointer == "live" else "none")

    @override
    def generations(self, *, partitions: int) -> Generations:
        return OpenSearchGenerations(self._server, partitions=partitions)

    @override
    def reader(self) -> SearchReader:
        return OpenSearchReader(self._server)

    @override
    def positions(self, *, partitions: int, pointer: Pointer = "live") -> Sequence[ViewPosition]:
        found = read_cursors(self._server, pointer, range(partitions))
        return [_position(found[p]) for p in sorted(found)]

    @override
    def audit(self, log: Log, *, topic: str, codec: Codec) -> IndexAudit:
        return audit(self._server, log, topic=topic, codec=codec)

    @override
    def size_bytes(self) -> int:
        return size_of(self._server, f"{names.BASE}-*")

    @override
    def close(self) -> None:
        self._server.close()


def _position(placed: Placed) -> ViewPosition:
    at = placed.at
    return ViewPosition(
        at.partition,
        placed.generation,
        at.offset,
        at.log_id,
        at.fold_version,
        at.homeless,
        at.undecodable,
        at.made_at,
        at.stories,
        at.problems,
        len(at.parked),
        at.first,
        token=at.token,
    )
