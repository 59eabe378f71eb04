"""The fold of subscriptions: every event in every state has an outcome, and what is there twice counts once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.notifications.signing import OtherKey, secrets_of, target_of
from consumers.notifications.subscriptions import NOTHING, OVERLAP_MS, Held, Subscription, fold
from dateline.master_key import MasterKey
from schemas.subscriptions import (
    SubscriptionAdded,
    SubscriptionEnded,
    SubscriptionEvent,
    SubscriptionPaused,
    SubscriptionRemoved,
    SubscriptionResumed,
    SubscriptionRotated,
)
from tests.support.families import subscription_facts

KEY, OTHER = MasterKey(b"a key for tests, of enough bytes"), MasterKey(b"another key, that is as long too")
TARGET = "https://partner.example/hook"
ADDED = SubscriptionAdded(event_id="added", subscription="s", target=TARGET, key=KEY.fingerprint)
FACTS = st.lists(
    st.tuples(subscription_facts(subscriptions=st.just("s"), event_ids=st.sampled_from("abcdefgh")), st.integers(0, 100)),
    max_size=12,
)


def folded(*events: SubscriptionEvent, at: int = 0) -> Held:
    """Fold these events, recorded a second after each other."""
    held = NOTHING
    for place, event in enumerate(events):
        held = fold(held, event, at + place * 1000)
    return held


def now_of(*events: SubscriptionEvent) -> Subscription:
    now = folded(ADDED, *events).now
    assert now is not None
    return now


def rotated(number: int, *, key: MasterKey = KEY) -> SubscriptionRotated:
    return SubscriptionRotated(event_id=f"rotated-{number}", subscription="s", number=number, key=key.fingerprint)


@given(FACTS)
def test_whatever_comes_in_whatever_order_has_an_outcome(facts: list[tuple[SubscriptionEvent, int]]) -> None:
    held = NOTHING
    for event, timestamp in facts:
        before, held = held, fold(held, event, timestamp)
        assert held.recorded_at >= before.recorded_at
        if before.now is not None and before.now.ended_at is not None:
            assert held.now == before.now, "nothing brings back what has ended"
        if before.now is not None and held.now is not None:
            assert held.now.active_from == before.now.active_from
            assert held.now.rotation >= before.now.rotation


@given(FACTS, st.data())
def test_what_is_delivered_twice_counts_once(facts: list[tuple[SubscriptionEvent, int]], data: st.DataObject) -> None:
    once = twice = NOTHING
    for place, (event, timestamp) in enumerate(facts):
        once, twice = fold(once, event, timestamp), fold(twice, event, timestamp)
        again = data.draw(st.sampled_from(facts[: place + 1]))
        twice = fold(twice, *again)

    assert twice == once


def test_a_subscription_is_active_from_when_the_log_recorded_it() -> None:
    now = folded(ADDED, at=5000).now

    assert now is not None
    assert [now.is_active_at(timestamp) for timestamp in (-1, 0, 4999, 5000, 5001)] == [False, False, False, True, True]


def test_resuming_does_not_make_it_older_or_newer() -> None:
    assert now_of(SubscriptionPaused(event_id="p"), SubscriptionResumed(event_id="r")).active_from == 0


def test_it_is_paused_until_it_is_resumed() -> None:
    paused = now_of(SubscriptionPaused(event_id="p"))

    assert (paused.status, paused.paused_at) == ("paused", 1000)
    assert now_of(SubscriptionPaused(event_id="p"), SubscriptionPaused(event_id="q")).paused_at == 1000
    assert now_of(SubscriptionPaused(event_id="p"), SubscriptionResumed(event_id="r")).status == "active"


@pytest.mark.parametrize(
    ("end", "why"),
    [
        (SubscriptionRemoved(event_id="x"), "removed"),
        (SubscriptionRemoved(event_id="x", note="The contract ended."), "The contract ended."),
        (SubscriptionEnded(event_id="x", reason="The target answered 410."), "The target answered 410."),
    ],
)
def test_an_end_is_for_good(end: SubscriptionEvent, why: str) -> None:
    ended = now_of(end, SubscriptionResumed(event_id="r"), rotated(1), SubscriptionAdded(event_id="again", target="x"))

    assert (ended.status, ended.ended_at, ended.ended_why) == ("ended", 1000, why)
    assert (ended.rotation, ended.target) == (0, TARGET)


def test_what_ended_before_it_was_added_never_begins() -> None:
    now = folded(SubscriptionRemoved(event_id="x"), ADDED).now

    assert now is not None
    assert now.status == "ended"


def test_what_is_said_of_a_subscription_that_nobody_added_is_nothing() -> None:
    assert folded(SubscriptionPaused(event_id="p"), rotated(1)).now is None


def test_messages_are_signed_with_both_secrets_for_a_day() -> None:
    subscription = now_of(rotated(1))

    assert subscription.rotated_at == 1000
    both = [KEY.webhook_secret("s", 1), KEY.webhook_secret("s", 0)]
    assert secrets_of(subscription, KEY, now=1000) == both
    assert secrets_of(subscription, KEY, now=999 + OVERLAP_MS) == both
    assert secrets_of(subscription, KEY, now=1000 + OVERLAP_MS) == both[:1]


def test_two_who_rotate_at_once_have_rotated_once() -> None:
    twin = SubscriptionRotated(event_id="twin", subscription="s", number=1, key=KEY.fingerprint)

    assert now_of(rotated(1), twin).rotation == 1
    assert now_of(rotated(7)).rotation == 0, "a number is never left out"


def test_another_master_key_signs_nothing_until_the_secret_is_a_new_one() -> None:
    with pytest.raises(OtherKey, match="dateline hooks rotate s"):
        secrets_of(now_of(), OTHER, now=0)

    subscription = now_of(rotated(1, key=OTHER))

    assert secrets_of(subscription, OTHER, now=1000) == [OTHER.webhook_secret("s", 1)], "the older one is not to be had"


def test_an_address_with_a_secret_is_opened_by_the_master_key() -> None:
    whole = "slack://token/token/token"
    sealed = SubscriptionAdded(event_id="e", subscription="s", target="slack://t...n", sealed=KEY.seal("s", whole))
    subscription = folded(sealed).now

    assert subscription is not None
    assert target_of(subscription, KEY) == whole
    assert target_of(now_of(), KEY) == TARGET
    assert "token" not in repr(subscription)


def test_one_without_words_or_filters_lets_everything_through() -> None:
    assert not now_of().has_question
    for given_field in ({"question": "oxygen"}, {"tag": "space"}, {"key_events": True}):
        now = folded(SubscriptionAdded(event_id="e", subscription="s", **given_field)).now
        assert now is not None
        assert now.has_question
