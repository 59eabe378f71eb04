"""The fold: the one place that knows what events mean.

`fold(state, record)` is pure and total: every event in every state has an outcome, and it reads no clock, network or setting.
Each view, each replay and each verdict comes from it, so all of them agree.

An accepted event makes a new state of the update; what that means to a reader follows from whether the update was public
before and is now (`_change_of`). So no handler has to think of the reader.
"""

from __future__ import annotations

from msgspec.structs import replace

from consumers.acts import STORY_ACTS, UPDATE_ACTS, LateCopy, Rejection, words_in
from consumers.record_digest import chained
from consumers.state import Change, Heading, Incoming, Late, Outcome, State, Story, Update, Verdict
from schemas.events import (
    Event,
    StoryOpened,
    UpdateCorrected,
    UpdateEvent,
    UpdateMarked,
    UpdatePublished,
    UpdateRevised,
)
from schemas.times import rfc3339

FOLD_VERSION = 2
"""Raised whenever the same log would fold to something else; a view remembers the version that made it."""


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
    seq = story.seq + 1
    return Story(
        story.id,
        story.heading,
        seq,
        story.last_change,
        recorded_at,
        story.opened,
        story.undecodable,
        story.heading_change,
        chained(story.digest, seq, record.digest),
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
    kind, heading = STORY_ACTS[type(event)](story, event)
    note = getattr(event, "note", None)
    change = Change(story.seq, story.last_change, kind, None, 0, note, None, event.occurred_at, story.recorded_at)
    opened = story.opened or isinstance(event, StoryOpened)
    story = replace(story, heading=heading, last_change=story.seq, opened=opened, heading_change=change)
    return Outcome(story, None, change, Verdict("accepted", story.seq, offset))


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
        after = UPDATE_ACTS[type(event)](story, before, event, record)
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
    return Late(about, getattr(event, "version", None), words_in(record))


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


_KINDS: dict[type[Event], str] = {
    UpdatePublished: "revised",
    UpdateRevised: "revised",
    UpdateCorrected: "corrected",
    UpdateMarked: "marked",
}
"""What an event is to a reader who has the update before and after it."""
