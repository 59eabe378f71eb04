"""Signed deliveries with a ledger, beside a plain loop that signs and posts; dead targets; latency; memory; questions.

`python -m benchmarks.notify WHAT …` runs one measurement in a process of its own and prints its figures.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from multiprocessing import Process, Queue
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any, ClassVar

import aiohttp
from standardwebhooks import Webhook

from benchmarks.harness import QUICK, Row, in_process
from benchmarks.work import update
from dateline.clock import now
from dateline.deployment import Deployment
from dateline.settings import read_settings
from producers.records import record_of
from producers.subscriptions import SubscriptionDesk
from schemas.topics import DELIVERIES_TOPIC, EVENTS_TOPIC

STORIES = 20
MESSAGES = 2_000 if QUICK else 20_000
_PATIENCE = 120.0
_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
_ANSWER = b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"


def rows() -> list[Row]:
    runs = [(in_process("benchmarks.notify", "ours", 50), in_process("benchmarks.notify", "plain")) for _ in range(3)]
    loads = [in_process("benchmarks.notify", "dead", dead) for dead in (0, 100)]
    late = in_process("benchmarks.notify", "latency")
    asked = in_process("benchmarks.notify", "matching", 10_000)
    waiting = in_process("benchmarks.notify", "waiting")
    return [
        _row("signed deliveries with ledger, per core", "messages/s", runs, "per_core", ">= 3,000"),
        _row("signed deliveries with ledger, by the clock", "messages/s", runs, "per_second", ""),
        _one("1,000 subscriptions, none of them dead", "messages/s of the living", loads[0]["per_second"], ""),
        _one("1,000 subscriptions, 100 of them dead", "messages/s of the living", loads[1]["per_second"], "no slower"),
        _one("publish → received at 50 updates/s, p50", "ms", late["p50_ms"], ""),
        _one("publish → received at 50 updates/s, p99", "ms", late["p99_ms"], ""),
        _one("10,000 questions, one update", "ms", asked["ms"], "< 5"),
        _one("a subscription, in the notifier", "bytes", asked["bytes_each"], ""),
        _one("a delivery that waits, in Redis", "bytes", waiting["bytes_each"], ""),
    ]


def _one(question: str, unit: str, value: float, goal: str) -> Row:
    return Row(question, unit, value, (value, value), goal=goal)


def _row(question: str, unit: str, runs: Sequence[tuple[dict[str, float], dict[str, float]]], name: str, goal: str) -> Row:
    ours, peers = [mine[name] for mine, _ in runs], [theirs[name] for _, theirs in runs]
    spread = (min(ours), max(ours))
    return Row(question, unit, median(ours), spread, median(peers), "aiohttp loop, no ledger", goal)


# Receivers, each in a process of its own


class _Receiver(asyncio.Protocol):
    """Answers each request at once; says when each update's message came."""

    came: ClassVar[list[tuple[int, float]]] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._read = b""

    def data_received(self, data: bytes) -> None:
        self._read += data
        while (end := self._read.find(b"\r\n\r\n")) >= 0:
            head = self._read[:end].lower()
            length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
            if len(self._read) < end + 4 + length:
                return
            body, self._read = self._read[end + 4 : end + 4 + length], self._read[end + 4 + length :]
            self.came.append((int(body.partition(b"A headline of number ")[2].partition(b'"')[0] or -1), time.time()))
            self._transport.write(_ANSWER)  # type: ignore[attr-defined]  # a TCP transport has it


def _receive(said: Queue[Any], count: int) -> None:
    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(_Receiver, "127.0.0.1", 0)
        said.put(server.sockets[0].getsockname()[1])
        while len(_Receiver.came) < count:
            await asyncio.sleep(0.01)
        said.put(_Receiver.came)
        await asyncio.sleep(3600)

    asyncio.run(run())


