"""The parked stories of the timeline, as Redis keeps them: read, and asked to be tried again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from consumers.generations import Pointer
from consumers.timeline import keys
from consumers.timeline.documents import parked_text, read_parked
from consumers.view import Parked
from dateline.log.partitioner import partition_of
from dateline.redis_store import Store

_TRIES = 20


def read_entries(reply: Sequence[bytes]) -> dict[str, Parked]:
    """Return the parked stories that a script gave, names and entries in turn."""
    names = (name.decode() for name in reply[::2])
    return dict(zip(names, map(read_parked, reply[1::2]), strict=True))


def parked_stories(store: Store, *, partitions: int, pointer: Pointer) -> dict[str, Parked]:
    """Return the parked stories of a generation, in all partitions that have it."""
    found: dict[str, Parked] = {}
    for partition in range(partitions):
        found |= read_entries(store.call(keys.PARKED, [keys.pointer(partition, pointer)], [keys.prefix(partition)]))
    return found


def ask_to_retry(store: Store, story: str, *, partitions: int, pointer: Pointer) -> bool:
    """Ask whoever holds a parked story's partition for one more try; return whether the story is parked."""
    partition = partition_of(story.encode(), partitions)
    at = keys.pointer(partition, pointer)
    for _ in range(_TRIES):  # a retry that is under way moves the entry
        found: Mapping[str, Parked] = read_entries(store.call(keys.PARKED, [at], [keys.prefix(partition)]))
        if story not in found:
            return False
        asked = replace(found[story], retry=True)
        if store.call(keys.RETRY, [at], [keys.prefix(partition), story, parked_text(found[story]), parked_text(asked)]):
            return True
    return True
