"""A partition that this process has claimed: what the fold needs is read from it, and batches are written to it.

A batch is one bulk, then the cursor. What the bulk writes does not count before the cursor has moved (`kept`), so a batch that
was written in part is written again; and a late writer's documents lose by their version, its states by what they were read as.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from consumers.search.opensearch import names
from consumers.search.opensearch.cursors import TRIES, Placed, quicker, read_cursor, write_cursor
from consumers.search.opensearch.kept import KeptEntry, KeptStory, KeptUpdate, Ordered, by_id, read, story_at, update_at
from consumers.search.opensearch.pages import pages
from consumers.search.opensearch.server import Action, Json, Server
from consumers.search.opensearch.writes import (
    document_action,
    moved,
    new_language,
    order_of,
    other_actions,
    story_source,
    touched,
    update_source,
)
from consumers.view import Applied, Folded, Loaded, Needs, StoryLoaded
from dateline.errors import DatelineError, StoreUnavailable

_REMEMBERED = 60_000
"""States of which is remembered how to write over them: more than the runner remembers of them."""

_AT_ONCE = 1000


class Known(Struct, frozen=True):
    """How to write over a state, and its update's order."""

    seq_no: int
    term: int
    order: int = 0


class HeldPartition:
    """One claim.

    Attributes:
        has_killed: Whether an update was killed since somebody asked.
        has_written: Whether any batch was written.
    """

    def __init__(self, server: Server, placed: Placed) -> None:
        self._server = server
        self._placed = placed
        self._states = names.states(placed.generation)
        self._known: OrderedDict[str, Known | None] = OrderedDict()
        self._failed = ""
        self.has_killed = self.has_written = False

    @property
    def generation(self) -> str:
        return self._placed.generation

    @property
    def token(self) -> str:
        return self._placed.at.token

    def load(self, needs: Needs) -> Loaded:
        """Return what the fold needs, as it is before the cursor.

        Raises:
            ContentDamaged: It is not what was written.
        """
        asked = [name for story, need in needs.items() for name in self._ids(story, need.updates, need.events)]
        found = self._fetch(asked)
        return {story: self._loaded(story, need.updates, need.events, found) for story, need in needs.items()}

    def apply(self, batch: Folded) -> Applied:
        """Write a batch and move the cursor.

        Raises:
            StoreUnavailable: It may be written in part; the partition is to be claimed anew.
        """
        if self._failed:
            raise StoreUnavailable(self._failed)
        if self._placed.at.offset != batch.offset:
            return self._where(batch)
        try:
            done = self._move(batch) if self._write(batch) else None
            return done or self._where(batch)
        except DatelineError as error:
            self._failed = str(error)
            raise

    def _ids(self, story: str, updates: Iterable[str], events: Iterable[str]) -> Iterator[str]:
        yield names.story_id(story)
        yield from (names.update_id(story, update) for update in updates)
        yield from (names.entry_id(story, event) for event in events)

    def _fetch(self, ids: Sequence[str]) -> dict[str, Json]:
        found: dict[str, Json] = {}
        for start in range(0, len(ids), _AT_ONCE):
            found |= by_id(self._server.ask("POST", f"/{self._states}/_mget", {"ids": ids[start : start + _AT_ONCE]}))
        return found

    def _loaded(self, story: str, updates: Iterable[str], events: Iterable[str], found: Mapping[str, Json]) -> StoryLoaded:
        cursor = self._placed.at.seen(story)
        states: dict[str, Ordered] = {}
        for update in updates:
            one = found.get(names.update_id(story, update))
            kept = read(KeptUpdate, one["_source"], f"update {update!r}") if one else None
            state = update_at(kept, cursor) if kept is not None else None
            self._remember(names.update_id(story, update), one, kept.after.order if kept is not None else 0)
            if state is not None:
                states[update] = state
        entries = {}
        for event in events:
            if one := found.get(names.entry_id(story, event)):
                entry = read(KeptEntry, one["_source"], f"event {event}").entry
                if entry.verdict.offset < cursor:
                    entries[event] = entry
        one = found.get(names.story_id(story))
        self._remember(names.story_id(story), one)
        whole = story_at(read(KeptStory, one["_source"], f"story {story!r}"), cursor) if one else None
        return StoryLoaded(whole, {name: state.update for name, state in states.items()}, entries)

    def _remember(self, name: str, found: Json | None, order: int = 0) -> None:
        self._known[name] = Known(found["_seq_no"], found["_primary_term"], order) if found else None
        self._known.move_to_end(name)

    def _write(self, batch: Folded) -> bool:
        """Write all but the cursor; return whether the claim held all the while."""
        partition, generation = self._placed.at.partition, self._placed.generation
        self._learn(batch)
        states: dict[str, tuple[bytes, int]] = {}
        others: list[Action] = []
        for story, steps in batch.stories.items():
            language, changes = steps[-1].outcome.story.heading.language, touched(steps)
            renewed = new_language(steps)
            others += other_actions(generation, partition, story, steps)
            states[names.story_id(story)] = (story_source(partition, story, steps), 0)
            for update, one in changes.items():
                name = names.update_id(story, update)
                known = self._known[name]
                order = order_of(story, one, known.order if known is not None and one.before is not None else 0)
                states[name] = (
                    update_source(partition, story, one, order if one.before and one.before.place else 0, order),
                    order,
                )
                self.has_killed |= one.is_killed
                if one.after.place:
                    version = max(one.seq, renewed[1] if renewed is not None else 0)
                    shown = Ordered(order, one.after)
                    others.append(document_action(generation, partition, story, shown, language, version=version))
            if renewed is not None:
                others += self._renewed(story, renewed, but=changes.keys())
        return self._send(states, others)

    def _learn(self, batch: Folded) -> None:
        """See that of each state to be written over is known how; what is new is taken as not there."""
        missing: list[str] = []
        for story, steps in batch.stories.items():
            is_there = {names.story_id(story): steps[0].story_before.seq > 0}
            is_there |= {names.update_id(story, update): one.before is not None for update, one in touched(steps).items()}
            for name, there in is_there.items():
                if not there:
                    self._known.setdefault(name, None)
                elif self._known.get(name) is None:
                    missing.append(name)
        if missing:
            self._learn_from(self._fetch(missing))

    def _learn_from(self, found: Mapping[str, Json]) -> None:
        for name, one in found.items():
            after = one["_source"].get("after")
            order = after.get("order", 0) if name.startswith("u") and isinstance(after, dict) else 0
            self._remember(name, one, order)

    def _renewed(self, story: str, renewed: tuple[str, int], *, but: Iterable[str]) -> Iterator[Action]:
        """Yield a story's other public updates, indexed in its new language."""
        language, seq = renewed
        placed, done = self._placed, set(but)
        self._server.ask("POST", f"/{self._states}/_refresh")
        wanted = {"bool": {"filter": [{"term": {"kind": "u"}}, {"term": {"story": story}}]}}
        for found in pages(self._server, self._states, wanted):
            kept = read(KeptUpdate, found["_source"], "an update")
            state = update_at(kept, placed.at.seen(story))
            if state is not None and state.update.id not in done and state.update.is_public:
                yield document_action(placed.generation, placed.at.partition, story, state, language, version=seq)

    def _send(self, states: Mapping[str, tuple[bytes, int]], others: Sequence[Action]) -> bool:
        """Write the states and all else. A state that somebody else has written is written over, if the claim still holds."""
        left = list(states)
        for _ in range(TRIES):
            actions = [self._state_action(name, states[name][0]) for name in left]
            told = self._server.bulk([*actions, *others]) if actions or others else ()
            lost = []
            for name, one in zip(left, told, strict=False):
                if one["status"] < 300:
                    self._known[name] = Known(one["_seq_no"], one["_primary_term"], states[name][1])
                    self._known.move_to_end(name)
                else:
                    lost.append(name)
            if not lost:
                self._forget()
                return True
            left, others = lost, ()
            self._learn_from(self._fetch(lost))
            if not self._holds():  # asked after they were read: who claims later finds its own writes lost, not these
                return False
        raise quicker("the states")

    def _state_action(self, name: str, source: bytes) -> Action:
        known = self._known.get(name)
        return (
            Action(self._states, name, source, known.seq_no, known.term)
            if known is not None
            else Action(self._states, name, source)
        )

    def _forget(self) -> None:
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)

    def _holds(self) -> bool:
        found = read_cursor(self._server, self._placed.generation, self._placed.at.partition)
        return found is not None and found.at.token == self.token

    def _move(self, batch: Folded) -> Applied | None:
        """Move the cursor; None if that cannot be done any more."""
        for _ in range(TRIES):
            at = self._placed.at
            done = write_cursor(self._server, self._placed, replace(at, **moved(at, batch)))
            if done is not None:
                self._placed, self.has_written = done, True
                return Applied("OK")
            found = read_cursor(self._server, self._placed.generation, at.partition)
            if found is None or (found.at.token, found.at.offset) != (at.token, batch.offset):
                return None
            self._placed = found  # somebody has asked for a retry of a parked story
        raise quicker("the cursor")

    def _where(self, batch: Folded) -> Applied:
        found = read_cursor(self._server, self._placed.generation, self._placed.at.partition)
        if found is None or found.at.token != self.token:
            return Applied("FENCED")
        return Applied("MOVED", found.at.offset)
