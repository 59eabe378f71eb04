"""`dateline watch`: what is said while it runs appears, whoever feeds the view."""

from __future__ import annotations

import json
import os
import queue
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dateline.log import open_log
from dateline.private_redis import PrivateRedis
from producers.desk import Desk
from tests.integration.cli import DATELINE, run

STORY = "apollo-13"
PATIENCE = 30.0


class Watch:
    """A watch in a process of its own; its lines are read as they come."""

    def __init__(self, data: Path, *args: str) -> None:
        command, pipe = [str(DATELINE), "watch", STORY, *args], subprocess.PIPE
        environment = {**os.environ, "DATELINE_DATA": str(data)}
        self.process = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment, bufsize=1)
        self._lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def line(self) -> str:
        """Return the next line once it is there."""
        line = self._lines.get(timeout=PATIENCE)
        assert line is not None, f"the watch has ended: {self.process.stderr and self.process.stderr.read()}"
        return line

    def line_with(self, text: str) -> str:
        while text not in (line := self.line()):
            pass
        return line

    def change(self) -> Any:  # Any: what JSON holds
        return json.loads(self.line())

    def interrupt(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=PATIENCE)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


Start = Callable[..., Watch]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def desk(data: Path) -> Iterator[Desk]:
    """A desk that has told seq 1 and 2; it only appends: nobody but the watch consumes."""
    with open_log(f"sqlite:///{data}/log.db") as log:
        desk = Desk(log, name="houston")
        desk.open_story(STORY, title="Apollo 13")
        desk.publish(STORY, update="launch", headline="Lift-off", body="On time.")
        yield desk


@pytest.fixture
def watch(data: Path, desk: Desk) -> Iterator[Start]:
    """Start a watch; with `--json` it is asked for what came before too, so that its first lines say when it is ready."""
    begun: list[Watch] = []

    def start(*args: str) -> Watch:
        begun.append(Watch(data, *args))
        return begun[-1]

    yield start
    for one in begun:
        one.close()


def ready(watch: Start) -> Watch:
    """Return a watch of changes that has seen all there was."""
    one = watch("--json", "--since", "0")
    assert [one.change()["seq"] for _ in range(2)] == [1, 2]
    return one


def test_each_change_is_one_line_of_json_in_an_unbroken_chain(watch: Start, desk: Desk) -> None:
    one = ready(watch)

    desk.publish(STORY, update="air", headline="Fifteen minutes of air")
    published = one.change()
    desk.correct(STORY, "air", note="It was power.", headline="Fifteen minutes of power")
    corrected = one.change()
    desk.publish(STORY, update="air", headline="Once more")
    desk.kill(STORY, "air", reason="Wrong altogether.")
    killed = one.change()
    desk.close_story(STORY, note="They are home.")
    closed = one.change()

    assert list(published) == ["seq", "after", "kind", "update", "revision", "note", "document"]
    assert published["document"]["headline"] == "Fifteen minutes of air"
    assert (corrected["note"], corrected["revision"]) == ("It was power.", 2)
    assert killed["document"] is None
    assert closed["update"] is None
    told = (published, corrected, killed, closed)
    assert [(change["seq"], change["after"]) for change in told] == [(3, 2), (4, 3), (6, 4), (7, 6)]
    assert [change["kind"] for change in told] == ["published", "corrected", "killed", "story_closed"]


