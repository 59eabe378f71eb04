"""The clock: says of each embargo that is over that it is lifted, once in effect, whoever else says so or has died meanwhile.

A lift's id follows from the story, the update and the embargo's end, so clocks that look at the same time write one event. When
the view has seen a lift with that id and the same embargo still stands, it was set again since (a clock that was put back allows
it): then the id follows from that lift's `seq` as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias

from dateline.clock import now
from schemas.events import EmbargoLifted
from schemas.identity import event_id_for
from schemas.times import to_us
from schemas.topics import EVENTS_TOPIC

if TYPE_CHECKING:
    from dateline.deployment import Deployment
    from producers.desk import Receipt

CLOCK_DESK = "clock"

MOST = 1000
"""How many embargoes of a partition are lifted in one group."""

_MOST_TIMES = 10
"""How often the same embargo is lifted: a view that goes on showing it after that is not to be believed."""

Due: TypeAlias = tuple[str, str, datetime]
"""A story, an update and when its embargo ended."""


class Lifting:
    """Looks for embargoes that are over, again and again. Of use to one thread."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._said: set[str] = set()
        self._ends: Mapping[int, int] | None = None

    def lift(self, *, is_busy: bool = False) -> list[Receipt]:
        """Say of each embargo that is over that it is lifted, in one group; return where each event was written.

        Only where the view has seen the whole log: what is due there is surely not lifted yet. The view shows an embargo as due
        until it has seen the lift.

        Args:
            is_busy: It is enough that the view has seen what the log held at the last such look, which was a moment ago: where
                copy never stops, a view never has seen all. What turns out to be no longer so, the fold ignores.
        """
        deployment, moment = self._deployment, now()
        ends = deployment.log.end_offsets(EVENTS_TOPIC)
        enough, self._ends = (self._ends if is_busy and self._ends is not None else ends), ends
        if not deployment.reader.due_embargoes(to_us(moment), limit=1):
            self._said.clear()
            return []
        current = deployment.timeline.partitions_past(enough)
        found = deployment.reader.due_embargoes(to_us(moment), limit=MOST)
        due = sorted(one for one in found if deployment.home(one[0]) in current)
        unsaid = [event for event in self._lifts(due, moment) if event.event_id not in self._said]
        if not unsaid:
            return []
        receipts = deployment.desk(CLOCK_DESK).send_all(unsaid)
        self._said.update(event.event_id for event in unsaid)
        return receipts

    def _lifts(self, due: Sequence[Due], moment: datetime) -> list[EmbargoLifted]:
        """Return the event that lifts each embargo: the first that the view has not seen without effect."""
        lifts, keys = [], {one: f"lift {one[1]} {one[2].isoformat()}" for one in due}
        for _ in range(_MOST_TIMES):
            ids = [(one[0], event_id_for(CLOCK_DESK, one[0], key)) for one, key in keys.items()]
            entries = self._deployment.reader.verdicts(ids) if ids else ()
            again = {}
            for one, (_, event_id), entry in zip(keys, ids, entries, strict=True):
                if entry is None:
                    lifts.append(_lift(one, event_id, moment))
                else:
                    again[one] = f"lift {one[1]} {one[2].isoformat()} after {entry.verdict.seq}"
            keys = again
        return lifts


def _lift(due: Due, event_id: str, moment: datetime) -> EmbargoLifted:
    story, update, until = due
    return EmbargoLifted(event_id=event_id, story=story, desk=CLOCK_DESK, occurred_at=moment, update=update, embargo_until=until)
