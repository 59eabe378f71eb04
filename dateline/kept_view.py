"""A view as commands work with it: any is brought up to date, waited for, fed and built anew in one way.

Heavy modules are imported where they are used, and a view that a command does not ask for is never opened.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from functools import cached_property
from typing import TYPE_CHECKING

from dateline.errors import DatelineError, LogChanged, StoreBroken, Unconfirmed
from dateline.log.base import how_changed, partitions_in
from dateline.log.partitioner import partition_of
from schemas.topics import EVENTS_TOPIC

if TYPE_CHECKING:
    from consumers.generations import Generations
    from consumers.parking import OnParked
    from consumers.runner import OnStopped, Runner
    from consumers.timeline.answers import ViewPosition
    from consumers.timeline.signs import Sign
    from consumers.view import Parked, View
    from dateline.deployment import Deployment

PATIENCE = 30.0
"""Seconds that a command waits for its view; on a large log that was never read it takes the view longer."""

_SOON = 2.0
"""Seconds after which a user who waits is told why."""

_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.002, 0.1
"""Seconds between two looks at what consumers have done: few at first, when a user waits for one event."""


class KeptView(ABC):
    """A view of a deployment, wherever it is kept.

    Attributes:
        name: What commands call it.
        noun: What messages call it.
        file: What it is on disk where it is kept in the data folder, in words.
        waits_for_a_hand: Whether its consumer stays where trying again will not help, so that those beside it go on.
    """

    name: str
    noun: str
    file: str
    waits_for_a_hand = False

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment

    @property
    @abstractmethod
    def shown(self) -> str:
        """Where it is kept, without secrets."""

    def size_bytes(self) -> int | None:
        """Return how much disk it takes, None where that takes long to find."""
        return None

    def signs(self, partitions: int) -> Mapping[int, Sign]:
        """Return what the holder of each of the `partitions` said of itself, none where nobody does."""
        return {}

    @property
    @abstractmethod
    def is_here(self) -> bool:
        """Whether it is kept in the data folder."""

    @property
    @abstractmethod
    def turn(self) -> str:
        """The name under which one replay, rollback or drop of it keeps others out."""

    def warm_up(self) -> None:  # noqa: B027  # most views need nothing
        """Have started what takes a while to start."""

    @abstractmethod
    def view(self) -> View:
        """Return what the runner feeds."""

    def signed_view(self) -> View:
        """Return the same for who feeds it for long, and lets others know."""
        return self.view()

    def failed(self, error: Exception) -> None:  # noqa: B027  # as above
        """Let others know what went wrong for who feeds it."""

    @abstractmethod
    def generations(self) -> Generations:
        """Return its generations, of which one is read."""

    @abstractmethod
    def positions(self, *, partitions: int | None = None) -> Sequence[ViewPosition]:
        """Return how far it is in each partition that it has.

        Args:
            partitions: How many there are, where that is known already.
        """

    @cached_property
    def partitions(self) -> int:
        """How many partitions the events have. Where consumers feed the view it knows, so that reading needs no broker."""
        seen = None
        if not self._deployment.feeds_itself:
            with suppress(StoreBroken):  # the log knows it too
                seen = self._first_position()
        return (seen and partitions_in(seen.log_id)) or self._deployment.log.partitions(EVENTS_TOPIC)

    def before(self) -> str:
        """Return what goes before the name of one of its generations, where only the timeline's need none."""
        return f"{self.name} "

    def is_built(self) -> bool:
        """Whether there is anything of it, whole or damaged."""
        try:
            return bool(self.positions())
        except DatelineError:
            return True

    def forget(self) -> None:
        """Forget what was found out; its store or the log may be another one."""
        self.__dict__.pop("partitions", None)

    def home(self, story: str) -> int:
        """Return the partition of a story."""
        return partition_of(story.encode(), self.partitions)

    def runner(
        self, view: View | None = None, *, on_stopped: OnStopped | None = None, on_parked: OnParked | None = None
    ) -> Runner:
        """Return a runner of the view, or of another form of it; the caller closes it.

        Args:
            on_stopped, on_parked: As the runner takes them.

        Raises:
            Refused: What keeps the view may lose some of it, or the schema registry holds other schemas.
        """
        from consumers.runner import Runner
        from schemas.codec import committed_codec

        self._check_store()
        self._deployment.check_registry()
        view, codec = view or self.view(), committed_codec()
        return Runner(self._deployment.log, view, topic=EVENTS_TOPIC, codec=codec, on_stopped=on_stopped, on_parked=on_parked)

    def catch_up(self, *, timeout: float = PATIENCE) -> None:
        """Before reading: bring the view up to the end of the log, or wait for whoever is doing it; lift embargoes that are over.

        Where consumers feed the view, what they have made of it is what there is to read.

        Raises:
            Unconfirmed: The time was up first.
        """
        if not self._deployment.feeds_itself:
            return
        deadline = time.monotonic() + timeout
        self._catch_up_once(deadline)
        while self._has_news():
            self._catch_up_once(deadline)

    def check(self) -> None:
        """Before writing: see that the view is this log's, so that what it says of stories is so.

        Raises:
            LogChanged: It was built from another one; nothing was written.
        """
        if self._deployment.feeds_itself:
            return  # who feeds it looks
        log = self._deployment.log
        seen, log_id = self._first_position(), log.id(EVENTS_TOPIC)
        if seen is not None and seen.log_id != log_id:
            raise LogChanged(
                f"LOG_CHANGED: the {self.noun} was built from log {seen.log_id}, and {log.url} is log {log_id}; nothing was "
                f"written. {how_changed(seen.log_id, log_id, view=self.name)}",
                view=self.name,
            )

    def confirm(self, *, timeout: float = PATIENCE) -> None:
        """After writing: see that the view has come to where the log ends now, as `catch_up` does, or by waiting for consumers.

        Raises:
            Unconfirmed: The time was up first.
        """
        if self._deployment.feeds_itself:
            self.catch_up(timeout=timeout)
            return
        self.check()
        ends = self._deployment.log.end_offsets(EVENTS_TOPIC)
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
                self._deployment.notify("Waiting for a consumer …")
            time.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE)

    def partitions_past(self, ends: Mapping[int, int]) -> set[int]:
        """Return the partitions whose view has seen all that lies before `ends`."""
        return {partition for partition, offset in self._offsets().items() if offset >= ends.get(partition, 0)}

    def is_behind(self) -> bool:
        """Tell whether the log holds what the view has not seen."""
        return not self._is_current(self._deployment.log.end_offsets(EVENTS_TOPIC))

    def bring_up(self, *, timeout: float) -> None:
        """Bring the view up to the log's end, or wait for whoever is doing it; what embargoes are over is somebody else's affair.

        Raises:
            Unconfirmed: The time was up first.
        """
        self._catch_up_once(time.monotonic() + timeout)

    def advise(self, error: LogChanged) -> LogChanged:
        """Return the error with what else can be done about it, if there is anything."""
        return error

    def check_room(self, generations: Generations) -> None:
        """Refuse where a second generation would not fit.

        Raises:
            Refused: It says how much is missing.
        """
        self._check_store_room(generations)
        if self.is_here:
            from dateline.room import check_disk

            check_disk(self._deployment.settings.data_folder, generations.size_bytes("live"), what=self.file)

    def fullness(self) -> str:
        """Return in words that its store is full, and what to do."""
        return f"The {self.noun} at {self.shown} has no room left. Make some"

    def _check_store(self) -> None:  # noqa: B027  # as above
        """Refuse a store that may lose some of the view."""

    def _check_store_room(self, generations: Generations) -> None:  # noqa: B027  # as above
        """Refuse where the store has no room for a second generation."""

    def _has_news(self) -> bool:
        """Whether something was written meanwhile that the view has to see too."""
        return False

    def _first_position(self) -> ViewPosition | None:
        """Return how far the view is in its first partition, which each view has."""
        return next(iter(self.positions(partitions=1)), None)

    def _has_passed(self, ends: Mapping[int, int]) -> bool:
        seen = self._offsets()
        return all(end == 0 or seen.get(p, 0) >= end for p, end in ends.items())

    def _offsets(self) -> dict[int, int]:
        """Return how far the view is in each partition where it is this log's."""
        log_id = self._deployment.log.id(EVENTS_TOPIC)
        return {one.partition: one.offset for one in self.positions() if one.log_id == log_id}

    def _catch_up_once(self, deadline: float) -> None:
        ends = self._deployment.log.end_offsets(EVENTS_TOPIC)
        if self._is_current(ends):
            return
        with closing(self.runner(on_parked=self._tell_parked)) as runner:
            reached = runner.run_until(ends, deadline=min(deadline, time.monotonic() + _SOON))
            if not reached:
                self._deployment.notify(f"Waiting for the process that holds the {self.noun} to come to the end of the log …")
                reached = runner.run_until(ends, deadline=deadline)
        if not reached:
            raise Unconfirmed(
                f"The {self.noun} has not come to the end of the log in time: another process holds it and is slow or "
                "stopped. See: dateline status"
            )

    def _tell_parked(self, _partition: int, story: str, parked: Parked | None) -> None:
        if parked is not None:
            told = f"Story {story!r} is parked, and others go on: {parked.error} See: dateline parked show {story}"
            self._deployment.notify(told)

    def _is_current(self, ends: Mapping[int, int]) -> bool:
        from consumers.story import FOLD_VERSION

        fits = {"log_id": self._deployment.log.id(EVENTS_TOPIC), "fold_version": FOLD_VERSION}
        found = {one.partition: one for one in self.positions()}
        if any(getattr(one, name) != value for one in found.values() for name, value in fits.items()):
            return False
        return all((found[p].offset if p in found else 0) == end for p, end in ends.items())
