"""One process that answers requests: `python -m dateline.serving.worker`, started by `dateline serve`, which holds the socket."""

from __future__ import annotations

import argparse
import gc
import logging
import os
import signal
import socket
import sys
from contextlib import suppress

from consumers.web.hub import Limits
from dateline.app import SharedViews, make_site
from dateline.cli.reported import Reported
from dateline.serving.board import Board, new_board
from dateline.serving.scrape import Scrape
from dateline.serving.server import DrainingServer, configuration
from dateline.settings import read_settings

DRAIN_S = 5.0
"""Seconds over which open streams are let go, so that not all clients come back at once."""


def main() -> None:
    given = _arguments()
    gc.set_threshold(200_000, 20, 100)
    logging.basicConfig(level=logging.WARNING, handlers=[Reported()])
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # below, it tells of each request that is none
    _open_many_files()
    settings = read_settings(os.environ, data=given.data)
    source = SharedViews(settings)
    scrape = Scrape(settings, Board(new_board() if given.board is None else given.board), worker=given.number)
    limits = Limits(streams=given.streams, streams_of_one_address=given.streams_of_one_address)
    site = make_site(source, public_url=given.public_url, limits=limits, scrape=scrape)
    server = DrainingServer(configuration(site), drain=lambda: site.hub.end(over=DRAIN_S))
    # uvicorn hears of signals while it runs, and sends itself those that it heard once more when it has ended.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit())
    try:
        server.run(sockets=[socket.socket(fileno=given.fd)])
    except KeyboardInterrupt:
        pass
    finally:
        scrape.close()
        source.close()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="dateline.serving.worker")
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--board", type=int, help="the file descriptor of the board that the workers share")
    parser.add_argument("--number", type=int, default=1, help="which worker this is, from 1 on")
    parser.add_argument("--data")
    parser.add_argument("--public-url", required=True)
    parser.add_argument("--streams", type=int, default=Limits().streams)
    parser.add_argument("--streams-of-one-address", type=int, default=Limits().streams_of_one_address)
    return parser.parse_args()


def _open_many_files() -> None:
    """Let this process hold as many sockets as the system allows it at most."""
    with suppress(ImportError, ValueError, OSError):
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


if __name__ == "__main__":
    main()
