"""`dateline serve`: the API and the page, and on the embedded default the consumers too."""

from __future__ import annotations

import http.client
import signal
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from threading import Thread
from urllib.parse import urlsplit

import click

from dateline.cli.common import with_deployment
from dateline.cli.consume import NAMES
from dateline.cli.stopping import INTERRUPTED, Stop, told_by_signals
from dateline.deployment import Deployment
from dateline.errors import Refused
from dateline.serving.children import Child, Leash
from dateline.settings import Settings

_TURN_S = 0.2
_READY_WITHIN_S = 30.0
_WORKERS_WITHIN_S = 20.0
_CONSUMERS_WITHIN_S = 15.0
_MOST_WORKERS = 64
_WORKER = "worker"

Beside = Callable[[str, Stop], None]


@click.command(name="serve", epilog="Example: dateline serve --port 8080")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on; 0.0.0.0 for all.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 for any that is free.")
@click.option("--workers", type=click.IntRange(1, _MOST_WORKERS), default=1, show_default=True, help="Processes that answer.")
@click.option("--public-url", metavar="URL", help="Where readers find this, such as https://live.example.org.")
@click.option("--streams", type=click.IntRange(0), default=20_000, show_default=True, help="Open at once in each process.")
@click.option(
    "--streams-of-one-address", type=click.IntRange(0), default=200, show_default=True, help="Of these, from one address."
)
@with_deployment
def serve_command(
    deployment: Deployment,
    *,
    host: str,
    port: int,
    workers: int,
    public_url: str | None,
    streams: int,
    streams_of_one_address: int,
) -> int:
    """Serve the API, the change stream, feeds and the live page until SIGTERM or Ctrl-C.

    On an SQLite log it runs the consumers too, unless another process already does; on Kafka, run dateline consume beside it.
    """
    where = Where(host, port, workers, public_url, streams, streams_of_one_address)
    return serve(deployment.settings, where, consumers=NAMES if deployment.feeds_itself else ())


@dataclass(frozen=True, slots=True)
class Where:
    """Where to listen, with how many processes, what readers call it, and how many streams each process and address may have."""

    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    public_url: str | None = None
    streams: int = 20_000
    streams_of_one_address: int = 200


def serve(settings: Settings, where: Where, *, consumers: Sequence[str], beside: Beside = lambda address, stop: None) -> int:
    """Serve until told to stop; return what to exit with.

    Args:
        consumers: Which run beside it; none where others feed the view.
        beside: Called with the address once something is to be seen there, in a thread of its own.

    Raises:
        Refused: The address cannot be listened on, or is none.
    """
    listener = _listen(where.host, where.port)
    with closing(listener), Leash() as leash:
        address = _address(listener)
        given = ["--public-url", _public(where.public_url, address), "--streams", str(where.streams)]
        given += ["--streams-of-one-address", str(where.streams_of_one_address)]
        children = _children(settings, listener, leash, workers=where.workers, given=given)
        if consumers:
            consume = ("dateline", "--data", settings.data, "consume", *consumers)
            children.insert(0, Child("consumers", consume, leash=leash.far_end))
        return _run(children, listener, beside)


def _run(children: Sequence[Child], listener: socket.socket, beside: Beside) -> int:
    """Run the children until told to stop; the workers end before the consumers, so that the last change still goes out."""
    stop, address = Stop(), _address(listener)
    with told_by_signals(stop):
        for child in children:
            child.start()
        if _tell_when_ready(children, address, stop):
            Thread(target=beside, args=(address, stop), daemon=True).start()
        while not stop():
            for child in children:
                child.keep()
            stop.wait(_TURN_S)
        if stop.signal == signal.SIGINT:
            click.echo("Ending: open streams are let go over a few seconds. Once more to end at once.", err=True)
        listener.close()  # the workers' are copies: while this one is open, connections are taken that nobody will answer
        _end([one for one in children if one.name == _WORKER], timeout=_WORKERS_WITHIN_S)
        _end([one for one in children if one.name != _WORKER], timeout=_CONSUMERS_WITHIN_S)
    return INTERRUPTED if stop.signal == signal.SIGINT else 0


def _children(settings: Settings, listener: socket.socket, leash: Leash, *, workers: int, given: Sequence[str]) -> list[Child]:
    from dateline.serving.board import new_board

    number, board = str(listener.fileno()), new_board()
    worker = ("dateline.serving.worker", "--fd", number, "--board", str(board), "--data", settings.data, *given)
    return [
        Child(_WORKER, (*worker, "--number", str(one + 1)), leash=leash.far_end, descriptors=[listener.fileno(), board])
        for one in range(workers)
    ]


def _end(children: Sequence[Child], *, timeout: float) -> None:
    for child in children:
        child.tell()
    deadline = time.monotonic() + timeout
    for child in children:
        child.wait(timeout=max(0.1, deadline - time.monotonic()))


def _listen(host: str, port: int) -> socket.socket:
    from dateline.serving.server import listening_socket

    try:
        return listening_socket(host, port)
    except OSError as error:
        raise Refused(f"Cannot listen on {host}:{port} ({error.strerror or error}). Name another --port or --host.") from None


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _public(given: str | None, address: str) -> str:
    if given is None:
        return address
    parts = urlsplit(given)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise Refused(f"--public-url {given!r} is no address of a site. Write it like https://live.example.org.")
    return given.rstrip("/")


def _tell_when_ready(children: Sequence[Child], address: str, stop: Stop) -> bool:
    """Say where to look, as soon as something is to be seen there; return False if told to stop before."""
    deadline = time.monotonic() + _READY_WITHIN_S
    while not stop() and time.monotonic() < deadline:
        for child in children:
            child.keep()
        if _is_ready(address):
            click.echo(f"Dateline serves {address}/ (Ctrl-C ends it)", err=True)
            return True
        stop.wait(0.05)
    if not stop():
        click.echo(f"dateline: warning: {address}/ is not ready yet; it says why at {address}/readyz. Going on.", err=True)
    return not stop()


def _is_ready(address: str) -> bool:
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=2.0)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
