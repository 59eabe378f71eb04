"""The ids of what feeds hold. They follow from names alone, so they outlast a move to another address or server, a replay, and a
copy of the log to another backend.

They are UUIDs made of the names, since `urn:uuid:` is the one registered scheme that needs neither a domain, which may change
hands, nor any character that a feed reader could write otherwise (docs/decisions/0014-feeds.md).
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote
from uuid import UUID, uuid5

_DATELINE: Final = UUID("6f4b1c7e-0d5a-5c93-9a54-3f1f2d0c8b6e")
"""The namespace of all names here. It never changes."""


def story_id(story: str) -> str:
    return _urn(story)


def update_id(story: str, update: str) -> str:
    return _urn(story, update)


def correction_id(story: str, update: str, revision: int) -> str:
    """Return the id of the correction that made a revision."""
    return _urn(story, update, str(revision))


def corrections_feed_id() -> str:
    return _urn("", "corrections")


def media_id(story: str, update: str, uri: str) -> str:
    """Return the id of a picture, video or sound as one update shows it."""
    return _urn(story, update, "media", uri)


def _urn(*names: str) -> str:
    parts = (quote(name.encode("utf-8", "surrogatepass"), safe="") for name in names)
    return uuid5(_DATELINE, "/".join(parts)).urn
