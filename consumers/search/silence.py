"""A killed update, as it may stay in an index's files."""

from __future__ import annotations

from msgspec.structs import replace

from consumers.state import Update
from consumers.words import NO_WORDS


def silenced(update: Update) -> Update:
    """Return an update without anything that it ever said."""
    last = replace(update.last, note=None) if update.last is not None else None
    return replace(update, words=NO_WORDS, corrections=(), last=last)
