"""What nobody should send: heads without end, slow bytes, garbage. It costs the server little, and others are served."""

from __future__ import annotations

import random
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.support.live_room import STORY, live_room
from tests.support.served import Served, heard, served, spoken
from tests.support.servers import eventually

GET = b"GET /v1/stories/apollo-13/updates HTTP/1.1\r\nhost: x\r\n"
CLOSE = b"connection: close\r\n\r\n"
HEAD_WITHIN_S = 0.5


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with live_room(tmp_path_factory.mktemp("room")) as room:
        room.publish("a")
        with served(room.data, head_within_s=HEAD_WITHIN_S) as site:
            yield site


@pytest.fixture(autouse=True)
def _others_are_served(site: Served) -> Iterator[None]:
    yield
    assert site.get(f"/v1/stories/{STORY}/updates").status_code == 200
    eventually(lambda: not site.server.server_state.tasks, what="that nothing is left under way")


def connected(site: Served) -> socket.socket:
    return socket.create_connection(("127.0.0.1", site.port), timeout=10.0)


@pytest.mark.parametrize("begun", [b"GET /", GET, GET + b"x-slow: " + b"y" * 1000])
def test_a_head_that_trickles_in_is_cut(site: Served, begun: bytes) -> None:
    with connected(site) as slow:
        began = time.monotonic()
        slow.sendall(begun)
        slow.settimeout(0.05)
        answer = b""
        while not answer:
            assert time.monotonic() < began + 10 * HEAD_WITHIN_S, "it may go on for ever"
            try:
                slow.sendall(b"z")
                answer = slow.recv(1000)
            except TimeoutError:
                continue
        assert answer.startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("begun", [b"", b"\r\n", GET + b"\r\n"])
def test_a_connection_that_asks_nothing_is_closed(site: Served, begun: bytes) -> None:
    site.server.config.timeout_keep_alive = 1
    with connected(site) as idle:
        idle.sendall(begun)
        answers = heard(idle)
    assert answers.startswith(b"HTTP/1.1 200") if begun.startswith(b"GET") else answers == b""


def test_empty_lines_do_not_keep_a_connection_open(site: Served) -> None:
    with connected(site) as idle:
        idle.settimeout(0.05)
        deadline = time.monotonic() + 20 * HEAD_WITHIN_S
        while True:
            assert time.monotonic() < deadline, "it may go on for ever"
            try:
                idle.sendall(b"\r\n")
                if idle.recv(100) == b"":
                    break
            except TimeoutError:
                continue
            except OSError:
                break


@pytest.mark.parametrize(
    "long",
    [
        GET + b"x-long: " + b"y" * 100_000 + b"\r\n" + CLOSE,
        GET + b"".join(b"x-%d: %s\r\n" % (n, b"y" * 90) for n in range(1000)) + CLOSE,
        b"GET /" + b"y" * 100_000 + b" HTTP/1.1\r\nhost: x\r\n" + CLOSE,
        GET + b"x" * 100_000,
    ],
    ids=["one header", "many headers", "the path", "no end"],
)
def test_a_head_of_100_000_bytes_is_refused(site: Served, long: bytes) -> None:
    assert spoken(site.port, long).startswith(b"HTTP/1.1 431 ")


def test_a_head_that_is_long_but_not_too_long_is_answered(site: Served) -> None:
    assert spoken(site.port, GET + b"x-long: " + b"y" * 60_000 + b"\r\n" + CLOSE).startswith(b"HTTP/1.1 200 ")


def test_requests_sent_ahead_are_answered_in_order(site: Served) -> None:
    paths = (b"/healthz", b"/v1/stories", b"/nowhere", b"/v1/stories/apollo-13/updates/a")
    said = b"".join(b"GET %s HTTP/1.1\r\nhost: x\r\n\r\n" % path for path in paths)

    answers = spoken(site.port, said + GET + CLOSE)

    statuses = [part[:3] for part in answers.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [b"200", b"200", b"404", b"200", b"200"]


@pytest.mark.parametrize("seed", range(5))
def test_garbage_is_refused(site: Served, seed: int) -> None:
    garbage = random.Random(seed).randbytes(5000)

    assert spoken(site.port, garbage).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    ("path", "statuses"),
    [
        (b"/v1/stories/%00", (404,)),
        (b"/v1/stories/apollo-13%2Fupdates", (200, 404)),
        (b"/v1/stories/%ff%fe/updates", (404,)),
        (b"/v1/stories/%ED%A0%80/updates", (404,)),
        (b"/v1/stories/" + b"y" * 10_000, (404,)),
        (b"/v1/stories/../../etc/passwd", (404,)),
        (b"/v1/stories/apollo-13/updates?" + b"y" * 10_000, (414,)),
        (b"/v1/stories/apollo-13/updates?" + b"&".join([b"a=1"] * 100), (400,)),
        (b"/v1/stories/apollo-13/updates?limit=%00", (400,)),
        (b"/v1/stories/apollo-13/updates?cursor=%ED%A0%80", (400,)),
        (b"/v1/stories/apollo-13/stream?since=%00", (400,)),
        (b"//", (404, 400)),
        (b"*", (400, 404)),
        (b"http://elsewhere.example/v1/stories", (200, 404)),
        (b"/\xff\xfe", (400, 404)),
        (b"/v1/stories/apollo-13/updates/%E2%80%AEa", (404,)),
    ],
)
def test_an_absurd_address_is_answered_calmly(site: Served, path: bytes, statuses: tuple[int, ...]) -> None:
    answer = spoken(site.port, b"GET %s HTTP/1.1\r\nhost: x\r\n" % path + CLOSE)

    assert int(answer.split()[1]) in statuses
    assert b"Traceback" not in answer
    assert len(answer) < 20_000


@pytest.mark.parametrize(
    ("method", "status"), [(b"POST", 401), (b"PUT", 405), (b"DELETE", 405), (b"PATCH", 405), (b"TRACE", 405), (b"PROPFIND", 405)]
)
def test_who_has_no_key_writes_nothing(site: Served, method: bytes, status: int) -> None:
    answer = spoken(site.port, method + GET[3:] + b"content-length: 3\r\n" + CLOSE + b"abc")

    assert int(answer.split()[1]) == status


def test_a_thousand_idle_connections_keep_nobody_waiting(site: Served) -> None:
    with ExitStack() as stack:
        idle = [stack.enter_context(connected(site)) for _ in range(1000)]
        began = time.monotonic()
        assert site.get("/v1/stories").status_code == 200
        assert time.monotonic() < began + 5.0
        assert all(heard(one) == b"" for one in idle)
    eventually(lambda: len(site.server.server_state.connections) < 10, what="that they are closed")


def test_streams_that_are_torn_off_are_forgotten(site: Served) -> None:
    stream = b"GET /v1/stories/apollo-13/stream HTTP/1.1\r\nhost: x\r\n\r\n"
    torn = [connected(site) for _ in range(20)]
    for one in torn:
        one.sendall(stream)
        assert one.recv(20).startswith(b"HTTP/1.1 200")
    for one in torn[:10]:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # RST, as from a machine that was reset
        one.close()
    for one in torn[10:]:
        one.shutdown(socket.SHUT_WR)
        assert heard(one) is not None
        one.close()

    eventually(lambda: site.site.hub.streams == 0, what="that they are forgotten")
