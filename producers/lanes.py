"""Urgency lanes: what cannot wait overtakes routine copy in a queue, and no story's order is broken.

In the fast lane goes an urgent event with all that its story has queued before it: a correction means nothing ahead of what it
corrects. All else follows in the slow one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

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


Q = TypeVar("Q", bound=Queued)


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
