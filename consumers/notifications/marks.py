"""Who may have to be told of what a batch changes: worked out change by change, however the log is cut into batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from msgspec import Struct

from consumers.notifications.candidates import Asked, held_by
from consumers.notifications.decide import may_care
from consumers.notifications.news import WITHDRAWALS, News
from consumers.notifications.subscriptions import Subscription
from consumers.search.indexed import indexed
from consumers.search.matching import holds
from consumers.search.plan import Indexed, Plan
from consumers.search.query import planned
from consumers.state import Update
from consumers.view import Step
from dateline.errors import Refused

LEAST_URGENT: Final = 9


class Marks(Struct):
    """What a batch makes due.

    Attributes:
        due: Change by change, each story's in order: story, `seq`, whether it is urgent, the subscriptions that may care, and the
            update of which whoever got it is to be told too ('' for none).
        matched: Story, update and subscription, of updates that were taken away: whose question asked for them just before.
    """

    due: list[tuple[str, int, bool, list[str], str]]
    matched: list[tuple[str, str, str]]


class Asking:
    """The subscriptions that stand, put such that few are looked at for a change. Remade when one changes."""

    def __init__(self, subscriptions: Iterable[Subscription]) -> None:
        self._everywhere = Asked()
        self._by_story: dict[str, Asked] = {}
        self._plans: dict[tuple[str, str], Plan | None] = {}
        for one in subscriptions:
            if one.ended_at is not None:
                continue
            for story in one.stories:
                self._by_story.setdefault(story, Asked()).add(one)
            if not one.stories:
                self._everywhere.add(one)

    def about(self, story: str) -> tuple[Asked, ...]:
        """Return those that are about a story."""
        own = self._by_story.get(story)
        return (self._everywhere,) if own is None else (own, self._everywhere)

    def matching(self, story: str, update: Update | None, language: str) -> Matching:
        """Return what tells which of them ask for an update."""
        return Matching(self, story, update, language)

    def plan(self, subscription: Subscription, language: str) -> Plan | None:
        """Return what a subscription's question means in a language; None where it cannot be read, which finds nothing."""
        key = (subscription.id, language)
        if key not in self._plans:
            try:
                self._plans[key] = planned(subscription.question, (language,))
            except Refused:
                self._plans[key] = None
        return self._plans[key]


class Matching:
    """Which questions ask for one update; it is taken apart once, and only if anybody asks. No update is what nobody asks for."""

    def __init__(self, asking: Asking, story: str, update: Update | None, language: str) -> None:
        self._asking = asking
        self._story, self._update, self._language = story, update, language
        self._indexed: Indexed | None = None

    def candidates(self) -> Iterator[Subscription]:
        """Yield those that may ask for it, and all who take everything."""
        groups = self._asking.about(self._story)
        for group in groups:
            yield from group.plain
        if self._update is None or not self._update.is_public or not any(group.is_asking for group in groups):
            return
        held = held_by(self._taken_apart(self._update))
        for group in groups:
            yield from group.candidates(held, self._language, self._asking.plan)

    def by(self, subscription: Subscription) -> bool:
        """Tell whether a subscription asks for it."""
        if not subscription.has_question:
            return True
        if self._update is None or not self._update.is_public:
            return False
        plan = self._asking.plan(subscription, self._language)
        if plan is None:
            return False
        return holds(plan, self._taken_apart(self._update), self._update.published_at)

    def _taken_apart(self, update: Update) -> Indexed:
        if self._indexed is None:
            self._indexed = indexed(self._story, update, self._language)
        return self._indexed


def news_of(step: Step) -> News | None:
    """Return what there is to tell of a record; None where it changes nothing for readers."""
    change, event = step.outcome.change, step.incoming.event
    if change is None or event is None:
        return None
    urgency = step.outcome.update.urgency if step.outcome.update is not None else LEAST_URGENT
    return News(change, event.event_id, step.incoming.timestamp, urgency)


def marks_of(asking: Asking, stories: Mapping[str, list[Step]]) -> Marks:
    """Return what the steps of a batch make due."""
    marks = Marks([], [])
    for story, steps in stories.items():
        for step in steps:
            news = news_of(step)
            if news is not None:
                _mark(marks, asking, story, step, news)
    return marks


def _mark(marks: Marks, asking: Asking, story: str, step: Step, news: News) -> None:
    change = news.change
    is_withdrawn = change.kind in WITHDRAWALS
    told = step.before if is_withdrawn else step.outcome.update
    matching = asking.matching(story, told, step.outcome.story.heading.language)
    found = [one for one in matching.candidates() if may_care(one, news, matches=matching.by(one))]
    if is_withdrawn and change.update is not None:
        marks.matched += [(story, change.update, name) for name in sorted(one.id for one in found if one.has_question)]
    of_receivers = change.update if change.update is not None and step.before is not None else ""
    if found or of_receivers:
        marks.due.append((story, change.seq, news.is_urgent, [one.id for one in found], of_receivers))
