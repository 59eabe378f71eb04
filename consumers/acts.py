"""What each event does to a story or an update: one function an event, from the state before to the state after.

An act refuses by raising `Rejection`, and puts older copy aside by raising `LateCopy`. What readers are told of it is not its
concern: that follows from the states (`consumers.story`).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from msgspec.structs import replace

from consumers.state import Correction, Heading, Incoming, Story, Update
from consumers.words import NO_WORDS, words_of
from schemas.events import (
    ContentEvent,
    EmbargoLifted,
    EmbargoSet,
    Event,
    StoryClosed,
    StoryOpened,
    StoryReopened,
    StoryRevised,
    UpdateCorrected,
    UpdateKilled,
    UpdateMarked,
    UpdatePublished,
    UpdateReleased,
    UpdateRevised,
    UpdateWithheld,
)
from schemas.times import from_ms, rfc3339


class Rejection(Exception):
    """Why an event has no effect, for the user who sent it."""

    def __init__(self, reason: str, *, conflict: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.conflict = conflict


class LateCopy(Exception):
    """The content is older than what is shown: for the history only. `after` is the update's state all the same."""

    def __init__(self, after: Update) -> None:
        super().__init__()
        self.after = after


# On the story itself


def _opened(story: Story, event: StoryOpened) -> tuple[str, Heading]:
    if story.opened:
        raise Rejection(f"Story {story.id!r} is open already. Change its title or summary with: dateline story revise {story.id}")
    return "story_opened", _described(story.heading, event, opened_at=event.occurred_at)


def _revised_story(story: Story, event: StoryRevised) -> tuple[str, Heading]:
    return "story_revised", _described(story.heading, event, opened_at=story.heading.opened_at)


def _described(heading: Heading, event: StoryOpened | StoryRevised, *, opened_at: datetime | None) -> Heading:
    return replace(
        heading,
        title=event.title,
        summary=event.summary,
        language=event.language,
        time_zone=event.time_zone,
        topics=event.topics,
        opened_at=opened_at,
    )


def _closed(story: Story, event: StoryClosed) -> tuple[str, Heading]:
    if story.is_closed:
        raise Rejection(f"Story {story.id!r} is closed already.")
    return "story_closed", replace(story.heading, closed_at=event.occurred_at)


def _reopened(story: Story, event: StoryReopened) -> tuple[str, Heading]:
    if not story.is_closed:
        raise Rejection(f"Story {story.id!r} is open; only a closed story can be reopened.")
    return "story_reopened", replace(story.heading, closed_at=None)


# On an update


def _published(story: Story, before: Update, event: UpdatePublished, record: Incoming) -> Update:
    embargo = _later(before.embargo_until, _still_ahead(record, event.embargo_until))
    if before.revision:
        return _published_again(before, event, record, embargo)
    _refuse_if_closed(story, before)
    return replace(
        before,
        revision=1,
        published=True,
        version=event.version,
        words=words_in(record),
        urgency=event.urgency,
        key_event=event.key_event,
        pinned=event.pinned,
        from_story=event.from_story,
        embargo_until=embargo,
    )


def _published_again(before: Update, event: UpdatePublished, record: Incoming, embargo: datetime | None) -> Update:
    """A higher version replaces, a lower one is late; so is the original that comes after its own correction.

    An embargo that comes with any of them covers all versions.
    """
    if _is_newer(before, event.version):
        after = _rewritten(before, record, event.version)
        if not before.published:
            after = replace(after, key_event=event.key_event, pinned=event.pinned, from_story=event.from_story)
        return replace(after, published=True, urgency=event.urgency, embargo_until=embargo)
    is_older = event.version is not None and before.version is not None and event.version < before.version
    if is_older or not before.published:
        version = event.version if before.version is None else before.version
        raise LateCopy(replace(before, published=True, version=version, embargo_until=embargo))
    raise Rejection(
        f"Update {before.id!r} was published before (revision {before.revision}). "
        "Send new information with: dateline revise, and an error put right with: dateline correct"
    )


def _is_newer(before: Update, version: int | None) -> bool:
    """Whether a publication with this version replaces; what came first without one gives way only if it was a publication."""
    if version is None:
        return False
    return before.published if before.version is None else version > before.version


def _revised(story: Story, before: Update, event: UpdateRevised, record: Incoming) -> Update:
    _refuse_if_closed(story, before)
    _refuse_old(before, event.version)
    return _rewritten(before, record, event.version)


