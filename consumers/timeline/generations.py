"""The timeline's generations in Redis."""

from __future__ import annotations

import time
from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from contextlib import closing

from msgspec import json
from typing_extensions import override

from consumers.generations import Comparison, Generation, Generations, Pointer
from consumers.record_digest import Chain, log_digest
from consumers.timeline import keys
from consumers.timeline.answers import ViewPosition
from consumers.timeline.documents import read_story
from consumers.timeline.leftovers import named
from consumers.timeline.parked import ask_to_retry, parked_stories
from consumers.timeline.reader import TimelineReader
from consumers.timeline.replica import differences
from consumers.timeline.sums import Sum, sums
from consumers.timeline.view import TimelineView
from consumers.view import Parked, View
from dateline.errors import GenerationGone, Refused, StoreBroken
from dateline.redis_store import Store, Wire

_PATIENCE = 3.0
"""Seconds without any story in which both builds stand at one record, after which the rest is not compared."""

_PAUSE = 0.005
_SAMPLE = 500

_PUBLIC: Mapping[str, str] = {
    "docs": "hash",
    "index": "zset",
    "key": "zset",
    "pinned": "zset",
    "withheld": "zset",
    "changes": "stream",
}
"""The keys of a story that readers see, and what each is."""


class TimelineGenerations(Generations):
    """Reads and moves the pointers of every partition."""

    view_name = "timeline"

    def __init__(self, store: Store, *, partitions: int) -> None:
        self._store = store
        self._partitions = partitions

    @override
    def standing(self, pointer: Pointer) -> Mapping[int, Generation]:
        found = TimelineReader(self._store, partitions=self._partitions, pointer=pointer).positions()
        return {one.partition: _generation(one) for one in found}

    @override
    def view(self, pointer: Pointer, *, new: str = "none", first: Mapping[int, int] | None = None) -> View:
        return TimelineView(self._store, pointer=pointer, new=new, first=first)

    @override
    def parked(self, pointer: Pointer) -> Mapping[str, Parked]:
        return parked_stories(self._store, partitions=self._partitions, pointer=pointer)

    @override
    def retry(self, pointer: Pointer, story: str) -> bool:
        return ask_to_retry(self._store, story, partitions=self._partitions, pointer=pointer)

    @override
    def seqs(self, pointer: Pointer, partition: int) -> Mapping[str, int]:
        found = self.standing(pointer).get(partition)
        return {story: _seq(state) for story, state in self._states(partition, found.name)} if found is not None else {}

    @override
    def compare(self, partition: int, pointer: Pointer = "shadow", *, but: Container[str] = ()) -> Iterator[Comparison]:
        pair = [found for one in ("live", pointer) if (found := self.standing(one).get(partition))]
        if len(pair) != 2:
            raise GenerationGone(f"Partition {partition} has no two generations any more to compare. See: dateline generations")
        names = [keys.generation_prefix(partition, found.name) for found in pair]
        with closing(self._store.wire([keys.SEQ, keys.DIGEST])) as wire:
            waiting = [story for story in self._stories(names) if story not in but]
            patient_until = time.monotonic() + _PATIENCE
            while waiting and time.monotonic() < patient_until:
                moving = []
                for story in waiting:
                    compared = self._compare_story(wire, story, names)
                    if compared is None:
                        moving.append(story)
                    else:
                        patient_until = time.monotonic() + _PATIENCE
                        yield compared
                waiting = moving
                if waiting:
                    time.sleep(_PAUSE)
            yield from (Comparison(story, None) for story in waiting)

    @override
    def flip(self, partition: int, to: Pointer, name: str, *, reset: Sequence[str] = (), enough: int | None = None) -> int | None:
        pointers = [keys.pointer(partition, pointer) for pointer in ("live", to, "previous")]
        told = json.encode(reset).decode() if reset else ""
        args = (keys.prefix(partition), name, told, "" if enough is None else enough)
        found = self._store.call(keys.FLIP, [*pointers, keys.wake(partition)], args)
        status, _, offset = found.decode().partition(" ")
        if status == "GONE":
            raise Refused(f"Generation {name} of partition {partition} is gone: another replay or a drop took it away.")
        return int(offset) if status == "BEHIND" else None

    @override
    def drop(self, *pointers: Pointer) -> int:
        for partition in range(self._partitions):
            self._store.delete([keys.pointer(partition, pointer) for pointer in pointers])
        return sum(self._drop_one(partition, name) for partition, name in sorted(self._unnamed()))

    @override
    def size_bytes(self, pointer: Pointer, *, partitions: Collection[int] | None = None) -> int:
        return sum(
            self._store.size_bytes(keys.generation_prefix(partition, found.name), sample=_SAMPLE)
            for partition, found in self.standing(pointer).items()
            if partitions is None or partition in partitions
        )

    @override
    def record(self, pointer: Pointer, *, partitions: Collection[int]) -> bytes | None:
        standing = {p: found for p, found in self.standing(pointer).items() if p in partitions}
        try:
            states = [read_story(state) for p, found in standing.items() for _, state in self._states(p, found.name)]
        except StoreBroken:
            return None
        return log_digest((state.id, Chain(state.seq, state.digest)) for state in states)

    def _states(self, partition: int, generation: str) -> Iterator[tuple[str, str]]:
        ((_, states),) = self._store.contents_of([f"{keys.generation_prefix(partition, generation)}stories"])
        return ((story, str(state)) for story, state in states.items())

    def _unnamed(self) -> set[tuple[int, str]]:
        """Return the generations that no pointer names, by partition and name. One that is made meanwhile is not among them."""
        found = {place for key in self._store.keys(keys.BEGINNING) if (place := keys.generation_of(key)) is not None}
        return found - named(self._store, partitions=self._partitions)

    def _drop_one(self, partition: int, name: str) -> int:
        """Fence whoever writes a generation, then take it away."""
        prefix = keys.generation_prefix(partition, name)
        return self._store.delete([f"{prefix}meta"]) + self._store.delete_all(prefix)

    def _stories(self, names: Sequence[str]) -> list[str]:
        found = self._store.contents_of([f"{name}stories" for name in names])
        return sorted({story for _, content in found for story in content})

    def _compare_story(self, wire: Wire, story: str, names: Sequence[str]) -> Comparison | None:
        """Compare sums first; only what seems to differ is read. None unless both builds stood still at one record meanwhile."""
        before = self._seqs(wire, story, names)
        if before[0] != before[1]:
            return None
        live, shadow = (self._sums(wire, story, name) for name in names)
        told = [] if live == shadow else self._differences(story, names)
        return Comparison(story, not told, told) if self._seqs(wire, story, names) == before else None

    def _seqs(self, wire: Wire, story: str, names: Sequence[str]) -> list[int]:
        asked = [wire.send(keys.SEQ, [f"{name}stories"], [story]) for name in names]
        return [int(answer.get()) for answer in asked]

    def _sums(self, wire: Wire, story: str, name: str) -> list[Sum]:
        return list(sums(wire, {f"{name}{kind}/{story}": what for kind, what in _PUBLIC.items()}).values())

    def _differences(self, story: str, names: Sequence[str]) -> list[str]:
        told: list[str] = []
        for kind in _PUBLIC:
            (_, live), (_, shadow) = self._store.contents_of([f"{name}{kind}/{story}" for name in names])
            told += differences(f"{kind}/{story}", shadow, live)
        return told


def _generation(at: ViewPosition) -> Generation:
    return Generation(at.generation, at.offset, at.log_id, at.fold_version, at.made_at, at.stories, at.first, at.torn)


def _seq(state: str) -> int:
    try:
        return read_story(state).seq
    except StoreBroken:
        return 0
