"""What readers had of a partition's stories at a moment, from the log alone; and what of it is killed or under embargo today.

For whoever has the log. Nothing that answers readers may use it: it holds the words of what was killed, and no view does.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime

from msgspec import Struct
from typing_extensions import override

from consumers.document import document
from consumers.state import Story, Update
from consumers.story import new_story
from consumers.timeline.answers import Page, cursor_after
from consumers.timeline.folding import PartitionFold
from consumers.view import Folded, Step
from dateline.log.base import Log
from schemas.codec import Codec
from schemas.events import UpdateKilled
from schemas.times import to_ms


class Had(Struct):
    """The last that readers had of an update, by a moment.

    Attributes:
        place: Where it stands in the timeline.
        document: As they had it.
        stands: Whether they still had it at that moment.
    """

    place: int
    document: str
    key_event: bool
    published_at: datetime
    stands: bool = True


class Gone(Struct, frozen=True):
    """What takes an update out of every version today.

    Attributes:
        status: `killed` or `embargoed`.
        seq: Of the record that says so.
        at: When the desk says that it did.
        reason, substitute: As the desk gave them with a kill.
        until: When the embargo ends.
    """

    status: str
    seq: int
    at: datetime
    reason: str | None = None
    substitute: str | None = None
    until: datetime | None = None


class GoneUpdate(Struct, frozen=True):
    """An update that readers had, once, and that no public answer holds any more."""

    id: str
    had: Had
    gone: Gone


class Unredacted(Struct, frozen=True):
    """A page as readers had it and, apart from it, what is killed or under embargo today, newest first."""

    page: Page
    gone: Sequence[GoneUpdate]
    places: Sequence[int]
    """The places of the page's documents."""


class StoryPast:
    """One story, folded up to a moment and on from there.

    Attributes:
        story: As it was at the moment.
        had: By update, the last that readers had of it by then.
        gone: By update, what is killed or under embargo after the last record that was folded.
    """

    def __init__(self, name: str, moment: datetime | int | None) -> None:
        """Fold nothing yet.

        Args:
            moment: A time, a `seq`, or None for the last record.
        """
        self.story = new_story(name)
        self.had: dict[str, Had] = {}
        self.gone: dict[str, Gone] = {}
        self._last_seq = moment if isinstance(moment, int) else None
        self._last_ms = to_ms(moment) if isinstance(moment, datetime) else None

    def take(self, step: Step) -> None:
        """Take the next record."""
        story, update = step.outcome.story, step.outcome.update
        is_then = self._is_by_then(story)
        if is_then:
            self.story = story
        if update is not None and update is not step.before:
            if is_then:
                self._note_had(update)
            self._note_gone(step, update)

    @property
    def seq(self) -> int:
        """The `seq` that a page of the moment shows: of the last change where the moment is a time."""
        return self.story.seq if self._last_ms is None else self.story.last_change

    def page(self) -> Page | None:
        """Return all of the story as of the moment, in one page, without what is gone today; None if there was nothing then."""
        if not self.seq:
            return None
        shown = [had.document.encode() for name, had in self._newest_first() if had.stands and name not in self.gone]
        return Page(self.story, self.seq, None, shown)

    @property
    def left_out(self) -> int:
        """How many updates readers had at the moment that are gone today."""
        return sum(had.stands and name in self.gone for name, had in self.had.items())

    def unredacted(self, *, limit: int, below: int | None = None, key_events: bool = False) -> Unredacted | None:
        """Return a page as of the moment, and beside it what is gone today; None if there was nothing then.

        Args:
            limit: The most updates, what is gone included.
            below: The place to go on below; the head if None.
        """
        if not self.seq:
            return None
        listed = [
            (name, had)
            for name, had in self._newest_first()
            if (had.stands or name in self.gone) and (had.key_event or not key_events) and (below is None or had.place < below)
        ]
        after = cursor_after(listed[limit - 1][1].place) if len(listed) > limit else None
        gone = [GoneUpdate(name, had, self.gone[name]) for name, had in listed[:limit] if name in self.gone]
        kept = [had for name, had in listed[:limit] if name not in self.gone]
        page = Page(self.story, self.seq, after, [had.document.encode() for had in kept])
        return Unredacted(page, gone, [had.place for had in kept])

    def _is_by_then(self, story: Story) -> bool:
        if self._last_ms is not None:
            return story.recorded_at <= self._last_ms
        return self._last_seq is None or story.seq <= self._last_seq

    def _newest_first(self) -> Iterator[tuple[str, Had]]:
        return iter(sorted(self.had.items(), key=lambda item: -item[1].place))

    def _note_had(self, update: Update) -> None:
        if update.is_public:
            assert update.published_at is not None
            shown = document(self.story.id, update)
            self.had[update.id] = Had(update.place, shown, update.key_event, update.published_at)
        elif update.id in self.had:
            self.had[update.id].stands = False

    def _note_gone(self, step: Step, update: Update) -> None:
        seq, event, before = step.outcome.story.seq, step.incoming.event, step.before
        assert event is not None
        if isinstance(event, UpdateKilled):
            self.gone[update.id] = Gone("killed", seq, event.occurred_at, event.reason or None, event.substitute)
        elif update.embargo_until is None:
            self.gone.pop(update.id, None)
        elif before is None or before.embargo_until != update.embargo_until:
            self.gone[update.id] = Gone("embargoed", seq, event.occurred_at, until=update.embargo_until)


class Past(PartitionFold):
    """A partition's log, or some stories of it, folded into what readers had at a moment.

    Attributes:
        stories: By name, every story of which there is any record so far.
    """

    def __init__(
        self,
        log: Log,
        topic: str,
        partition: int,
        codec: Codec,
        *,
        moment: datetime | int | None,
        stories: Collection[str] | None = None,
    ) -> None:
        super().__init__(log, topic, partition, codec, stories=stories)
        self._moment = moment
        self.stories: dict[str, StoryPast] = {}

    @override
    def _take(self, folded: Folded) -> None:
        for name, steps in folded.stories.items():
            past = self.stories.get(name)
            if past is None:
                past = self.stories[name] = StoryPast(name, self._moment)
            for step in steps:
                past.take(step)
