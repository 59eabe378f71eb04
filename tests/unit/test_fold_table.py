"""The table states × events of the fold, whole: what becomes of every event in every state.

A cell says what the fold answers to an event (the row) in a state (the column):

    P1 R2 C2    accepted; readers are told `published`, `revised`, `corrected`; the digit is the revision afterwards
    W L K M     accepted; readers are told `withheld`, `released`, `killed`, `marked`
    .           accepted; no reader notices
    late        accepted as late copy, for the history only
    x           rejected

Without a digit the revision stays what it was.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from consumers.intake import fingerprint
from consumers.record_digest import chained
from consumers.state import Entry, Incoming, Outcome, State, Story, Update
from consumers.story import fold, new_story
from schemas.content import Block, Content
from schemas.events import (
    EVENT_TYPES,
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

NOW = datetime(1970, 4, 14, 3, 8, 20, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
PAST, AHEAD, LATER = NOW - timedelta(hours=1), NOW + timedelta(hours=1), NOW + timedelta(hours=2)
OLD, NEW = (
    Content(headline=headline, body=(Block(text=headline),)) for headline in ("What was said first", "What was said then")
)

PUBLISHED = UpdatePublished(update="u", content=OLD, version=5)
PUBLISHED_UNDER_EMBARGO = UpdatePublished(update="u", content=OLD, version=5, embargo_until=AHEAD)
WITHHELD, RELEASED, KILLED = UpdateWithheld(update="u"), UpdateReleased(update="u"), UpdateKilled(update="u", reason="r")
EMBARGO, LIFT = EmbargoSet(update="u", embargo_until=AHEAD), EmbargoLifted(update="u", embargo_until=AHEAD)

STATES: dict[str, tuple[Event, ...]] = {
    # without content
    "none": (),
    "w0": (WITHHELD,),
    "e0": (EMBARGO,),
    "we0": (WITHHELD, EMBARGO),
    "k0": (KILLED,),
    # public, or taken away from readers who have had it
    "pub": (PUBLISHED,),
    "w": (PUBLISHED, WITHHELD),
    "e": (PUBLISHED, EMBARGO),
    "we": (PUBLISHED, WITHHELD, EMBARGO),
    "k": (PUBLISHED, KILLED),
    # never public so far
    "w-": (WITHHELD, PUBLISHED),
    "e-": (PUBLISHED_UNDER_EMBARGO,),
    "we-": (WITHHELD, PUBLISHED_UNDER_EMBARGO),
    "k-": (PUBLISHED_UNDER_EMBARGO, KILLED),
}
"""What brings an update into each state: 0 before its publication, w withheld, e under embargo, k killed, - never shown."""

EVENTS: dict[str, UpdateEvent] = {
    "published": UpdatePublished(update="u", content=NEW),
    "published v4": UpdatePublished(update="u", content=NEW, version=4),
    "published v5": UpdatePublished(update="u", content=NEW, version=5),
    "published v6": UpdatePublished(update="u", content=NEW, version=6),
    "published, embargo": UpdatePublished(update="u", content=NEW, embargo_until=LATER),
    "published, old emb.": UpdatePublished(update="u", content=NEW, embargo_until=PAST),
    "published v6, emb.": UpdatePublished(update="u", content=NEW, version=6, embargo_until=LATER),
    "published v6, old e.": UpdatePublished(update="u", content=NEW, version=6, embargo_until=PAST),
    "revised": UpdateRevised(update="u", content=NEW),
    "revised, said again": UpdateRevised(update="u", content=OLD),
    "revised v4": UpdateRevised(update="u", content=NEW, version=4),
    "revised v5": UpdateRevised(update="u", content=NEW, version=5),
    "revised v6": UpdateRevised(update="u", content=NEW, version=6),
    "corrected": UpdateCorrected(update="u", content=NEW, note="It was wrong."),
    "corrected, minor": UpdateCorrected(update="u", content=NEW, note="A comma.", severity="minor"),
    "corrected v4": UpdateCorrected(update="u", content=NEW, note="It was wrong.", version=4),
    "corrected v5": UpdateCorrected(update="u", content=NEW, note="It was wrong.", version=5),
    "corrected v6": UpdateCorrected(update="u", content=NEW, note="It was wrong.", version=6),
    "withheld": UpdateWithheld(update="u", reason="In doubt."),
    "released": UpdateReleased(update="u", note="Confirmed."),
    "killed": UpdateKilled(update="u", reason="A hoax."),
    "killed, substitute": UpdateKilled(update="u", reason="A hoax.", substitute="v"),
    "marked": UpdateMarked(update="u", pinned=True, verification="verified"),
    "marked as it is": UpdateMarked(update="u", pinned=False, key_event=False),
    "marked with nothing": UpdateMarked(update="u"),
    "embargo later": EmbargoSet(update="u", embargo_until=LATER),
    "embargo the same": EmbargoSet(update="u", embargo_until=AHEAD),
    "embargo over now": EmbargoSet(update="u", embargo_until=NOW),
    "embargo long over": EmbargoSet(update="u", embargo_until=PAST),
    "lifted": EmbargoLifted(update="u", embargo_until=AHEAD),
    "lifted, another": EmbargoLifted(update="u", embargo_until=LATER),
}

TABLE = """
                        none  w0    e0    we0   k0    pub   w     e     we    k     w-    e-    we-   k-
 published            | P1    .1    .1    .1    x     x     x     x     x     x     x     x     x     x
 published v4         | P1    .1    .1    .1    x     late  late  late  late  x     late  late  late  x
 published v5         | P1    .1    .1    .1    x     x     x     x     x     x     x     x     x     x
 published v6         | P1    .1    .1    .1    x     R2    .2    .2    .2    x     .2    .2    .2    x
 published, embargo   | .1    .1    .1    .1    x     x     x     x     x     x     x     x     x     x
 published, old emb.  | P1    .1    .1    .1    x     x     x     x     x     x     x     x     x     x
 published v6, emb.   | .1    .1    .1    .1    x     W2    .2    .2    .2    x     .2    .2    .2    x
 published v6, old e. | P1    .1    .1    .1    x     R2    .2    .2    .2    x     .2    .2    .2    x
 revised              | P1    .1    .1    .1    x     R2    .2    .2    .2    x     .2    .2    .2    x
 revised, said again  | P1    .1    .1    .1    x     R2    .2    .2    .2    x     .2    .2    .2    x
 revised v4           | P1    .1    .1    .1    x     late  late  late  late  x     late  late  late  x
 revised v5           | P1    .1    .1    .1    x     x     x     x     x     x     x     x     x     x
 revised v6           | P1    .1    .1    .1    x     R2    .2    .2    .2    x     .2    .2    .2    x
 corrected            | P1    .1    .1    .1    x     C2    .2    .2    .2    x     .2    .2    .2    x
 corrected, minor     | P1    .1    .1    .1    x     C2    .2    .2    .2    x     .2    .2    .2    x
 corrected v4         | P1    .1    .1    .1    x     late  late  late  late  x     late  late  late  x
 corrected v5         | P1    .1    .1    .1    x     x     x     x     x     x     x     x     x     x
 corrected v6         | P1    .1    .1    .1    x     C2    .2    .2    .2    x     .2    .2    .2    x
 withheld             | .     x     .     x     x     W     x     .     x     x     x     .     x     x
 released             | x     .     x     .     x     x     L     x     .     x     P1    x     .     x
 killed               | .     .     .     .     x     K     K     K     K     x     .     .     .     x
 killed, substitute   | .     .     .     .     x     K     K     K     K     x     .     .     .     x
 marked               | x     x     x     x     x     M     .     .     .     x     .     .     .     x
 marked as it is      | x     x     x     x     x     .     .     .     .     x     .     .     .     x
 marked with nothing  | x     x     x     x     x     .     .     .     .     x     .     .     .     x
 embargo later        | .     .     .     .     x     W     .     .     .     x     .     .     .     x
 embargo the same     | .     .     .     .     x     W     .     .     .     x     .     .     .     x
 embargo over now     | x     x     x     x     x     x     x     x     x     x     x     x     x     x
 embargo long over    | x     x     x     x     x     x     x     x     x     x     x     x     x     x
 lifted               | x     x     .     .     x     x     x     L     .     x     x     P1    .     x
 lifted, another      | x     x     x     x     x     x     x     x     x     x     x     x     x     x
