"""A coverage folded step by step, and subscribers that are told of it one message at a time, as the notifier does it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from consumers.intake import fingerprint
from consumers.memory import Memory
from consumers.notifications.decide import Known, next_to_send
from consumers.notifications.marks import Asking, news_of
from consumers.notifications.news import WITHDRAWALS, News
from consumers.notifications.subscriptions import Subscription
from consumers.state import Incoming, Update
from consumers.view import Step, StoryLoaded
from consumers.words import NO_WORDS, words_of
from schemas import events
from schemas.content import Content
from schemas.events import ContentEvent, Event

STORY = "apollo-13"
UPDATES = ("a", "b")
WORD = "oxygen"
MOMENT = datetime(1970, 4, 14, 3, 8, 20, tzinfo=UTC)

Drawn = st.SearchStrategy

_KINDS: dict[str, tuple[type[Event], dict[str, Any]]] = {  # Any: the fields of each
    "publish": (events.UpdatePublished, {"urgency": 5}),
    "flash": (events.UpdatePublished, {"urgency": 1}),
    "revise": (events.UpdateRevised, {}),
    "correct": (events.UpdateCorrected, {"note": "It was wrong."}),
    "withhold": (events.UpdateWithheld, {"reason": "in doubt"}),
    "release": (events.UpdateReleased, {}),
    "kill": (events.UpdateKilled, {"reason": "false"}),
    "mark": (events.UpdateMarked, {"key_event": True}),
    "close": (events.StoryClosed, {}),
    "reopen": (events.StoryReopened, {}),
}


@dataclass(frozen=True, slots=True)
class Act:
    """One event: what, of which update, whether its words hold the word, and when it was recorded."""

    kind: str
    update: str = "a"
    holds: bool = True
    at: int = 10


def acts(*, most: int = 14) -> Drawn[list[Act]]:
    """Acts on two updates, most of which mean something."""
    return st.lists(st.builds(Act, st.sampled_from(list(_KINDS)), st.sampled_from(UPDATES), st.booleans()), max_size=most)


def event_of(act: Act, number: int) -> Event:
    """Return the event that an act says."""
    kind, given = _KINDS[act.kind]
    fields: dict[str, Any] = {
        "event_id": f"e{number}",
        "story": STORY,
        "desk": "houston",
        "occurred_at": MOMENT,
        **given,
    }  # Any: as above
    if issubclass(kind, events.UpdateEvent):
        fields["update"] = act.update
    if issubclass(kind, ContentEvent):
        fields["content"] = Content(headline=f"{WORD if act.holds else 'power'} {number}")
    return kind(**fields)


@dataclass(slots=True)
class Coverage:
    """A story as far as it was folded."""

    memory: Memory = field(default_factory=Memory)
    steps: list[Step] = field(default_factory=list)
    news: list[News] = field(default_factory=list)
    updates: dict[str, Update] = field(default_factory=dict)

    def say(self, act: Act) -> Step:
        event = event_of(act, len(self.steps))
        words = words_of(event.content) if isinstance(event, ContentEvent) else NO_WORDS
        incoming = Incoming(STORY, len(self.steps), act.at, event, fingerprint(event), None, words, b"")
        needs = self.memory.needs([incoming])
        self.memory.learn(needs, {name: StoryLoaded(None, {}, {}) for name in needs})
        (step,) = self.memory.fold([incoming])[STORY]
        self.steps.append(step)
        if step.outcome.update is not None:
            self.updates[step.outcome.update.id] = step.outcome.update
        news = news_of(step)
        if news is not None:
            self.news.append(news)
        return step


@dataclass(slots=True)
class Subscriber:
    """A subscription, and what it was told: the change, and the update as it was then."""

    subscription: Subscription
    at: int = 0
    got: set[str] = field(default_factory=set)
    matched: set[str] = field(default_factory=set)
    owed: set[str] = field(default_factory=set)
    told: list[tuple[News, Update | None]] = field(default_factory=list)

    def notes(self, step: Step) -> None:
        """Keep what is kept of an update that is taken away: whether the question asked for it."""
        news = news_of(step)
        if news is None or news.change.kind not in WITHDRAWALS or step.before is None:
            return
        if self.subscription.has_question and self.asks(step.before):
            self.matched.add(step.before.id)

    def asks(self, update: Update) -> bool:
        return Asking([self.subscription]).matching(STORY, update, "en").by(self.subscription)

    def is_told(self, coverage: Coverage) -> bool:
        """Be told the next message; return whether there was one."""
        known = Known(self.at, self.got, self.matched, self.owed)
        decision = next_to_send(self.subscription, known, coverage.news, coverage.updates, matches=self.asks)
        self.at = decision.passed
        self.owed |= decision.owed
        if decision.send is None:
            return False
        change = decision.send.change
        self.at = change.seq
        if change.update is not None:
            self.got.add(change.update)
        self.told.append((decision.send, coverage.updates.get(change.update or "")))
        return True


def tell(said: Sequence[Act], subscription: Subscription, turns: Sequence[int]) -> tuple[Coverage, Subscriber]:
    """Fold `said`, with so many messages sent after each act, and in the end all that are left."""
    coverage, subscriber = Coverage(), Subscriber(subscription)
    for number, act in enumerate(said):
        subscriber.notes(coverage.say(act))
        for _ in range(turns[number % len(turns)] if turns else 0):
            subscriber.is_told(coverage)
    while subscriber.is_told(coverage):
        pass
    return coverage, subscriber
