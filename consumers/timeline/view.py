"""The timeline as the runner feeds it: claim, load and apply, one script each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from secrets import token_hex
from typing import Any, TypeVar

from msgspec import json, msgpack

from consumers.fit import half_written
from consumers.generations import Pointer
from consumers.state import Update
from consumers.story import FOLD_VERSION
from consumers.timeline import keys
from consumers.timeline.documents import damaged, read_entry, read_story, read_update
from consumers.timeline.parked import read_entries
from consumers.timeline.reader import TimelineReader
from consumers.timeline.writes import batch_writes
from consumers.view import Applied, Claim, Cursor, Folded, Loaded, Needs, Parked, Pending, StoryLoaded, View
from dateline.clock import now_ms
from dateline.errors import GenerationGone, HalfWritten
from dateline.redis_store import Answer, Reply, Script, Store, Wire

T = TypeVar("T")


class TimelineView(View):
    """Writes the timeline into `store`. Not safe for use by several threads.

    Attributes:
        letters: What its keys begin with, after the brace.
    """

    letters = keys.LETTERS

    def __init__(self, store: Store, *, pointer: Pointer = "live", new: str = "", first: Mapping[int, int] | None = None) -> None:
        """Write the generation that `pointer` names.

        Args:
            new: What a generation is called that is made where there is none: of the live one it follows from the
                one before; `none` makes none.
            first: The offset that each partition of a new one begins at; 0 where none is given.
        """
        self.name = "timeline" if pointer == "live" else f"timeline-{pointer}"
        self._store = store
        self._pointer: Pointer = pointer
        self._new = new
        self._first = first or {}
        self._wire: Wire | None = None

    def claim(self, partition: int, *, log_id: str) -> Claim:
        token = token_hex(8)
        args = (
            keys.prefix(partition, self.letters),
            token,
            log_id,
            FOLD_VERSION,
            self._new,
            now_ms(),
            self._first.get(partition, 0),
        )
        found = self._wired().send(keys.CLAIM, [self._at(partition)], args).get()
        if not found:
            what = f"Partition {partition} of the timeline has no {self._pointer} generation any more"
            raise GenerationGone(f"{what}: it was flipped or dropped. See: dateline generations")
        *parts, entries = found
        generation, offset, log, fold, homeless, undecodable, torn = (part.decode() for part in parts)
        return Claim(
            partition=partition,
            offset=int(offset),
            log_id=log,
            fold_version=int(fold),
            torn=torn,
            generation=generation,
            token=token,
            homeless=int(homeless),
            undecodable=int(undecodable),
            parked=read_entries(entries),
        )

    def cursors(self, partitions: int) -> Mapping[int, Cursor]:
        positions = TimelineReader(self._store, partitions=partitions, pointer=self._pointer, letters=self.letters).positions()
        return {
            one.partition: Cursor(one.partition, one.offset, one.log_id, one.fold_version, one.torn, one.token)
            for one in positions
        }

    def parked(self, partition: int) -> Mapping[str, Parked]:
        args = [keys.prefix(partition, self.letters)]
        return read_entries(self._wired().send(keys.PARKED, [self._at(partition)], args).get())

    def load(self, claim: Claim, needs: Needs) -> Pending[Loaded]:
        g = self._prefix(claim)
        asked = [(story, tuple(need.updates), tuple(need.events)) for story, need in needs.items()]
        answer = self._wired().send(keys.LOAD, [f"{g}meta"], [g, msgpack.encode(asked)])
        return Translated(answer, lambda reply: _loaded(asked, reply))

    def apply(self, claim: Claim, batch: Folded) -> Pending[Applied]:
        partition = claim.partition
        g = self._prefix(claim)
        woken = {story: steps[-1].outcome.story.seq for story, steps in batch.stories.items()}
        args: list[str | bytes | int] = [
            claim.token,
            batch.offset,
            batch.next_offset,
            claim.generation,
            msgpack.encode(batch_writes(g, batch)),
            json.encode(woken) if woken else "",
        ]
        answer = self._wired().send(keys.APPLY, [f"{g}meta", keys.live(partition), keys.wake(partition)], args)
        return Translated(answer, lambda reply: applied(partition, reply))

    def reset(self) -> None:
        if self._wire is not None:
            self._wire.close()
            self._wire = None

    def _at(self, partition: int) -> str:
        return keys.pointer(partition, self._pointer, self.letters)

    def _prefix(self, claim: Claim) -> str:
        return keys.generation_prefix(claim.partition, claim.generation, self.letters)

    def _scripts(self) -> list[Script]:
        return [keys.CLAIM, keys.PARKED, keys.LOAD, keys.APPLY]

    def _wired(self) -> Wire:
        if self._wire is None:
            self._wire = self._store.wire(self._scripts())
        return self._wire


class Translated(Pending[T]):
    """An answer of Redis, put into the view's terms when it is asked for."""

    __slots__ = ("_answer", "_translate")

    def __init__(self, answer: Answer, translate: Callable[[Reply], T]) -> None:
        self._answer = answer
        self._translate = translate

    def result(self) -> T:
        return self._translate(self._answer.get())


def applied(partition: int, reply: bytes) -> Applied:
    status, _, told = reply.decode().partition(" ")
    if status == "TORN":
        raise HalfWritten(half_written(partition, told))
    return Applied(status, int(told or 0))


def _loaded(asked: list[tuple[str, tuple[str, ...], tuple[str, ...]]], reply: bytes) -> Loaded:
    loaded: dict[str, StoryLoaded] = {}
    answers: list[Any] = msgpack.decode(reply)  # Any: what load.lua packs
    for (story_id, updates, events), found in zip(asked, answers, strict=True):
        if not found:
            loaded[story_id] = StoryLoaded(None, {}, {})
            continue
        if isinstance(found, str):
            raise damaged(found)
        state, states, docs, entries = found
        loaded[story_id] = StoryLoaded(
            read_story(state),
            {u: _whole(u, s, d) for u, s, d in zip(updates, states, docs, strict=True) if s or d},
            {e: read_entry(text) for e, text in zip(events, entries, strict=True) if text},
        )
    return loaded


def _whole(update: str, state: str | None, document: str | None) -> Update:
    if not state:
        raise damaged(f"the state of update {update!r} is missing")
    return read_update(update, state, document)