"""

CLOSED = """
                        none  w0    e0    we0
 published            | x     x     x     x
 published v4         | x     x     x     x
 published v5         | x     x     x     x
 published v6         | x     x     x     x
 published, embargo   | x     x     x     x
 published, old emb.  | x     x     x     x
 published v6, emb.   | x     x     x     x
 published v6, old e. | x     x     x     x
 revised              | x     x     x     x
 revised, said again  | x     x     x     x
 revised v4           | x     x     x     x
 revised v5           | x     x     x     x
 revised v6           | x     x     x     x
 corrected            | x     x     x     x
 corrected, minor     | x     x     x     x
 corrected v4         | x     x     x     x
 corrected v5         | x     x     x     x
 corrected v6         | x     x     x     x
"""
"""Where a closed story differs: it takes no new update."""

ORIGINS: dict[str, UpdateEvent] = {
    "publ. v5": PUBLISHED,
    "publ.": UpdatePublished(update="u", content=OLD),
    "corr. v5": UpdateCorrected(update="u", content=OLD, note="n", version=5),
    "corr.": UpdateCorrected(update="u", content=OLD, note="n"),
    "rev. v5": UpdateRevised(update="u", content=OLD, version=5),
    "rev.": UpdateRevised(update="u", content=OLD),
}
"""How a public update can have begun: with its publication, or with a later event that came first."""

COPY = """
                        publ. v5   publ.      corr. v5   corr.      rev. v5    rev.
 published            | x          x          late       late       late       late
 published v4         | late       R2         late       late       late       late
 published v5         | x          R2         late       late       late       late
 published v6         | R2         R2         R2         late       R2         late
 published, embargo   | x          x          lateW      lateW      lateW      lateW
 published, old emb.  | x          x          late       late       late       late
 published v6, emb.   | W2         W2         W2         lateW      W2         lateW
 published v6, old e. | R2         R2         R2         late       R2         late
 revised              | R2         R2         R2         R2         R2         R2
 revised, said again  | R2         R2         R2         R2         R2         R2
 revised v4           | late       R2         late       R2         late       R2
 revised v5           | x          R2         x          R2         x          R2
 revised v6           | R2         R2         R2         R2         R2         R2
 corrected            | C2         C2         C2         C2         C2         C2
 corrected, minor     | C2         C2         C2         C2         C2         C2
 corrected v4         | late       C2         late       C2         late       C2
 corrected v5         | x          C2         x          C2         x          C2
 corrected v6         | C2         C2         C2         C2         C2         C2
