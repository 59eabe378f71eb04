"""A server that stands before an OpenSearch and puts off a part of what it is asked, as a busy one does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

_BUSY = {"type": "rejected_execution_exception", "reason": "rejected execution of coordinating operation"}


class Putting:
    """What is put off.

    Attributes:
        whole: Of how many requests nothing is done: 429.
        parts: Of how many bulks the second half is not done: 429 for each of its items.
        times: How often something was put off.
    """

    def __init__(self) -> None:
        self.whole = self.parts = self.times = 0
        self._lock = Lock()

    def puts_off(self, what: str) -> bool:
        with self._lock:
            left = getattr(self, what)
            if left:
                setattr(self, what, left - 1)
                self.times += 1
            return bool(left)


@contextmanager
def busy_server(server_url: str) -> Iterator[tuple[str, Putting]]:
    """Run it on a free port; yield its URL and what says how much it puts off."""
    putting = Putting()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *about: object) -> None:
            pass

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            if putting.puts_off("whole"):
                self._send(429, {"error": {"root_cause": [_BUSY], **_BUSY}, "status": 429})
            elif self.path.split("?")[0].endswith("_bulk") and body.count(b"\n") > 2 and putting.puts_off("parts"):
                self._send(*_half(server_url + self.path, body))
            else:
                self._send(*_passed_on(self.command, server_url + self.path, body))

        do_GET = do_POST = do_PUT = do_DELETE = _answer

        def _send(self, status: int, answer: Any) -> None:  # Any: what JSON holds
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    between = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    between.daemon_threads = True
    thread = Thread(target=between.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{between.server_address[1]}", putting
    finally:
        between.shutdown()
        between.server_close()
        thread.join()


def _half(url: str, body: bytes) -> tuple[int, Any]:  # Any: what JSON holds
    """Do every second action of a bulk, and put off the others."""
    lines = body.strip().split(b"\n")
    pairs = [lines[at : at + 2] for at in range(0, len(lines), 2)]
    done = b"".join(line + b"\n" for pair in pairs[::2] for line in pair)
    status, answer = _passed_on("POST", url, done)
    items = iter(answer["items"])
    all_items = [next(items) if not at % 2 else {"index": {"status": 429, "error": _BUSY}} for at in range(len(pairs))]
    return status, {**answer, "errors": True, "items": all_items}


def _passed_on(method: str, url: str, body: bytes) -> tuple[int, Any]:  # Any: as above
    kind = "application/x-ndjson" if "_bulk" in url else "application/json"
    request = Request(url, body or None, {"content-type": kind}, method=method)
    try:
        with urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except HTTPError as error:
        with error:
            return error.code, json.load(error)
