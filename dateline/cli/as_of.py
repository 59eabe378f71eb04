"""The moment that `--as-of` names: a time, or a place in a story."""

from __future__ import annotations

from datetime import datetime

from dateline.errors import Refused


def moment_of(as_of: str) -> datetime | int:
    """Return the time or the `seq` that `--as-of` names.

    Raises:
        Refused: It is neither.
    """
    from schemas.times import parse_moment

    try:
        return parse_moment(as_of)
    except ValueError as error:
        raise Refused(f"--as-of: {error}") from None