"""
"""What a version means depends on what was there first: the late original goes to the history, a second publication is none."""

STORIES: dict[str, tuple[Event, ...]] = {
    "new": (),
    "open": (StoryOpened(title="T"),),
    "closed": (StoryOpened(title="T"), StoryClosed()),
    "new, closed": (StoryClosed(),),
    "new, revised": (StoryRevised(title="T"),),
    "reopened": (StoryOpened(title="T"), StoryClosed(), StoryReopened()),
}

STORY_TABLE = """
                        new             open            closed          new, closed     new, revised    reopened
 opened               | story_opened   x              x              story_opened   story_opened   x
 revised              | story_revised  story_revised  story_revised  story_revised  story_revised  story_revised
 closed               | story_closed   story_closed   x              x              story_closed   story_closed
 reopened             | x              x              story_reopened story_reopened x              x
"""

STORY_EVENTS: dict[str, Event] = {
    "opened": StoryOpened(title="Another title", summary="s", language="pt-BR", time_zone="America/Chicago", topics=("space",)),
    "revised": StoryRevised(title="Another title", summary="s", language="pt-BR", time_zone="America/Chicago", topics=("space",)),
    "closed": StoryClosed(note="Goodbye."),
    "reopened": StoryReopened(note="Hello again."),
}

STORY_KINDS = ("story_opened", "story_revised", "story_closed", "story_reopened")
KINDS = {"P": "published", "R": "revised", "C": "corrected", "W": "withheld", "L": "released", "K": "killed", "M": "marked"}


def cells(table: str) -> dict[tuple[str, str], str]:
    """Return a table's cells by state and event."""
    head, *rows = table.strip("\n").splitlines()
    states = re.split(" {2,}", head.strip())
    found = {}
    for row in rows:
        event, _, answers = row.partition("|")
        for state, answer in zip(states, answers.split(), strict=True):
            found[state, event.strip()] = answer
    return found


