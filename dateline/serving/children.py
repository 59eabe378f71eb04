"""Processes that live no longer than this one, and are started again when they end without being told to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

from dateline.cli.lines import say

_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 15.0
_CALM_S = 30.0


class Child:
    """A module that is run in a process of its own, for as long as this one lives.

    Args:
        name: For messages.
        module: What `python -m` would be given, and its arguments.
        descriptors: File descriptors that it gets under the same numbers.
    """

    def __init__(self, name: str, module: Sequence[str], *, leash: int, descriptors: Sequence[int] = ()) -> None:
        self.name = name
        self._command = [sys.executable, "-m", "dateline.serving.leashed", str(leash), *module]
        self._descriptors = (leash, *descriptors)
        self._pause_s = _FIRST_PAUSE_S
        self._next_start = 0.0
        self._started = 0.0
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; where the system has no room for it, it is tried again as if it had ended."""
        self._started = time.monotonic()
        try:
            # In a session of its own, so that Ctrl-C reaches the parent alone, which ends its children in order.
            self.process = subprocess.Popen(self._command, pass_fds=self._descriptors, start_new_session=True)
        except OSError as error:
            self._pause(error=str(error))

    def keep(self) -> None:
        """Start it again if it has ended: after a pause, which grows while it does not live for long."""
        if self.process is not None and (code := self.process.poll()) is not None:
            self.process = None
            self._pause(code=code)
        if self.process is None and time.monotonic() >= self._next_start:
            self.start()

    def _pause(self, **about: object) -> None:
        moment = time.monotonic()
        if moment - self._started > _CALM_S:
            self._pause_s = _FIRST_PAUSE_S
        self._next_start = moment + self._pause_s
        say("ended", level="error", child=self.name, **about, again_in_s=self._pause_s)
        self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)

    def tell(self) -> None:
        """Ask it to end."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGTERM)

    def wait(self, *, timeout: float) -> None:
        """Wait for its end; it is ended by force when the time is up."""
        if self.process is None:
            return
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            say("killed", level="error", child=self.name, after_s=timeout)
            self.process.kill()
            self.process.wait()


class Leash:
    """A pipe whose one end this process alone holds: however this one ends, its children notice."""

    def __init__(self) -> None:
        self.far_end, self._own_end = os.pipe()
        os.set_inheritable(self._own_end, False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        os.close(self._own_end)
        os.close(self.far_end)
