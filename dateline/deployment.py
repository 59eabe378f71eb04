"""Puts the parts together, as the settings say: what a command works with. Each part is opened when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Self

from dateline.errors import LogUnavailable, MaybeWritten
from dateline.kept_search import KeptSearch
from dateline.kept_timeline import KeptTimeline
from dateline.kept_view import KeptView
from dateline.lifting import Lifting
from dateline.log import open_log
from dateline.log.base import Log
from dateline.private_redis import PrivateRedis
from dateline.settings import Settings, make_data_folder

if TYPE_CHECKING:
    from consumers.search.answers import SearchReader
    from consumers.search.index import SearchIndex
    from consumers.timeline.reader import TimelineReader
    from dateline.redis_store import Store
    from producers.desk import Desk, Receipt


class Deployment:
    """A log, and the views that are built from it.

    Heavy modules are imported where they are used, so that a command pays only for what it does.

    Attributes:
        timeline, search: The views; `views` has them by name.
        notify: Told what a user should know while something takes long or went wrong on the way.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.timeline = KeptTimeline(self)
        self.search = KeptSearch(self)
        self.views: Mapping[str, KeptView] = {view.name: view for view in (self.timeline, self.search)}
        self._open = ExitStack()
        self._private: PrivateRedis | None = None
        self._lifting = Lifting(self)
        self._is_registry_checked = not settings.registry
        self.notify: Callable[[str], None] = lambda text: None

    def warm_up(self) -> None:
        """Have the private redis-server started, so that it starts while this process imports what it needs."""
        if self.settings.is_embedded and self._private is None:
            self._private = PrivateRedis(self.settings.data_folder)
            self._open.callback(self._private.close)
            self._private.start()

    @cached_property
    def log(self) -> Log:
        settings = self.settings
        if not settings.log:
            make_data_folder(settings.data_folder)
        log = open_log(settings.log_url, credentials=settings.credentials, names=settings.data_folder / "members")
        if not settings.registry:
            return log
        from dateline.registry import CheckedLog

        return CheckedLog(log, self.check_registry)

    @property
    def partitions(self) -> int:
        """How many partitions the events have."""
        return self.timeline.partitions

    @cached_property
    def store(self) -> Store:
        self.warm_up()
        from dateline.redis_store import Store

        if self._private is None:
            return Store(self.settings.redis)
        url = self._private.wait()
        if self._private.notice:
            self.notify(self._private.notice)
        return Store(url)

    @cached_property
    def reader(self) -> TimelineReader:
        from consumers.timeline.reader import TimelineReader

        return TimelineReader(self.store, partitions=self.partitions)

    @cached_property
    def search_index(self) -> SearchIndex:
        """The search index that `DATELINE_SEARCH` names."""
        if self.settings.search:
            from consumers.search.opensearch.index import OpenSearchIndex

            return OpenSearchIndex(self.settings.search)
        from consumers.search.fts5.index import Fts5Index

        return Fts5Index(self.settings.data_folder)

    @cached_property
    def search_reader(self) -> SearchReader:
        return self.search_index.reader()

    def named(self, name: str) -> Sequence[KeptView]:
        """Return the view of a name; of `all`, the timeline and every other one that there is."""
        if name != "all":
            return [self.views[name]]
        return [view for view in self.views.values() if view is self.timeline or view.is_built()]

    def reconnect_store(self) -> None:
        """Let go of Redis alone; who asks next gets it anew, and a private redis-server that died is started again."""
        self.__dict__.pop("reader", None)
        store = self.__dict__.pop("store", None)
        if store is not None:
            store.close()

    def reconnect(self) -> None:
        """Let go of all stores and the log; who asks next gets them anew, a private redis-server that died is started again."""
        self.__dict__.pop("reader", None)
        for view in self.views.values():
            view.forget()
        for name in ("search_reader", "search_index", "store", "log"):
            opened = self.__dict__.pop(name, None)
            if opened is not None:
                opened.close()

    def desk(self, name: str | None = None) -> Desk:
        """Return a desk that writes to this log; `DATELINE_DESK` unless `name` is given."""
        from producers.desk import Desk

        return Desk(self.log, name=name or self.settings.desk)

    def home(self, story: str) -> int:
        """Return the partition of a story."""
        return self.timeline.home(story)

    def check_registry(self) -> None:
        """See once that the schema registry, where one is named, holds our schemas.

        Raises:
            Refused: It holds others.
        """
        if not self._is_registry_checked:
            from dateline.registry import check_at_start

            check_at_start(self.settings.registry, notify=self.notify)
            self._is_registry_checked = True

    @property
    def feeds_itself(self) -> bool:
        """Whether any command may feed the views and be the clock: where the log is one file.

        Elsewhere a command has no business in a consumer group, and a machine's wrong clock must not end an embargo.
        """
        return self.settings.log_url.startswith("sqlite:")

    def try_to_lift(self) -> int:
        """Lift what is due, and return how many those were; a log that cannot be written keeps nobody from reading."""
        try:
            return len(self.lift_due_embargoes())
        except (LogUnavailable, MaybeWritten):
            return 0

    def lift_due_embargoes(self, *, is_busy: bool = False) -> list[Receipt]:
        """Say once of each embargo that is over that it is lifted; return where each event was written (`Lifting.lift`)."""
        return self._lifting.lift(is_busy=is_busy)

    def close(self) -> None:
        """Let go of everything; the private redis-server ends if nobody else uses it."""
        try:
            self.reconnect()
        finally:
            self._open.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
