"""Puts the parts together, as the settings say: what a command works with. Each part is opened when it is first asked for."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from datetime import datetime
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Self

from dateline.clock import now
from dateline.errors import DatelineError, LogChanged, LogUnavailable, MaybeWritten, Refused
from dateline.log import open_log
from dateline.log.base import Log, how_changed, partitions_in
from dateline.log.partitioner import partition_of
from dateline.private_redis import PrivateRedis
from dateline.settings import Settings, make_data_folder
from schemas.times import to_us
from schemas.topics import EVENTS_TOPIC

if TYPE_CHECKING:
    from consumers.generations import Generations
    from consumers.parking import OnParked
    from consumers.runner import OnStopped, Runner
    from consumers.search.answers import SearchReader
    from consumers.search.index import SearchIndex
    from consumers.timeline.answers import ViewPosition
    from consumers.timeline.reader import TimelineReader
    from consumers.view import Parked, View
    from dateline.redis_store import Store
    from producers.desk import Desk, Receipt

CLOCK_DESK = "clock"
PATIENCE = 30.0
"""Seconds that a command waits for its view; on a large log that was never read it takes the view longer."""

_SOON = 2.0
"""Seconds after which a user who waits is told why."""

_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.002, 0.1
"""Seconds between two looks at what consumers have done: few at first, when a user waits for one event."""


class Unconfirmed(DatelineError):
    """What was written has no verdict yet, or a view has not come so far: no consumer in time."""

    retriable = True
    exit_code = 4


class Deployment:
    """A log, Redis, and the view between them.

    Heavy modules are imported where they are used, so that a command pays only for what it does.

    Attributes:
        notify: Told what a user should know while something takes long or went wrong on the way.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._open = ExitStack()
        self._private: PrivateRedis | None = None
        self._lifted: set[tuple[str, str, datetime]] = set()
        self._registry_checked = not settings.registry
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

        return CheckedLog(log, self._check_registry)

    @cached_property
    def partitions(self) -> int:
        """How many partitions the events have. Where consumers feed the view it knows, so that reading needs no broker."""
        seen = None if self.feeds_itself else self._position_of_view()
        return (seen and partitions_in(seen.log_id)) or self.log.partitions(EVENTS_TOPIC)

    def _position_of_view(self) -> ViewPosition | None:
        """Return how far the view is in its first partition, which each view has."""
        from consumers.timeline.reader import TimelineReader

        return next(iter(TimelineReader(self.store, partitions=1).positions()), None)

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
            from consumers.search.opensearch import OpenSearchIndex

            return OpenSearchIndex(self.settings.search)
        from consumers.search.fts5 import Fts5Index

        make_data_folder(self.settings.data_folder)
        return Fts5Index(self.settings.data_folder)

    @cached_property
    def search_reader(self) -> SearchReader:
        return self.search_index.reader()

    def reconnect(self) -> None:
        """Let go of all stores and the log; who asks next gets them anew, a private redis-server that died is started again."""
        for name in ("reader", "partitions"):
            self.__dict__.pop(name, None)
        for name in ("search_reader", "search_index", "store", "log"):
            opened = self.__dict__.pop(name, None)
            if opened is not None:
                opened.close()

    def desk(self, name: str | None = None) -> Desk:
        """Return a desk that writes to this log; `DATELINE_DESK` unless `name` is given."""
        from producers.desk import Desk

        return Desk(self.log, name=name or self.settings.desk)

    def runner(
        self, view: View | None = None, *, on_stopped: OnStopped | None = None, on_parked: OnParked | None = None
    ) -> Runner:
        """Return a runner of the timeline, or of another view; the caller closes it.

        Args:
            on_stopped, on_parked: As the runner takes them.

        Raises:
            Refused: Redis may forget keys when its memory is full, or the schema registry holds other schemas.
        """
        from consumers.runner import Runner
        from consumers.timeline.view import TimelineView
        from schemas.codec import committed_codec

        self._refuse_forgetful_redis()
        self._check_registry()
        view = view or TimelineView(self.store)
        return Runner(self.log, view, topic=EVENTS_TOPIC, codec=committed_codec(), on_stopped=on_stopped, on_parked=on_parked)

    def generations(self) -> Generations:
        """Return the timeline's generations."""
        from consumers.timeline.generations import TimelineGenerations

        return TimelineGenerations(self.store, partitions=self.partitions)

    def home(self, story: str) -> int:
        """Return the partition of a story."""
        return partition_of(story.encode(), self.partitions)

    def _check_registry(self) -> None:
        if not self._registry_checked:
            from dateline.registry import check_at_start

            check_at_start(self.settings.registry, notify=self.notify)
            self._registry_checked = True

    def _refuse_forgetful_redis(self) -> None:
        if self.settings.is_embedded:
            return
        _, policy = self.store.memory()
        if policy != "noeviction":
            raise Refused(
                f"Redis at {self.store.shown} forgets keys when its memory is full (maxmemory-policy {policy}), which would "
                "tear holes into what readers see. Set it to noeviction."
            )

    @property
    def feeds_itself(self) -> bool:
        """Whether any command may feed the view and be the clock: where the log is one file.

        Elsewhere a command has no business in a consumer group, and a machine's wrong clock must not end an embargo.
        """
        return self.settings.log_url.startswith("sqlite:")

    def catch_up(self, *, timeout: float = PATIENCE) -> None:
        """Before reading: bring the view up to the end of the log, or wait for whoever is doing it; lift embargoes that are over.

        Where consumers feed the view, what they have made of it is what there is to read.

        Raises:
            Unconfirmed: The time was up first.
        """
        if not self.feeds_itself:
            return
        deadline = time.monotonic() + timeout
        self._catch_up_once(deadline)
        while self._try_to_lift():
            self._catch_up_once(deadline)

    def check_view(self) -> None:
        """Before writing: see that the view is this log's, so that what it says of stories is so.

        Raises:
            LogChanged: It was built from another one; nothing was written.
        """
        if self.feeds_itself:
            return  # who feeds it looks
        seen, log_id = self._position_of_view(), self.log.id(EVENTS_TOPIC)
        if seen is not None and seen.log_id != log_id:
            raise LogChanged(
                f"LOG_CHANGED: the timeline was built from log {seen.log_id}, and {self.log.url} is log {log_id}; nothing was "
                f"written. {how_changed(seen.log_id, log_id)}"
            )

    def confirm(self, *, timeout: float = PATIENCE) -> None:
        """After writing: see that the view has come to where the log ends now, as `catch_up` does, or by waiting for consumers.

        Raises:
            Unconfirmed: The time was up first.
        """
        if self.feeds_itself:
            self.catch_up(timeout=timeout)
            return
        self.check_view()
        ends = self.log.end_offsets(EVENTS_TOPIC)
        self.wait_until(lambda: self._has_passed(ends), timeout=timeout)

    def wait_until(self, condition: Callable[[], bool], *, timeout: float) -> None:
        """Wait for what consumers do, and tell a user who waits for long.

        Raises:
            Unconfirmed: The time was up first.
        """
        started = time.monotonic()
        told, pause = False, _SHORTEST_PAUSE
        while not condition():
            waited = time.monotonic() - started
            if waited >= timeout:
                raise Unconfirmed(f"No consumer came so far within {timeout:.0f} s. Is one running? See: dateline status")
            if waited >= _SOON and not told:
                told = True
                self.notify("Waiting for a consumer …")
            time.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE)

    def _has_passed(self, ends: Mapping[int, int]) -> bool:
        seen = self._offsets()
        return all(end == 0 or seen.get(p, 0) >= end for p, end in ends.items())

    def _offsets(self) -> dict[int, int]:
        """Return how far the view is in each partition where it is this log's."""
        log_id = self.log.id(EVENTS_TOPIC)
        return {one.partition: one.offset for one in self.reader.positions() if one.log_id == log_id}

    def _try_to_lift(self) -> int:
        """Lift what is due; a log that cannot be written keeps nobody from reading."""
        try:
            return len(self.lift_due_embargoes())
        except (LogUnavailable, MaybeWritten):
            return 0

    def lift_due_embargoes(self) -> list[Receipt]:
        """Say once of each embargo that is over that it is lifted; return where each event was written.

        A second process may say it too: that is one event. The view shows it as due until it has seen the event.
        """
        moment = now()
        current = self._current_partitions()
        found = self.reader.due_embargoes(to_us(moment))
        due = {one for one in found if self.home(one[0]) in current}
        self._lifted &= due
        unsaid = due - self._lifted
        desk, lifted = self.desk(CLOCK_DESK), []
        for story, update, until in sorted(unsaid):
            key = f"lift {update} {until.isoformat()}"
            lifted.append(desk.lift_embargo(story, update, until=until, occurred_at=moment, idempotency_key=key))
            self._lifted.add((story, update, until))
        return lifted

    def _current_partitions(self) -> set[int]:
        """Return the partitions whose view has seen the whole log: only there is a due embargo known not to be lifted yet."""
        ends = self.log.end_offsets(EVENTS_TOPIC)
        return {partition for partition, offset in self._offsets().items() if offset == ends[partition]}

    def _catch_up_once(self, deadline: float) -> None:
        ends = self.log.end_offsets(EVENTS_TOPIC)
        if self._is_current(ends):
            return
        with closing(self.runner(on_parked=self._tell_parked)) as runner:
            reached = runner.run_until(ends, deadline=min(deadline, time.monotonic() + _SOON))
            if not reached:
                self.notify("Waiting for the process that holds the timeline to come to the end of the log …")
                reached = runner.run_until(ends, deadline=deadline)
        if not reached:
            raise Unconfirmed(
                "The timeline view has not come to the end of the log in time: another process holds it and is slow or stopped. "
                "See: dateline status"
            )

    def _tell_parked(self, _partition: int, story: str, parked: Parked | None) -> None:
        if parked is not None:
            self.notify(f"Story {story!r} is parked, and others go on: {parked.error} See: dateline parked show {story}")

    def _is_current(self, ends: Mapping[int, int]) -> bool:
        from consumers.story import FOLD_VERSION

        fits = {"log_id": self.log.id(EVENTS_TOPIC), "fold_version": FOLD_VERSION}
        found = {one.partition: one for one in self.reader.positions()}
        if any(getattr(one, name) != value for one in found.values() for name, value in fits.items()):
            return False
        return all((found[p].offset if p in found else 0) == end for p, end in ends.items())

    def advise(self, error: LogChanged) -> LogChanged:
        """Return the error with what to do about it on the embedded default, where the view can be thrown away."""
        if not self.settings.is_embedded:
            return error
        dump = self.settings.data_folder / "redis.rdb"
        return LogChanged(f"{error}, or remove {dump} while no dateline command runs; the view is built again.")

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
