"""The notifier with real receivers, log and Redis: everyone is told what the fold says, in order, whatever fails."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from dateline.log.base import Log
from producers.desk import Desk
from schemas.deliveries import NotificationSent
from schemas.topics import EVENTS_TOPIC
from tests.integration.cli import Run, json_of
from tests.support.hook_servers import HookServer, NotifierProcess, hook_server, moody, notifier
from tests.support.servers import eventually
from tests.support.told_by_fold import SECRET_KEY, STORIES, Expected, babble, check_order, ledger, subscribe, wait_for


@pytest.fixture
def env(server: str, raw: Any, log_url: str) -> dict[str, str]:  # Any: redis-py types an answer as all that it could be
    return {"DATELINE_REDIS": server, "DATELINE_LOG": log_url, "DATELINE_SECRET_KEY": SECRET_KEY}


@pytest.fixture
def receiver() -> Iterator[HookServer]:
    with hook_server() as receiver:
        yield receiver


def test_a_correction_and_a_kill_follow_what_was_told(
    log: Log, receiver: HookServer, tmp_path: Path, env: dict[str, str]
) -> None:
    desk = Desk(log, name="houston")
    desk.publish("apollo-13", update="before", headline="Before", body="…")
    name = subscribe(log, receiver)

    with notifier(tmp_path, env) as process:
        desk.publish("apollo-13", update="problem", headline="A meteorite", body="…")
        eventually(lambda: len(receiver.got) == 1)
        desk.correct("apollo-13", "problem", note="It was an oxygen tank.", headline="An oxygen tank", body="…")
        eventually(lambda: len(receiver.got) == 2)
        desk.kill("apollo-13", "problem", reason="legal")
        eventually(lambda: len(receiver.got) == 3)
        eventually(lambda: len(ledger(log)) == 3)
        assert process.stop() == 0

    types = [(one.type, one.seq, one.data["after"]) for one in receiver.got]
    assert types == [("update.published", 2, 0), ("update.corrected", 3, 2), ("update.killed", 4, 3)]
    assert receiver.got[1].data["note"] == "It was an oxygen tank."
    assert [one.data["document"] and one.data["document"]["headline"] for one in receiver.got] == [
        "A meteorite",
        "An oxygen tank",
        None,
    ]
    assert {one.notification for one in ledger(log)} == receiver.ids == Expected(log).of(name)[1]
    assert all(isinstance(one, NotificationSent) and one.status == 204 for one in ledger(log))


def test_a_rebuilt_index_and_a_replay_send_nothing(
    log: Log, receiver: HookServer, tmp_path: Path, env: dict[str, str], raw: Any, dateline: Run
) -> None:
    rng, desk = random.Random(13), Desk(log, name="houston")
    for _ in range(30):
        babble(desk, rng)
    name = subscribe(log, receiver)
    for _ in range(60):
        babble(desk, rng)
    must, _ = Expected(log).of(name)
    with notifier(tmp_path, env) as process:
        wait_for(receiver, must)
        process.stop()
    asked = receiver.asked

    raw.delete(*raw.keys("{nt:*"))
    assert dateline("replay", "timeline").code == 0
    with notifier(tmp_path, env) as process:
        ends = log.end_offsets(EVENTS_TOPIC)
        eventually(lambda: _index_offsets(raw) == {p: end for p, end in ends.items() if end}, what="the rebuilt index")
        eventually(lambda: not raw.keys("{nt:*due/*"), what="nothing being due")
        assert receiver.asked == asked, "a rebuild has sent something"
        desk.publish("voyager-1", headline="A new one", body="…")
        eventually(lambda: receiver.asked == asked + 1, what="the next message")


def _index_offsets(raw: Any) -> dict[int, int]:
    metas = {int(key.split("}")[0].removeprefix("{nt:p")): raw.hget(key, "next") for key in raw.keys("{nt:*meta")}
    return {partition: int(offset) for partition, offset in metas.items() if int(offset or 0)}


@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_fails_everyone_is_told_what_the_fold_says(
    seed: int, log: Log, tmp_path: Path, env: dict[str, str], raw: Any
) -> None:
    """Receivers break, are slow and go away; notifiers are killed, two run at once; the index is lost."""
    rng, desk = random.Random(seed), Desk(log, name="houston")
    with ExitStack() as stack:
        receivers = [stack.enter_context(hook_server(answer=moody(random.Random(seed + n)))) for n in range(3)]
        asked: Any = ({}, {"stories": STORIES[:2]}, {"corrections_only": True})  # Any: fields of several types
        names = [subscribe(log, receiver, **fields) for receiver, fields in zip(receivers, asked, strict=True)]
        notifiers = [stack.enter_context(notifier(tmp_path, env)) for _ in range(2)]

        desk.publish(STORIES[0], update="first", headline="First", body="…")
        eventually(lambda: len(receivers[0].got) > 0, what="the first message")
        for number in range(200):
            babble(desk, rng)
            time.sleep(rng.uniform(0.0, 0.1))  # the world's own pace, which the faults fall into
            _trouble(number, rng, receivers, notifiers, raw)
        for receiver in receivers:
            receiver.answer = lambda: 204
        expected = Expected(log)
        for receiver, name in zip(receivers, names, strict=True):
            wait_for(receiver, expected.of(name)[0], within=120)
        eventually(lambda: not raw.keys("{nt:*due/*") and not raw.keys("{nt:*held"), within=60, what="nothing being left")

    for receiver, name in zip(receivers, names, strict=True):
        must, may = expected.of(name)
        assert must <= receiver.ids <= may
        check_order(receiver)
    said = [one.event_id for one in ledger(log)]
    assert {one.notification for one in ledger(log)} == set().union(*(receiver.ids for receiver in receivers))
    assert len(said) - len(set(said)) <= 2, "hardly anything is in the ledger twice"


def _trouble(number: int, rng: random.Random, receivers: list[HookServer], notifiers: list[NotifierProcess], raw: Any) -> None:
    if number % 40 == 7:
        for victim in notifiers:  # the one that works is among them; the other takes over or comes back
            if rng.random() < 0.7:
                victim.kill()
                victim.start()
    if number % 40 == 20:
        receivers[0].close()
    if number % 40 == 35:
        receivers[0].open()
    if number == 100:
        raw.delete(*raw.keys("{nt:*"))


def test_the_proof_names_who_was_told_and_a_redrive_sends_once_more(
    log: Log, receiver: HookServer, tmp_path: Path, env: dict[str, str], dateline: Run
) -> None:
    desk = Desk(log, name="houston")
    name = subscribe(log, receiver)
    receiver.answer = lambda: 413
    with notifier(tmp_path, env):
        desk.publish("apollo-13", update="problem", headline="A meteorite", body="…")
        eventually(lambda: len(ledger(log)) == 1)
        receiver.answer = lambda: 204
        desk.correct("apollo-13", "problem", note="It was an oxygen tank.", headline="An oxygen tank", body="…")
        eventually(lambda: len(ledger(log)) == 2)
        proof = json_of(dateline("hooks", "deliveries", "apollo-13", "problem", "--json"))
        shown = dateline("hooks", "deliveries", "apollo-13", "problem").out
        unnamed = dateline("hooks", "redrive", "apollo-13", "problem", "--by", "jim", "--reason", "They lost it")
        redriven = dateline(
            *("hooks", "redrive", "apollo-13", "problem", "--by", "jim", "--reason", "They lost it", "--subscription", name)
        )
        eventually(lambda: len(receiver.got) == 2, what="the message that was sent once more")
        eventually(lambda: len(ledger(log)) == 4)

    counts = [(one["kind"], one["revision"], one["subscribers"], one["delivered"], one["gave_up"]) for one in proof["revisions"]]
    assert counts == [("published", 1, 1, 0, 1), ("corrected", 2, 1, 1, 0)]
    assert "Published, revision 1: sent to 0 of 1; 1 gave up: " in shown
    assert "Corrected, revision 2: sent to 1 of 1; last after " in shown
    assert (unnamed.code, redriven.code) == (1, 0)
    assert [one.id for one in receiver.got] == [receiver.got[0].id] * 2
    said = ledger(log)
    assert [type(one).__name__ for one in said] == [
        "NotificationGaveUp",
        "NotificationSent",
        "NotificationRedriven",
        "NotificationSent",
    ]
    assert (said[2].by, said[2].reason) == ("jim", "They lost it")
