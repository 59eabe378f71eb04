"""What every format comes down to: an item of a wire, one that cannot be used, or one that says nothing to readers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeAlias

from schemas.content import NO_CONTENT, Content

MOST_BYTES: Final = 16 * 1024 * 1024
"""Of one document. A wire's item has some kilobytes, a long feed a megabyte."""

USABLE, WITHHELD, CANCELED = "usable", "withheld", "canceled"
STATUSES: Final = (USABLE, WITHHELD, CANCELED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One item of a wire, as one version of it says.

    Attributes:
        place: Where in its document it stands, for messages.
        guid: The wire's own name of it, the same in all versions.
        version: The wire's number of this version, or one made of its time; None where there is neither.
        at: When this version was made (UTC); None where the wire does not say.
        status: One of `STATUSES`.
        note: What the wire tells editors about this version.
        slug: The story that the wire files it under, in the wire's words.
        story: The story that it is of, where it came out of a Dateline; as for `update`.
        by_content: Whether versions are told apart by what they say, since the format does not number them (feeds).
        extra: What the format carries and an event has no place for, as fields of ninjs 3.
    """

    place: str
    guid: str
    version: int | None = None
    at: datetime | None = None
    status: str = USABLE
    is_correction: bool = False
    note: str = ""
    author: str | None = None
    urgency: int = 5
    embargo_until: datetime | None = None
    content: Content = NO_CONTENT
    slug: str = ""
    story: str | None = None
    update: str | None = None
    by_content: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)  # Any: what JSON holds


@dataclass(frozen=True, slots=True)
class BadItem:
    """An item that cannot be used, and why, in words for the user."""

    place: str
    reason: str


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A part of a document that is whole and says nothing to readers, such as a package that only lists items."""

    place: str
    reason: str


Found: TypeAlias = Item | BadItem | PassedOver
"""What stands at one place of a document."""


class Unusable(Exception):
    """One item cannot be used; the text says why, for the user."""
