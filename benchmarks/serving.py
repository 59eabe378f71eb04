"""What readers get over HTTP: a frame after publication, a story that thousands listen to, and a story's head page."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.harness import QUICK, Row, in_process
from benchmarks.servers import HOST, Server, bare, dateline_serve
from benchmarks.work import fill
from dateline.log import open_log
from schemas.topics import EVENTS_TOPIC

CLIENTS = 2_000 if QUICK else 10_000
EVENTS = 10 if QUICK else 20

PAGES: Mapping[str, str] = {"head page as JSON": "/v1/stories/story-0/updates", "head page as HTML": "/stories/story-0"}
"""What is asked for, by what it is called."""

FORMS: Mapping[str, Sequence[str]] = {"plain": (), "gzip": ("accept-encoding: gzip",), "br": ("accept-encoding: gzip, br",)}
"""How it is asked for: by which headers."""

_UPDATES = 40
_LATENCY_SECONDS = 3 if QUICK else 10
_SECONDS = 1.0 if QUICK else 2.0
_PATIENCE = 30.0
_RUNS = 3
_EVENT_BYTES = 995
"""What an update of `benchmarks.work` takes as a frame."""

Figures = dict[str, float]


class _Beside:
    """Runs of ours and of a peer, in turn.

    Args:
        peer: None where there is none.
    """

    def __init__(self, ours: Callable[[], Figures], peer: Callable[[], Figures] | None = None, *, peer_name: str = "") -> None:
        self._peer_name = peer_name
        self._ours: list[Figures] = []
        self._peer: list[Figures] = []
        for _ in range(_RUNS):
            self._ours.append(ours())
            if peer is not None:
                self._peer.append(peer())

    def row(self, question: str, unit: str, figure: str, *, goal: str = "") -> Row:
        """Return the row of one of their figures."""
        ours, peer = ([run[figure] for run in runs] for runs in (self._ours, self._peer))
        return Row(question, unit, median(ours), (min(ours), max(ours)), median(peer) if peer else None, self._peer_name, goal)


def rows() -> list[Row]:
    """Return the rows of the table."""
    return [*_frame_rows(), *_fanout_rows(), *_page_rows()]


def kafka_rows() -> list[Row]:
    """Return the rows that need a broker. How soon an event is visible there is a row of the part `kafka` too."""
    return _latency_rows("Kafka: ", _Beside(lambda: in_process("benchmarks.frames", "kafka", _LATENCY_SECONDS)))


def _frame_rows() -> list[Row]:
    def visible() -> Figures:
        with TemporaryDirectory() as folder:
            return in_process("benchmarks.latency", f"sqlite:///{folder}/log.db", EVENTS_TOPIC, _LATENCY_SECONDS)

    def frame() -> Figures:
        return in_process("benchmarks.frames", "sqlite", _LATENCY_SECONDS)

    return _latency_rows("", _Beside(frame, visible, peer_name="visible in Redis"))


def _latency_rows(about: str, runs: _Beside) -> list[Row]:
    question = f"{about}publish → SSE frame at 500 events/s"
    return [runs.row(f"{question}, {name}", "ms", f"{name}_ms", goal=goal) for name, goal in (("p50", "8"), ("p99", "25"))]


def _fanout_rows() -> list[Row]:
    """Measure with the same clients and events of the same size."""

    def ours() -> Figures:
        return in_process("benchmarks.fanout", "ours", CLIENTS, EVENTS)

    def ring() -> Figures:
        return in_process("benchmarks.fanout", "ring", CLIENTS, EVENTS, _EVENT_BYTES)

    runs, about = _Beside(ours, ring, peer_name="bare ring on uvicorn"), f"{CLIENTS:,} SSE clients"
    return [
        runs.row(f"{about}, CPU per client and event", "µs", "cpu_us", goal="<= 1.2"),
        runs.row(f"{about}, memory per client", "KB", "size_kb", goal="<= 1.2"),
        runs.row(f"{about}, publish → frame, p50", "ms", "wait_p50_ms"),
        runs.row(f"{about}, publish → frame, p99", "ms", "wait_p99_ms"),
        runs.row(f"{about}, the listeners' own CPU", "µs", "generator_us"),
        runs.row(f"{about}, an event with its chunk's head", "bytes", "frame_bytes"),
    ]


def _page_rows() -> list[Row]:
    found = list[Row]()
    with _a_story_served() as server, TemporaryDirectory() as folder:
        held = Path(folder) / "body"
        for name, path in PAGES.items():
            for form, headers in FORMS.items():
                _, _, body = _got(server, path, headers)
                held.write_bytes(body)
                with bare("answer", 200, held) as peer:
                    found += _request_rows(f"{name}, {form}, {len(body) / 1000:.1f} KB", path, server, peer, headers)
            _, etag, _ = _got(server, path, ())
            with bare("answer", 304, os.devnull) as peer:
                found += _request_rows(f"{name}, 304", path, server, peer, (f"if-none-match: {etag}",))
    return found


def _request_rows(question: str, path: str, server: Server, peer: Server, headers: Sequence[str]) -> list[Row]:
    """Ask both. Of the two figures the second holds also on a machine that others use."""

    def asked(which: Server) -> Figures:
        return in_process("benchmarks.asking", which.port, which.pid, path, _SECONDS, *headers)

    runs = _Beside(lambda: asked(server), lambda: asked(peer), peer_name="bare uvicorn, the same bytes")
    return [
        runs.row(question, "requests/s", "per_second", goal=">= 0.6"),
        runs.row(f"{question}, CPU per request", "µs", "cpu_us", goal="<= 1.67"),
    ]


@contextmanager
def _a_story_served() -> Iterator[Server]:
    """Serve a story of some updates, of which a page shows 20."""
    with TemporaryDirectory() as folder, dateline_serve(Path(folder)) as server:
        with open_log(f"sqlite:///{folder}/log.db") as log:
            fill(log, _UPDATES, stories=1)
        deadline = time.monotonic() + _PATIENCE
        while _got(server, "/v1/stories/story-0", ())[0] != 200:
            if time.monotonic() > deadline:
                raise SystemExit("no story in time")
            time.sleep(0.1)
        yield server


def _got(server: Server, path: str, headers: Sequence[str]) -> tuple[int, str, bytes]:
    """Ask once; return the status, the ETag and the bytes that came."""
    connection = HTTPConnection(HOST, server.port, timeout=_PATIENCE)
    given = dict(line.split(": ", 1) for line in headers)
    connection.request("GET", path, headers={"accept-encoding": "identity", **given})
    answer = connection.getresponse()
    found = answer.status, answer.headers.get("etag", ""), answer.read()
    connection.close()
    return found
