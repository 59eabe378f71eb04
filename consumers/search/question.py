"""What a user asks of the index, or saves to be told of: words as they were typed, and filters."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct


class Filters(Struct, frozen=True, kw_only=True):
    """What an update has to be besides what it says. A filter that is not given lets everything through.

    Attributes:
        since, until: Bounds of the time at which readers first had it, as the desk says it (`published_at`): from, and before.
        source, tag, place: The whole of one of its names, without regard to case, accents and width.
        key_events: Whether it must be a key event.
        corrected: Whether it must have been corrected.
        verification: One of `unverified`, `verified`, `disputed`, `debunked`.
    """

    story: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    source: str | None = None
    tag: str | None = None
    place: str | None = None
    key_events: bool = False
    corrected: bool = False
    verification: str | None = None

    @property
    def is_any(self) -> bool:
        """Whether there is any filter."""
        return self != Filters()


class Question(Struct, frozen=True):
    """Words, phrases, `prefix*`, `-not`, `OR`, `field:value` as people type them; with no word, what the filters let through.

    With neither a word nor a filter it finds nothing.
    """

    text: str
    filters: Filters = Filters()
