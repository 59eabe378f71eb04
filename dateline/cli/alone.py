"""One replay, rollback or drop at a time, and none that goes on from what another has put in the place of what it saw."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dateline.deployment import Deployment
from dateline.errors import Refused
from dateline.kept_view import KeptView

if TYPE_CHECKING:
    from consumers.generations import Generations, Pointer

PATIENCE = 8.0
"""Seconds to wait for another replay on Kafka: a broker takes a few to notice that one was killed on another machine."""


@contextmanager
def alone(deployment: Deployment, view: KeptView) -> Iterator[Callable[[], None]]:
    """Keep other replays and rollbacks of a view out, and end where one has ended meanwhile: it is no more what was asked for.

    On an SQLite log nobody waits: a process that was killed has let go at once.
    """
    from dateline.turn import only_one

    generations = view.generations()
    before, patience = names_of(generations, "live"), 0.0 if deployment.feeds_itself else PATIENCE
    with only_one(deployment.log, view.turn, what="replay", notify=deployment.notify, patience=patience) as stay:
        after = names_of(generations, "live")
        if any(after.get(partition) != name for partition, name in before.items()):
            raise Refused(
                "Another replay or rollback ended while this one waited for it, and readers have what it made. Nothing more was "
                "done. See: dateline generations"
            )
        yield stay


def names_of(generations: Generations, pointer: Pointer) -> dict[int, str]:
    """Return the name of the generation that `pointer` names in each partition."""
    return {partition: one.name for partition, one in generations.standing(pointer).items()}
