"""The ledger of who was told what: written after each message, and read into the index before anything is sent."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any

from consumers.notifications.pairs import Pairs
from consumers.view import Claim
from dateline.errors import Undecodable
from dateline.log.base import Log, Record
from schemas.codec import delivery_codec
from schemas.deliveries import DeliveryEvent, NotificationGaveUp, NotificationRedriven, NotificationSent
from schemas.names import story_of_key
from schemas.topics import DELIVERIES_TOPIC

_PAGE = 1000

_WHAT = {NotificationSent: "sent", NotificationGaveUp: "gave_up", NotificationRedriven: "redriven"}


class LedgerReader:
    """Keeps the index of a partition up with the ledger, for one claim. Not safe for use by several threads."""

    def __init__(self, log: Log, pairs: Pairs, claim: Claim) -> None:
        self._log = log
        self._pairs = pairs
        self._claim = claim
        self._offset = pairs.ledger_offset(claim)

    def read_on(self, *, own: Collection[int] = (), going: Callable[[], bool] = lambda: True) -> bool:
        """Take over what is new; return whether the claim still holds.

        Args:
            own: The offsets of entries that the index has already.
        """
        partition = self._claim.partition
        while going():
            batch = self._log.read(DELIVERIES_TOPIC, partition, self._offset, limit=_PAGE)
            if batch.next_offset <= self._offset:
                return True
            entries = [said for one in batch.records if one.offset not in own for said in _said(one)]
            if not self._pairs.take_over(self._claim, entries, offset=batch.next_offset):
                return False
            self._offset = batch.next_offset
        return True

    @property
    def offset(self) -> int:
        return self._offset


def entry_of(record: Record) -> DeliveryEvent | None:
    """Return the entry that a record holds, None where it holds none that can be used."""
    try:
        entry = delivery_codec().decode(record.value)
    except Undecodable:
        return None
    return entry if entry.story == story_of_key(record.key) else None


def _said(record: Record) -> Iterator[tuple[Any, ...]]:  # Any: as ledger.lua has it
    entry = entry_of(record)
    if entry is not None:
        what = _WHAT[type(entry)]
        yield what, entry.subscription, entry.story, entry.seq, entry.update, max(entry.revision, 1), entry.event_id
