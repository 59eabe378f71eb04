"""Keeping two copies at once out of one log: each would write what the other has just written."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from dateline.archive import Advance
from dateline.errors import LogUnavailable, Refused
from dateline.log.base import Log, Member
from schemas.topics import EVENTS_TOPIC

PATIENCE = 30.0
"""Seconds to wait for another copy; a broker takes a few to notice that one was killed."""

_GROUP = "copy"

_SOON = 2.0
"""Seconds after which a user who waits is told why."""

_BEAT = 1.0
"""Seconds between two signs of life."""

Notify = Callable[[str], None]
Show = Callable[[str, int], AbstractContextManager[Advance]]
Stay = Callable[[], None]


@contextmanager
def only_copy(target: Log, *, notify: Notify, patience: float) -> Iterator[Stay]:
    """Keep other copies out of the target; the block is given what must be called now and then to stay in.

    A log has no lock, but its groups give a partition to one member at most: whoever is given all of them is alone.

    Raises:
        Refused: Another copy did not end in time.
    """
    with target.join(EVENTS_TOPIC, group=_GROUP) as member:
        _wait_for_all(member, target, notify=notify, patience=patience)
        last = time.monotonic()

        def stay() -> None:
            nonlocal last
            if time.monotonic() >= last + _BEAT:
                member.poll()
                last = time.monotonic()
                if not member.assignment():
                    raise LogUnavailable("This copy was given up while it stood still. Run the same command again; it goes on.")

        yield stay


def staying(show: Show, stay: Stay) -> Show:
    """Return a `show` that calls `stay` too, at each step, and shows nothing of what is empty."""

    @contextmanager
    def shown(what: str, total: int) -> Iterator[Advance]:
        with show(what, total) if total else nullcontext(lambda count: None) as advance:

            def advance_and_stay(count: int) -> None:
                advance(count)
                stay()

            yield advance_and_stay

    return shown


def _wait_for_all(member: Member, target: Log, *, notify: Notify, patience: float) -> None:
    began, told, partitions = time.monotonic(), False, target.partitions(EVENTS_TOPIC)
    while len(member.assignment()) < partitions:
        waited = time.monotonic() - began
        if waited >= patience:
            raise Refused(
                f"Another copy into {target.url} is under way; nothing was written. "
                "Wait until it has ended, then run the same command again."
            )
        if waited >= _SOON and not told:
            notify(f"Waiting for another copy into {target.url} to end …")
            told = True
        member.poll(timeout=min(_BEAT, patience - waited))