OPEN_CELLS = cells(TABLE)
CLOSED_CELLS = {**OPEN_CELLS, **cells(CLOSED)}
COPY_CELLS = cells(COPY)
STORY_CELLS = cells(STORY_TABLE)
BY_STORY = {"new": OPEN_CELLS, "open": OPEN_CELLS, "closed": CLOSED_CELLS}


class Scene:
    """A story in which events have happened, each under an id of its own."""

    def __init__(self) -> None:
        self.story: Story = new_story("s")
        self.updates: dict[str, Update | None] = {}
        self.entries: dict[str, Entry | None] = {}

    def say(self, event: Event, *, event_id: str = "", timestamp: int = NOW_MS) -> Outcome:
        event = _with(event, event_id=event_id or f"e{self.story.seq + 1}", story="s", occurred_at=NOW)
        outcome = fold(self.state(event), Incoming("s", self.story.seq, timestamp, event, fingerprint(event)))
        self.story = outcome.story
        if isinstance(event, UpdateEvent):
            self.updates[event.update] = outcome.update
        if self.entries.get(event.event_id) is None and outcome.verdict is not None:
            self.entries[event.event_id] = Entry(fingerprint(event), None, outcome.verdict)
        return outcome

    def state(self, event: Event) -> State:
        update = self.updates.get(event.update) if isinstance(event, UpdateEvent) else None
        return State(self.story, update, self.entries.get(event.event_id))


def _with(event: Event, **fields: object) -> Event:
    return dataclasses.replace(event, **fields)  # type: ignore[arg-type]  # the fields of an event, by name


def scene(story: str, *events: Event) -> Scene:
    """Return a scene in which `events` were accepted; a closed story is closed after them."""
    begun = Scene()
    before, after = (STORIES[story], ()) if story != "closed" else (STORIES["open"], (StoryClosed(),))
    for event in (*before, *events, *after):
        verdict = begun.say(event).verdict
        assert verdict is not None
        assert verdict.status == "accepted"
    return begun


def is_public(update: Update | None) -> bool:
    return update is not None and update.is_public


def check(there: Scene, event: Event, cell: str) -> None:
    """Say `event` and hold the outcome to `cell`."""
    story, before = there.story, there.updates.get("u")
    outcome = there.say(event)
    verdict = outcome.verdict
    assert verdict is not None
    assert verdict.seq == outcome.story.seq
    seq, last_change = story.seq + 1, outcome.change.seq if outcome.change else story.last_change
    counted = replace(story, seq=seq, recorded_at=NOW_MS, last_change=last_change, digest=chained(story.digest, seq, b""))
    assert replace(outcome.story, heading=story.heading, heading_change=story.heading_change, opened=story.opened) == counted
    if cell.startswith("late"):
        check_late(outcome, before, event, cell, after=story.last_change)
    elif cell in ("x", "!"):
        check_no_effect(outcome, before, cell)
    else:
        assert (verdict.status, verdict.reason, verdict.conflict, verdict.late, outcome.late) == (
            "accepted",
            None,
            False,
            False,
            None,
        )
        if cell in STORY_KINDS:
            assert_told(outcome, event, kind=cell, update=None, revision=0, after=story.last_change)
        else:
            check_effect(outcome, before, event, cell, after=story.last_change)


def check_no_effect(outcome: Outcome, before: Update | None, cell: str) -> None:
    verdict = outcome.verdict
    assert verdict is not None
    assert (verdict.status, verdict.conflict, verdict.late, outcome.late) == ("rejected", cell == "!", False, None)
    assert verdict.reason
    assert (outcome.change, outcome.update, verdict.revision) == (None, before, before.revision if before is not None else 0)


def check_late(outcome: Outcome, before: Update | None, event: Event, cell: str, *, after: int) -> None:
    """Late copy changes nothing that is shown; but an embargo that it brings covers all versions."""
    verdict, update = outcome.verdict, outcome.update
    assert verdict is not None
    assert before is not None
    assert update is not None
    assert (verdict.status, verdict.conflict, verdict.late, verdict.reason) == ("accepted", False, True, None)
    assert outcome.late is not None
    if cell == "lateW":
        assert_told(outcome, event, kind="withheld", update="u", revision=before.revision, after=after)
        assert not update.is_public
    else:
        assert outcome.change is None
        assert update.is_public == before.is_public
    assert (update.revision, update.words, update.place, verdict.revision) == (
        before.revision,
        before.words,
        before.place,
        before.revision,
    )


