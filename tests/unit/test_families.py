"""The three families of facts: each survives its bytes, and a topic's records are read as its own family only."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dateline.errors import Refused, Undecodable
from schemas.codec import FRAME_SIZE, committed_codec, delivery_codec, subscription_codec
from schemas.deliveries import DeliveryEvent, NotificationSent
from schemas.events import StoryOpened
from schemas.families import FACT_TYPES
from schemas.headers import headers
from schemas.identity import notification_id_for, subscription_id_for
from schemas.rules import check, problems
from schemas.subscriptions import SubscriptionAdded, SubscriptionEvent, SubscriptionRotated
from tests.support.families import FAMILIES, codec_of, delivery_facts, subscription_facts
from tests.unit.test_codec import GOLDENS


@given(subscription_facts())
def test_an_event_of_a_subscription_survives_encode_and_decode(event: SubscriptionEvent) -> None:
    assert subscription_codec().decode(subscription_codec().encode(event)) == event


@given(delivery_facts())
def test_an_entry_of_the_ledger_survives_encode_and_decode(entry: DeliveryEvent) -> None:
    assert delivery_codec().decode(delivery_codec().encode(entry)) == entry


@given(subscription_facts() | delivery_facts())
def test_what_the_strategies_make_keeps_the_rules(fact: SubscriptionEvent | DeliveryEvent) -> None:
    check(fact)


@pytest.mark.parametrize("type_name", FACT_TYPES)
def test_a_fact_is_read_by_its_own_family_alone(type_name: str) -> None:
    value = GOLDENS[f"{type_name}.1"]

    readers = [family.topic for family in FAMILIES if _reads(family.types, value)]

    assert readers == [next(family.topic for family in FAMILIES if type_name in family.types)]


def _reads(types: object, value: bytes) -> bool:
    codec = codec_of(next(iter(types)))  # type: ignore[call-overload]  # a mapping by name
    try:
        codec.decode(value)
    except Undecodable as error:
        return "belongs into dateline." not in str(error)
    return True


def test_a_fact_of_another_family_is_not_written() -> None:
    with pytest.raises(Refused, match=r"The event types of dateline\.events are StoryOpened"):
        committed_codec().encode(SubscriptionRotated(event_id="e", subscription="s"))  # type: ignore[arg-type]  # the point of it


@given(st.sampled_from(sorted(FACT_TYPES)), st.binary(max_size=120))
def test_random_bodies_are_undecodable_or_a_fact(name: str, body: bytes) -> None:
    try:
        fact = codec_of(name).decode(GOLDENS[f"{name}.1"][:FRAME_SIZE] + body)
    except Undecodable:
        return
    assert type(fact).__name__ == name


@pytest.mark.parametrize("subscription", ["", "a b", "x" * 300])
def test_a_subscription_without_a_name_is_undecodable(subscription: str) -> None:
    value = subscription_codec().encode(SubscriptionRotated(event_id="e", subscription=subscription))

    with pytest.raises(Undecodable, match="is no name of a subscription"):
        subscription_codec().decode(value)


def test_headers_say_what_a_subscriptions_event_is_about() -> None:
    event = SubscriptionRotated(event_id="e-1", subscription="sub-1", desk="houston", number=2)

    found = dict(headers(event))

    assert (found["ce_type"], found["ce_source"], found["ce_subject"]) == (
        b"dateline.SubscriptionRotated",
        b"/desks/houston",
        b"sub-1",
    )


def test_the_ledger_comes_from_the_notifier_and_is_about_the_update() -> None:
    found = dict(headers(NotificationSent(event_id="e-1", story="apollo-13", update="a-problem")))

    assert (found["ce_source"], found["ce_subject"]) == (b"/notifier", b"apollo-13/a-problem")
    assert dict(headers(NotificationSent(event_id="e-1", story="apollo-13")))["ce_subject"] == b"apollo-13"


def test_an_older_headers_form_is_kept_for_stories() -> None:
    assert ("ce_subject", b"apollo-13") in headers(StoryOpened(event_id="e", story="apollo-13"))


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"kinds": ("sung",)}, "kinds[0]"),
        ({"stories": ("no such\nstory",)}, "stories[0]"),
        ({"target": ""}, "target"),
        ({"target": "https://a.example/" + "x" * 3000}, "target"),
        ({"target": "https://a.example/\r\nX-Evil: 1"}, "target"),
        ({"minimum_urgency": 0}, "minimum_urgency"),
        ({"language": "not a tag"}, "language"),
        ({"verification": "sure"}, "verification"),
        ({"since": datetime(2026, 1, 2, tzinfo=UTC), "until": datetime(2026, 1, 1, tzinfo=UTC)}, "until"),
    ],
)
def test_what_no_subscription_may_say_is_named(given: dict[str, object], path: str) -> None:
    fields = {"event_id": "e", "subscription": "s", "desk": "d", "target": "https://a.example/", **given}

    found = problems(SubscriptionAdded(**fields))  # type: ignore[arg-type]  # each is one field's

    assert [problem.path for problem in found] == [path]


def test_ids_derive_from_what_they_stand_for() -> None:
    assert subscription_id_for("e-1") == subscription_id_for("e-1") != subscription_id_for("e-2")
    assert notification_id_for("e", "s") == notification_id_for("e", "s")
    assert len({notification_id_for(event, sub) for event in ("a", "b") for sub in ("x", "y")}) == 4
