"""A feed's server on this machine: it gives what a test says, knows ETags, and remembers what it was asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from typing_extensions import override


@dataclass
class FeedServer:
    """What the server gives and was asked.

    Attributes:
        body: The feed; `etag` is its tag.
        status: What it answers with.
        kind: The media type that it says, with its coding.
        location: Where it sends whoever asks, with a status of 3xx.
        asked: The headers of each request.
    """

    url: str = ""
    body: bytes = b""
    etag: str = '"1"'
    status: int = 200
    location: str = ""
    kind: str = "application/rss+xml"
    asked: list[Mapping[str, str]] = field(default_factory=list)


@contextmanager
def feed_server() -> Iterator[FeedServer]:
    """Serve a feed until the block ends."""
    served = FeedServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.asked.append(dict(self.headers))
            known = self.headers.get("If-None-Match") == served.etag and served.status == 200
            self.send_response(304 if known else served.status)
            self.send_header("ETag", served.etag)
            self.send_header("Content-Type", served.kind)
            if served.location:
                self.send_header("Location", served.location)
            body = b"" if known else served.body
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        @override
        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        served.url = f"http://127.0.0.1:{server.server_address[1]}/feed"
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield served
        finally:
            server.shutdown()
            thread.join()
