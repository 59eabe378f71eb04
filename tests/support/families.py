"""Facts of every family for tests: each type's codec, JSON read back, and strategies for subscriptions and the ledger."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from msgspec import convert

from schemas.catalog import committed
from schemas.codec import FamilyCodec
from schemas.deliveries import DELIVERY_TYPES, DeliveryEvent
from schemas.events import VERIFICATIONS
from schemas.families import DELIVERY_EVENTS, FACT_TYPES, STORY_EVENTS, SUBSCRIPTION_EVENTS, Family
from schemas.subscriptions import CHANGE_KINDS, SUBSCRIPTION_TYPES, SubscriptionEvent
from tests.strategies import Drawn, counts, lines, names, prose, times

FAMILIES: tuple[Family[Any], ...] = (STORY_EVENTS, SUBSCRIPTION_EVENTS, DELIVERY_EVENTS)  # Any: facts of each family


def codec_of(type_name: str) -> FamilyCodec[Any]:  # Any: facts of whichever family
    """Return the codec of the family that a type is in."""
    return FamilyCodec(committed(), next(family for family in FAMILIES if type_name in family.types))


def fact_from_json(fields: dict[str, Any]) -> Any:  # Any: a fact of the type that `fields` names
    """Return the fact that its JSON form describes, of whichever family."""
    given = {name: value for name, value in fields.items() if name != "type"}
    return convert(given, FACT_TYPES[fields["type"]])


def _maybe(strategy: Drawn[Any]) -> Drawn[Any]:  # Any: whatever the field holds
    return st.none() | strategy


def subscription_facts(
    *, subscriptions: Drawn[str] | None = None, event_ids: Drawn[str] | None = None
) -> Drawn[SubscriptionEvent]:
    """Events of subscriptions that keep the rules, of every type."""
    common = {
        "event_id": st.uuids().map(str) if event_ids is None else event_ids,
        "subscription": names() if subscriptions is None else subscriptions,
        "desk": names(),
        "author": _maybe(lines()),
        "occurred_at": times(),
        "caused_by": _maybe(st.uuids().map(str)),
    }
    note: dict[str, Drawn[Any]] = {"note": _maybe(prose())}  # Any: one for each field, here and below
    own: dict[str, dict[str, Drawn[Any]]] = {
        "SubscriptionAdded": {
            "target": st.sampled_from(("https://a.example/hook", "https://b.example:8443/x?y=1", "ntfys://ntfy.sh/topic")),
            "label": st.just("") | lines(),
            "stories": st.lists(names(), max_size=3).map(tuple),
            "question": st.just("") | lines(),
            "since": _maybe(times()),
            "source": _maybe(lines()),
            "tag": _maybe(lines()),
            "place": _maybe(lines()),
            "verification": _maybe(st.sampled_from(VERIFICATIONS)),
            "key_events": st.booleans(),
            "corrected": st.booleans(),
            "kinds": st.lists(st.sampled_from(CHANGE_KINDS), max_size=3, unique=True).map(tuple),
            "minimum_urgency": st.integers(1, 9),
            "corrections_only": st.booleans(),
            "language": st.sampled_from(("", "en", "de")),
        },
        "SubscriptionRemoved": note,
        "SubscriptionPaused": note,
        "SubscriptionResumed": note,
        "SubscriptionRotated": {"number": st.integers(0, 5)},
        "SubscriptionEnded": {"reason": prose()},
    }
    return st.one_of([st.builds(kind, **common, **own[name]) for name, kind in SUBSCRIPTION_TYPES.items()])


def delivery_facts() -> Drawn[DeliveryEvent]:
    """Entries of the ledger that keep the rules, of every type."""
    common = {
        "event_id": st.uuids().map(str),
        "story": names(),
        "occurred_at": times(),
        "notification": st.uuids().map(str),
        "subscription": names(),
        "caused_by": _maybe(st.uuids().map(str)),
        "update": st.just("") | names(),
        "seq": st.integers(0, 2**63 - 1),
        "kind": st.sampled_from(CHANGE_KINDS),
        "revision": counts(),
    }
    own: dict[str, dict[str, Drawn[Any]]] = {  # Any: one for each field
        "NotificationSent": {"status": counts(), "latency_ms": st.integers(0, 2**63 - 1), "attempts": counts()},
        "NotificationGaveUp": {"status": counts(), "attempts": counts(), "reason": prose()},
        "NotificationRedriven": {"by": lines(), "reason": prose()},
    }
    return st.one_of([st.builds(kind, **common, **own[name]) for name, kind in DELIVERY_TYPES.items()])
