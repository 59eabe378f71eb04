"""Urgency lanes: what cannot wait overtakes routine copy in a queue, and no story's order is broken.

In the fast lane goes an urgent event with all that its story has queued before it: a correction means nothing ahead of what it
corrects. All else follows in the slow one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator
from typing import Generic, Protocol, TypeVar

from schemas.events import EmbargoSet, Event, UpdateCorrected, UpdateKilled, UpdatePublished, UpdateWithheld

FLASH = 2
"""The urgency up to which copy goes before all other copy."""

_URGENT_ACTS = (UpdateCorrected, UpdateKilled, UpdateWithheld, EmbargoSet)
"""What takes words away from readers, or puts them right."""


class Queued(Protocol):
    """What waits in a queue."""

    @property
    def story(self) -> str: ...

    @property
    def is_urgent(self) -> bool: ...


class Parcel(Protocol):
    """What waits in a queue and is sent together: events of one story or of several."""

    @property
    def stories(self) -> Collection[str]: ...

    @property
    def is_urgent(self) -> bool: ...

    def __len__(self) -> int: ...


Q = TypeVar("Q", bound=Queued)
P = TypeVar("P", bound=Parcel)


def is_urgent(event: Event) -> bool:
    """Tell whether an event is a flash, or takes words away from readers, or puts them right."""
    return isinstance(event, _URGENT_ACTS) or (isinstance(event, UpdatePublished) and event.urgency <= FLASH)


def in_lanes(queue: Iterable[Q]) -> Iterator[tuple[int, Q]]:
    """Yield what waits, each with its place in `queue`: the fast lane first, each lane in the order of the queue.

    Args:
        queue: It is gone through three times, so that only the stories with something urgent are held in memory.
    """
    last = {one.story: place for place, one in enumerate(queue) if one.is_urgent}
    for is_fast in (True, False):
        if is_fast and not last:
            continue
        for place, one in enumerate(queue):
            if (place <= last.get(one.story, -1)) == is_fast:
                yield place, one


class Lanes(Generic[P]):
    """A queue in two lanes, to which more comes while it is emptied.

    Args:
        most: Events that are taken at once; a parcel of more is taken by itself.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._fast: deque[P] = deque()
        self._slow: deque[P] = deque()

    def put(self, parcel: P) -> None:
        """Take in a parcel; one that is urgent takes with it whatever its stories have waiting, so that their order is kept."""
        if not parcel.is_urgent:
            self._slow.append(parcel)
            return
        stories, ahead = set(parcel.stories), list[P]()
        for one in reversed(self._slow):  # a parcel of several stories ties them together
            if not stories.isdisjoint(one.stories):
                stories.update(one.stories)
                ahead.append(one)
        for one in ahead:
            self._slow.remove(one)
        self._fast.extend([*reversed(ahead), parcel])

    def take(self) -> list[P]:
        """Return what is sent next: routine copy only once nothing urgent waits, as what is urgent may be of its story."""
        taken: list[P] = []
        size = 0
        for lane in (self._fast, self._slow):
            while lane and (not taken or size + len(lane[0]) <= self._most):
                taken.append(lane.popleft())
                size += len(taken[-1])
            if lane:
                break
        return taken
