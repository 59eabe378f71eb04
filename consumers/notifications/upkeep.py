"""What the notifier keeps up with beside its messages: subscriptions, the ledger that others write, and the log's end."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Sequence

from msgspec import json

from consumers.notifications.channels import Channel
from consumers.notifications.circuit import Circuits
from consumers.notifications.condition import OpenCircuit
from consumers.notifications.index import Holding, Holdings
from consumers.notifications.ledger import LedgerReader
from consumers.notifications.marks import Asking
from consumers.notifications.pairs import Pairs
from consumers.notifications.results import Results
from consumers.notifications.subscriptions import Subscriptions
from consumers.view import Claim
from dateline.log.base import Log
from schemas.topics import EVENTS_TOPIC

_EVERY = 0.5
"""Seconds between two looks."""


class Upkeep:
    """Keeps up, and says from which partitions may be sent. Not safe for use by several threads at once.

    Attributes:
        subscriptions: As the topic had them at the last look; `asking` is what they ask for.
    """

    def __init__(self, log: Log, pairs: Pairs, holdings: Holdings, channel: Channel, circuits: Circuits) -> None:
        self._log = log
        self._pairs = pairs
        self._holdings = holdings
        self._channel = channel
        self._circuits = circuits
        self._ledgers: dict[str, LedgerReader] = {}
        self._ends: dict[int, int] = {}
        self._current: set[str] = set()
        self._hosts_told: set[str] = set()
        self._circuits_told: dict[str, dict[str, str]] = {}
        self._due_at = 0.0
        self.subscriptions = Subscriptions(log)
        self.asking = Asking(())
        self.paused: Collection[str] = ()

    def is_due(self, holdings: Iterable[Holding]) -> bool:
        """Tell whether it is time for a look: now and then, and at once for a partition that is new."""
        tokens = {holding.claim.token for holding in holdings}
        self._current &= tokens
        return time.monotonic() >= self._due_at or tokens != self._current

    def is_current(self, claim: Claim) -> bool:
        """Tell whether the index of a claim is where the log was at the last look.

        One that is behind may not know yet that a text was killed, so nothing is sent from it.
        """
        return claim.token in self._current

    def look(self, holdings: Sequence[Holding], results: Results, reserved: Collection[tuple[str, str]]) -> None:
        """Keep up with everything.

        Args:
            reserved: What is under way here.
        """
        self.refresh()
        ends = dict(self._log.end_offsets(EVENTS_TOPIC))
        tokens = {holding.claim.token for holding in holdings}
        mine = {f"{subscription}/{story}" for subscription, story in list(reserved)}
        for holding in holdings:
            if not self._keep_up(holding.claim, results.own(holding.claim.token)):
                self._holdings.drop(holding.claim)
                continue
            self._pairs.free(holding.claim, mine=mine)
            if holding.applied >= self._ends.get(holding.claim.partition, ends[holding.claim.partition]):
                self._current.add(holding.claim.token)
            else:
                self._current.discard(holding.claim.token)
        self._ends = ends
        results.keep_own(tokens)
        self._ledgers = {token: reader for token, reader in self._ledgers.items() if token in tokens}
        self._due_at = time.monotonic() + _EVERY

    def refresh(self) -> None:
        """Keep up with the subscriptions."""
        changed = self.subscriptions.refresh()
        if not changed:
            return
        self._hosts_told.clear()
        self.asking = Asking(self.subscriptions)
        self.paused = sorted(one.id for one in self.subscriptions if one.status == "paused")
        ended = [name for name in changed if (one := self.subscriptions.get(name)) is not None and one.ended_at is not None]
        if ended:
            for holding in self._holdings:
                self._pairs.forget(holding.claim, ended)

    def _keep_up(self, claim: Claim, own: set[int]) -> bool:
        """Take over what others wrote to the ledger, and leave word of hosts and circuits; return whether the claim holds."""
        token = claim.token
        reader = self._ledgers.get(token)
        if reader is None:
            reader = self._ledgers[token] = LedgerReader(self._log, self._pairs, claim)
        if token not in self._hosts_told:
            self._pairs.hosts(claim, {one.id: self._channel.host(one) for one in self.subscriptions if one.ended_at is None})
            self._hosts_told.add(token)
        self._tell_circuits(claim)
        if not reader.read_on(own=own):
            return False
        own.difference_update([offset for offset in list(own) if offset < reader.offset])
        return True

    def _tell_circuits(self, claim: Claim) -> None:
        """Leave word of the circuits that are open, where that is not what stands there."""
        told = {
            host: json.encode(OpenCircuit(host, one.since, one.failures, one.problem)).decode()
            for host, one in self._circuits.open_ones().items()
        }
        if self._circuits_told.get(claim.token) != told:
            self._pairs.circuits(claim, told)
            self._circuits_told[claim.token] = told
