"""The law of embargoes: readers see an update exactly when its last embargo is over and nothing else hides it.

The real fold and the real clock, on a line of records in memory; beside them a model of a few facts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from consumers.intake import fingerprint
from consumers.state import Entry, Incoming, State, Update
from consumers.story import fold, new_story
from dateline import lifting
from dateline.deployment import Deployment
from dateline.lifting import Lifting
from schemas.content import Content
from schemas.events import (
    EmbargoLifted,
    EmbargoSet,
    Event,
    UpdateCorrected,
    UpdateKilled,
    UpdatePublished,
    UpdateReleased,
    UpdateRevised,
    UpdateWithheld,
)
from schemas.times import to_ms

BEGIN = datetime(2026, 3, 28, 23, 0, tzinfo=UTC)
COPY = Content(headline="Copy")
Op = tuple[str, int]


class Room:
    """A story with one update `u`: what is said is folded at once. It stands in for a deployment, for its clocks."""

    def __init__(self) -> None:
        self.now = BEGIN
        self.records: list[Event] = []
        self.entries: dict[str, Entry] = {}
        self.story, self.update = new_story("s"), Update("u")
        self.published = 0
        self.timeline = self.log = self.reader = self

    def say(self, event: Event) -> str:
        """Append an event; return what became of it."""
        at = len(self.records)
        self.records.append(event)
        incoming = Incoming("s", at, to_ms(self.now), event, fingerprint(event))
        was = self.update.is_public
        outcome = fold(State(self.story, self.update, self.entries.get(event.event_id)), incoming)
        self.story, self.update = outcome.story, outcome.update or self.update
        self.published += not was and self.update.is_public
        assert outcome.verdict is not None
        self.entries.setdefault(event.event_id, Entry(incoming.fingerprint, "u", outcome.verdict))
        return outcome.verdict.status

    def end_offsets(self, topic: str) -> Mapping[int, int]:
        return {0: len(self.records)}

    def partitions_past(self, ends: Mapping[int, int]) -> set[int]:
        return {0}

    def home(self, story: str) -> int:
        return 0

    def due_embargoes(self, now_us: int, *, limit: int = 100) -> Sequence[tuple[str, str, datetime]]:
        until = self.update.embargo_until
        return [("s", "u", until)] if until is not None and int(until.timestamp() * 1e6) <= now_us else []

    def verdicts(self, events: Sequence[tuple[str, str]]) -> Sequence[Entry | None]:
        return [self.entries.get(event_id) for _, event_id in events]

    def desk(self, name: str) -> Room:
        return self

    def send_all(self, batch: Sequence[Event]) -> Sequence[Event]:
        for event in batch:
            self.say(event)
        return batch


@dataclass
class Model:
    """What shows an update and what hides it. `until` is the embargo that stands; a late original brings its own."""

    has_copy: bool = False
    published: bool = False
    withheld: bool = False
    killed: bool = False
    until: datetime | None = None

    def take(self, op: str, until: datetime, now: datetime) -> None:
        if self.killed:
            return
        if op in ("publish", "embargoed"):
            if self.published:
                return  # published twice: refused, and its embargo with it
            self.published = True
        if op == "embargoed" and until > now:
            self.until = max(self.until or until, until)
        elif op == "move" and until > now:
            self.until = until
        elif op == "break" or (op == "lift" and until == self.until):
            self.until = None
        elif op in ("withhold", "release"):
            self.withheld = op == "withhold"
        self.has_copy |= op in ("publish", "embargoed", "correct", "revise")
        self.killed = op == "kill"

    def tick(self, now: datetime) -> None:
        if self.until is not None and self.until <= now:
            self.until = None

    @property
    def is_visible(self) -> bool:
        return self.has_copy and not self.withheld and not self.killed and self.until is None


def event_of(op: str, until: datetime, room: Room, number: int) -> Event | None:
    common: dict[str, Any] = {"event_id": f"e{number}", "story": "s", "desk": "houston", "occurred_at": room.now, "update": "u"}
    made: Mapping[str, Event | None] = {
        "publish": UpdatePublished(**common, content=COPY),
        "embargoed": UpdatePublished(**common, content=COPY, embargo_until=until),
        "correct": UpdateCorrected(**common, content=COPY, note="Wrong."),
        "revise": UpdateRevised(**common, content=COPY),
        "move": EmbargoSet(**common, embargo_until=until),
        "break": EmbargoLifted(**common, embargo_until=room.update.embargo_until or until),
        "lift": EmbargoLifted(**common, embargo_until=until),
        "withhold": UpdateWithheld(**common, reason="Doubt."),
        "release": UpdateReleased(**common),
        "kill": UpdateKilled(**common, reason="No."),
        "pass": None,
    }
    return made[op]


_OPS = ("publish", "embargoed", "embargoed", "move", "move", "break", "lift", "correct", "revise", "withhold", "release", "pass")
ops = st.tuples(st.sampled_from((*_OPS, *_OPS, *_OPS, "pass", "kill")), st.integers(0, 5))
steps = st.integers(-2, 3)  # of a minute: a clock is sometimes put back
looks = st.integers(0, 2)  # clocks that look after each act; none where all are down
turns = st.lists(st.tuples(ops, steps, looks), max_size=25)


@settings(max_examples=600, deadline=None)
@given(turns)
@example([(("embargoed", 1), 2, 1), (("pass", 0), -2, 0), (("move", 1), 0, 0), (("pass", 0), 3, 1)])  # set again, lifted again
@example([(("embargoed", 1), 0, 1), (("move", 4), 1, 2), (("lift", 1), 0, 1), (("pass", 0), 3, 2)])  # a stale lift
@example([(("embargoed", 1), 3, 0), (("move", 5), 0, 0), (("pass", 0), 3, 2)])  # down over the time, moved before it is back
def test_an_update_is_visible_exactly_when_its_last_embargo_is_over_and_nothing_else_hides_it(
    said: list[tuple[Op, int, int]],
) -> None:
    room, model = Room(), Model()
    clocks = [Lifting(cast("Deployment", room)) for _ in range(2)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lifting, "now", lambda: room.now)
        for number, ((op, minute), step, count) in enumerate(said):
            until = BEGIN + timedelta(minutes=minute, milliseconds=1)
            event = event_of(op, until, room, number)
            if event is not None:
                room.say(event)
                model.take(op, until, room.now)
            room.now += timedelta(minutes=step)
            for clock in clocks[:count]:
                clock.lift()
            if count:
                model.tick(room.now)

            assert room.update.is_public == model.is_visible, (op, room.now, room.update, model)


@given(turns)
def test_clocks_that_look_again_and_again_write_each_lift_once(said: list[tuple[Op, int, int]]) -> None:
    room = Room()
    clocks = [Lifting(cast("Deployment", room)) for _ in range(3)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lifting, "now", lambda: room.now)
        for number, ((op, minute), step, _) in enumerate(said):
            event = event_of(op, BEGIN + timedelta(minutes=minute, milliseconds=1), room, number)
            if event is not None:
                room.say(event)
            room.now += timedelta(minutes=step)
            for clock in clocks:
                clock.lift()
                clock.lift()

    lifts = [event.event_id for event in room.records if isinstance(event, EmbargoLifted) and not event.event_id.startswith("e")]
    assert len(lifts) == len(set(lifts))


def test_an_embargo_that_began_before_the_copy_holds_it_back_and_a_kill_ends_all() -> None:
    room = Room()
    until = BEGIN + timedelta(minutes=5)

    for op in ("move", "publish", "correct", "revise"):
        event = event_of(op, until, room, len(room.records))
        assert event is not None
        assert room.say(event) == "accepted"
        assert not room.update.is_public
    killed = event_of("kill", until, room, 9)
    assert killed is not None
    room.say(killed)

    assert room.due_embargoes(2**60) == []
    assert room.published == 0
