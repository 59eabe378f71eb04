"""Puts the parts together, as the settings say: what a command works with. Each part is opened when it is first asked for."""

from __future__ import annotations

import time
from contextlib import ExitStack
from datetime import datetime
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Self

from dateline.clock import now
from dateline.errors import DatelineError, LogUnavailable
from dateline.log import open_log
from dateline.log.base import Log
from dateline.private_redis import PrivateRedis
from dateline.settings import Settings
from schemas.topics import EVENTS_TOPIC

if TYPE_CHECKING:
    from consumers.runner import Runner
    from consumers.timeline.reader import TimelineReader
    from dateline.redis_store import Store
    from producers.desk import Desk

CLOCK_DESK = "clock"
PATIENCE = 30.0
"""Seconds that a command waits for its view; on a large log that was never read it takes the view longer."""


class Unconfirmed(DatelineError):
    """What was written has no verdict yet, or a view has not come so far: no consumer in time."""

    retriable = True
    exit_code = 4


class Deployment:
    """A log, Redis, and the view between them.

    Heavy modules are imported where they are used, so that a command pays only for what it does.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._open = ExitStack()
        self._private: PrivateRedis | None = None
        self._lifted: set[tuple[str, str, datetime]] = set()

    def warm_up(self) -> None:
        """Have the private redis-server started, so that it starts while this process imports what it needs."""
        if self.settings.is_embedded and self._private is None:
            self._private = PrivateRedis(self.settings.data_folder)
            self._open.callback(self._private.close)
            self._private.start()

    @cached_property
    def log(self) -> Log:
        folder = self.settings.data_folder
        if not self.settings.log:
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                what = f"Cannot use the data folder {folder} ({error.strerror})"
                raise LogUnavailable(f"{what}; nothing was written. Name another with --data or DATELINE_DATA.") from error
        return self._open.enter_context(open_log(self.settings.log_url))

    @cached_property
    def partitions(self) -> int:
        return self.log.partitions(EVENTS_TOPIC)

    @cached_property
    def store(self) -> Store:
        self.warm_up()
        from dateline.redis_store import Store

        return Store(self.settings.redis if self._private is None else self._private.wait())

    @cached_property
    def reader(self) -> TimelineReader:
        from consumers.timeline.reader import TimelineReader

        return TimelineReader(self.store, partitions=self.partitions)

    def reconnect(self) -> None:
        """Let go of Redis; whoever asks next gets it anew, and a private redis-server that died is started again."""
        self.__dict__.pop("reader", None)
        store: Store | None = self.__dict__.pop("store", None)
        if store is not None:
            store.close()

    def desk(self, name: str | None = None) -> Desk:
        """Return a desk that writes to this log; `DATELINE_DESK` unless `name` is given."""
        from producers.desk import Desk

        return Desk(self.log, name=name or self.settings.desk)

    def runner(self) -> Runner:
        """Return a runner of the timeline; the caller closes it."""
        from consumers.runner import Runner
        from consumers.timeline.view import TimelineView
        from schemas.codec import committed_codec

        return Runner(self.log, TimelineView(self.store), topic=EVENTS_TOPIC, codec=committed_codec())

    def catch_up(self, *, timeout: float = PATIENCE) -> None:
        """Bring the view up to the end of the log, or wait for whoever is doing it; embargoes that are over are lifted.

        Raises:
            Unconfirmed: The time was up first.
        """
        deadline = time.monotonic() + timeout
        self._catch_up_once(deadline)
        while self.lift_due_embargoes():
            self._catch_up_once(deadline)

    def lift_due_embargoes(self) -> int:
        """Say once of each embargo that is over that it is lifted; return how many.

        A second process may say it too: that is one event. The view shows it as due until it has seen the event.
        """
        moment = now()
        due = set(self.reader.due_embargoes(int(moment.timestamp() * 1_000_000)))
        self._lifted &= due
        unsaid = due - self._lifted
        for story, update, until in sorted(unsaid):
            key = f"lift {update} {until.isoformat()}"
            self.desk(CLOCK_DESK).lift_embargo(story, update, until=until, occurred_at=moment, idempotency_key=key)
            self._lifted.add((story, update, until))
        return len(unsaid)

    def _catch_up_once(self, deadline: float) -> None:
        ends = self.log.end_offsets(EVENTS_TOPIC)
        log_id = self.log.id(EVENTS_TOPIC)
        positions = {one.partition: (one.log_id, one.offset) for one in self.reader.positions()}
        if all(positions.get(partition, (log_id, 0)) == (log_id, end) for partition, end in ends.items()):
            return
        runner = self.runner()
        try:
            reached = runner.run_until(ends, deadline=deadline)
        finally:
            runner.close()
        if not reached:
            raise Unconfirmed(
                "The timeline view has not come to the end of the log in time: another process holds it and is slow or stopped. "
                "See: dateline status"
            )

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
