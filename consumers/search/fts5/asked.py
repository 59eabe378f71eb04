"""A plan as the query that SQLite is asked."""

from __future__ import annotations

from typing import Any

from consumers.search.fts5.expressions import expression
from consumers.search.plan import Plan
from schemas.times import to_us


class Asked:
    """What finds what a plan asks for.

    Attributes:
        plan: What it asks for.
        source: The FROM and WHERE of a query of `words`; `values` are those of its places.
    """

    def __init__(self, plan: Plan, *, beside: str = "") -> None:
        """Put it in words.

        Args:
            beside: What must hold besides, in the language of FTS5.
        """
        self.plan = plan
        text = f"({expression(plan)}) AND {beside}" if beside else expression(plan)
        self.values: list[Any] = [text]  # Any: texts and numbers
        self.source = "words WHERE words MATCH ?"
        if plan.since is not None or plan.until is not None:
            self.source = "words CROSS JOIN docs AS d ON d.place = words.rowid WHERE words MATCH ?"
        if plan.since is not None:
            self.source += " AND d.published_at >= ?"
            self.values.append(to_us(plan.since))
        if plan.until is not None:
            self.source += " AND d.published_at < ?"
            self.values.append(to_us(plan.until))
