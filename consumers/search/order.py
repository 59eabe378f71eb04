"""The order of what is found newest first: by when an update first became public, a number that never changes."""

from __future__ import annotations

from typing import Final
from zlib import crc32

SPREAD: Final = 1 << 11
"""How far apart the orders of two updates may lie that would have the same one, and were counted on."""


def first_order(story: str, *, recorded_at: int, place: int) -> int:
    """Return the order of an update that first became public then: 63 bits. If it is taken, the next free one is its own.

    Args:
        recorded_at: When the log recorded that, milliseconds since 1970.
        place: The update's, which is that record's `seq`.
    """
    return max(recorded_at, 0) << 21 | (place & 0x3FF) << 11 | (crc32(story.encode()) & 0x7FF)
