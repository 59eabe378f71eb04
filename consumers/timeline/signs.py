"""The signs that whoever holds a partition leaves inside the view, so that `dateline status` knows of it from anywhere.

One small write a partition every few seconds, beside the batches and never in their way. What is signed is no part of what the
log says, so an audit does not compare it.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from msgspec import Struct
from typing_extensions import override

from consumers.timeline import keys
from consumers.timeline.view import TimelineView
from consumers.view import Applied, Claim, Cursor, Folded, Pending
from dateline.clock import now_ms
from dateline.errors import DatelineError
from dateline.redis_store import Store

EVERY = 5.0
"""Seconds between two signs of one partition; at a claim there is one at once."""

_LONGEST_ERROR = 300


class Sign(Struct, frozen=True):
    """What is known of the holder of a partition.

    Attributes:
        owner: Its `host:pid`; empty where it has left, or where a command that gives no sign has claimed since.
        seen_s: Seconds since the last sign, by Redis's clock.
        rate: Records a second, between its last two signs.
        error: The last thing that went wrong there, on one line; empty while nothing did. It outlives its owner.
        error_at: When that was, milliseconds since 1970 by the owner's clock.
    """

    owner: str
    seen_s: float
    rate: float
    error: str
    error_at: int


def read_signs(store: Store, partitions: int) -> Mapping[int, Sign]:
    """Return the sign at each of the `partitions` of the live timeline that has one."""
    replies = {p: store.call(keys.SIGNS, [keys.live(p)], [keys.prefix(p)]) for p in range(partitions)}
    return {partition: _sign(*(part.decode() for part in reply)) for partition, reply in replies.items() if reply}


def _sign(owner: str, age_ms: str, rate: str, error: str, error_at: str) -> Sign:
    return Sign(owner, max(0, int(age_ms)) / 1000, float(rate), error, int(error_at))


@dataclass(slots=True)
class Owner:
    """A process that holds partitions, and the last thing that went wrong for it. Outlives its connections."""

    name: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}")
    error: str = ""
    error_at: int = 0

    def failed(self, error: Exception) -> None:
        """Remember what went wrong; the next sign of each partition tells it."""
        self.error, self.error_at = _told(error)


@dataclass(slots=True)
class _Hold:
    claim: Claim
    since: float
    records: int = 0


class SignedView(TimelineView):
    """The live timeline, whose holder leaves signs: at a claim, while it writes, and while it looks whether all is well."""

    def __init__(self, store: Store, owner: Owner, *, every: float = EVERY) -> None:
        super().__init__(store)
        self._owner = owner
        self._every = every
        self._holds: dict[int, _Hold] = {}
        self._due = 0.0

    @override
    def claim(self, partition: int, *, log_id: str) -> Claim:
        claim = super().claim(partition, log_id=log_id)
        self._holds[partition] = _Hold(claim, time.monotonic())
        self._sign_as_owner(partition)
        return claim

    @override
    def cursors(self, partitions: int) -> Mapping[int, Cursor]:
        self._sign_if_due()
        return super().cursors(partitions)

    @override
    def apply(self, claim: Claim, batch: Folded) -> Pending[Applied]:
        hold = self._holds.get(claim.partition)
        if hold is not None:
            hold.records += sum(map(len, batch.stories.values())) + len(batch.homeless)
        self._sign_if_due()
        return super().apply(claim, batch)

    @override
    def stopped(self, partition: int, error: DatelineError) -> None:
        """Say what stopped one partition, there alone, and hold it no longer."""
        if partition in self._holds:
            with suppress(DatelineError):
                self._sign(partition, "", *_told(error))
        self._holds.pop(partition, None)

    @override
    def leave(self) -> None:
        """Say that nobody holds these partitions any more, if that can still be said."""
        with suppress(DatelineError):
            for partition in list(self._holds):
                self._sign(partition, "", self._owner.error, self._owner.error_at)
        self._holds.clear()

    @override
    def reset(self) -> None:
        self._holds.clear()
        super().reset()

    def _sign_if_due(self) -> None:
        moment = time.monotonic()
        if moment < self._due:
            return
        self._due = moment + self._every
        for partition in list(self._holds):
            self._sign_as_owner(partition)

    def _sign_as_owner(self, partition: int) -> None:
        self._sign(partition, self._owner.name, self._owner.error, self._owner.error_at)

    def _sign(self, partition: int, owner: str, error: str, error_at: int) -> None:
        hold, moment = self._holds[partition], time.monotonic()
        rate = hold.records / (moment - hold.since) if moment > hold.since else 0.0
        hold.records, hold.since = 0, moment
        meta = f"{keys.generation_prefix(partition, hold.claim.generation)}meta"
        about = (hold.claim.token, owner, f"{rate:.3f}", error, error_at)
        if not self._store.call(keys.SIGN, [meta], about):
            del self._holds[partition]


def _told(error: Exception) -> tuple[str, int]:
    """Return an error on one line, and the present time in milliseconds since 1970."""
    return " ".join(str(error).split())[:_LONGEST_ERROR], now_ms()
