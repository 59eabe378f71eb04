"""The stream of changes: the same as `changes?since`, each once and in order, however a client joins, leaves and comes back."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
from httpx_sse import connect_sse

from consumers.web.channel import MOST_UNSENT, Client
from consumers.web.hub import Limits
from tests.support.live_room import STORY, LiveRoom, live_room
from tests.support.served import Listening, Served, heard, served, spoken
from tests.support.servers import eventually

STREAM = f"/v1/stories/{STORY}/stream"


@pytest.fixture
def room(tmp_path: Path) -> Iterator[LiveRoom]:
    with live_room(tmp_path) as room:
        yield room


@pytest.fixture
def site(room: LiveRoom) -> Iterator[Served]:
    with served(room.data) as site:
        yield site


def changes(site: Served, since: int = 0) -> list[Any]:  # Any: what JSON holds
    return list(site.get(f"/v1/stories/{STORY}/changes?since={since}&limit=500").json()["changes"])


def listen(site: Served, query: str = "", **options: Any) -> Listening:  # Any: the client's options
    """Open a stream; it has joined when this returns."""
    before = joined(site)
    client = Listening(site.port, STREAM + query, **options)
    eventually(lambda: bool(joined(site) - before), what="the client")
    return client


def joined(site: Served) -> set[Client]:
    channel = site.site.hub._channels.get(STORY)
    return set(channel.clients) if channel is not None else set()


def test_a_stream_and_the_changes_tell_the_same_in_the_same_order(room: LiveRoom, site: Served) -> None:
    room.publish("a")
    with listen(site, "?since=0") as early, listen(site) as late:
        room.publish("b")
        room.desk.correct(STORY, "a", note="It was another.", headline="A", body="Another.", expects=1)
        room.publish("c")
        room.kill("b")
        room.desk.close_story(STORY, note="Over.")
        room.catch_up()

        told = early.events(7)
        assert late.event() == {"id": 2}
        late_told = late.events(5)

    asked = changes(site)
    assert [one["data"]["seq"] for one in told] == [one["seq"] for one in asked] == [1, 2, 3, 4, 5, 6, 7]
    assert late_told == told[2:]
    assert [(one["id"], one["event"]) for one in told] == [(one["seq"], one["kind"]) for one in asked]
    assert [one["data"]["after"] for one in told] == [0, 1, 2, 3, 4, 5, 6]


def test_httpx_sse_reads_it_without_empty_events(room: LiveRoom, tmp_path: Path) -> None:
    with served(room.data, limits=Limits(heartbeat_s=0.05)) as site, httpx.Client(timeout=10.0) as client:
        room.publish("a", "b")
        with connect_sse(client, "GET", f"{site.url}{STREAM}?since=0") as source:
            events = source.iter_sse()
            found = [next(events) for _ in range(3)]
            room.publish("c")
            found.append(next(events))

    assert [(one.id, one.event) for one in found] == [
        ("1", "story_opened"),
        ("2", "published"),
        ("3", "published"),
        ("4", "published"),
    ]
    assert found[3].json()["document"]["headline"] == "About c"


def test_a_client_resumes_from_the_ring_with_each_change_once(room: LiveRoom, site: Served) -> None:
    with listen(site, "?since=0") as first:
        room.publish("a", "b")
        assert [one["id"] for one in first.events(3)] == [1, 2, 3]
    room.publish("c")

    with listen(site, "?since=0", last=3) as again:
        room.publish("d")
        assert [one["id"] for one in again.events(2)] == [4, 5]


def test_a_client_resumes_from_redis_where_the_ring_does_not_reach(room: LiveRoom, site: Served) -> None:
    for number in range(130):
        room.desk.publish(STORY, update=f"u-{number}", headline="x")
    room.catch_up()

    with listen(site, last=5) as client:  # the channel is opened now: its ring holds nothing yet
        room.publish("last")
        assert [one["id"] for one in client.events(127)] == list(range(6, 133))


@pytest.mark.parametrize("last", [999, "what-is-this", "9" * 40])
def test_who_is_past_the_end_is_told_to_begin_anew(room: LiveRoom, site: Served, last: int | str) -> None:
    room.publish("a")

    with listen(site, last=last) as client:
        room.publish("b")
        reset, change = client.events(2)

    assert reset == {"id": 2, "event": "reset", "data": {"seq": 2}}
    assert change["id"] == 3


def test_who_has_a_seq_that_changed_nothing_goes_on_after_it(room: LiveRoom, site: Served) -> None:
    room.publish("a")
    room.desk.publish(STORY, update="a", headline="Once more")  # refused: seq 3 is no change
    room.catch_up()
    seq = site.get(f"/v1/stories/{STORY}/updates").json()["seq"]

    with listen(site, f"?since={seq}") as client:
        room.publish("b")
        assert (seq, client.events(1)[0]["id"]) == (3, 4)


def test_who_resumes_from_before_a_kill_gets_nothing_of_what_was_said(room: LiveRoom, site: Served) -> None:
    with listen(site) as open_page:
        room.publish("secret", body="The words that are recalled.")
        room.kill("secret")
        open_page.events(3)

    with listen(site, last=1) as client:
        published, killed = client.changes(2)
    assert (published["kind"], published["document"], published["note"]) == ("published", None, None)
    assert (killed["kind"], killed["document"]) == ("killed", None)
    channel = site.site.hub._channels[STORY]
    assert b"recalled" not in b"".join(one.data for one in channel.ring._frames)


def test_a_story_that_was_built_anew_otherwise_begins_anew_for_all(room: LiveRoom, site: Served) -> None:
    room.publish("a", "b")
    with listen(site) as client:
        assert client.event() == {"id": 3}
        with redis.Redis(unix_socket_path=room.store.shown.removeprefix("unix://")) as raw:
            wake = site.site.hub.source.reader().wake_stream(STORY)
            raw.xadd(wake, {"stories": "{}", "reset": f'["{STORY}"]'})  # what a replay's flip adds
            assert client.event() == {"id": 3, "event": "reset", "data": {"seq": 3}}
            room.publish("c")
            assert client.events(1)[0]["id"] == 4

    with listen(site, last=2) as late:  # it was away meanwhile
        assert late.event() == {"id": 4, "event": "reset", "data": {"seq": 4}}
    with listen(site, last=4) as later:
        room.publish("d")
        assert later.events(1)[0]["id"] == 5


def test_heartbeats_are_comments_and_no_events(room: LiveRoom) -> None:
    with served(room.data, limits=Limits(heartbeat_s=0.05)) as site, listen(site, "?since=1") as client:
        line = [client.response.readline() for _ in range(4)]

    assert line == [b"retry: 2000\n", b":\n", b":\n", b":\n"]


def test_who_does_not_read_is_cut_while_others_go_on(room: LiveRoom) -> None:
    with served(room.data, limits=Limits(longest_lag_s=0.5)) as site, listen(site) as reading, ExitStack() as stack:
        stuck = [stack.enter_context(_deaf(site)) for _ in range(3)]
        eventually(lambda: site.site.hub.streams == 4, what="all clients")
        reading.event()
        number = 0
        until = time.monotonic() + 30.0
        while site.site.hub.streams > 1:
            assert time.monotonic() < until, "those who do not read are not cut"
            room.publish(f"u-{number}", body="word " * 20_000)
            assert reading.events(1)[0]["data"]["update"] == f"u-{number}"
            clients = list(site.site.hub._channels[STORY].clients)
            assert all(one.transport.get_write_buffer_size() <= MOST_UNSENT + 400_000 for one in clients)
            number += 1
        for one in stuck:
            assert len(heard(one)) < 2_000_000
        room.publish("after")
        assert reading.events(1)[0]["data"]["update"] == "after"


def _deaf(site: Served) -> socket.socket:
    """Return a connection that asks for a stream and reads nothing."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(10.0)
    connection.connect(("127.0.0.1", site.port))
    connection.sendall(f"GET {STREAM} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
    return connection


def test_a_slow_client_that_catches_up_misses_nothing(room: LiveRoom, site: Served) -> None:
    with listen(site, "?since=1") as client:
        for number in range(12):
            room.publish(f"u-{number}", body="word " * 15_000)
        assert [one["update"] for one in client.changes(12)] == [f"u-{n}" for n in range(12)]


def test_who_falls_behind_the_ring_is_let_go_and_resumes_from_redis(room: LiveRoom, site: Served) -> None:
    with listen(site, "?since=1") as client:
        for number in range(40):
            room.publish(f"u-{number}", body="word " * 15_000)
        told = [one["data"]["update"] for one in client.rest()]
        assert client.retry is not None
    assert len(told) < 40

    with Listening(site.port, STREAM, last=len(told) + 1) as again:
        told += [one["update"] for one in again.changes(40 - len(told))]
    assert told == [f"u-{n}" for n in range(40)]


def test_who_is_too_many_is_sent_away_to_come_back(room: LiveRoom) -> None:
    limits = Limits(streams=3, streams_of_one_address=2)
    with served(room.data, limits=limits) as site, ExitStack() as stack:
        for address in ("10.0.0.1", "10.0.0.1", "10.0.0.2"):
            stack.enter_context(listen(site, address=address))
        for address in ("10.0.0.1", "10.0.0.3"):
            with Listening(site.port, STREAM, address=address) as shed:
                assert (shed.response.status, shed.response.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
                assert shed.response.headers["connection"] == "close"
                assert shed.rest() == []
                assert 500 <= (shed.retry or 0) <= 30_500
        assert site.site.hub.streams == 3


def test_who_leaves_is_forgotten(room: LiveRoom, site: Served) -> None:
    clients = [listen(site) for _ in range(5)]
    assert site.site.hub.streams == 5

    for client in clients:
        client.close()

    eventually(lambda: site.site.hub.streams == 0 and not site.site.hub.counts()[STORY], what="that all are forgotten")


def test_who_asks_for_more_on_a_stream_and_leaves_is_forgotten(room: LiveRoom, site: Served) -> None:
    with socket.create_connection(("127.0.0.1", site.port), timeout=10.0) as connection:
        connection.sendall(f"GET {STREAM} HTTP/1.1\r\nhost: x\r\n\r\n".encode() * 3)
        eventually(lambda: site.site.hub.streams == 1, what="the stream")

    room.publish("a", "b")

    eventually(lambda: site.site.hub.streams == 0, what="that it is forgotten")


def test_http_1_0_gets_the_stream_as_it_is(room: LiveRoom, site: Served) -> None:
    room.publish("a")
    with socket.create_connection(("127.0.0.1", site.port), timeout=10.0) as connection:
        connection.sendall(f"GET {STREAM}?since=1 HTTP/1.0\r\n\r\n".encode())
        found = b""
        while b"About a" not in found:
            found += connection.recv(65536)
        room.publish("b")
        while b"About b" not in found or not found.endswith(b"\n\n"):
            found += connection.recv(65536)

    head, _, body = found.partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head.lower()
    assert b"connection: close" in head.lower()
    assert re.fullmatch(rb"retry: 2000\nid: 2\nevent: published\ndata: .*\n\nid: 3\nevent: published\ndata: .*\n\n", body)


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_head_request_is_told_what_it_would_be(site: Served, version: str) -> None:
    found = spoken(site.port, f"HEAD {STREAM} HTTP/{version}\r\nhost: x\r\nconnection: close\r\n\r\n".encode())

    head, _, body = found.partition(b"\r\n\r\n")
    assert b"text/event-stream" in head
    assert body == b""
    assert site.site.hub.streams == 0


def test_streams_end_in_time_each_with_a_time_to_come_back(room: LiveRoom) -> None:
    with served(room.data, drain_s=0.3) as site, ExitStack() as stack:
        clients = [stack.enter_context(listen(site, "?since=0")) for _ in range(120)]
        deaf = stack.enter_context(_deaf(site))
        site.server.should_exit = True
        for client in clients:
            assert [one["id"] for one in client.rest()] == [1]
            assert 500 <= (client.retry or 0) <= 800
        assert b"retry: " in heard(deaf)
        with pytest.raises(ConnectionRefusedError):
            Listening(site.port, STREAM)
