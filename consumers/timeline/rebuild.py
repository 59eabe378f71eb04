"""Builds one story of the live timeline anew, in place: readers have the old one or the new one, never a mix.

The story's records are folded in memory. What differs is written under keys that nobody reads, in small steps; then one script
puts it in its place, if the story has not gone on meanwhile. If it has, the records that came are folded too and it is tried
again; each time there are fewer. Who is killed leaves keys under `rebuild/`, which the next one takes away.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing

from msgspec import Struct, msgpack

from consumers.timeline import keys
from consumers.timeline.commands import MOST_FIELDS, packs, whole
from consumers.timeline.documents import damaged
from consumers.timeline.replica import Content
from consumers.timeline.story_check import StoryCheck, StoryFound, parked_from
from consumers.timeline.story_keys import OF_UPDATES, OWN, REBUILD, SHARED, Standing, owner_of, story_of
from consumers.timeline.writes import Write
from consumers.view import Folded
from dateline.errors import Refused, StoreUnavailable
from dateline.log.base import Log
from dateline.redis_store import Store, Value, Wire
from schemas.codec import Codec
from schemas.events import UpdateEvent

_MOST_TRIES = 100
_CALM_TRIES = 3
"""After these the consumer is fenced before each try: it takes it a few milliseconds to go on."""

_IN_FLIGHT = 8
_SEEN = frozenset({"docs", "index", "key", "pinned", "withheld", "changes", "corrections", "notes", "history", "stories"})
"""The kinds of key from which readers get anything."""


class Rebuilt(Struct):
    """What was done.

    Attributes:
        records: How many records the story has.
        updates: How many of its updates are public.
        differences: What differed from the log before, each in words.
        was_parked: Whether the story was parked.
        keys: How many keys were put in place or taken away.
        is_seen: Whether readers see anything else than before; their open pages begin anew.
        tries: How often the story had gone on before it could be put in place, and once.
        blocked_seconds: How long Redis did nothing else, the way of the answer included.
    """

    story: str
    generation: str
    records: int
    updates: int
    differences: list[str]
    was_parked: bool
    keys: int
    is_seen: bool
    tries: int
    blocked_seconds: float


def rebuild_story(log: Log, store: Store, *, topic: str, codec: Codec, story: str) -> Rebuilt | None:
    """Build `story` of the live timeline anew; None if neither the log nor the view knows it. Only one may do so at a time.

    Raises:
        StoreUnavailable: The story goes on faster than it can be built; nothing was changed.
        Refused, LogChanged, RetentionGap, OtherVersion: There is no live view, or it does not fit the log or this release.
    """
    for _ in range(_MOST_TRIES):
        rebuild = _Rebuild(log, store, topic=topic, codec=codec, story=story)
        try:
            return rebuild.run()
        except _Gone:  # another generation is live, or somebody took away what was built
            continue
    raise StoreUnavailable(f"Story {story!r} could not be put in place: another generation went live each time. Try again.")


class _Gone(Exception):
    """What was built is of no use any more."""


class _Rebuild:
    """One attempt on one generation."""

    def __init__(self, log: Log, store: Store, *, topic: str, codec: Codec, story: str) -> None:
        self._store, self._story = store, story
        self._check = StoryCheck(log, store, topic=topic, codec=codec, story=story)
        self._aside: set[str] = set()
        self._stale: set[str] = set()
        self._members: dict[str, set[str]] = {}
        self._tail: list[Write] = []
        self._has_moved = False

    def run(self) -> Rebuilt | None:
        first = self._check.stand()
        self._check.folding.on_folded = self._note
        found = self._check.compare()
        if not found.is_known:
            return None
        if (failed := self._check.folding.failed.get(self._story)) is not None:
            raise Refused(
                f"Story {self._story!r} cannot be built: one of its records cannot be folded ({failed}). Nothing was changed."
            )
        self._store.delete_all(f"{first.prefix}{REBUILD}")
        self._take(found)
        is_seen = bool(found.at.parked) or any(key.partition("/")[0] in _SEEN for key in found.wanted)
        at, status = found.at, "GONE"
        with closing(self._store.wire([keys.ASIDE, keys.SWAP])) as wire:
            for tries in range(1, _MOST_TRIES + 1):
                if at.generation != first.generation:
                    break
                if self._has_moved and found.wanted:
                    self._look_for_strays(at)
                expected = self._check.expected(at)
                self._write_aside(wire, at, expected)
                began = time.perf_counter()
                status, moved = self._swap(wire, at, expected, is_seen=is_seen)
                if status == "OK":
                    blocked = time.perf_counter() - began
                    return self._result(found, expected, is_seen, (moved, tries, blocked))
                if status != "MOVED":
                    break
                is_seen = is_seen or bool(found.wanted)  # what came meanwhile was made of what differed
                if tries >= _CALM_TRIES:
                    self._store.call(keys.FENCE, [f"{first.prefix}meta"], [])
                at = self._check.stand()
        if status.startswith("BROKEN"):
            raise damaged(f"{status.removeprefix('BROKEN ')} is of another kind")
        self._store.delete_all(f"{first.prefix}{REBUILD}")
        if status == "MOVED" and at.generation == first.generation:
            raise StoreUnavailable(f"Story {self._story!r} moves faster than it can be built. Try in a quieter moment.")
        raise _Gone

    def _note(self, folded: Folded, writes: Sequence[Write]) -> None:
        """Note what records that came meanwhile may have changed in the view, by whatever the consumer held the story to be."""
        steps = folded.stories.get(self._story, ())
        events = [step.incoming.event for step in steps]
        updates = {event.update for event in events if isinstance(event, UpdateEvent)}
        if steps:
            self._has_moved = True
            self._members = {key: self._members.get(key, set()) for key in SHARED}
            self._members["embargoes"] |= {f"{self._story}/{update}" for update in updates}
            self._stale |= {f"{kind}/{self._story}" for kind in OWN}
            self._stale |= {f"{kind}/{self._story}/{update}" for kind in OF_UPDATES for update in (*updates, "")}
        for write in writes:
            if story_of(write[1]) == self._story:
                self._tail.append(write)
            elif write[1] in SHARED:
                self._members[write[1]] |= {part for part in write[2:] if isinstance(part, str)}

    def _take(self, found: StoryFound) -> None:
        """Note what differed, so that it is written, and which members of the shared keys may have to go."""
        self._stale |= {key for key in found.wanted if key not in SHARED}
        for key in SHARED.keys() & set(found.wanted):
            self._members.setdefault(key, set()).update(found.live.get(key, ()))

    def _look_for_strays(self, at: Standing) -> None:
        """Find corrections that a consumer listed because it held the story to be something else."""
        ((_, listed),) = self._store.contents_of([f"{at.prefix}corrections/{self._story}"])
        self._members["corrections"] |= listed.keys()

    def _write_aside(self, wire: Wire, at: Standing, expected: Mapping[str, Content]) -> None:
        """Bring the keys under `rebuild/` to what is expected: those that are new there whole, the others by what came since."""
        new = self._stale - self._aside
        target = f"{at.prefix}{REBUILD}"
        commands = [[name, target + key, *rest] for name, key, *rest in self._tail if key in self._aside]
        commands += [write for key in sorted(new & expected.keys()) for write in whole(key, target + key, expected[key])]
        self._aside |= new
        self._tail.clear()
        sent = []
        for pack in packs(commands):
            sent.append(wire.send(keys.ASIDE, [f"{at.prefix}meta"], [msgpack.encode(pack)]))
            while len(sent) > _IN_FLIGHT:
                sent.pop(0).get()
        for answer in sent:
            answer.get()

    def _swap(self, wire: Wire, at: Standing, expected: Mapping[str, Content], *, is_seen: bool) -> tuple[str, int]:
        """Put everything in its place, unless the story has gone on; return how that ended, and how many keys it takes."""
        built, gone = sorted(self._stale & expected.keys()), sorted(self._stale - expected.keys())
        packed = msgpack.encode((built, gone, list(self._shared_writes(at, expected))))
        place: list[Value] = [keys.prefix(at.partition), at.generation, self._story, at.state, at.parked, at.offset]
        place += [packed, "1" if is_seen else ""]
        answer = wire.send(keys.SWAP, [keys.live(at.partition), keys.wake(at.partition)], place)
        return answer.get().decode(), len(built) + len(gone)

    def _shared_writes(self, at: Standing, expected: Mapping[str, Content]) -> Iterator[Write]:
        for key in sorted(self._members):
            mine = expected.get(key, {})
            target = at.prefix + key
            gone = sorted(member for member in self._members[key] - mine.keys() if owner_of(key, member) == self._story)
            for start in range(0, len(gone), MOST_FIELDS):
                yield ["HDEL" if key == "stories" else "ZREM", target, *gone[start : start + MOST_FIELDS]]
            yield from whole(key, target, mine)
            if key == "problems" and mine:
                yield ["ZREMRANGEBYRANK", target, 0, -keys.PROBLEMS_KEPT - 1]
        waited_from = parked_from(at.parked) if at.parked else None
        if waited_from is not None:  # what could not be read of what waited is counted by nobody else
            unread = sum(offset >= waited_from for offset in self._check.folding.undecodable)
            yield ["HINCRBY", f"{at.prefix}meta", "undecodable", unread]

    def _result(self, found: StoryFound, expected: Mapping[str, Content], is_seen: bool, how: tuple[int, int, float]) -> Rebuilt:
        moved, tries, blocked = how
        return Rebuilt(
            story=self._story,
            generation=found.at.generation,
            records=self._check.folding.records,
            updates=len(expected.get(f"docs/{self._story}", ())),
            differences=found.differences,
            was_parked=bool(found.at.parked),
            keys=moved,
            is_seen=is_seen,
            tries=tries,
            blocked_seconds=blocked,
        )
