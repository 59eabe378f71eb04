"""`dateline serve` as it runs: its processes and what happens when one of them, or Redis, is killed; its end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.integration.cli import run
from tests.support.live_room import STORY
from tests.support.served import PATIENCE, Listening, Serve
from tests.support.servers import eventually, free_port, redis_program

STREAM = f"/v1/stories/{STORY}/stream"
UPDATES = f"/v1/stories/{STORY}/updates"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    assert run(tmp_path, "story", "open", STORY, "--title", "Apollo 13").code == 0
    return tmp_path


@pytest.fixture
def serve(data: Path) -> Iterator[Serve]:
    with Serve(data) as serve:
        yield serve


def publish(serve: Serve, name: str) -> None:
    done = serve.run("publish", STORY, "--id", name, "--headline", f"About {name}")
    assert done.code == 0, done.err


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and nobody has asked for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def redis_of(data: Path) -> list[int]:
    """Return the keeper and the redis-server of a data folder: the processes whose working folder it is."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "cwd").readlink() == data and is_alive(int(entry.name)):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def test_what_a_command_publishes_is_on_the_stream_at_once(serve: Serve) -> None:
    with Listening(serve.port, STREAM) as client:
        assert client.event() == {"id": 1}
        publish(serve, "launch")
        assert client.changes(1)[0]["document"]["headline"] == "About launch"
    assert serve.run("timeline", STORY, "--json").out.rstrip("\n") == serve.get(UPDATES).text


def test_told_to_end_it_lets_streams_go_and_ends_in_order(serve: Serve) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(Listening(serve.port, STREAM + "?since=0")) for _ in range(10)]
        assert all(one.events(1)[0]["id"] == 1 for one in clients)
        began = time.monotonic()

        code = serve.end(signal.SIGTERM)

        assert code == 0
        assert time.monotonic() < began + 15.0
        for one in clients:
            assert one.rest() == []
            assert 500 <= (one.retry or 0) <= 5500
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", serve.port))
    assert not any("Traceback" in line or '"level": "error"' in line for line in serve.said)
    eventually(lambda: not redis_of(serve.data), within=PATIENCE, what="the end of its Redis")


def test_an_interrupt_ends_it_too(serve: Serve) -> None:
    assert serve.end(signal.SIGINT) == 130
    assert not any("Traceback" in line for line in serve.said)


def test_killed_it_leaves_nothing_behind(serve: Serve) -> None:
    children = [*serve.children(), *redis_of(serve.data)]
    assert len(children) == 4

    serve.process.kill()

    eventually(lambda: not any(map(is_alive, children)), within=15.0, what="the end of all it had started")


def test_a_consumer_that_is_killed_is_started_again(serve: Serve) -> None:
    os.kill(serve.child(" consume"), signal.SIGKILL)
    serve.says('"ended"')

    publish(serve, "after")

    eventually(lambda: "About after" in serve.get(UPDATES).text, what="the update")


def test_a_worker_that_is_killed_is_started_again_and_others_serve(data: Path) -> None:
    with Serve(data, "--workers", "2") as serve:
        workers = [pid for pid, line in serve.children().items() if "serving.worker" in line]
        assert len(workers) == 2
        os.kill(workers[0], signal.SIGKILL)
        serve.says('"ended"')
        assert [serve.get("/v1/stories").status_code for _ in range(20)] == [200] * 20
        eventually(lambda: len([one for one in serve.children().values() if "serving.worker" in one]) == 2, what="two workers")
        assert serve.end(signal.SIGTERM) == 0


def test_its_own_redis_killed_comes_back_and_an_open_stream_goes_on(serve: Serve) -> None:
    publish(serve, "before")
    with Listening(serve.port, STREAM + "?since=0") as client:
        assert [one["id"] for one in client.events(2)] == [1, 2]
        for pid in redis_of(serve.data):
            if "redis-server" in Path(f"/proc/{pid}/cmdline").read_text():
                os.kill(pid, signal.SIGKILL)
        publish(serve, "after")
        publish(serve, "later")
        found = client.changes(2)
    assert [one["update"] for one in found] == ["after", "later"]
    eventually(lambda: "About later" in serve.get(UPDATES).text, what="the answer")


def test_redis_away_is_said_and_comes_back_by_itself(tmp_path: Path) -> None:
    port = free_port()
    command = [redis_program(), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(tmp_path), "--appendonly", "yes"]

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    redis = start()
    try:
        data, env = tmp_path / "data", {"DATELINE_REDIS": f"redis://127.0.0.1:{port}"}
        eventually(lambda: run(data, "story", "open", STORY, "--title", "Apollo 13", env=env).code in (0, 4), what="Redis")
        with Serve(data, env=env) as serve, Listening(serve.port, STREAM) as client:
            publish(serve, "before")
            assert client.event() is not None
            redis.terminate()
            redis.wait(PATIENCE)

            eventually(lambda: serve.get(UPDATES).status_code == 503, what="that it says so")
            away = serve.get(UPDATES)
            assert (away.headers["retry-after"], away.headers["content-type"]) == ("2", "application/problem+json")
            assert serve.get("/readyz").status_code == 503
            assert serve.get("/healthz").status_code == 200
            with Listening(serve.port, "/v1/stories/other/stream") as shed:
                assert (shed.response.status, shed.rest()) == (200, [])
                assert shed.retry is not None

            redis = start()
            eventually(lambda: serve.get("/readyz").status_code == 200, what="that it comes back")
            publish(serve, "after")
            told = [one["update"] for one in client.changes(2)]
        assert told == ["before", "after"]
    finally:
        redis.kill()
        redis.wait()


def test_a_port_that_is_taken_is_said_in_one_line(data: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run(data, "serve", "--port", str(port))

    assert done.code == 1
    assert done.err == f"dateline: Cannot listen on 127.0.0.1:{port} (Address already in use). Name another --port or --host.\n"


def test_two_may_serve_the_same_data(serve: Serve, data: Path) -> None:
    with Serve(data) as other:
        publish(other, "launch")
        for one in (serve, other):
            eventually(lambda one=one: "About launch" in one.get(UPDATES).text, what="the update")  # type: ignore[misc]  # bound
        assert other.end(signal.SIGTERM) == 0
        publish(serve, "later")
        eventually(lambda: "About later" in serve.get(UPDATES).text, what="the later update")


def test_bounds_on_streams_are_the_callers(data: Path) -> None:
    with Serve(data, "--streams-of-one-address", "1") as serve, Listening(serve.port, STREAM) as first:
        assert first.event() == {"id": 1}
        with Listening(serve.port, STREAM) as second:
            assert second.rest() == []
            assert second.retry is not None


def test_on_kafka_it_only_serves(kafka: str, tmp_path: Path) -> None:
    env = {"DATELINE_LOG": f"kafka://{kafka}"}
    run(tmp_path, "topics", "create", "--partitions", "4", "--replication", "1", env=env)

    with Serve(tmp_path, env=env) as serve:
        assert ["serving.worker" in line for line in serve.children().values()] == [True]
        assert serve.get("/v1/stories/nobody-knows-it").status_code == 404
        assert serve.end(signal.SIGTERM) == 0
