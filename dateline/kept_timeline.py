"""The timeline as commands work with it. Heavy modules are imported where they are used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from typing_extensions import override

from dateline.errors import LogChanged, Refused
from dateline.kept_view import KeptView

if TYPE_CHECKING:
    from consumers.generations import Generations
    from consumers.timeline.answers import ViewPosition
    from consumers.timeline.signs import Owner, Sign
    from consumers.view import View


class KeptTimeline(KeptView):
    """The timeline, in Redis."""

    name = noun = "timeline"
    file = "the private Redis's dump"
    turn = "replay"

    @override
    def before(self) -> str:
        return ""

    @property
    @override
    def shown(self) -> str:
        return f"Redis at {self._deployment.store.shown}"

    @property
    @override
    def is_here(self) -> bool:
        return self._deployment.settings.is_embedded

    @override
    def warm_up(self) -> None:
        self._deployment.warm_up()

    @override
    def view(self) -> View:
        from consumers.timeline.view import TimelineView

        return TimelineView(self._deployment.store)

    @cached_property
    def _owner(self) -> Owner:
        from consumers.timeline.signs import Owner

        return Owner()

    @override
    def signed_view(self) -> View:
        from consumers.timeline.signs import SignedView

        return SignedView(self._deployment.store, self._owner)

    @override
    def signs(self, partitions: int) -> Mapping[int, Sign]:
        from consumers.timeline.signs import read_signs

        return read_signs(self._deployment.store, partitions)

    @override
    def failed(self, error: Exception) -> None:
        self._owner.failed(error)

    @override
    def generations(self) -> Generations:
        from consumers.timeline.generations import TimelineGenerations

        return TimelineGenerations(self._deployment.store, partitions=self._deployment.partitions)

    @override
    def positions(self, *, partitions: int | None = None) -> Sequence[ViewPosition]:
        from consumers.timeline.reader import TimelineReader

        deployment = self._deployment
        reader = deployment.reader if partitions is None else TimelineReader(deployment.store, partitions=partitions)
        return reader.positions()

    @override
    def advise(self, error: LogChanged) -> LogChanged:
        if not self.is_here:
            return error
        dump = self._deployment.settings.data_folder / "redis.rdb"
        return LogChanged(f"{error}, or remove {dump} while no dateline command runs; the view is built again.")

    @override
    def fullness(self) -> str:
        store = self._deployment.store
        used_bytes, _ = store.memory()
        most_bytes = used_bytes + (store.room_bytes() or 0)
        told = f"it uses {used_bytes / 1e6:,.1f} MB, and its maxmemory is {most_bytes / 1e6:,.1f} MB"
        return f"Redis at {store.shown} is full: {told}. Raise that"

    @override
    def _has_news(self) -> bool:
        return self._deployment.try_to_lift() > 0

    @override
    def _check_store(self) -> None:
        if self.is_here:
            return
        store = self._deployment.store
        _, policy = store.memory()
        if policy != "noeviction":
            raise Refused(
                f"Redis at {store.shown} forgets keys when its memory is full (maxmemory-policy {policy}), which would "
                "tear holes into what readers see. Set it to noeviction."
            )

    @override
    def _check_store_room(self, generations: Generations) -> None:
        from dateline.room import check_memory

        check_memory(self._deployment.store, generations)
