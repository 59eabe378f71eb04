"""What desks get over HTTP: events a second one by one and in batches, each durable and seen by readers when it is answered."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.harness import QUICK, Row, in_process
from benchmarks.posting import STORIES
from benchmarks.servers import bare, dateline_serve
from benchmarks.work import update
from dateline.log import open_log
from producers.desk import Desk
from producers.keys import KeyRing

CLIENTS = 50
BATCH = 500
_SECONDS = 3 if QUICK else 10
_ROUNDS = 2 if QUICK else 5
_ANSWER = (
    b'{"status":"accepted","story":"story-1","update":"u-1","event_id":"01a20b96","seq":2,"revision":1,"partition":3,"offset":1}'
)

Figures = dict[str, float]


def rows() -> list[Row]:
    """Return the rows of the table."""
    found: dict[str, list[Figures]] = {name: [] for name in ("single", "batch", "bare", "bare batch", "python", "python batch")}
    for _ in range(_ROUNDS):
        for name, measure in _MEASURED.items():
            found[name].append(measure())
    one, many = "published over HTTP, one by one, 50 clients", f"published over HTTP, {BATCH} a request"
    return [
        _row(f"{one}", found["single"], found["bare"], "bare uvicorn, same answer", goal="2,000"),
        _row(f"{one}", found["single"], found["python"], "appended by 50 Python threads"),
        _row(f"{many}", found["batch"], found["bare batch"], "bare uvicorn, same requests", goal="20,000"),
        _row(f"{many}", found["batch"], found["python batch"], "appended from Python, as many at a time"),
        _row("sent → durable and seen, one by one, 50 clients, p50", found["single"], figure="p50_ms", unit="ms"),
        _row("sent → durable and seen, one by one, 50 clients, p99", found["single"], figure="p99_ms", unit="ms"),
    ]


def _row(
    question: str,
    ours: Sequence[Figures],
    peer: Sequence[Figures] = (),
    peer_name: str = "",
    *,
    goal: str = "",
    figure: str = "per_second",
    unit: str = "events/s",
) -> Row:
    mine, theirs = [one[figure] for one in ours], [one[figure] for one in peer]
    return Row(question, unit, median(mine), (min(mine), max(mine)), median(theirs) if theirs else None, peer_name, goal)


def _over_http(clients: int, lines: int) -> Figures:
    with TemporaryDirectory() as name:
        folder = Path(name)
        _, key = KeyRing(folder).add("benchmark")
        with open_log(f"sqlite:///{folder}/log.db") as log:
            _open_stories(Desk(log, name="benchmark"))
        with dateline_serve(folder) as server:
            return in_process("benchmarks.posting", server.port, key, _SECONDS, clients, lines)


def _bare(clients: int, lines: int) -> Figures:
    with TemporaryDirectory() as name:
        answer = Path(name) / "answer"
        answer.write_bytes(_ANSWER)
        with bare("answer", 200, answer) as server:
            return in_process("benchmarks.posting", server.port, "none", _SECONDS, clients, lines)


def _from_python(threads: int, events: int) -> Figures:
    """Append so many at a time, in so many threads: durable, and seen by nobody."""
    with TemporaryDirectory() as folder, open_log(f"sqlite:///{folder}/log.db") as log, ThreadPoolExecutor(threads) as pool:
        desk = Desk(log, name="benchmark")
        until = time.perf_counter() + _SECONDS
        sent = [pool.submit(_append, desk, f"story-{one % STORIES}", events, until) for one in range(threads)]
        return {"per_second": sum(one.result() for one in sent) / _SECONDS}


def _append(desk: Desk, story: str, events: int, until: float) -> int:
    count = 0
    while time.perf_counter() < until:
        desk.send_all([update(count + one, story=story) for one in range(events)])
        count += events
    return count


def _open_stories(desk: Desk) -> None:
    for one in range(STORIES):
        desk.open_story(f"story-{one}", title=f"Story {one}")


_MEASURED: dict[str, Callable[[], Figures]] = {
    "single": lambda: _over_http(CLIENTS, 0),
    "bare": lambda: _bare(CLIENTS, 0),
    "python": lambda: _from_python(CLIENTS, 1),
    "batch": lambda: _over_http(4, BATCH),
    "bare batch": lambda: _bare(4, BATCH),
    "python batch": lambda: _from_python(4, BATCH),
}
