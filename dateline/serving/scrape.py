"""`/metrics`: what `dateline status --metrics` tells, and what each worker counts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread

from msgspec.structs import asdict

from consumers.web.figures import Figures
from dateline.deployment import Deployment
from dateline.errors import DatelineError
from dateline.metrics import NOTHING_FOUND, Json, rendered
from dateline.serving.board import Board
from dateline.settings import Settings
from dateline.status import examine

_AT_MOST_EVERY_S = 1.0
_PATIENCE_S = 4.0
"""Seconds to wait for log and Redis: after them it is told that they cannot be asked, before Prometheus gives up."""


class Scrape:
    """Finds what Prometheus wants to know. Log and Redis are asked by a thread of its own, with connections of its own.

    Args:
        worker: The number of this process, from 1 on.
        board: Shared with the other workers.
    """

    def __init__(self, settings: Settings, board: Board, *, worker: int = 1) -> None:
        self._deployment = Deployment(settings)
        self._board = board
        self._worker = worker
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="scrape")
        self._looking: asyncio.Future[Json] | None = None
        self._looked_at = 0.0
        self._stopped = Event()
        self._thread: Thread | None = None
        self._figures: Callable[[], Figures] = Figures

    def start(self, figures: Callable[[], Figures]) -> None:
        """Have what this worker counts written to the board each second."""
        self._figures = figures
        self._thread = Thread(target=self._keep, name="figures", daemon=True)
        self._thread.start()

    async def text(self) -> bytes:
        """Return all metrics as Prometheus reads them; log and Redis are asked once a second at most."""
        if self._looking is None or (self._looking.done() and time.monotonic() - self._looked_at > _AT_MOST_EVERY_S):
            self._looked_at = time.monotonic()
            self._looking = asyncio.get_running_loop().run_in_executor(self._pool, self._look)
        try:
            found = await asyncio.wait_for(asyncio.shield(self._looking), _PATIENCE_S)
        except TimeoutError:
            found = NOTHING_FOUND
        self._board.write(self._worker, self._figures())
        serving = [{"worker": str(worker), **asdict(figures)} for worker, figures in self._board.read()]
        return (await asyncio.to_thread(rendered, found | {"serving": serving})).encode()

    def close(self) -> None:
        """Let go of log and Redis, once the thread that asks them is done."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()
        self._pool.submit(self._deployment.close)
        self._pool.shutdown()

    def _keep(self) -> None:
        while True:
            self._board.write(self._worker, self._figures())
            if self._stopped.wait(_AT_MOST_EVERY_S):
                return

    def _look(self) -> Json:
        try:
            found, error = examine(self._deployment, catch_up=False)
        except DatelineError as problem:
            found, error = NOTHING_FOUND, problem
        if error is not None:
            self._deployment.reconnect()  # a private Redis comes back elsewhere
        return found
