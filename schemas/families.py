"""The families of facts: which types a topic's records may hold. A type is in one family, and a topic has one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from schemas.deliveries import DELIVERY_TYPES, DeliveryEvent
from schemas.events import EVENT_TYPES, Event
from schemas.fact import Fact
from schemas.subscriptions import SUBSCRIPTION_TYPES, SubscriptionEvent
from schemas.topics import DELIVERIES_TOPIC, EVENTS_TOPIC, SUBSCRIPTIONS_TOPIC

F = TypeVar("F", bound=Fact)


@dataclass(frozen=True)
class Family(Generic[F]):
    """The facts of one topic.

    Attributes:
        topic: Where they lie.
        types: Their classes by name.
    """

    topic: str
    types: Mapping[str, type[F]]


STORY_EVENTS: Final = Family[Event](EVENTS_TOPIC, EVENT_TYPES)
SUBSCRIPTION_EVENTS: Final = Family[SubscriptionEvent](SUBSCRIPTIONS_TOPIC, SUBSCRIPTION_TYPES)
DELIVERY_EVENTS: Final = Family[DeliveryEvent](DELIVERIES_TOPIC, DELIVERY_TYPES)

FACT_TYPES: Final[Mapping[str, type[Fact]]] = {**EVENT_TYPES, **SUBSCRIPTION_TYPES, **DELIVERY_TYPES}
"""Every type of every family by its name, which is also its Avro record's."""


def topic_of(type_name: str) -> str:
    """Return the topic in which facts of this type lie; the events' for a type that is not of this release."""
    for family in (SUBSCRIPTION_EVENTS, DELIVERY_EVENTS):
        if type_name in family.types:
            return family.topic
    return EVENTS_TOPIC
