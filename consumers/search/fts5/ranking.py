"""Which of what is found comes first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from consumers.search.fts5.database import Database
from consumers.search.plan import Plan

DEPTH: Final = 1_000
"""How many of the best can be paged through."""


def ranked(database: Database, plan: Plan, source: str, values: Sequence[Any]) -> list[int]:  # Any: texts and numbers
    sql = f"SELECT words.rowid FROM {source} ORDER BY words.rowid DESC LIMIT {DEPTH}"
    return [place for (place,) in database.rows(sql, values)]