@contextmanager
def receiver(count: int) -> Iterator[tuple[str, Queue[Any]]]:
    """Run a receiver that says what came once it was so many messages; the queue takes what it says."""
    said: Queue[Any] = Queue()
    process = Process(target=_receive, args=(said, count), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{said.get()}/hook", said
    finally:
        process.kill()
        process.join()


# What is measured


@contextmanager
def deployment() -> Iterator[Deployment]:
    with TemporaryDirectory() as folder:
        given = {"DATELINE_HOOKS_ALLOW_LOOPBACK": "1", "DATELINE_SECRET_KEY": "a key for nothing but this"}
        with Deployment(read_settings(given, data=folder)) as made:
            Path(folder).mkdir(exist_ok=True)
            yield made


@contextmanager
def notifying(made: Deployment) -> Iterator[None]:
    """Run the notifier in this process."""
    from dateline.cli.notify import notify
    from dateline.cli.stopping import Stop

    stop = Stop()
    thread = Thread(target=notify, args=(Deployment(made.settings), stop))
    thread.start()
    try:
        yield
    finally:
        stop.now()
        thread.join()


def subscribe(made: Deployment, target: str, count: int, **fields: Any) -> None:  # Any: a subscription's fields
    desk = SubscriptionDesk(made.log, name="houston")
    for _ in range(count):
        desk.add(desk.begin(target=target, key=_fingerprint(made), **fields))


def _fingerprint(made: Deployment) -> str:
    from dateline.master_key import master_key

    return master_key(made.settings).fingerprint


def publish(made: Deployment, count: int) -> None:
    made.log.append(EVENTS_TOPIC, [record_of(update(n, story=f"story-{n % STORIES}")) for n in range(count)])


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _wait_for_ledger(made: Deployment, count: int) -> None:
    deadline = time.monotonic() + _PATIENCE
    while sum(made.log.end_offsets(DELIVERIES_TOPIC).values()) < count:
        if time.monotonic() > deadline:
            raise SystemExit(f"not {count} messages within {_PATIENCE:g} s")
        time.sleep(0.01)


def ours(subscriptions: int) -> dict[str, float]:
    """Measure deliveries to one fast receiver, from the backlog of a burst."""
    each = max(1, MESSAGES // subscriptions)
    count = each * subscriptions
    with receiver(count) as (target, said), deployment() as made:
        subscribe(made, target, subscriptions)
        publish(made, each)
        with notifying(made):
            began = said_first(made)
            cpu = _cpu()
            _wait_for_ledger(made, count)
            took, used = time.perf_counter() - began, _cpu() - cpu
        said.get()
    return {"per_second": count / took, "per_core": count / used}


def said_first(made: Deployment) -> float:
    _wait_for_ledger(made, 1)
    return time.perf_counter()


def plain() -> dict[str, float]:
    """Measure a loop that signs and posts, eight at a time, and keeps nothing."""
    body = json.dumps({"type": "update.published", "data": {"document": "x" * 1500}})
    with receiver(MESSAGES) as (target, said):
        began, cpu = time.perf_counter(), _cpu()
        asyncio.run(_post_all(target, body))
        took, used = time.perf_counter() - began, _cpu() - cpu
        said.get()
    return {"per_second": MESSAGES / took, "per_core": MESSAGES / used}


async def _post_all(target: str, body: str) -> None:
    numbers, hook = iter(range(MESSAGES)), Webhook(_SECRET)
    async with aiohttp.ClientSession() as session:

        async def worker() -> None:
            for number in numbers:
                moment, name = now(), f"msg_{number}"
                signature = hook.sign(msg_id=name, timestamp=moment, data=body)
                headers = {"webhook-id": name, "webhook-timestamp": f"{moment:%s}", "webhook-signature": signature}
                async with session.post(target, data=body, headers=headers | {"content-type": "application/json"}) as answer:
                    await answer.read()

        await asyncio.gather(*(worker() for _ in range(8)))


def dead(count: int) -> dict[str, float]:
    """Measure how fast 900 that live are served while others' targets refuse every connection."""
    living, each = (90, 5) if QUICK else (900, 10)
    with ExitStack() as stack:
        target, said = stack.enter_context(receiver(living * each))
        made = stack.enter_context(deployment())
        subscribe(made, target, living)
        subscribe(made, "http://127.0.0.1:9/hook", count if not QUICK else count // 10)
        if not count:
            subscribe(made, target, 0)
        publish(made, each)
        began = time.perf_counter()
        with notifying(made):
            said.get(timeout=_PATIENCE)
            took = time.perf_counter() - began
    return {"per_second": living * each / took}


def latency() -> dict[str, float]:
    """Measure from just before the log is asked to keep an update until its message is there, for ten subscriptions."""
    count = 100 if QUICK else 500
    with receiver((count + 1) * 10) as (target, said), deployment() as made:
        subscribe(made, target, 10)
        with notifying(made):
            publish(made, 1)
            _wait_for_ledger(made, 10)
            sent: dict[int, float] = {}
            for number in range(1, count + 1):
                record = record_of(update(number, story=f"story-{number % STORIES}"))
                sent[number] = time.time()
                made.log.append(EVENTS_TOPIC, [record])
                time.sleep(0.02)
            came = said.get(timeout=_PATIENCE)
    found = quantiles([(at - sent[number]) * 1000 for number, at in came if number in sent], n=100)
    return {"p50_ms": found[49], "p99_ms": found[98]}


def matching(count: int) -> dict[str, float]:
    """Measure finding who of many asks for an update."""
    from benchmarks.asked import measured

    return measured(count)


def waiting() -> dict[str, float]:
    """Measure what a delivery to a dead target takes while it waits, of 100 subscriptions in each of 20 stories."""
    with deployment() as made:
        subscribe(made, "http://127.0.0.1:9/hook", 100)
        with notifying(made):
            publish(made, 1)
            before = _settled(made)
            publish(made, STORIES * 10)
            after = _settled(made)
    return {"bytes_each": (after - before) / (100 * (STORIES * 10))}


def _settled(made: Deployment) -> int:
    seen = -1
    while (found := made.store.memory()[0]) != seen:
        seen = found
        time.sleep(1.0)
    return found


if __name__ == "__main__":
    what, *given = sys.argv[1:]
    print(json.dumps(globals()[what](*map(int, given))))