def check_effect(outcome: Outcome, before: Update | None, event: Event, cell: str, *, after: int) -> None:
    kind, revision = KINDS.get(cell[0]), int(cell[1:] or (before.revision if before is not None else 0))
    assert outcome.update is not None
    assert outcome.verdict is not None
    assert (outcome.update.revision, outcome.verdict.revision) == (revision, revision)
    assert outcome.update.is_public == (cell[0] in "PRCLM" if kind else is_public(before))
    place = before.place if before is not None else 0
    if kind is None:
        assert (outcome.change, outcome.update.place) == (None, place)
    else:
        assert_told(outcome, event, kind=kind, update="u", revision=revision, after=after)
        assert outcome.update.place == (place or outcome.story.seq)


def assert_told(outcome: Outcome, event: Event, *, kind: str, update: str | None, revision: int, after: int) -> None:
    change = outcome.change
    assert change is not None
    assert (change.kind, change.update, change.revision) == (kind, update, revision)
    assert (change.seq, change.after) == (outcome.story.seq, after)
    assert (change.occurred_at, change.recorded_at) == (NOW, NOW_MS)
    assert change.note == getattr(event, "note", None)


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("story", BY_STORY)
def test_an_event_about_an_update_has_its_outcome(story: str, state: str, event: str) -> None:
    check(scene(story, *STATES[state]), EVENTS[event], BY_STORY[story][state, event])


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("state", STATES)
def test_what_a_desk_expects_must_be_the_current_revision_unless_the_update_is_killed(state: str, event: str) -> None:
    for story, table in BY_STORY.items():
        there = scene(story, *STATES[state])
        update = there.updates.get("u")
        revision = update.revision if update is not None else 0
        wrong = "x" if state.startswith("k") else "!"

        check(there, _with(EVENTS[event], expects=revision + 1), wrong)
        check(there, _with(EVENTS[event], expects=revision - 1), wrong)
        check(there, _with(EVENTS[event], expects=revision), table[state, event])


@pytest.mark.parametrize("event", sorted({event for _, event in COPY_CELLS}))
@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("story", BY_STORY)
def test_copy_has_its_outcome_after_what_came_first(story: str, origin: str, event: str) -> None:
    check(scene(story, ORIGINS[origin]), EVENTS[event], COPY_CELLS[origin, event])


@pytest.mark.parametrize("event", sorted({event for _, event in COPY_CELLS}))
@pytest.mark.parametrize("origin", ORIGINS)
def test_of_copy_for_a_hidden_update_no_reader_notices(origin: str, event: str) -> None:
    cell = COPY_CELLS[origin, event]

    for hide in ((WITHHELD,), (EMBARGO,), (WITHHELD, EMBARGO)):
        hidden = ".2" if cell.endswith("2") else cell.removesuffix("W")
        check(scene("open", ORIGINS[origin], *hide), EVENTS[event], hidden)


@pytest.mark.parametrize("event", STORY_EVENTS)
@pytest.mark.parametrize("story", STORIES)
@pytest.mark.parametrize("expects", [None, 0, 7])
def test_a_storys_own_event_has_its_outcome_whatever_it_expects(expects: int | None, story: str, event: str) -> None:
    there = Scene()
    for before in STORIES[story]:
        there.say(before)

    check(there, _with(STORY_EVENTS[event], expects=expects), STORY_CELLS[story, event])


@pytest.mark.parametrize("event", [*EVENTS, *STORY_EVENTS])
@pytest.mark.parametrize("state", STATES)
def test_the_same_event_again_is_a_duplicate_and_another_under_its_id_is_rejected(state: str, event: str) -> None:
    there = scene("open", *STATES[state])
    said = EVENTS.get(event) or STORY_EVENTS[event]
    first = there.say(said, event_id="again").verdict
    assert first is not None
    update, last_change = there.updates.get("u"), there.story.last_change

    again = there.say(_with(said, expects=99, caused_by="c"), event_id="again")
    other = there.say(_with(said, author="Somebody else"), event_id="again")
    elsewhere = there.say(UpdateRevised(update="other", content=NEW), event_id="again")

    assert again.verdict is not None
    assert (again.verdict.status, again.verdict.revision, again.verdict.seq) == ("duplicate", first.revision, first.seq + 1)
    for outcome in (other, elsewhere):
        assert outcome.verdict is not None
        assert (outcome.verdict.status, outcome.verdict.conflict, outcome.verdict.late) == ("rejected", False, False)
        assert outcome.verdict.reason
    assert all(outcome.change is None and outcome.late is None for outcome in (again, other, elsewhere))
    assert (there.updates.get("u"), there.updates.get("other"), there.story.last_change) == (update, None, last_change)


