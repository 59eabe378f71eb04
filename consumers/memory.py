"""What the runner remembers of a partition's stories while its claim holds, so that most batches need no read.

Nothing here is the truth: it can be dropped at any time and is loaded again from the view.
"""

from __future__ import annotations

from collections.abc import Sequence

from consumers.state import Entry, Incoming, State, Story, Update
from consumers.story import fold, new_story
from consumers.view import Loaded, Needs, Step, StoryNeeds
from schemas.events import UpdateEvent

LIMIT = 40_000
"""Stories, updates and event entries, together, that a partition's memory may hold (about 1 KB each)."""


class _Remembered:
    """One story: `complete` says that what is not here is not in the view either."""

    __slots__ = ("complete", "entries", "story", "updates")

    def __init__(self, story: Story, *, complete: bool) -> None:
        self.story = story
        self.complete = complete
        self.updates: dict[str, Update | None] = {}
        self.entries: dict[str, Entry | None] = {}

    def __len__(self) -> int:
        return 1 + len(self.updates) + len(self.entries)


class Memory:
    """The states of one partition's stories. The one that was touched longest ago is forgotten first."""

    def __init__(self, *, limit: int = LIMIT) -> None:
        self._limit = limit
        self._size = 0
        self._stories: dict[str, _Remembered] = {}

    def __len__(self) -> int:
        return self._size

    def needs(self, batch: Sequence[Incoming]) -> Needs:
        """Return what must be loaded before `batch` can be folded."""
        needs: dict[str, StoryNeeds] = {}
        for incoming in batch:
            known = self._stories.get(incoming.story)
            if known is not None and known.complete:
                continue
            update, event_id = _touched(incoming)
            if known is None or (update and update not in known.updates) or (event_id and event_id not in known.entries):
                need = needs.get(incoming.story)
                if need is None:
                    need = needs[incoming.story] = StoryNeeds(set(), set())
                if update:
                    need.updates.add(update)
                if event_id:
                    need.events.add(event_id)
        return needs

    def learn(self, needs: Needs, loaded: Loaded) -> None:
        """Take over what was loaded for `needs`; what is remembered already is newer and stays."""
        for story_id, need in needs.items():
            found = loaded[story_id]
            known = self._stories.get(story_id)
            if known is None:
                complete = found.story is None
                known = self._stories[story_id] = _Remembered(found.story or new_story(story_id), complete=complete)
                self._size += len(known)
            size = len(known)
            for update in need.updates:
                known.updates.setdefault(update, found.updates.get(update))
            for event_id in need.events:
                known.entries.setdefault(event_id, found.entries.get(event_id))
            self._size += len(known) - size

    def fold(self, batch: Sequence[Incoming]) -> dict[str, list[Step]]:
        """Fold `batch`, for which everything is known, and return the steps of each story in log order."""
        stories: dict[str, list[Step]] = {}
        for incoming in batch:
            known = self._stories[incoming.story]
            update_id, event_id = _touched(incoming)
            before = known.updates.get(update_id)
            entry = known.entries.get(event_id)
            story = known.story
            outcome = fold(State(story, before, entry), incoming)
            known.story = outcome.story
            if update_id and outcome.update is not before:
                self._size += update_id not in known.updates
                known.updates[update_id] = outcome.update
            new_entry = None
            if event_id and entry is None and outcome.verdict is not None:
                self._size += event_id not in known.entries
                new_entry = known.entries[event_id] = Entry(incoming.fingerprint, update_id or None, outcome.verdict)
            steps = stories.get(incoming.story)
            if steps is None:
                steps = stories[incoming.story] = []
                self._stories[incoming.story] = self._stories.pop(incoming.story)  # touched last
            steps.append(Step(incoming, before, story, outcome, new_entry))
        return stories

    def forget(self, story: str) -> None:
        """Forget one story, of which something was folded that was not applied."""
        known = self._stories.pop(story, None)
        if known is not None:
            self._size -= len(known)

    def trim(self, keep: Sequence[Incoming]) -> None:
        """Forget what was touched longest ago, once there is too much; not what `keep` touches, which is yet to be folded."""
        kept = {incoming.story for incoming in keep}
        for story_id in kept & self._stories.keys():
            self._stories[story_id] = self._stories.pop(story_id)
        if self._size <= self._limit:
            return
        for story_id in list(self._stories):
            if self._size <= self._limit // 2 or story_id in kept:
                break
            self._size -= len(self._stories.pop(story_id))
        if self._size > self._limit:
            self._trim_within(keep)

    def _trim_within(self, keep: Sequence[Incoming]) -> None:
        """A few stories alone fill the memory: of each, keep only what is on its way."""
        touched = [(incoming.story, *_touched(incoming)) for incoming in keep]
        for story_id, known in self._stories.items():
            updates = {update for story, update, _ in touched if story == story_id}
            events = {event for story, _, event in touched if story == story_id}
            known.updates = {name: value for name, value in known.updates.items() if name in updates}
            known.entries = {name: value for name, value in known.entries.items() if name in events}
            known.complete = False
        self._size = sum(map(len, self._stories.values()))


def _touched(incoming: Incoming) -> tuple[str, str]:
    """Return the update and the event id that a record touches, empty where there is none."""
    event = incoming.event
    if event is None:
        return "", ""
    return (event.update if isinstance(event, UpdateEvent) else ""), event.event_id
