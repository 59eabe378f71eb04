"""How many messages may be reserved for a host, and how many are on the wire to it."""

from __future__ import annotations

from asyncio import Semaphore
from typing import Final

from consumers.notifications.attempt import Attempt
from consumers.notifications.circuit import Circuits
from consumers.notifications.pairs import MOST_OF_ONE

MOST_OF_A_QUICK_ONE: Final = 64
"""Messages that are reserved for a host that answers at once: the next ones are at hand when those before are over."""

_QUICK = 0.1
"""Seconds in which a quick host answers."""


class Traffic:
    """What is under way to each host. Belongs to one event loop."""

    def __init__(self, circuits: Circuits) -> None:
        self._circuits = circuits
        self._under_way: dict[str, int] = {}
        self._gates: dict[str, Semaphore] = {}
        self._quick: set[str] = set()

    def room(self, now: float) -> dict[str, int]:
        """Return how many messages may be reserved for the hosts that may have fewer, or more, than `MOST_OF_ONE`."""
        room = dict.fromkeys(self._quick, MOST_OF_A_QUICK_ONE)
        for host, count in self._under_way.items():
            room[host] = max(0, room.get(host, MOST_OF_ONE) - count)
        for host in self._circuits.open_ones():
            room[host] = 0 if self._circuits.is_shut(host, now) else 1
        return room

    def begin(self, host: str) -> None:
        """Count a message to a host."""
        self._under_way[host] = self._under_way.get(host, 0) + 1
        self._gates.setdefault(host, Semaphore(MOST_OF_ONE))

    def turn(self, host: str) -> Semaphore:
        """Return what a message that was begun waits at for its turn on the wire."""
        return self._gates[host]

    def note(self, host: str, attempt: Attempt) -> None:
        """Learn from an answer how quick a host is."""
        if attempt.is_success and attempt.latency_s < _QUICK:
            self._quick.add(host)
        else:
            self._quick.discard(host)

    def end(self, host: str) -> None:
        """Count a message off; what is kept of a host goes with its last one, but for how quick it is."""
        self._under_way[host] -= 1
        if not self._under_way[host]:
            del self._under_way[host], self._gates[host]
