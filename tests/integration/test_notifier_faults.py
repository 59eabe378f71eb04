"""What a notifier survives, the clock in the test's hand: days away, a claim that is lost, a replay, a restored archive."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from consumers.notifications.channels import Channels
from consumers.notifications.guard import Guard
from consumers.notifications.index import Holdings, NotifierIndex
from consumers.notifications.ledger import LedgerReader
from consumers.notifications.notifier import Notifier
from consumers.notifications.pairs import Finished, Owner, Pairs
from consumers.notifications.subscriptions import Subscriptions
from consumers.runner import Runner
from consumers.view import Claim
from dateline.clock import now_ms
from dateline.log.base import Log
from dateline.master_key import MasterKey
from dateline.redis_store import Store
from producers.desk import Desk
from schemas.codec import committed_codec
from schemas.deliveries import NotificationGaveUp, NotificationSent
from schemas.topics import EVENTS_TOPIC
from tests.integration.cli import Run
from tests.integration.cli import run as run_in
from tests.support.hook_servers import HookServer, hook_server, notifier
from tests.support.servers import eventually
from tests.support.told_by_fold import SECRET_KEY, check_order, ledger, subscribe

DAY = 86_400.0


@pytest.fixture
def env(server: str, raw: Any, log_url: str) -> dict[str, str]:  # Any: redis-py types an answer as all that it could be
    return {"DATELINE_REDIS": server, "DATELINE_LOG": log_url, "DATELINE_SECRET_KEY": SECRET_KEY}


@pytest.fixture
def receiver() -> Iterator[HookServer]:
    with hook_server() as receiver:
        yield receiver


class Clock:
    """The time, as much later as the test says."""

    def __init__(self) -> None:
        self.later = 0.0

    def seconds(self) -> float:
        return time.time() + self.later

    def milliseconds(self) -> int:
        return now_ms() + int(self.later * 1000)


def index_of(log: Log, store: Store, pairs: Pairs, holdings: Holdings) -> NotifierIndex:
    def on_claim(claim: Claim) -> None:
        LedgerReader(log, pairs, claim).read_on()

    return NotifierIndex(store, Subscriptions(log), holdings, on_claim=on_claim)


@contextmanager
def notifying(log: Log, store: Store, clock: Clock) -> Iterator[None]:
    """Run a notifier in this process, by the test's clock."""
    pairs, holdings, stop = Pairs(lambda: store, Owner(), clock_ms=clock.milliseconds), Holdings(), Event()
    runner = Runner(log, index_of(log, store, pairs, holdings), topic=EVENTS_TOPIC, codec=committed_codec())

    async def send() -> None:
        async with Channels(Guard(allow_loopback=True), MasterKey(SECRET_KEY.encode())) as channels:
            await Notifier(log, pairs, holdings, channels, clock=clock.seconds).run(stopped=stop.is_set)

    threads = [Thread(target=lambda: runner.run(stopped=stop.is_set)), Thread(target=lambda: asyncio.run(send()))]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        runner.close()


def test_a_receiver_that_was_away_for_two_days_is_told_all_of_it_in_order(
    log: Log, store: Store, receiver: HookServer, env: dict[str, str], raw: Any
) -> None:
    clock, desk = Clock(), Desk(log, name="houston")
    subscribe(log, receiver)
    receiver.close()

    with notifying(log, store, clock):
        for number in range(5):
            desk.publish("apollo-13", update=f"u{number}", headline="Oxygen", body="…")
        desk.kill("apollo-13", "u0", reason="false")
        eventually(lambda: raw.keys("{nt:*tries"), what="the first attempt")
        clock.later = 2 * DAY
        receiver.open_again()
        eventually(lambda: len(receiver.got) == 5, within=30, what="all that was waited for")
        eventually(lambda: len(ledger(log)) == 5)

    assert [(one.type, one.data["update"]) for one in receiver.got] == [
        *(("update.published", f"u{number}") for number in range(1, 5)),
        ("update.killed", "u0"),
    ]
    assert all(isinstance(one, NotificationSent) for one in ledger(log))
    check_order(receiver)


