"""Keys in Redis that nobody reads: of generations that no pointer names, and of stories whose rebuilding was stopped."""

from __future__ import annotations

from collections import Counter

from consumers.generations import POINTERS
from consumers.timeline import keys
from consumers.timeline.story_keys import REBUILD
from dateline.redis_store import Store


def leftovers(store: Store, *, partitions: int) -> dict[str, int]:
    """Return how many keys there are of each generation that no pointer names, by its name.

    What is dropped or made just now is not among them.
    """
    before = named(store, partitions=partitions)
    unnamed = {key for key in store.keys(keys.BEGINNING) if (place := keys.generation_of(key)) and place not in before}
    if not unnamed:
        return {}
    after = named(store, partitions=partitions)
    found: Counter[str] = Counter()
    for key, content in store.contents_of(sorted(unnamed)):
        place = keys.generation_of(key)
        if content and place is not None and place not in after:
            found[place[1]] += 1
    return dict(sorted(found.items()))


def drop_rebuilds(store: Store, *, partitions: int) -> int:
    """Take away what is left of stories whose rebuilding was stopped; return how many keys that were."""
    return sum(
        store.delete_all(f"{keys.generation_prefix(partition, name)}{REBUILD}")
        for partition, name in sorted(named(store, partitions=partitions))
    )


def named(store: Store, *, partitions: int) -> set[tuple[int, str]]:
    """Return the generations that a pointer names, by partition and name."""
    found = set()
    for partition in range(partitions):
        pointers = [keys.pointer(partition, pointer) for pointer in POINTERS]
        found |= {(partition, name.decode()) for name in store.call(keys.POINTERS, pointers, []) if name}
    return found