def _corrected(story: Story, before: Update, event: UpdateCorrected, record: Incoming) -> Update:
    _refuse_if_closed(story, before)
    _refuse_old(before, event.version)
    after = _rewritten(before, record, event.version)
    told = Correction(after.revision, event.note, event.severity, event.occurred_at)
    return replace(after, corrections=(*before.corrections, told))


def _rewritten(before: Update, record: Incoming, version: int | None) -> Update:
    version = before.version if version is None else version
    return replace(before, revision=before.revision + 1, words=words_in(record), version=version)


def words_in(record: Incoming) -> str:
    """Return what the event's content says; whoever read the record has usually encoded it already."""
    return record.words or (words_of(record.event.content) if isinstance(record.event, ContentEvent) else NO_WORDS)


def _refuse_if_closed(story: Story, before: Update) -> None:
    if story.is_closed and not before.revision:
        raise Rejection(
            f"Story {story.id!r} is closed; it takes no new update. Open it again with: dateline story reopen {story.id}"
        )


def _refuse_old(before: Update, version: int | None) -> None:
    if version is None or before.version is None or version > before.version:
        return
    if version < before.version:
        raise LateCopy(before)
    raise Rejection(f"Update {before.id!r} has version {version} already.")


def _withheld(story: Story, before: Update, event: UpdateWithheld, record: Incoming) -> Update:
    if before.withheld:
        raise Rejection(f"Update {before.id!r} is withheld already.")
    return replace(before, withheld=True)


def _released(story: Story, before: Update, event: UpdateReleased, record: Incoming) -> Update:
    if not before.withheld:
        raise Rejection(f"Update {before.id!r} is not withheld, so it cannot be released.")
    return replace(before, withheld=False)


def _killed(story: Story, before: Update, event: UpdateKilled, record: Incoming) -> Update:
    return Update(
        before.id,
        revision=before.revision,
        published=before.published,
        killed_at=event.occurred_at,
        place=before.place,
        published_at=before.published_at,
        updated_at=before.updated_at,
        last=before.last,
    )


def _marked(story: Story, before: Update, event: UpdateMarked, record: Incoming) -> Update:
    if not before.revision:
        raise Rejection(f"There is no update {before.id!r} in story {story.id!r} to be marked.")
    return replace(
        before,
        pinned=before.pinned if event.pinned is None else event.pinned,
        key_event=before.key_event if event.key_event is None else event.key_event,
        verification=event.verification or before.verification,
    )


def _embargo_set(story: Story, before: Update, event: EmbargoSet, record: Incoming) -> Update:
    until = _still_ahead(record, event.embargo_until)
    if until is None:
        raise Rejection(
            f"The embargo on update {before.id!r} would end on {rfc3339(event.embargo_until)}, which has passed. "
            "Give a later time, or lift it with: dateline embargo --lift"
        )
    return replace(before, embargo_until=until)


def _embargo_lifted(story: Story, before: Update, event: EmbargoLifted, record: Incoming) -> Update:
    if before.embargo_until is None:
        raise Rejection(f"Update {before.id!r} is under no embargo.")
    if before.embargo_until != event.embargo_until:
        raise Rejection(
            f"The embargo on update {before.id!r} ends on {rfc3339(before.embargo_until)}, not on {rfc3339(event.embargo_until)}."
        )
    return replace(before, embargo_until=None)


def _still_ahead(record: Incoming, until: datetime | None) -> datetime | None:
    """Return `until` if it lay ahead when the record was made, else None: an embargo that is over holds nothing back.

    By the record's own time: another desk's clock, which may be ahead, must not end this desk's embargo.
    """
    return until if until is not None and until > from_ms(record.timestamp) else None


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    """Return the later of two embargoes, either of which may be none."""
    return max(one, other) if one is not None and other is not None else one or other


STORY_ACTS: dict[type[Event], Callable[..., tuple[str, Heading]]] = {
    StoryOpened: _opened,
    StoryRevised: _revised_story,
    StoryClosed: _closed,
    StoryReopened: _reopened,
}

UPDATE_ACTS: dict[type[Event], Callable[..., Update]] = {
    UpdatePublished: _published,
    UpdateRevised: _revised,
    UpdateCorrected: _corrected,
    UpdateWithheld: _withheld,
    UpdateReleased: _released,
    UpdateKilled: _killed,
    UpdateMarked: _marked,
    EmbargoSet: _embargo_set,
    EmbargoLifted: _embargo_lifted,
}
