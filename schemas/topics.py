"""The log's topics, by name."""

from __future__ import annotations

from typing import Final

EVENTS_TOPIC: Final = "dateline.events"
"""All events of all stories, keyed by story."""
