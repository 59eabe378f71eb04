"""Keys of the timeline that Redis will forget by itself, since something set an expiry on them: a hole that is to come."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from consumers.timeline import keys
from dateline.redis_store import Store

_PAGE = 1000
"""Keys that are looked at together, by one script a partition: well under a millisecond of Redis."""


def expiring(store: Store) -> Iterator[str]:
    """Yield, in words, each key of the timeline that will be forgotten, whatever generation it is of."""
    found = iter(store.keys(keys.BEGINNING))
    while some := list(islice(found, _PAGE)):
        yield from expiring_of(store, some).values()


def expiring_of(store: Store, some: Iterable[str]) -> dict[str, str]:
    """Return which of some keys will be forgotten, each with that in words."""
    slots: defaultdict[str, list[str]] = defaultdict(list)
    for key in some:
        slots[key.partition("}")[0]].append(key)
    found: dict[str, str] = {}
    for mine in slots.values():
        found |= in_words(store.call(keys.EXPIRING, mine, []))
    return found


def in_words(reply: Sequence[Any]) -> dict[str, str]:  # Any: a script's answer
    """Return the answer of `expiring.lua` in words, by key."""
    lefts = {key.decode(): left_ms / 1000 for key, left_ms in reply}
    what = "something set an expiry on it"
    return {
        key: f"key {key} will be forgotten in {left:,.0f} s: {what}. Run: redis-cli persist '{key}'"
        for key, left in lefts.items()
    }
