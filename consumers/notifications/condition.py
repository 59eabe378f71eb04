"""How the notifier does, as its index tells: what waits, what is under way, and to which hosts hardly anything is sent."""

from __future__ import annotations

from msgspec import Struct, json

from consumers.notifications import keys
from consumers.timeline import keys as timeline
from dateline.redis_store import Store


class OpenCircuit(Struct, frozen=True):
    """A host that keeps failing.

    Attributes:
        since: When it began to, in seconds since 1970.
        failures: In a row.
    """

    host: str
    since: float
    failures: int
    problem: str


class Condition(Struct, frozen=True):
    """The notifier in one partition.

    Attributes:
        offset: The first record that its index has not seen.
        waiting: Subscriptions in stories (pairs) that are due, or to be tried again.
        under_way: Pairs that are reserved.
    """

    partition: int
    offset: int
    waiting: int
    under_way: int
    circuits: tuple[OpenCircuit, ...]


def conditions(store: Store, partitions: int) -> list[Condition]:
    """Return how the notifier does in each partition that it ever held."""
    found = []
    for partition in range(partitions):
        pointer, prefix = timeline.pointer(partition, "live", keys.LETTERS), timeline.prefix(partition, keys.LETTERS)
        reply = store.call(keys.STATE, [pointer], [prefix])
        if reply:
            offset, waiting, held, circuits = reply
            told = tuple(json.decode(text, type=OpenCircuit) for text in circuits[1::2])
            found.append(Condition(partition, int(offset), waiting, held, told))
    return found
