"""The fold: the one place that knows what events mean.

`fold(state, record)` is pure and total: every event in every state has an outcome, and it reads no clock, network or setting.
Each view, each replay and each verdict comes from it, so all of them agree.

An accepted event makes a new state of the update; what that means to a reader follows from whether the update was public
before and is now (`_change_of`). So no handler has to think of the reader.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from msgspec.structs import replace

from consumers.state import Change, Correction, Heading, Incoming, Late, Outcome, State, Story, Update, Verdict
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
    UpdateEvent,
    UpdateKilled,
    UpdateMarked,
    UpdatePublished,
    UpdateReleased,
    UpdateRevised,
    UpdateWithheld,
)
from schemas.times import from_ms, rfc3339

FOLD_VERSION = 1
"""Raised whenever the same log would fold to something else; a view remembers the version that made it."""


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


def new_story(story_id: str) -> Story:
    """Return the state of a story of which there is no record yet: open, titled by its id."""
    return Story(story_id, Heading(title=story_id))


def fold(state: State, record: Incoming) -> Outcome:
    """Return what `record` does to its story and update, and what became of it."""
    story = _count(state.story, record)
    event = record.event
    if event is None:
        return Outcome(replace(story, undecodable=story.undecodable + 1), state.update, None, None)
    update = state.update
    if state.entry is not None:
        return Outcome(story, update, None, _repeated(state.entry.fingerprint, state.entry.verdict, record, story.seq))
    try:
        if isinstance(event, UpdateEvent):
            return _fold_update(story, update or Update(event.update), event, record)
        return _fold_story(story, event, record.offset)
    except Rejection as no:
        revision = update.revision if update is not None else 0
        return Outcome(story, update, None, Verdict("rejected", story.seq, record.offset, revision, no.reason, no.conflict))


def _count(story: Story, record: Incoming) -> Story:
    recorded_at = record.timestamp if record.timestamp > story.recorded_at else story.recorded_at
    return Story(
        story.id,
        story.heading,
        story.seq + 1,
        story.last_change,
        recorded_at,
        story.opened,
        story.undecodable,
        story.heading_change,
    )


def _repeated(fingerprint: str, first: Verdict, record: Incoming, seq: int) -> Verdict:
    if fingerprint == record.fingerprint:
        return replace(first, status="duplicate", seq=seq, offset=record.offset)
    assert record.event is not None
    return Verdict(
        "rejected",
        seq,
        record.offset,
        first.revision,
        f"The event id {record.event.event_id!r} was used before with other content (seq {first.seq}). Give a new event id.",
    )


# The story itself


def _fold_story(story: Story, event: Event, offset: int) -> Outcome:
    kind, heading = _STORY_ACTS[type(event)](story, event)
    note = getattr(event, "note", None)
    change = Change(story.seq, story.last_change, kind, None, 0, note, None, event.occurred_at, story.recorded_at)
    opened = story.opened or isinstance(event, StoryOpened)
    story = replace(story, heading=heading, last_change=story.seq, opened=opened, heading_change=change)
    return Outcome(story, None, change, Verdict("accepted", story.seq, offset))


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


# An update


def _fold_update(story: Story, before: Update, event: UpdateEvent, record: Incoming) -> Outcome:
    if before.killed_at is not None:
        raise Rejection(
            f"Update {before.id!r} was killed on {rfc3339(before.killed_at)}, never to be used again. "
            "Publish a new update instead."
        )
    if event.expects is not None and event.expects != before.revision:
        raise Rejection(
            f"Update {before.id!r} is at revision {before.revision}, not {event.expects}. "
            f"Look at it with: {_where_to_look(story, before)}, then send your change to that revision.",
            conflict=True,
        )
    late = None
    try:
        after = _UPDATE_ACTS[type(event)](story, before, event, record)
        change = _change_of(story, before, after, event)
    except LateCopy as copy:
        after, late = copy.after, _late(story, event, record)
        change = _change_of(story, before, after, event) if not after.is_public else None
    if change is not None:
        story = replace(story, last_change=story.seq)
        after = _seen(after, change)
    verdict = Verdict("accepted", story.seq, record.offset, after.revision, late=late is not None)
    return Outcome(story, after, change, verdict, late)


def _where_to_look(story: Story, update: Update) -> str:
    return f"dateline history {story.id} {update.id}" if update.is_public else f"dateline story held {story.id}"


def _late(story: Story, event: UpdateEvent, record: Incoming) -> Late:
    """What late copy adds to the history."""
    note = getattr(event, "note", None)
    about = Change(story.seq, story.last_change, "late", event.update, 0, note, None, event.occurred_at, story.recorded_at)
    return Late(about, getattr(event, "version", None), _words(record))


def _change_of(story: Story, before: Update, after: Update, event: UpdateEvent) -> Change | None:
    """Return what readers are told: nothing unless what they have, or had, of the update is touched."""
    if after.is_public:
        if before.is_public:
            if after == before:
                return None
            kind = _KINDS[type(event)]
        else:
            kind = "released" if before.place else "published"
    elif after.killed_at is not None and before.place:
        kind = "killed"
    elif before.is_public:
        kind = "withheld"
    else:
        return None
    note = getattr(event, "note", None)  # never a reason: why copy was taken away is the desk's own affair
    severity = getattr(event, "severity", None)
    return Change(
        story.seq,
        story.last_change,
        kind,
        after.id,
        after.revision,
        note,
        severity,
        event.occurred_at,
        story.recorded_at,
    )


def _seen(update: Update, change: Change) -> Update:
    return replace(
        update,
        last=change,
        place=update.place or change.seq,
        published_at=update.published_at or change.occurred_at,
        updated_at=change.occurred_at,
    )


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
        words=_words(record),
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
    return replace(before, revision=before.revision + 1, words=_words(record), version=version)


def _words(record: Incoming) -> str:
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


_STORY_ACTS: dict[type[Event], Callable[..., tuple[str, Heading]]] = {
    StoryOpened: _opened,
    StoryRevised: _revised_story,
    StoryClosed: _closed,
    StoryReopened: _reopened,
}

_UPDATE_ACTS: dict[type[Event], Callable[..., Update]] = {
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

_KINDS: dict[type[Event], str] = {
    UpdatePublished: "revised",
    UpdateRevised: "revised",
    UpdateCorrected: "corrected",
    UpdateMarked: "marked",
}
"""What an event is to a reader who has the update before and after it."""
