"""The search index as commands work with it. Heavy modules are imported where they are used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from typing_extensions import override

from dateline.kept_view import KeptView

if TYPE_CHECKING:
    from consumers.generations import Generations
    from consumers.search.index import SearchIndex
    from consumers.timeline.answers import ViewPosition
    from consumers.view import View


class KeptSearch(KeptView):
    """The search index, in a file or on a server."""

    name = "search"
    noun = "search index"
    file = "the search index"
    waits_for_a_hand = True

    @property
    @override
    def shown(self) -> str:
        return self._deployment.search_index.shown

    @property
    @override
    def is_here(self) -> bool:
        return not self._deployment.settings.search

    @override
    def size_bytes(self) -> int | None:
        return self._deployment.search_index.size_bytes()

    @property
    @override
    def turn(self) -> str:
        return f"replay-{self._fed_index().group}"

    @override
    def view(self) -> View:
        return self._fed_index().view()

    @override
    def generations(self) -> Generations:
        return self._fed_index().generations(partitions=self.partitions)

    @override
    def positions(self, *, partitions: int | None = None) -> Sequence[ViewPosition]:
        return self._deployment.search_index.positions(partitions=partitions or self.partitions)

    @override
    def _is_current(self, ends: Mapping[int, int]) -> bool:
        return self.is_built() and super()._is_current(ends)  # of an empty log too there is an index to ask

    def _fed_index(self) -> SearchIndex:
        """Return the index with the group that feeds it: a file of its own on each machine needs all of a Kafka log."""
        index = self._deployment.search_index
        if self.is_here and not self._deployment.feeds_itself:
            from consumers.search.fts5.index import Fts5Index

            assert isinstance(index, Fts5Index)
            index.group = f"search-{index.id}"
        return index
