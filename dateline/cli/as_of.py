"""The moment that `--as-of` names: a time, or a place in a story."""

from __future__ import annotations

from datetime import datetime

from dateline.errors import Refused

_FURTHEST_SEQ = 10**15


def moment_of(as_of: str) -> datetime | int:
    """Return the time or the `seq` that `--as-of` names.

    Raises:
        Refused: It is neither.
    """
    if as_of.isascii() and as_of.isdigit():
        return min(int(as_of[:20]), _FURTHEST_SEQ)
    from schemas.times import parse_time

    try:
        return parse_time(as_of)
    except ValueError as error:
        raise Refused(f"--as-of: {error} Or give a seq, like 12.") from None
