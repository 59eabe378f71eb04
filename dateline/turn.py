"""Keeping two that do the same work out of each other's way: two copies into one log, two replays of one view."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from dateline.archive import Advance
from dateline.errors import LogUnavailable, Refused
from dateline.log.base import Log, Member
from schemas.topics import EVENTS_TOPIC

PATIENCE = 30.0
"""Seconds to wait for another one; a broker takes a few to notice that it was killed."""

_SOON = 2.0
"""Seconds after which a user who waits is told why."""

_BEAT = 1.0
"""Seconds between two signs of life."""

Notify = Callable[[str], None]
Show = Callable[[str, int], AbstractContextManager[Advance]]
Stay = Callable[[], None]


@contextmanager
def only_one(log: Log, group: str, *, what: str, notify: Notify, patience: float = PATIENCE) -> Iterator[Stay]:
    """Keep others that do the same out; the block is given what must be called now and then to stay in.

    A log has no lock, but its groups give a partition to one member at most: whoever is given all of them is alone.

    Args:
        group: Names the work.
        what: The work, in words.

    Raises:
        Refused: Another one did not end in time.
    """
    with log.join(EVENTS_TOPIC, group=group) as member:
        _wait_for_all(member, log, what, notify=notify, patience=patience)
        last = time.monotonic()

        def stay() -> None:
            nonlocal last
            if time.monotonic() >= last + _BEAT:
                member.poll()
                last = time.monotonic()
                if not member.assignment():
                    raise LogUnavailable(
                        f"This {what} was given up while it stood still. Run the same command again; it goes on."
                    )

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


def _wait_for_all(member: Member, log: Log, what: str, *, notify: Notify, patience: float) -> None:
    began, told, partitions = time.monotonic(), False, log.partitions(EVENTS_TOPIC)
    while len(member.assignment()) < partitions:
        waited = time.monotonic() - began
        if waited >= patience:
            raise Refused(
                f"Another {what} is under way; nothing was written. Wait until it has ended, then run the same command again."
            )
        if waited >= _SOON and not told:
            notify(f"Waiting for another {what} to end …")
            told = True
        member.poll(timeout=min(_BEAT, patience - waited))
