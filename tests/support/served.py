"""The site as clients have it: over a real socket, from a process of its own or from a thread of this one; and its clients."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from queue import Empty, Queue
from typing import Any, Self

import httpx

from consumers.web.hub import Limits
from consumers.web.site import Site
from dateline.app import SharedViews, make_site
from dateline.serving.server import HEAD_WITHIN_S, DrainingServer, configuration, listening_socket
from dateline.settings import read_settings
from tests.integration.cli import DATELINE, Result, run
from tests.support.servers import eventually

PATIENCE = 30.0
Json = Any  # Any: what JSON holds


class Serve:
    """A `dateline serve` in a process of its own, on a free port. What it says is read as it comes."""

    def __init__(self, data: Path, *args: str, env: Mapping[str, str] | None = None) -> None:
        self.data, self.env = data, dict(env or {})
        environment = {**os.environ, "DATELINE_DATA": str(data), **self.env}
        command = [str(DATELINE), "serve", "--port", "0", *args]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
        self.said: list[str] = []
        self._lines: Queue[str | None] = Queue()
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()
        self.url = self.says("Dateline serves ").split()[2].rstrip("/")
        self.port = int(self.url.rpartition(":")[2])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self._reading.join(PATIENCE)
        assert self.process.stderr is not None
        self.process.stderr.close()

    def says(self, text: str) -> str:
        """Wait until it says a line that holds `text`, and return the line."""
        while True:
            try:
                line = self._lines.get(timeout=PATIENCE)
            except Empty:
                line = None
            assert line is not None, f"it never said {text!r}, but {self.said}"
            if text in line:
                return line

    def get(self, path: str, **options: Any) -> httpx.Response:  # Any: httpx's options
        return httpx.get(self.url + path, timeout=PATIENCE, **options)

    def run(self, *args: str) -> Result:
        """Run another command on the same data."""
        return run(self.data, *args, env=self.env)

    def end(self, number: int) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE)
        self._reading.join(PATIENCE)
        return code

    def children(self) -> dict[int, str]:
        """Return the processes that it has started, by their id, each with its command line."""
        found = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return {int(pid): Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ") for pid in found}

    def child(self, name: str) -> int:
        """Return the id of the process whose command line holds `name`, once it runs."""
        eventually(lambda: any(name in line for line in self.children().values()), within=PATIENCE, what=f"a {name}")
        return next(pid for pid, line in self.children().items() if name in line)

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said.append(line)
            self._lines.put(line)
        self._lines.put(None)


class Served:
    """A site served from a thread of this process until `stop`, so that a test sees into it."""

    def __init__(self, site: Site, *, port: int = 0, head_within_s: float = HEAD_WITHIN_S, drain_s: float = 0.0) -> None:
        listener = listening_socket("127.0.0.1", port)
        self.site = site
        self.port: int = listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        config = configuration(site, head_within_s=head_within_s)
        self.server = DrainingServer(config, drain=lambda: site.hub.end(over=drain_s))
        self._thread = threading.Thread(target=self.server.run, kwargs={"sockets": [listener]}, name="web")
        self._thread.start()

    def wait(self) -> None:
        """Wait until the site follows the view."""
        eventually(lambda: self.site.hub.is_up, what="a site that follows the view")

    def stop(self) -> None:
        self.server.should_exit = True
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()

    def get(self, path: str, **options: Any) -> httpx.Response:  # Any: httpx's options
        return httpx.get(self.url + path, timeout=PATIENCE, **options)


@contextmanager
def served(
    data: Path,
    *,
    env: Mapping[str, str] | None = None,
    limits: Limits | None = None,
    head_within_s: float = HEAD_WITHIN_S,
    drain_s: float = 0.2,
) -> Iterator[Served]:
    """Serve the view of a data folder; nothing feeds it."""
    with closing(SharedViews(read_settings(env or {}, data=str(data)))) as source:
        site = make_site(source, public_url="https://live.example.org", limits=limits)
        running = Served(site, head_within_s=head_within_s, drain_s=drain_s)
        try:
            running.wait()
            yield running
        finally:
            running.stop()


class Listening:
    """A client of a stream, which reads events one after another.

    Attributes:
        beats: How many heartbeats came so far.
        retry: The milliseconds after which it was last told to come back.
    """

    def __init__(self, port: int, path: str, *, last: int | str | None = None, address: str | None = None) -> None:
        headers = {"last-event-id": str(last)} if last is not None else {}
        headers |= {"x-forwarded-for": address} if address else {}
        connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        connection.request("GET", path, headers=headers)
        self.response: HTTPResponse = connection.getresponse()
        self._connection = connection
        self.beats = 0
        self.retry: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.response.close()
        self._connection.close()

    def event(self) -> dict[str, Any] | None:  # Any: what JSON holds
        """Return the next event, its `data` read as JSON; None at the end."""
        found: dict[str, Any] = {}
        while line := self.response.readline():
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if line == b"\n":
                return found
            if line == b":\n":
                self.beats += 1
            elif name == "retry":
                self.retry = int(value)
            else:
                found[name] = json.loads(value) if name in ("data", "id") else value
        return None

    def events(self, count: int) -> list[dict[str, Any]]:  # Any: as above
        """Return so many events."""
        found = [self.event() for _ in range(count)]
        assert None not in found, f"the stream ended: {found}"
        return [one for one in found if one is not None]

    def changes(self, count: int) -> list[Json]:
        return [one["data"] for one in self.events(count)]

    def rest(self) -> list[dict[str, Any]]:  # Any: as above
        """Return the events up to the end of the stream."""
        found = []
        while (one := self.event()) is not None:
            found.append(one)
        return found


def spoken(port: int, said: bytes, *, within: float = PATIENCE) -> bytes:
    """Send bytes over a connection of their own and return all that is answered until the server closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=within) as connection:
        connection.sendall(said)
        return heard(connection)


def heard(connection: socket.socket) -> bytes:
    """Return what is answered until the server closes."""
    found = bytearray()
    try:
        while part := connection.recv(65536):
            found += part
    except ConnectionResetError:
        pass
    return bytes(found)
