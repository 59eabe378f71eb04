"""What goes wrong on our own side: who asks is told calmly, the log is told where, and what runs for ever goes on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.client import IncompleteRead
from pathlib import Path
from threading import Event, current_thread
from typing import Any

import pytest

from consumers.search.answers import Found, Total
from consumers.search.fts5.reader import Fts5Reader
from consumers.timeline.reader import TimelineReader
from consumers.web.channel import Channel
from consumers.web.frames import Ring
from consumers.web.hub import Limits
from tests.support.live_room import STORY, LiveRoom, live_room
from tests.support.served import Listening, Served, served
from tests.support.servers import eventually

STREAM = f"/v1/stories/{STORY}/stream"
UPDATES = f"/v1/stories/{STORY}/updates"


@pytest.fixture
def room(tmp_path: Path) -> Iterator[LiveRoom]:
    with live_room(tmp_path) as room:
        yield room


@pytest.fixture
def site(room: LiveRoom) -> Iterator[Served]:
    with served(room.data, limits=Limits(heartbeat_s=0.05)) as site:
        yield site


def _fail(*_: object, **__: object) -> Any:  # Any: it never returns
    raise ZeroDivisionError("a bug of ours")


def test_a_bug_is_a_problem_for_who_asks_and_a_trace_for_the_log(
    site: Served, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(TimelineReader, "page", _fail)

    found = site.get(UPDATES)

    assert (found.status_code, found.headers["content-type"]) == (500, "application/problem+json")
    assert found.headers["cache-control"] == "no-store"
    assert "bug" not in found.text
    said = capfd.readouterr().err
    assert '"what": "GET /v1/stories/apollo-13/updates"' in said
    assert "ZeroDivisionError: a bug of ours" in said

    monkeypatch.undo()
    assert site.get(UPDATES).status_code == 200


def test_a_bug_before_the_stream_begins_is_a_problem_too(site: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TimelineReader, "story", _fail)

    assert site.get(STREAM).status_code == 500

    monkeypatch.undo()
    with Listening(site.port, STREAM) as client:
        assert client.event() == {"id": 1}


def test_a_bug_while_a_client_is_brought_up_lets_it_go(room: LiveRoom, site: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    room.publish("a")
    with Listening(site.port, STREAM) as first:
        assert first.event() == {"id": 2}
        monkeypatch.setattr(TimelineReader, "changes", _fail)
        with Listening(site.port, STREAM + "?since=0") as client, suppress(IncompleteRead, ConnectionResetError):
            assert client.event() is None
        monkeypatch.undo()
        eventually(lambda: site.site.hub.streams == 1, what="that it is forgotten")
        room.publish("b")
        assert first.events(1)[0]["id"] == 3


def test_a_channel_whose_task_fails_goes_on(room: LiveRoom, site: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    with Listening(site.port, STREAM) as client:
        assert client.event() == {"id": 1}
        failed: list[int] = []

        def fail_once(ring: Ring, seq: int, **options: int) -> tuple[bytes, int] | None:
            monkeypatch.undo()
            failed.append(seq)
            raise ZeroDivisionError("a bug of ours")

        monkeypatch.setattr(Ring, "since", fail_once)
        room.publish("a")

        assert client.events(1)[0]["id"] == 2
        assert failed == [1]


def test_heartbeats_go_on_after_one_that_failed(site: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    with Listening(site.port, STREAM) as client:
        assert client.event() == {"id": 1}
        monkeypatch.setattr(Channel, "beat", _fail)
        eventually(lambda: site.get(UPDATES).status_code == 200, what="an answer")
        monkeypatch.undo()
        while client.response.readline() != b":\n":
            pass


def test_searches_that_take_long_keep_nobody_else_waiting(site: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    are_to_end, threads = Event(), set[str]()

    def wait(*_: object, **__: object) -> Found:
        threads.add(current_thread().name)
        are_to_end.wait(20)
        return Found(Total(0, True), ())

    monkeypatch.setattr(Fts5Reader, "search", wait)
    with ThreadPoolExecutor(24) as asking:
        paths = [f"/{where}?q={number}" for number in range(12) for where in ("search", "v1/search")]
        searches = [asking.submit(site.get, path) for path in paths]
        try:
            eventually(lambda: len(threads) == 4, what="as many searches as may run")
            began = time.monotonic()
            assert site.get(UPDATES).status_code == 200
            assert time.monotonic() - began < 2
            assert all(name.startswith("searching") for name in threads)
        finally:
            are_to_end.set()
        assert {one.result().status_code for one in searches} == {200}
