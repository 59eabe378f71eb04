"""Whether a question finds one update: what saved searches ask, without an index, and with the same answer."""

from __future__ import annotations

from datetime import datetime

from consumers.search.indexed import indexed
from consumers.search.plan import AllOf, AnyOf, Indexed, Node, Plan, Terms
from consumers.search.query import planned
from consumers.search.question import Question
from consumers.state import Update


def matches(question: Question, update: Update, *, story: str, language: str) -> bool:
    """Return whether `question` finds `update`. Of many questions it is faster to ask `holds` with what is made once.

    Args:
        language: The story's.

    Raises:
        Refused: The question is too long.
    """
    plan = planned(question, (language,))
    return update.is_public and holds(plan, indexed(story, update, language), update.published_at)


def holds(plan: Plan, update: Indexed, published_at: datetime | None) -> bool:
    """Return whether an update of which the index holds `update` is among what `plan` finds."""
    if plan.is_nothing or not set(plan.marks) <= set(update.marks):
        return False
    if plan.since is not None and (published_at is None or published_at < plan.since):
        return False
    if plan.until is not None and (published_at is None or published_at >= plan.until):
        return False
    return plan.words is None or _holds(plan.words, update)


def _holds(node: Node, update: Indexed) -> bool:
    if isinstance(node, Terms):
        return _stand_there(node, update)
    if isinstance(node, AllOf):
        return all(_holds(part, update) for part in node.parts)
    if isinstance(node, AnyOf):
        return any(_holds(part, update) for part in node.parts)
    return (node.part is None or _holds(node.part, update)) and not _holds(node.but, update)


def _stand_there(terms: Terms, update: Indexed) -> bool:
    sought = f" {' '.join(terms.tokens)}{'' if terms.prefix else ' '}"
    return any(sought in f" {update.fields.get(field, '')} " for field in terms.fields or update.fields)
