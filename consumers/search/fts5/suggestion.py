""" "Did you mean": of the words like a misspelt one, the one that most updates hold."""

from __future__ import annotations

from collections.abc import Collection

from consumers.search.fts5.database import Database
from consumers.search.question import Question


def suggestion(database: Database, question: Question, languages: Collection[str]) -> str | None:
    return None
