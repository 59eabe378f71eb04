"""How a command that runs for long is told to stop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

INTERRUPTED = 130


class Stop:
    """Whether to stop, and why. Waited for by several threads."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self.signal = 0

    def __call__(self) -> bool:
        return self._event.is_set()

    def now(self, signal_number: int = 0) -> None:
        self.signal = self.signal or signal_number
        self._event.set()

    def wait(self, seconds: float) -> bool:
        """Wait so many seconds, or until told to stop; return whether to stop."""
        return self._event.wait(seconds)


@contextmanager
def told_by_signals(stop: Stop) -> Iterator[None]:
    """Stop on SIGTERM and SIGINT; a second one ends the process at once, as it would anyway."""
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.getsignal(number) for number in numbers]

    def restore() -> None:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)

    def told(number: int, _frame: object) -> None:
        restore()
        stop.now(number)

    for number in numbers:
        signal.signal(number, told)
    try:
        yield
    finally:
        restore()
