"""A circuit per host: one that keeps failing is asked only now and then, by one message, until it answers again."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

FAILURES: Final = 5
"""Failures in a row after which a circuit opens."""

FIRST_PAUSE: Final = 10.0
LONGEST_PAUSE: Final = 60.0
"""Seconds between two messages to a host whose circuit is open."""


class Circuit(Struct):
    """How a host did of late.

    Attributes:
        failures: In a row.
        since: When the first of them was, in seconds since 1970.
        probe_at: When the next message may go to it; 0 while its circuit is closed.
        is_probing: Whether that message is under way.
        problem: Why the last one failed.
    """

    failures: int = 0
    since: float = 0.0
    probe_at: float = 0.0
    is_probing: bool = False
    problem: str = ""

    @property
    def is_open(self) -> bool:
        return self.failures >= FAILURES


class Circuits:
    """The circuits of all hosts. Only those that failed last are kept."""

    def __init__(self) -> None:
        self._by_host: dict[str, Circuit] = {}

    def is_shut(self, host: str, now: float) -> bool:
        """Tell whether nothing may go to a host now."""
        circuit = self._by_host.get(host)
        return circuit is not None and circuit.is_open and (circuit.is_probing or now < circuit.probe_at)

    def begin(self, host: str, now: float) -> bool:
        """Begin a message to a host; return whether it may go."""
        if self.is_shut(host, now):
            return False
        circuit = self._by_host.get(host)
        if circuit is not None and circuit.is_open:
            circuit.is_probing = True
        return True

    def succeeded(self, host: str) -> bool:
        """Close a circuit; return whether it was open."""
        circuit = self._by_host.pop(host, None)
        return circuit is not None and circuit.is_open

    def failed(self, host: str, now: float, problem: str) -> bool:
        """Count a failure; return whether the circuit has opened by it."""
        circuit = self._by_host.setdefault(host, Circuit(since=now))
        circuit.failures += 1
        circuit.is_probing = False
        circuit.problem = problem
        if not circuit.is_open:
            return False
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(circuit.failures - FAILURES, 10))
        circuit.probe_at = now + pause
        return circuit.failures == FAILURES

    def let_go(self, host: str) -> None:
        """Say that a message that was begun did not go."""
        if host in self._by_host:
            self._by_host[host].is_probing = False

    def open_ones(self) -> dict[str, Circuit]:
        """Return the circuits that are open, by host."""
        return {host: circuit for host, circuit in self._by_host.items() if circuit.is_open}

    def probe_at(self, host: str) -> float:
        """Return when the next message may go to a host; 0 for at once."""
        circuit = self._by_host.get(host)
        return circuit.probe_at if circuit is not None and circuit.is_open else 0.0
