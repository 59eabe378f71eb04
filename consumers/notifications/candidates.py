"""Which saved questions are worth asking of an update: found by a word that it must hold, so that few of many are looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from consumers.notifications.subscriptions import Subscription
from consumers.search.plan import AllOf, AnyOf, Indexed, Node, Plan, Terms

_MARK = "#"
"""Stands before a filter token, which is no word."""

PlanOf = Callable[[Subscription, str], Plan | None]


class Asked:
    """Some subscriptions: those that take everything, and those that ask. Made once, then only read."""

    def __init__(self) -> None:
        self.plain: list[Subscription] = []
        self._asking: list[Subscription] = []
        self._by_language: dict[str, tuple[dict[str, list[Subscription]], list[Subscription]]] = {}

    def add(self, subscription: Subscription) -> None:
        (self._asking if subscription.has_question else self.plain).append(subscription)

    @property
    def is_asking(self) -> bool:
        return bool(self._asking)

    def candidates(self, held: frozenset[str], language: str, plan: PlanOf) -> Iterator[Subscription]:
        """Yield all whose question can be answered by an update that holds these words; and a few more."""
        if not self._asking:
            return
        if language not in self._by_language:
            self._by_language[language] = self._indexed(language, plan)
        by_word, others = self._by_language[language]
        seen = set[str]()
        for word in held & by_word.keys():
            for one in by_word[word]:
                if one.id not in seen:
                    seen.add(one.id)
                    yield one
        yield from others

    def _indexed(self, language: str, plan: PlanOf) -> tuple[dict[str, list[Subscription]], list[Subscription]]:
        by_word: dict[str, list[Subscription]] = {}
        others: list[Subscription] = []
        for one in self._asking:
            asked = plan(one, language)
            if asked is None or asked.is_nothing:
                continue
            words = needed(asked)
            if words is None:
                others.append(one)
            for word in words or ():
                by_word.setdefault(word, []).append(one)
        return by_word, others


def held_by(update: Indexed) -> frozenset[str]:
    """Return the words and marks that an update holds."""
    words = {word for field in update.fields.values() for word in field.split(" ")}
    return frozenset(words | {_MARK + mark for mark in update.marks})


def needed(plan: Plan) -> frozenset[str] | None:
    """Return words and marks of which an update that `plan` finds holds one at least; None where none can be named."""
    words = _needed(plan.words) if plan.words is not None else None
    if words is None and plan.marks:
        return frozenset({_MARK + plan.marks[0]})
    return words


def _needed(node: Node) -> frozenset[str] | None:
    if isinstance(node, Terms):
        whole = node.tokens[:-1] if node.prefix else node.tokens
        return frozenset({max(whole, key=len)}) if whole else None
    if isinstance(node, AllOf):
        found = [words for part in node.parts if (words := _needed(part)) is not None]
        return min(found, key=len) if found else None
    if isinstance(node, AnyOf):
        of_each = [_needed(part) for part in node.parts]
        return None if None in of_each else frozenset().union(*(words for words in of_each if words is not None))
    return _needed(node.part) if node.part is not None else None
