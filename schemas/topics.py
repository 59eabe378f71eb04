"""The log's topics, by name."""

from __future__ import annotations

from typing import Final

EVENTS_TOPIC: Final = "dateline.events"
"""All events of all stories, keyed by story."""

SUBSCRIPTIONS_TOPIC: Final = "dateline.subscriptions"
"""Who is to be told of what, keyed by subscription."""

DELIVERIES_TOPIC: Final = "dateline.deliveries"
"""Who was told what, keyed by story and partitioned like the events."""

DESKS_TOPIC: Final = "dateline.desks"
"""Who may write, keyed by desk."""

TOPICS: Final = (EVENTS_TOPIC, SUBSCRIPTIONS_TOPIC, DELIVERIES_TOPIC, DESKS_TOPIC)
"""All that a log holds."""

STORY_TOPICS: Final = (EVENTS_TOPIC, DELIVERIES_TOPIC)
"""Those keyed by story."""
