"""The laws of who is told what: over any coverage, any subscription, and however slowly it is told."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumers.notifications.decide import may_care
from consumers.notifications.marks import Asking, marks_of
from consumers.notifications.news import MENDING
from consumers.notifications.subscriptions import Subscription
from consumers.search.question import Question
from schemas.subscriptions import CHANGE_KINDS
from tests.support.told_subscribers import STORY, WORD, Act, Coverage, Subscriber, acts, tell

Drawn = st.SearchStrategy

law = settings(max_examples=300, deadline=None)
turns = st.lists(st.integers(0, 2), min_size=1, max_size=5)
ALL = Subscription(id="s", target="https://x.example")


def subscriptions() -> Drawn[Subscription]:
    """Subscriptions of every sort, to all stories."""
    return st.builds(
        Subscription,
        id=st.just("s"),
        target=st.just("https://x.example"),
        question=st.sampled_from((Question(""), Question(""), Question(WORD))),
        kinds=st.frozensets(st.sampled_from(CHANGE_KINDS), max_size=3),
        minimum_urgency=st.sampled_from((9, 9, 3)),
        corrections_only=st.booleans(),
    )


@law
@given(acts(), subscriptions(), turns)
def test_what_is_told_comes_in_order_and_once(said: list[Act], subscription: Subscription, slowly: list[int]) -> None:
    coverage, subscriber = tell(said, subscription, slowly)

    seqs = [news.change.seq for news, _ in subscriber.told]
    assert seqs == sorted(set(seqs))
    assert not subscriber.is_told(coverage)


@law
@given(acts(), subscriptions(), turns)
def test_everyone_who_got_an_update_is_told_when_it_is_mended(
    said: list[Act], subscription: Subscription, slowly: list[int]
) -> None:
    """Unless a later withdrawal overtakes it, which is told instead."""
    coverage, subscriber = tell(said, subscription, slowly)

    told = {news.change.seq for news, _ in subscriber.told}
    first: dict[str | None, int] = {}
    for news, _ in subscriber.told:
        first.setdefault(news.change.update, news.change.seq)
    for news in coverage.news:
        change = news.change
        if change.kind not in MENDING or change.seq <= first.get(change.update, 1 << 40) or change.seq in told:
            continue
        update = coverage.updates[change.update or ""]
        assert update.last is not None
        overtaken = [
            other.change.seq for other in coverage.news if other.change.update == change.update and other.change.seq > change.seq
        ]
        assert any(seq in told for seq in overtaken), f"{change.kind} {change.seq} was never told, nor what overtook it"


@law
@given(acts(), subscriptions(), turns)
def test_after_a_kill_nothing_is_told_but_the_kill(said: list[Act], subscription: Subscription, slowly: list[int]) -> None:
    _, subscriber = tell(said, subscription, slowly)

    for place, (news, update) in enumerate(subscriber.told):
        if update is not None and update.killed_at is not None:
            assert news.change.kind == "killed", "the words of a killed update are never sent"
            assert all(later.change.update != update.id for later, _ in subscriber.told[place + 1 :])


@law
@given(acts(), subscriptions(), turns)
def test_who_got_a_killed_update_is_told_of_the_kill(said: list[Act], subscription: Subscription, slowly: list[int]) -> None:
    coverage, subscriber = tell(said, subscription, slowly)

    got = {news.change.update for news, _ in subscriber.told if news.change.kind != "killed"}
    recalled = {news.change.update for news, _ in subscriber.told if news.change.kind == "killed"}
    killed = {update.id for update in coverage.updates.values() if update.killed_at is not None and update.place}
    assert got & killed <= recalled


@law
@given(
    st.lists(st.tuples(st.integers(0, 20), st.sampled_from(acts_of := [Act("publish", name) for name in "abcdef"])), max_size=6),
    turns,
)
def test_nothing_that_is_older_than_a_subscription_is_ever_told(said: list[tuple[int, Act]], slowly: list[int]) -> None:
    """What counts is each record's own time: what was restored stays old, whatever was recorded in between."""
    subscription = Subscription(id="s", target="https://x.example", active_from=10)

    _, subscriber = tell([Act(act.kind, act.update, at=at) for at, act in said], subscription, slowly)

    assert all(news.timestamp >= 10 for news, _ in subscriber.told)


