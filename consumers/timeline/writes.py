"""What a folded batch writes to Redis: a list of commands, few and variadic.

Of an update that changes several times in a batch only the last state is written; its history and its changes are kept each.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec.json import encode

from consumers.intake import Homeless
from consumers.state import Change, Correction, Story, Update
from consumers.timeline import documents
from consumers.timeline.keys import CHANGE_FIELD, PROBLEMS_KEPT
from consumers.view import Folded, Step
from schemas.times import to_us

Write = list[Any]  # Any: a command's name, its key, then texts and numbers

_NEVER_SEEN = Update("")


def batch_writes(g: str, batch: Folded) -> list[Write]:
    """Return the commands that bring the generation with the key prefix `g` from before `batch` to after it."""
    writes: list[Write] = []
    stories: Write = ["HSET", f"{g}stories"]
    recent: Write = ["ZADD", f"{g}recent"]
    problems = [_homeless(found) for found in batch.homeless]
    for story_id, steps in batch.stories.items():
        story = steps[-1].outcome.story
        stories += (story_id, documents.story_text(story))
        recent += (story.recorded_at, story_id)
        writes += _StoryWrites(g, story_id).collect(steps)
        problems += [_undecodable(step) for step in steps if step.incoming.event is None]
    if batch.stories:
        writes += (stories, recent)
    if problems:
        writes.append(["ZADD", f"{g}problems", *(part for problem in problems for part in problem)])
        writes.append(["ZREMRANGEBYRANK", f"{g}problems", 0, -PROBLEMS_KEPT - 1])
        writes.append(["HSET", f"{g}meta", "homeless", batch.total_homeless, "undecodable", batch.total_undecodable])
    return writes


class _StoryWrites:
    """Collects what the steps of one story write, one command a key."""

    def __init__(self, g: str, story: str) -> None:
        self._g = g
        self._story = story
        self._writes: list[Write] = []
        self._events: Write = ["HSET", f"{g}events/{story}"]
        self._history: dict[str, Write] = defaultdict(list)
        self._places: Write = []
        self._first: dict[str, Update | None] = {}
        self._last: dict[str, Update] = {}

    def collect(self, steps: Sequence[Step]) -> list[Write]:
        for step in steps:
            self._add(step)
        if len(self._events) > 2:
            self._writes.append(self._events)
        for update, entries in self._history.items():
            self._writes.append(["ZADD", f"{self._g}history/{self._story}/{update}", *entries])
        if self._last:
            self._add_updates()
        return self._writes

    def _add(self, step: Step) -> None:
        outcome = step.outcome
        if step.entry is not None:
            assert step.incoming.event is not None
            self._events += (step.incoming.event.event_id, documents.entry_text(step.entry))
        change = outcome.change
        if change is not None:
            self._writes.append(
                ["XADD", f"{self._g}changes/{self._story}", f"{change.seq}-0", CHANGE_FIELD, documents.change_text(change)]
            )
            self._add_change(change, step)
        if outcome.late is not None:
            late = outcome.late
            shown = documents.late_document(late.version, late.content)
            self._history[late.about.update or ""] += (late.about.seq, documents.history_entry(late.about, shown))
        after = outcome.update
        before = step.before
        if after is not None and after is not before:
            self._first.setdefault(after.id, before)
            self._last[after.id] = after
            if before is not None and after.killed_at is not None:
                self._remove_corrections(before)
            elif after.corrections and (before is None or len(after.corrections) > len(before.corrections)):
                self._add_correction(after.corrections[-1], step)

    def _add_change(self, change: Change, step: Step) -> None:
        """What stood there before goes to the history."""
        if change.update is None:
            self._add_heading(step.story_before)
            return
        before = step.before
        if before is not None and before.last is not None:
            shown = documents.document(self._story, before) if before.is_public else ""
            self._history[before.id] += (before.last.seq, documents.history_entry(before.last, shown))

    def _add_heading(self, before: Story) -> None:
        if before.heading_change is not None:
            shown = documents.heading_text(before.heading)
            self._history[""] += (before.heading_change.seq, documents.history_entry(before.heading_change, shown))

    def _add_updates(self) -> None:
        """The last state of each update that was touched, and its place in the indexes where that changed."""
        docs: Write = []
        states: Write = []
        for update_id, after in self._last.items():
            before = self._first[update_id]
            states += (update_id, documents.state_text(after))
            if after.is_public:
                docs += (update_id, documents.document(self._story, after))
            if before is None and after.is_public:
                self._index_new(after)
            else:
                self._index_changed(before or _NEVER_SEEN, after)
        self._writes.append(["HSET", f"{self._g}state/{self._story}", *states])
        if docs:
            self._writes.append(["HSET", f"{self._g}docs/{self._story}", *docs])
        if self._places:
            self._writes.append(["ZADD", f"{self._g}index/{self._story}", *self._places])

    def _index_new(self, update: Update) -> None:
        """The common case: an update that is public from the first."""
        self._places += (update.place, update.id)
        if update.key_event:
            self._writes.append(["ZADD", f"{self._g}key/{self._story}", update.place, update.id])
        if update.pinned:
            self._writes.append(["ZADD", f"{self._g}pinned/{self._story}", update.place, update.id])

    def _index_changed(self, before: Update, after: Update) -> None:
        for name, belongs in _INDEXES.items():
            if belongs(after) and not belongs(before):
                self._writes.append(["ZADD", f"{self._g}{name}/{self._story}", after.place, after.id])
            elif belongs(before) and not belongs(after):
                self._writes.append(["ZREM", f"{self._g}{name}/{self._story}", after.id])
        if before.is_public and not after.is_public:
            self._writes.append(["HDEL", f"{self._g}docs/{self._story}", after.id])
        if after.killed_at is not None:
            self._writes.append(["DEL", f"{self._g}history/{self._story}/{after.id}"])
        if after.embargo_until != before.embargo_until:
            self._set_embargo(after)

    def _set_embargo(self, update: Update) -> None:
        named = f"{self._story}/{update.id}"
        if update.embargo_until is None:
            self._writes.append(["ZREM", f"{self._g}embargoes", named])
        else:
            self._writes.append(["ZADD", f"{self._g}embargoes", to_us(update.embargo_until), named])

    def _add_correction(self, told: Correction, step: Step) -> None:
        update = step.outcome.update
        assert update is not None
        named = f"{self._story}/{update.id}/{told.revision}"
        for key in self._correction_keys():
            self._writes.append(["ZADD", key, step.outcome.story.recorded_at, named])

    def _remove_corrections(self, update: Update) -> None:
        named = [f"{self._story}/{update.id}/{told.revision}" for told in update.corrections]
        for key in self._correction_keys() if named else ():
            self._writes.append(["ZREM", key, *named])

    def _correction_keys(self) -> tuple[str, str]:
        return f"{self._g}corrections", f"{self._g}corrections/{self._story}"


_INDEXES: Mapping[str, Callable[[Update], bool]] = {
    "index": lambda update: update.is_public,
    "key": lambda update: update.is_public and update.key_event,
    "pinned": lambda update: update.is_public and update.pinned,
    "withheld": lambda update: update.withheld and update.place > 0 and update.embargo_until is None,
}
"""Which updates each index of a story holds, all by their place."""


def _homeless(found: Homeless) -> tuple[int, str]:
    return found.offset, encode({"offset": found.offset, "story": None, "seq": None, "problem": found.problem}).decode()


def _undecodable(step: Step) -> tuple[int, str]:
    incoming = step.incoming
    told = {
        "offset": incoming.offset,
        "story": incoming.story,
        "seq": step.outcome.story.seq,
        "problem": incoming.problem,
    }
    return incoming.offset, encode(told).decode()
