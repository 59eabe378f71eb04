"""A story, act by act; and one that is told in memory: events go through the real fold, and what readers get is there at once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from typing_extensions import override

from consumers.document import document
from consumers.state import Change, Incoming, State, Story, Update
from consumers.story import fold, new_story
from consumers.timeline.answers import HistoryEntry, PublicChange
from consumers.timeline.shown import Shown, read_document
from consumers.web.coverage import Coverage
from consumers.web.pages.story import StoryView
from schemas.content import Block, Content
from schemas.events import (
    Event,
    StoryClosed,
    StoryOpened,
    StoryReopened,
    StoryRevised,
    UpdateCorrected,
    UpdateEvent,
    UpdateKilled,
    UpdateMarked,
    UpdatePublished,
    UpdateReleased,
    UpdateRevised,
    UpdateWithheld,
)
from schemas.times import to_ms

NOON = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)


class Acts(ABC):
    """What happens to one story. Each act is a minute after the one before, unless it says when."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.now = NOON

    @abstractmethod
    def tell(self, event: Event) -> None:
        """Tell of one event."""

    def open(self, **heading: Any) -> None:  # Any: a heading's fields
        self.tell(StoryOpened(story=self.name, occurred_at=self.now, **heading))

    def publish(self, update: str, headline: str = "", body: str | Content = "", **more: Any) -> None:  # Any: an event's fields
        self._act(UpdatePublished, update=update, content=_content(update, headline, body), **more)

    def correct(self, update: str, headline: str = "", body: str | Content = "", *, note: str = "A name was wrong.") -> None:
        self._act(UpdateCorrected, update=update, content=_content(update, headline, body), note=note)

    def revise(self, update: str, headline: str = "", body: str | Content = "") -> None:
        self._act(UpdateRevised, update=update, content=_content(update, headline, body))

    def mark(self, update: str, **marks: Any) -> None:  # Any: an event's fields
        self._act(UpdateMarked, update=update, **marks)

    def withhold(self, update: str) -> None:
        self._act(UpdateWithheld, update=update, reason="in doubt")

    def release(self, update: str) -> None:
        self._act(UpdateReleased, update=update)

    def kill(self, update: str) -> None:
        self._act(UpdateKilled, update=update, reason="it is not true")

    def rename(self, title: str) -> None:
        self._act(StoryRevised, title=title, summary="The river falls.", language="en", time_zone="Europe/Berlin")

    def close(self) -> None:
        self._act(StoryClosed)

    def reopen(self) -> None:
        self._act(StoryReopened)

    def _act(self, kind: type[Event], **fields: Any) -> None:  # Any: an event's fields
        self.now = fields.pop("at", self.now + timedelta(minutes=1))
        self.tell(kind(story=self.name, occurred_at=self.now, **fields))


class ToldStory(Acts):
    """One story, in memory; it has begun if it is given a heading."""

    def __init__(self, name: str = "flood", **heading: Any) -> None:  # Any: a heading's fields
        super().__init__(name)
        self.story: Story = new_story(name)
        self.updates: dict[str, Update] = {}
        self.histories: dict[str, list[HistoryEntry]] = {}
        self.changes: list[Change] = []
        if heading:
            self.open(**heading)

    @override
    def tell(self, event: Event) -> None:
        name = event.update if isinstance(event, UpdateEvent) else None
        before = self.updates.get(name) if name else None
        record = Incoming(self.story.id, self.story.seq, to_ms(event.occurred_at), event)
        outcome = fold(State(self.story, before, None), record)
        assert outcome.verdict is not None
        self.story = outcome.story
        if name and outcome.update is not None:
            self.updates[name] = outcome.update
            if outcome.change is not None:
                self.histories.setdefault(name, []).append(HistoryEntry(outcome.change, self.document(name)))
        if outcome.change is not None:
            self.changes.append(outcome.change)

    def document(self, update: str) -> bytes | None:
        """Return what readers get of an update now."""
        found = self.updates.get(update)
        return document(self.story.id, found).encode() if found is not None and found.is_public else None

    def shown(self, update: str) -> Shown | None:
        found = self.document(update)
        return read_document(found) if found else None

    def since(self, seq: int) -> list[PublicChange]:
        found = (change for change in self.changes if change.seq > seq)
        return [PublicChange(change, self.document(change.update) if change.update else None) for change in found]

    def view(self, *, limit: int = 20, cursor: str | None = None, as_of: datetime | int | None = None) -> StoryView:
        """Return what the story's page shows."""
        below = int(cursor[1:]) if cursor else 1 << 60
        found = sorted((one for one in self.updates.values() if one.is_public), key=lambda one: -one.place)
        left = [one for one in found if one.place < below]
        part = left[:limit]
        following = f"p{part[-1].place}" if len(left) > limit else None
        updates = self._read(part)
        coverage = Coverage(self.story, self.story.seq, "g1", updates, [one.place for one in part], (), following)
        keys, pinned = (self._read(one for one in found if getattr(one, mark)) for mark in ("key_event", "pinned"))
        histories = {one.id: self.histories[one.id] for one in (*updates, *pinned) if one.corrections}
        return StoryView(coverage, keys, pinned, histories, cursor, as_of)

    def _read(self, updates: Iterable[Update]) -> list[Shown]:
        return [read_document(document(self.story.id, one)) for one in updates]


def _content(update: str, headline: str, body: str | Content) -> Content:
    if isinstance(body, Content):
        return body
    return Content(headline or f"What happened: {update}", (Block(text=body or f"More about {update} in a few words."),))
