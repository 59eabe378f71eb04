""" "Did you mean": of the words like a misspelt one, the one that most updates hold."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from msgspec.structs import replace

from consumers.search.fts5.asked import Asked
from consumers.search.fts5.database import Database
from consumers.search.fts5.expressions import terms_expression
from consumers.search.plan import Terms
from consumers.search.query import planned
from consumers.search.question import Question
from consumers.search.spelling import candidates, doubtful, respelt

_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
_COUNTED: Final = 100
"""More updates than that make no candidate more likely."""

_MOST_WORDS: Final = 3


def suggestion(database: Database, question: Question, languages: Collection[str]) -> str | None:
    """Return the question with words put right that are in no update, if it then finds something."""
    wrong: dict[str, str] = {}
    for word in doubtful(question.text):
        if len(wrong) < _MOST_WORDS and not _count(database, word, 1):
            meant = _likeliest(database, word)
            if meant is None:
                return None
            wrong[word] = meant
    if not wrong:
        return None
    text = respelt(question.text, wrong)
    plan = planned(replace(question, text=text), languages)
    asked = Asked(plan)
    is_found = database.row(f"SELECT 1 FROM {asked.source} LIMIT 1", asked.values) is not None
    return text if is_found else None


def _likeliest(database: Database, word: str) -> str | None:
    best, most = None, 0
    for other in _there(database, list(candidates(word, sorted({*_LETTERS, *word})))):
        count = _count(database, other, _COUNTED)
        if count > most:  # of equals the first, which is the likelier slip
            best, most = other, count
    return best


def _there(database: Database, words: Sequence[str]) -> Sequence[str]:
    """Return those of `words` that any update holds."""
    return [word for word in words if _count(database, word, 1)]


def _count(database: Database, word: str, most: int) -> int:
    asked = "SELECT count(*) FROM (SELECT 1 FROM words WHERE words MATCH ? LIMIT ?)"
    return int(database.value(asked, (terms_expression(Terms((word,))), most)))
