"""How one attempt to deliver a message went."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from msgspec import Struct

_LONGEST = 300


class Attempt(Struct, frozen=True):
    """How one attempt went, whatever the target did.

    Attributes:
        status: The HTTP status of the answer; 0 where there was none, and of a message to a person.
        latency_s: Seconds from the first step to the answer's head, or to where it failed.
        retry_after_s: Seconds that the target asked to wait, if it did.
        problem: What went wrong, in one line without any secret; None if it arrived.
    """

    status: int
    latency_s: float
    retry_after_s: float | None = None
    problem: str | None = None

    @property
    def is_success(self) -> bool:
        return self.problem is None

    @property
    def in_words(self) -> str:
        """Why it did not arrive, as a sentence; empty if it did."""
        return "" if self.problem is None else f"{one_line(self.problem).rstrip('.')}."


def one_line(text: str) -> str:
    """Return a text of anybody's as one short line that can be printed."""
    shown = "".join(character if character.isprintable() else " " for character in text[: 4 * _LONGEST])
    return " ".join(shown.split())[:_LONGEST]


def retry_after(value: str | None, *, now: datetime) -> float | None:
    """Return the seconds that a `Retry-After` header asks for, by a number or by a date; None where it is neither."""
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        when = parsedate_to_datetime(text)
        return max((when.replace(tzinfo=when.tzinfo or UTC) - now).total_seconds(), 0.0)
    except (ValueError, TypeError, OverflowError):
        return None
