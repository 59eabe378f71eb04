"""An event as a record of the log: key, value, headers."""

from __future__ import annotations

from dateline.log.base import NewRecord
from schemas.codec import committed_codec
from schemas.events import Event
from schemas.headers import headers


def record_of(event: Event, *, timestamp: int | None = None) -> NewRecord:
    """Return the record that says `event`.

    Args:
        timestamp: When it was recorded, milliseconds since 1970; None for now.
    """
    return NewRecord(event.story.encode(), committed_codec().encode(event), headers(event), timestamp)
