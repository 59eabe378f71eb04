"""What the fold says that subscribers are told, and whether receivers were told that: in order, whole, nothing after a kill."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from consumers.intake import Intake
from consumers.memory import Memory
from consumers.notifications.marks import news_of
from consumers.notifications.subscriptions import Subscription, Subscriptions
from consumers.state import Incoming
from consumers.view import Step, StoryLoaded
from dateline.log.base import Log
from dateline.master_key import MasterKey
from producers.desk import Desk
from producers.subscriptions import SubscriptionDesk
from schemas.codec import committed_codec, delivery_codec
from schemas.identity import notification_id_for
from schemas.topics import DELIVERIES_TOPIC, EVENTS_TOPIC
from tests.support.hook_servers import Got, HookServer
from tests.support.servers import eventually
from tests.support.told_subscribers import Coverage, Subscriber

SECRET_KEY = "a master key that nobody knows"
STORIES = ("apollo-13", "artemis-2", "gemini-8", "mercury-7")
_PAGE = 10_000


def subscribe(log: Log, receiver: HookServer, **fields: Any) -> str:  # Any: a subscription's fields
    """Subscribe a receiver, which checks signatures from then on."""
    key = MasterKey(SECRET_KEY.encode())
    desk = SubscriptionDesk(log, name="houston")
    event = desk.begin(target=receiver.url, key=key.fingerprint, **fields)
    desk.add(event)
    receiver.secret = key.webhook_secret(event.subscription, 0)
    return event.subscription


class Expected:
    """What the fold says each subscription is told: `must` whatever happens, `may` if it is not taken away first."""

    def __init__(self, log: Log) -> None:
        self._subscriptions = Subscriptions(log)
        self._subscriptions.refresh()
        self._steps = _folded(log)

    def of(self, name: str) -> tuple[set[str], set[str]]:
        subscription = self._subscriptions.get(name)
        assert subscription is not None
        must, may = set[str](), set[str]()
        for story, steps in self._steps.items():
            if subscription.stories and story not in subscription.stories:
                continue
            told = self._told(subscription, steps)
            may |= {notification_id_for(news.event_id, name) for news in told.values()}
            sure = [news for news in told.values() if _is_sure(news, steps)]
            if subscription.has_question:  # copy that does not match any more when its turn comes is passed over
                late = {news.event_id for news in self._simulated(subscription, steps, at_once=False)}
                sure = [news for news in sure if _is_last(news, steps) and news.event_id in late]
            must |= {notification_id_for(news.event_id, name) for news in sure}
        return must, may

    def _told(self, subscription: Subscription, steps: list[Step]) -> dict[str, Any]:  # Any: news
        found = {news.event_id: news for news in self._simulated(subscription, steps, at_once=True)}
        return found | {news.event_id: news for news in self._simulated(subscription, steps, at_once=False)}

    def _simulated(self, subscription: Subscription, steps: list[Step], *, at_once: bool) -> list[Any]:  # Any: news
        coverage, subscriber = Coverage(), Subscriber(subscription)
        for step in steps:
            subscriber.notes(step)
            news = news_of(step)
            if news is not None:
                coverage.news.append(news)
            if step.outcome.update is not None:
                coverage.updates[step.outcome.update.id] = step.outcome.update
            while at_once and subscriber.is_told(coverage):
                pass
        while subscriber.is_told(coverage):
            pass
        return [news for news, _ in subscriber.told]


def _is_last(news: Any, steps: list[Step]) -> bool:  # Any: news
    """Whether it is the last that happened to its update."""
    changes = [one.change for step in steps if (one := news_of(step)) is not None and one.change.update == news.change.update]
    return bool(changes[-1].seq == news.change.seq)


def _is_sure(news: Any, steps: list[Step]) -> bool:  # Any: news
    """Whether nothing can overtake it: its update is never taken away, or it is the kill."""
    withdrawn = {
        one.change.update for step in steps if (one := news_of(step)) is not None and one.change.kind in ("withheld", "killed")
    }
    return news.change.kind == "killed" or news.change.update not in withdrawn


def _folded(log: Log) -> dict[str, list[Step]]:
    steps: dict[str, list[Step]] = {}
    partitions = log.partitions(EVENTS_TOPIC)
    intake = Intake(committed_codec(), partitions=partitions)
    for partition in range(partitions):
        memory = Memory()
        read = [intake.read(record) for record in log.read(EVENTS_TOPIC, partition, 0, limit=_PAGE).records]
        incoming = [one for one in read if isinstance(one, Incoming)]
        needs = memory.needs(incoming)
        memory.learn(needs, {name: StoryLoaded(None, {}, {}) for name in needs})
        steps |= memory.fold(incoming)
    return steps


def ledger(log: Log) -> list[Any]:  # Any: entries of the ledger
    return [
        delivery_codec().decode(record.value)
        for partition in range(log.partitions(DELIVERIES_TOPIC))
        for record in log.read(DELIVERIES_TOPIC, partition, 0, limit=_PAGE).records
    ]


def babble(desk: Desk, rng: random.Random, *, stories: Sequence[str] = STORIES) -> None:
    """Say something about one of a few updates of a few stories: mostly new copy, some of it put right or taken away."""
    story, name = rng.choice(stories), f"u{rng.randrange(6)}"
    words: Any = {
        "headline": f"{rng.choice(('Oxygen', 'Power'))} {rng.randrange(1000)}",
        "body": "…",
    }  # Any: options of several calls
    act = rng.choices(("publish", "correct", "revise", "withhold", "release", "kill", "mark"), (8, 5, 2, 1, 2, 1, 1))[0]
    match act:
        case "publish":
            desk.publish(story, update=name, urgency=rng.choice((1, 5, 5)), **words)
        case "correct":
            desk.correct(story, name, note="It was wrong.", **words)
        case "revise":
            desk.revise(story, name, **words)
        case "withhold" | "kill":
            getattr(desk, act)(story, name, reason="in doubt")
        case "release":
            desk.release(story, name)
        case _:
            desk.mark(story, name, key_event=True)


def check_order(receiver: HookServer) -> None:
    """Of each story the messages came in order, nothing is missing between them, and nothing came after a kill but the kill."""
    by_story: dict[str, list[Got]] = {}
    for one in sorted(receiver.got, key=lambda got: got.at):
        by_story.setdefault(one.story, []).append(one)
    for story, got in by_story.items():
        first: dict[str, Got] = {}
        for one in got:
            first.setdefault(one.id, one)
        seqs = [one.seq for one in first.values()]
        assert seqs == sorted(seqs), f"the messages of {story} came out of order: {[(one.seq, one.type, one.at) for one in got]}"
        seen = {0}
        for one in first.values():
            assert one.data["after"] in seen, f"{one.seq} of {story} follows on {one.data['after']}, which never came"
            seen.add(one.seq)
        killed: set[str] = set()
        for one in got:
            assert one.data["update"] not in killed or one.type == "update.killed", "something came after a kill"
            if one.type == "update.killed":
                killed.add(one.data["update"])
                assert one.data["document"] is None


def wait_for(receiver: HookServer, must: set[str], *, within: float = 60.0) -> None:
    eventually(
        lambda: must <= receiver.ids, within=within, what=f"{len(must)} messages (of which {len(must - receiver.ids)} miss)"
    )
