"""Times as text: one form everywhere, `1970-04-14T03:08:20.000000Z`, which also sorts as it reads."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST = datetime(1, 1, 2, tzinfo=UTC)
LATEST = datetime(9999, 12, 30, tzinfo=UTC)


def rfc3339(when: datetime) -> str:
    """Return `when` (aware, UTC) in its one form, 27 characters."""
    return when.isoformat(timespec="microseconds")[:-6] + "Z"


def parse_time(text: str) -> datetime:
    """Return the moment that `text` names, in UTC.

    A zone may be named in brackets (RFC 9557), `2026-10-25T12:00[Europe/Berlin]`, with or without an offset before it. Digits
    past the microsecond are dropped. The leap second `23:59:60` is the midnight after it, so that nothing comes too early.

    Raises:
        ValueError: `text` is no time of RFC 3339 or ISO 8601, or has no zone; or in the zone that it names there is no such time,
            or there are two. The message is for the user.
    """
    written, bracket, zone = text.strip().partition("[")
    try:
        when = _read(written)
    except ValueError:
        raise ValueError(f"{text!r} is no time. Write it like 1970-04-14T03:08:20Z.") from None
    except OverflowError:
        raise ValueError(_outside(text)) from None
    if bracket:
        when = _in_zone(when, zone, text)
    elif when.tzinfo is None:
        raise ValueError(f"{text!r} has no zone. Write it like 1970-04-14T03:08:20Z or 1970-04-13T21:08:20-06:00.")
    try:
        when = when.astimezone(UTC)
    except OverflowError:
        raise ValueError(_outside(text)) from None
    if not EARLIEST <= when <= LATEST:
        raise ValueError(_outside(text))
    return when


def _read(written: str) -> datetime:
    """Return a time as it is written, with its offset if it has one."""
    leap = _LEAP_SECOND.fullmatch(written)
    if leap is None:
        return datetime.fromisoformat(written)
    when = datetime.fromisoformat(f"{leap[1]}:59{leap[2] or ''}") + timedelta(seconds=1)
    midnight = when.astimezone(UTC) if when.tzinfo is not None else when
    if (midnight.month, midnight.day, midnight.hour, midnight.minute) not in ((1, 1, 0, 0), (7, 1, 0, 0)):
        raise ValueError("no leap second was ever there")
    return when


_LEAP_SECOND = re.compile(r"(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d):60(?:[.,]\d+)?(Z|z|[+-]\d\d:?\d\d)?")


def _in_zone(when: datetime, closed: str, text: str) -> datetime:
    """Return the one moment that a zone's clocks show as `when`; an offset that is given must be the zone's then."""
    name, bracket, rest = closed.partition("]")
    zone = _zone(name)
    if not bracket or rest or zone is None:
        raise ValueError(f"{text!r} names no zone. Write it like 2026-10-25T12:00[Europe/Berlin].")
    local = when.replace(tzinfo=None)
    both = [local.replace(tzinfo=zone, fold=fold) for fold in (0, 1)]
    try:
        found = {moment.utcoffset(): moment for moment in both if _is_shown(moment)}
    except OverflowError:
        raise ValueError(_outside(text)) from None
    if when.tzinfo is not None:
        if when.utcoffset() not in found:
            raise ValueError(f"{text!r}: {name} has another offset at that time. Leave out the offset or the zone.")
        return when
    if not found:
        raise ValueError(f"{text!r}: there is no such time in {name}, where clocks are then put forward. Write another.")
    if len(found) == 2:
        first, second = (moment.isoformat() for moment in both)
        raise ValueError(f"{text!r}: that time comes twice in {name}, where clocks are put back. Write {first} or {second}.")
    return both[0]


def _is_shown(moment: datetime) -> bool:
    """Whether the clocks of its zone ever show this time."""
    return moment.astimezone(UTC).astimezone(moment.tzinfo).replace(tzinfo=None) == moment.replace(tzinfo=None)


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # no such zone, no name at all, a folder of zones
        return None


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