@law
@given(acts(), turns, turns)
def test_however_slowly_it_is_told_what_is_told_is_the_same_but_for_what_was_taken_away(
    said: list[Act], slowly: list[int], otherwise: list[int]
) -> None:
    _, one = tell(said, ALL, slowly)
    coverage, other = tell(said, ALL, otherwise)

    different = {news.event_id for news, _ in one.told} ^ {news.event_id for news, _ in other.told}
    withdrawn = {news.change.update: news.change.seq for news in coverage.news if news.change.kind in ("killed", "withheld")}
    for news in coverage.news:
        if news.event_id in different:
            assert news.change.seq < withdrawn.get(news.change.update, 0) or news.change.kind == "withheld"


@law
@given(acts(), subscriptions(), turns)
def test_whoever_is_told_was_made_due(said: list[Act], subscription: Subscription, slowly: list[int]) -> None:
    """What the index marks is all that has to be looked at."""
    coverage, subscriber, asking = Coverage(), Subscriber(subscription), Asking([subscription])
    due = False
    for number, act in enumerate(said):
        step = coverage.say(act)
        subscriber.notes(step)
        marks = marks_of(asking, {STORY: [step]})
        marked = any(found or update in subscriber.got for _, _, _, found, update in marks.due)
        if marked and not due:
            subscriber.at = max(subscriber.at, step.outcome.story.seq - 1)
        due = due or marked
        told, was_due = len(subscriber.told), due
        for _ in range(slowly[number % len(slowly)]):
            if not subscriber.is_told(coverage):
                due = False
                break
        assert was_due or len(subscriber.told) == told


@pytest.mark.parametrize("kind", ["publish", "correct", "kill", "withhold", "mark"])
def test_a_subscription_that_ended_is_told_nothing(kind: str) -> None:
    coverage = Coverage()
    coverage.say(Act("publish"))
    step = coverage.say(Act(kind))

    for news in coverage.news:
        assert not may_care(Subscription(id="s", target="https://x.example", ended_at=1), news, matches=True)
    assert step.outcome.verdict is not None


def told_kinds(said: list[Act], subscription: Subscription, slowly: list[int]) -> list[tuple[str, str | None]]:
    return [(news.change.kind, news.change.update) for news, _ in tell(said, subscription, slowly)[1].told]


FAST, SLOW = [9], [0]


def test_a_correction_goes_to_who_got_it_though_it_matches_no_more() -> None:
    asks = Subscription(id="s", target="https://x.example", question=Question(WORD))
    said = [Act("publish"), Act("correct", holds=False)]

    assert told_kinds(said, asks, FAST) == [("published", "a"), ("corrected", "a")]
    assert told_kinds(said, asks, SLOW) == [], "who never had it is not told what was wrong with it"


def test_what_waits_when_the_kill_comes_goes_out_as_the_kill() -> None:
    for subscription in (ALL, Subscription(id="s", target="https://x.example", question=Question(WORD))):
        assert told_kinds([Act("publish"), Act("kill")], subscription, SLOW) == [("killed", "a")]
        assert told_kinds([Act("publish", holds=False), Act("kill")], subscription, SLOW) == (
            [("killed", "a")] if subscription is ALL else []
        )


def test_who_began_after_an_update_is_not_told_that_it_was_killed() -> None:
    late = Subscription(id="s", target="https://x.example", active_from=20)

    assert told_kinds([Act("publish", at=10), Act("kill", at=30)], late, SLOW) == []
    assert told_kinds([Act("publish", at=10), Act("correct", at=30), Act("kill", at=40)], late, FAST) == [
        ("corrected", "a"),
        ("killed", "a"),
    ]


def test_corrections_only_means_corrections_and_kills_and_what_becomes_of_what_it_got() -> None:
    only = Subscription(id="s", target="https://x.example", corrections_only=True)
    said = [Act("publish"), Act("revise"), Act("correct"), Act("withhold"), Act("release"), Act("publish", "b"), Act("kill", "b")]

    assert told_kinds(said, only, FAST) == [("corrected", "a"), ("withheld", "a"), ("released", "a"), ("killed", "b")]


def test_a_subscription_to_flashes_hears_what_became_of_a_flash_alone() -> None:
    flashes = Subscription(id="s", target="https://x.example", minimum_urgency=2)
    said = [Act("flash"), Act("publish", "b"), Act("correct", "b"), Act("correct")]

    assert told_kinds(said, flashes, FAST) == [("published", "a"), ("corrected", "a")]


def test_a_story_s_own_changes_go_to_who_asked_for_all_or_for_them() -> None:
    said = [Act("publish"), Act("close")]

    assert told_kinds(said, ALL, FAST) == [("published", "a"), ("story_closed", None)]
    named = Subscription(id="s", target="https://x.example", kinds=frozenset({"story_closed"}), minimum_urgency=2)
    assert told_kinds(said, named, FAST) == [("story_closed", None)]
