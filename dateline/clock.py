"""The time, asked for in one place."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def now() -> datetime:
    """Return the time now, in UTC, to the microsecond."""
    return datetime.now(UTC)


def now_ms() -> int:
    """Return the time now in milliseconds since 1970, as a log's records have it."""
    return time.time_ns() // 1_000_000
