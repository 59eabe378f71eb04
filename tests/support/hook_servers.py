"""Receivers of webhooks that keep what they got, and can be slow, broken or away; notifier processes that can be killed."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from standardwebhooks import Webhook


@dataclass(frozen=True, slots=True)
class Got:
    """One message that a receiver took: its id, its body, and when it came."""

    id: str
    type: str
    data: dict[str, Any]  # Any: what JSON holds
    at: float

    @property
    def story(self) -> str:
        return str(self.data["story"])

    @property
    def seq(self) -> int:
        return int(self.data["seq"])


class HookServer:
    """A receiver on a port of its own. `answer` says what becomes of each request: a status, after whatever it does.

    Attributes:
        got: What it took, in order, with a 2xx.
        asked: How many requests came, taken or not.
    """

    def __init__(self, *, answer: Callable[[], int] = lambda: 204, secret: str = "") -> None:
        self.answer = answer
        self.secret = secret
        self.got: list[Got] = []
        self.asked = 0
        self.refused = ""
        self._server: ThreadingHTTPServer | None = None
        self.port = 0

    def open(self) -> None:
        """Listen, at the same port as before if there was one."""
        self._server = _Server(("127.0.0.1", self.port), _handler(self))
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        """Be away: connections are refused."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def open_again(self) -> None:
        """Listen, if it is away."""
        if self._server is None:
            self.open()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def ids(self) -> set[str]:
        return {one.id for one in list(self.got)}

    def take(self, headers: Mapping[str, str], body: bytes) -> int:
        self.asked += 1
        came = time.monotonic()  # a slow answer does not make it come later
        status = self.answer()
        if 200 <= status < 300:
            if self.secret:
                Webhook(self.secret).verify(body, dict(headers))
            said = json.loads(body)
            self.got.append(Got(headers["webhook-id"], said["type"], said["data"], came))
        return status


class _Server(ThreadingHTTPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:  # Any: as the base class has it
        """Say nothing of senders that were killed."""


def _handler(receiver: HookServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status = receiver.take({name.lower(): value for name, value in self.headers.items()}, body)
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # Any: as the base class has it
            pass

    return Handler


def moody(rng: random.Random, *, broken: float = 0.2, slow: float = 0.1) -> Callable[[], int]:
    """Return answers of which a share is 500, and a share comes late; of the broken ones, some only after they were taken."""

    def answer() -> int:
        chance = rng.random()
        if chance < slow:
            time.sleep(0.3)
        return 500 if chance > 1 - broken else 204

    return answer


@contextmanager
def hook_server(**options: Any) -> Iterator[HookServer]:  # Any: those of the receiver
    """Run a receiver."""
    receiver = HookServer(**options)
    receiver.open()
    try:
        yield receiver
    finally:
        receiver.close()


class NotifierProcess:
    """A notifier as a process of its own, with quick retries; what it says goes to a file."""

    def __init__(self, data: Path, env: Mapping[str, str]) -> None:
        self.log = data / "notifier.log"
        self._env = {**os.environ, "DATELINE_DATA": str(data), "DATELINE_HOOKS_ALLOW_LOOPBACK": "1", **env}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "tests.support.quick_notifier", "consume", "notify"]
        with self.log.open("ab") as said:
            self._process = subprocess.Popen(command, env=self._env, stderr=said, cwd=Path(__file__).parents[2])

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> int:
        """End it kindly; return its exit code."""
        assert self._process is not None
        self._process.terminate()
        code = self._process.wait(timeout=20)
        self._process = None
        return code


@contextmanager
def notifier(data: Path, env: Mapping[str, str]) -> Iterator[NotifierProcess]:
    """Run a notifier."""
    process = NotifierProcess(data, env)
    process.start()
    try:
        yield process
    finally:
        process.kill()