def test_a_change_appears_soon(watch: Start, desk: Desk) -> None:
    one = ready(watch)
    times = []
    for number in range(20):
        desk.publish(STORY, headline=f"Number {number}")
        appended = time.perf_counter()
        one.change()
        times.append(time.perf_counter() - appended)

    assert sorted(times)[len(times) // 2] < 0.1


def test_a_second_watch_stands_by_and_takes_over(watch: Start, desk: Desk) -> None:
    first, second = ready(watch), ready(watch)
    desk.publish(STORY, update="a", headline="a")
    assert (first.change()["update"], second.change()["update"]) == ("a", "a")

    first.close()
    desk.publish(STORY, update="b", headline="b")

    assert second.change()["update"] == "b"


def test_another_command_is_answered_while_a_watch_runs(watch: Start, data: Path, desk: Desk) -> None:
    one = ready(watch)
    desk.publish(STORY, update="a", headline="a")

    result = run(data, "timeline", STORY, "--json")

    assert [update["id"] for update in json.loads(result.out)["updates"]] == ["a", "launch"]
    assert one.change()["update"] == "a"


def test_a_watch_reads_well(watch: Start, desk: Desk) -> None:
    one = watch()
    one.line_with("Lift-off")
    one.line_with("launch")

    desk.publish(STORY, update="problem", headline="We have a problem", body="Lovell says so.", urgency=1)
    one.line_with("FLASH")
    assert one.line().strip() == "We have a problem"
    desk.correct(STORY, "problem", note="It was Swigert.", headline="We've had a problem", body="Swigert says so.")
    assert one.line_with("Corrected").endswith("Corrected")
    assert one.line().strip() == "What was wrong: It was Swigert."
    assert one.line().strip() == "We've had a problem"
    one.line_with("Swigert says so.")
    desk.mark(STORY, "problem", pinned=True, verification="disputed")
    one.line_with("Marked: FLASH · Pinned · Disputed · Corrected")
    desk.withhold(STORY, "problem", reason="A secret reason.")
    one.line_with("Taken off the page: problem")
    desk.release(STORY, "problem", note="It holds.")
    one.line_with("Back on the page")
    assert one.line().strip() == "It holds."
    desk.kill(STORY, "problem", reason="A secret reason.")
    one.line_with("KILLED: not to be used, in any version: problem")
    desk.close_story(STORY, note="They are home.")
    one.line_with("Coverage has ended")
    assert one.line().strip() == "They are home."

    assert one.interrupt() == 130
    assert one.process.stderr is not None
    assert one.process.stderr.read().startswith("Following apollo-13. Ctrl-C ends it.\n")


def test_what_came_before_is_told_without_the_words_of_today(watch: Start, data: Path, desk: Desk) -> None:
    desk.correct(STORY, "launch", note="It was late.", headline="Lift-off, late")
    desk.withhold(STORY, "launch", reason="A secret reason.")
    desk.release(STORY, "launch", note="It holds.")
    desk.correct(STORY, "launch", note="By a minute.", headline="Lift-off, a minute late")

    one = watch("--since", "0")

    told = [line.strip() for line in iter(one.line, "       Lift-off, a minute late")]
    assert [re.sub(r"^\d\d:\d\d  ", "", line) for line in told if line and not line.startswith("──")] == [
        *("Coverage begins", "Apollo 13"),
        *("Published: launch", "Corrected: launch", "What was wrong: It was late."),
        *("Taken off the page: launch", "Back on the page: launch", "It holds."),
        *("Corrected", "What was wrong: By a minute."),
    ]


@pytest.mark.parametrize("options", [(), ("--json",)], ids=["words", "json"])
def test_to_begin_after_the_end_is_refused(data: Path, desk: Desk, options: tuple[str, ...]) -> None:
    result = run(data, "watch", STORY, "--since", "1000", *options)

    assert (result.code, result.out) == (1, "")
    assert result.err == "dateline: --since 1,000 lies past the end: story 'apollo-13' is at seq 2.\n"


def test_a_watch_outlives_the_death_of_its_redis(watch: Start, data: Path, desk: Desk) -> None:
    one = ready(watch)
    kill_redis(data)

    desk.publish(STORY, update="a", headline="a")

    assert one.change()["update"] == "a"


def kill_redis(data: Path) -> None:
    import redis  # the test's own hand

    with PrivateRedis(data) as server, redis.Redis.from_url(server.url) as client:
        os.kill(client.info("server")["process_id"], signal.SIGKILL)


@pytest.mark.parametrize("args", [("--json",), ()], ids=["json", "words"])
def test_a_reader_that_goes_away_ends_a_watch_quietly(data: Path, desk: Desk, args: tuple[str, ...]) -> None:
    command = f"set -o pipefail; {DATELINE} watch {STORY} --since 1 {' '.join(args)} | head -1"
    environment = {**os.environ, "DATELINE_DATA": str(data)}
    pipe = subprocess.PIPE
    with subprocess.Popen(["bash", "-c", command], stdout=pipe, stderr=pipe, text=True, env=environment) as one:
        assert one.stdout is not None
        assert one.stdout.readline()
        desk.publish(STORY, headline="Nobody reads this")
        _, said = one.communicate(timeout=PATIENCE)

    assert one.returncode == 0
    assert said.replace("Following apollo-13. Ctrl-C ends it.\n", "") == ""


def test_an_embargo_that_ends_while_one_watches_is_lifted(watch: Start, desk: Desk) -> None:
    one = ready(watch)

    desk.publish(STORY, update="plan", headline="Step by step", embargo_until=datetime.now(UTC) + timedelta(seconds=1))

    change = one.change()
    assert (change["kind"], change["update"], change["after"]) == ("published", "plan", 2)
