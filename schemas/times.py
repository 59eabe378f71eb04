"""Times as text: one form everywhere, `1970-04-14T03:08:20.000000Z`, which also sorts as it reads."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST = datetime(1, 1, 2, tzinfo=UTC)
LATEST = datetime(9999, 12, 30, tzinfo=UTC)


def rfc3339(when: datetime) -> str:
    """Return `when` (aware, UTC) in its one form, 27 characters."""
    return when.isoformat(timespec="microseconds")[:-6] + "Z"


def parse_time(text: str) -> datetime:
    """Return the moment that `text` names, in UTC.

    Raises:
        ValueError: `text` is no time of RFC 3339 or ISO 8601, or has no zone. The message is for the user.
    """
    try:
        when = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(f"{text!r} is no time. Write it like 1970-04-14T03:08:20Z.") from None
    if when.tzinfo is None:
        raise ValueError(f"{text!r} has no zone. Write it like 1970-04-14T03:08:20Z or 1970-04-13T21:08:20-06:00.")
    try:
        when = when.astimezone(UTC)
    except OverflowError:
        raise ValueError(_outside(text)) from None
    if not EARLIEST <= when <= LATEST:
        raise ValueError(_outside(text))
    return when


def _outside(text: str) -> str:
    return f"{text!r} lies outside the calendar, which goes from {EARLIEST.date()} to {LATEST.date()} (0:00 UTC)."


FURTHEST_SEQ = 10**15
"""Past the end of any story."""


def parse_moment(text: str) -> datetime | int:
    """Return the moment of a story that `text` names: a time, in UTC, or a `seq`.

    Raises:
        ValueError: It is neither. The message is for the user.
    """
    if text.isascii() and text.isdigit():
        return min(int(text[:20]), FURTHEST_SEQ)
    try:
        return parse_time(text)
    except ValueError as error:
        raise ValueError(f"{error} Or give a seq, like 12.") from None


def from_ms(ms: int) -> datetime:
    """Return the moment `ms` milliseconds after 1970 began (UTC); the nearest in the calendar where there is none."""
    try:
        return _EPOCH + timedelta(milliseconds=ms)
    except OverflowError:
        return EARLIEST if ms < 0 else LATEST


def to_ms(when: datetime) -> int:
    """Return the whole milliseconds from 1970 to `when`, rounded down."""
    return (when - _EPOCH) // timedelta(milliseconds=1)


def to_us(when: datetime) -> int:
    """Return the whole microseconds from 1970 to `when`."""
    return (when - _EPOCH) // timedelta(microseconds=1)


def from_us(us: int) -> datetime:
    """Return the moment `us` microseconds after 1970 began (UTC)."""
    return _EPOCH + timedelta(microseconds=us)
