"""The time, asked for in one place."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """Return the time now, in UTC, to the microsecond."""
    return datetime.now(UTC)