@pytest.mark.parametrize("state", STATES)
def test_a_record_that_cannot_be_decoded_counts_and_does_nothing(state: str) -> None:
    there = scene("open", *STATES[state])
    update = there.updates.get("u")
    later = NOW_MS + 1

    outcome = fold(State(there.story, None, None), Incoming("s", 9, later, None, "", "broken", digest=b"d" * 32))

    assert (outcome.update, outcome.change, outcome.verdict, outcome.late) == (None, None, None, None)
    seq = there.story.seq + 1
    digest = chained(there.story.digest, seq, b"d" * 32)
    assert outcome.story == replace(there.story, seq=seq, recorded_at=later, undecodable=1, digest=digest)
    assert there.updates.get("u") == update


def test_every_event_type_is_in_the_table() -> None:
    about_updates = {type(event).__name__ for event in EVENTS.values()}
    about_stories = {type(event).__name__ for event in STORY_EVENTS.values()}

    assert about_updates == {name for name, kind in EVENT_TYPES.items() if issubclass(kind, UpdateEvent)}
    assert about_stories == EVENT_TYPES.keys() - about_updates


def test_every_pair_is_in_its_table_once() -> None:
    assert OPEN_CELLS.keys() == {(state, event) for state in STATES for event in EVENTS}
    assert CLOSED_CELLS.keys() == OPEN_CELLS.keys()
    copy = [name for name, event in EVENTS.items() if isinstance(event, (UpdatePublished, UpdateRevised, UpdateCorrected))]
    assert COPY_CELLS.keys() == {(origin, event) for origin in ORIGINS for event in copy}
    assert STORY_CELLS.keys() == {(story, event) for story in STORIES for event in STORY_EVENTS}
    assert all(OPEN_CELLS["pub", event] == COPY_CELLS["publ. v5", event] for event in copy)


def test_every_state_that_events_can_bring_about_is_in_the_table() -> None:
    known = {_visibility(update) for update in _updates_of(STATES.values())}
    origins = {_origin(update) for update in _updates_of((event,) for event in ORIGINS.values())}

    reached = list(_reachable())

    assert {_visibility(update) for update in reached} == known
    with_copy = [update for update in reached if update is not None and update.revision and update.killed_at is None]
    assert {_origin(update) for update in with_copy} == origins


def test_every_state_of_a_story_that_events_can_bring_about_is_in_the_table() -> None:
    known = {_coverage(events) for events in STORIES.values()}
    reached: set[tuple[bool, bool]] = set()
    pending: list[tuple[Event, ...]] = [()]

    while pending:
        events = pending.pop()
        if _coverage(events) not in reached:
            reached.add(_coverage(events))
            pending += [(*events, event) for event in STORY_EVENTS.values()]

    assert reached == known


def _coverage(events: tuple[Event, ...]) -> tuple[bool, bool]:
    there = Scene()
    for event in events:
        there.say(event)
    return there.story.opened, there.story.is_closed


def _updates_of(ways: Iterable[tuple[Event, ...]]) -> Iterator[Update | None]:
    for events in ways:
        yield scene("open", *events).updates.get("u")


def _visibility(update: Update | None) -> tuple[bool, ...]:
    """What decides on all that is asked of an update, versions aside. One of which nothing stands is as good as unknown."""
    if update is None:
        return (False,) * 5
    held = (update.withheld, update.embargo_until is not None, update.killed_at is not None)
    return (update.revision > 0, update.place > 0, *held)


def _origin(update: Update | None) -> tuple[bool, bool]:
    return update is not None and update.published, update is not None and update.version is not None


def _reachable() -> Iterator[Update | None]:
    """Walk through all states that any events lead to, each kind of state once."""
    seen: set[object] = set()
    pending: list[tuple[Event, ...]] = [()]
    while pending:
        events = pending.pop()
        there = scene("open")
        for event in events:
            there.say(event)
        update = there.updates.get("u")
        place = (_visibility(update), _origin(update))
        if place not in seen:
            seen.add(place)
            yield update
            pending += [(*events, event) for event in EVENTS.values()]