def test_after_three_days_a_message_is_given_up_and_the_ledger_says_so(
    log: Log, store: Store, receiver: HookServer, env: dict[str, str], raw: Any
) -> None:
    clock = Clock()
    subscribe(log, receiver)
    receiver.close()

    with notifying(log, store, clock):
        Desk(log, name="houston").publish("apollo-13", headline="Oxygen", body="…")
        eventually(lambda: raw.keys("{nt:*tries"), what="the first attempt")
        clock.later = 3 * DAY + 60
        eventually(lambda: len(ledger(log)) == 1, within=30, what="the entry")

    assert [type(one) for one in ledger(log)] == [NotificationGaveUp]


def test_who_has_lost_its_claim_can_reserve_nothing_and_write_nothing(
    log: Log, store: Store, receiver: HookServer, env: dict[str, str]
) -> None:
    name = subscribe(log, receiver)
    Desk(log, name="houston").publish("apollo-13", update="u", headline="Oxygen", body="…")
    partition = next(p for p, end in log.end_offsets(EVENTS_TOPIC).items() if end)
    zombie, other = Pairs(lambda: store, Owner()), Pairs(lambda: store, Owner())
    holdings = Holdings()
    runner = Runner(log, index_of(log, store, zombie, holdings), topic=EVENTS_TOPIC, codec=committed_codec())
    runner.run_until(log.end_offsets(EVENTS_TOPIC), deadline=time.monotonic() + 20)
    (old,) = [one.claim for one in holdings if one.claim.partition == partition]

    new = index_of(log, store, other, Holdings()).claim(partition, log_id=log.id(EVENTS_TOPIC))
    as_zombie = zombie.pick(old, applied=0, most=9, over=(), room={})
    as_owner = other.pick(new, applied=0, most=9, over=(), room={})
    runner.close()

    assert as_zombie is None
    assert as_owner is not None
    assert [(pair.subscription, pair.story) for pair in as_owner.pairs] == [(name, "apollo-13")]
    assert not zombie.finish(old, [Finished(as_owner.pairs[0], "passed", seq=99)])
    assert not zombie.take_over(old, [], offset=5)


def test_an_index_that_was_set_back_is_not_sent_from(
    log: Log, store: Store, receiver: HookServer, env: dict[str, str], raw: Any
) -> None:
    subscribe(log, receiver)
    Desk(log, name="houston").publish("apollo-13", headline="Oxygen", body="…")
    partition = next(p for p, end in log.end_offsets(EVENTS_TOPIC).items() if end)
    pairs, holdings = Pairs(lambda: store, Owner()), Holdings()
    runner = Runner(log, index_of(log, store, pairs, holdings), topic=EVENTS_TOPIC, codec=committed_codec())
    runner.run_until(log.end_offsets(EVENTS_TOPIC), deadline=time.monotonic() + 20)
    (held,) = [one for one in holdings if one.claim.partition == partition]

    (meta,) = raw.keys(f"{{nt:p{partition}}}:*:meta")
    raw.hset(meta, "next", 0)
    picked = pairs.pick(held.claim, applied=held.applied, most=9, over=(), room={})
    runner.close()

    assert picked is not None
    assert picked.is_behind
    assert not picked.pairs


def test_a_replay_and_a_restored_archive_send_nothing(
    log: Log, receiver: HookServer, tmp_path: Path, env: dict[str, str], dateline: Run
) -> None:
    desk, archive = Desk(log, name="houston"), tmp_path / "archive.ndjson"
    old = tmp_path / "old"
    assert run_in(old, "story", "open", "gemini-8", "--title", "Gemini 8").code == 0
    assert run_in(old, "log", "export", str(archive)).code == 0
    subscribe(log, receiver)
    restored = dateline("log", "import", str(archive))

    with notifier(tmp_path, env):
        desk.publish("apollo-13", headline="Oxygen", body="…")
        eventually(lambda: receiver.asked == 1, what="the one message")
        replayed = [dateline("replay", view).code for view in ("timeline", "search")]
        desk.publish("apollo-13", headline="Power", body="…")
        eventually(lambda: receiver.asked == 2, what="the message after the replays")

    assert restored.code == 0, restored.err
    assert replayed == [0, 0]
    assert sorted(one.story for one in receiver.got) == ["apollo-13", "apollo-13"]
