"""`dateline consume`: consumers in processes of their own, which outlive what goes wrong around them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import pytest
import redis

from dateline import keeper
from dateline.log import open_log
from dateline.log.base import NewRecord
from tests.integration.cli import DATELINE, json_of, run

PATIENCE = 30.0
STORY = "apollo-13"

Said = dict[str, Any]  # Any: whatever JSON holds


class Consumer:
    """A `dateline consume` that runs until it is stopped; what it says is read as it comes."""

    def __init__(self, data: Path, *names: str, env: dict[str, str] | None = None) -> None:
        environment = {**os.environ, "DATELINE_DATA": str(data), **(env or {})}
        self.process = subprocess.Popen([DATELINE, "consume", *names], stderr=subprocess.PIPE, text=True, env=environment)
        self.lines: Queue[str] = Queue()
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def says(self, event: str) -> Said:
        """Wait until it says that `event` happened, and return the line."""
        deadline = time.monotonic() + PATIENCE
        heard: list[str] = []
        while True:
            try:
                line = self.lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except Empty:
                raise AssertionError(f"it never said {event!r}, but {heard}") from None
            heard.append(line)
            said: Said = json.loads(line) if line.startswith("{") else {"event": line}
            if event in said["event"]:
                return said

    def claims(self) -> list[int]:
        """Wait until it has claimed all four partitions, and return them."""
        return sorted(self.says("claimed")["partition"] for _ in range(4))

    def end(self, number: signal.Signals) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE)
        self._reading.join(PATIENCE)
        return code

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.put(line)
        self.process.stderr.close()


Consume = Callable[..., Consumer]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def consume(data: Path) -> Iterator[Consume]:
    """Begin consumers on the data folder; those that still run when the test ends are killed."""
    begun: list[Consumer] = []

    def begin(*names: str, env: dict[str, str] | None = None) -> Consumer:
        begun.append(Consumer(data, *names, env=env))
        return begun[-1]

    yield begin
    for one in begun:
        if one.process.poll() is None:
            one.end(signal.SIGKILL)


def until(condition: Callable[[], bool]) -> None:
    """Wait for `condition`; the test fails once the time is up."""
    deadline = time.monotonic() + PATIENCE
    tick = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, "it never came about"
        tick.wait(0.01)


def redis_of(data: Path) -> redis.Redis:
    return redis.Redis(unix_socket_path=(data / keeper.SOCKET).read_text())


def publish(data: Path, headline: str, *options: str) -> Any:  # Any: what JSON holds
    return json_of(run(data, "publish", STORY, "--headline", headline, "--body", "Copy.", "--json", *options))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_it_ends_cleanly_when_it_is_told_to(consume: Consume, number: signal.Signals, code: int) -> None:
    consumer = consume()
    started = consumer.says("started")
    consumer.claims()

    assert consumer.end(number) == code

    assert started["consumers"] == ["timeline", "search", "clock", "notify"]
    assert consumer.says("stopped")["signal"] == number.name


def test_a_command_reads_at_once_what_the_consumer_has_built(data: Path, consume: Consume) -> None:
    consume("timeline").claims()

    run(data, "story", "open", STORY, "--title", "Apollo 13")
    told = publish(data, "Lift-off")

    assert (told["status"], told["seq"]) == ("accepted", 2)


def test_the_one_that_stands_by_takes_over_at_once_when_the_first_dies(data: Path, consume: Consume) -> None:
    first = consume("timeline")
    first.claims()
    second = consume("timeline")
    second.says("joined")

    killed_at = time.monotonic()
    first.process.kill()
    partitions = second.claims()

    assert partitions == [0, 1, 2, 3]
    assert time.monotonic() - killed_at < 2.0  # 20 ms when nothing else runs; a busy machine is no fault of the test
    run(data, "story", "open", STORY, "--title", "Apollo 13")
    assert publish(data, "Lift-off")["status"] == "accepted"


def test_a_private_redis_that_was_killed_is_started_again_and_the_view_built_anew(data: Path, consume: Consume) -> None:
    consumer = consume()
    consumer.claims()
    run(data, "story", "open", STORY, "--title", "Apollo 13")
    publish(data, "Lift-off")
    with redis_of(data) as client:
        server = client.info("server")["process_id"]

    os.kill(server, signal.SIGKILL)
    failed = consumer.says("failed")
    consumer.says("recovered")
    told = publish(data, "In orbit")

    assert failed["level"] == "warning"
    assert failed["again_in_s"] <= 5.0
    assert (told["status"], told["seq"]) == ("accepted", 3)
    assert run(data, "verify").code == 0


def test_a_view_that_lost_its_last_second_is_mended_while_nothing_happens(data: Path, consume: Consume) -> None:
    consumer = consume("timeline")
    consumer.claims()
    run(data, "story", "open", STORY, "--title", "Apollo 13")

    with redis_of(data) as client:
        client.flushall()
    consumer.claims()

    until(lambda: bool(json_of(run(data, "status", "--json"))["timeline"]["lag"] == 0))
    assert STORY in run(data, "story", "list").out


def test_the_clock_lifts_an_embargo_at_its_time(data: Path, consume: Consume) -> None:
    run(data, "story", "open", STORY, "--title", "Apollo 13")
    consumer = consume()
    consumer.claims()
    until_then = datetime.now(UTC) + timedelta(seconds=3)

    told = publish(data, "The report", "--embargo-until", until_then.isoformat())
    lifted = consumer.says("lifted")

    assert (lifted["story"], lifted["update"]) == (STORY, told["update"])
    late = datetime.fromisoformat(lifted["time"]) - until_then
    assert timedelta(0) <= late < timedelta(seconds=5)
    records = [json.loads(line) for line in run(data, "log", "export").out.splitlines()[1:-1]]
    assert [record["event_id"] for record in records if record["type"] == "EmbargoLifted"] == [lifted["event_id"]]


def test_an_error_that_will_not_pass_ends_it(data: Path, consume: Consume) -> None:
    run(data, "story", "open", STORY, "--title", "Apollo 13")
    for file in data.glob("log.db*"):
        file.unlink()

    consumer = consume()

    assert consumer.process.wait(PATIENCE) == 1
    assert "LOG_CHANGED" in consumer.says("dateline: LOG_CHANGED")["event"]


def test_a_store_that_is_down_is_asked_again(data: Path, consume: Consume) -> None:
    consumer = consume("timeline", env={"DATELINE_REDIS": "redis://127.0.0.1:1"})

    pauses = [consumer.says("failed")["again_in_s"] for _ in range(3)]

    assert pauses[0] <= 0.1
    assert pauses[2] > pauses[0]
    assert consumer.end(signal.SIGTERM) == 0


def test_undecodable_records_do_not_stop_it(data: Path, consume: Consume) -> None:
    run(data, "story", "open", STORY, "--title", "Apollo 13")
    consume("timeline").claims()

    with open_log(f"sqlite:///{data}/log.db") as log:
        log.append("dateline.events", [NewRecord(STORY.encode(), bytes([at % 256]) * 50) for at in range(300)])

    assert publish(data, "Lift-off")["seq"] == 302
    assert json_of(run(data, "status", "--json"))["timeline"]["undecodable"] == 300


def test_an_unknown_consumer_is_a_usage_error(data: Path) -> None:
    assert run(data, "consume", "timelime").code == 2
