"""Where each worker writes down what it counts, so that whichever of them is asked can tell of all."""

from __future__ import annotations

import os
import struct
import tempfile
import time
from collections.abc import Iterator

from msgspec.structs import astuple

from consumers.web.figures import Figures

_STALE_S = 5.0
"""Seconds after which a worker that wrote nothing is gone, or stands still."""

_SLOT = struct.Struct(f"<{1 + len(Figures.__struct_fields__)}d")


def new_board() -> int:
    """Return a file that has no name and goes with the last process that holds it."""
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


class Board:
    """A slot for each worker in one small file.

    Args:
        descriptor: Of a `new_board`; the workers of one server share it.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def write(self, worker: int, figures: Figures) -> None:
        """Write down how a worker is.

        Args:
            worker: From 1 on.
        """
        slot = _SLOT.pack(time.time(), *astuple(figures))
        os.pwrite(self._descriptor, slot, (worker - 1) * _SLOT.size)

    def read(self) -> Iterator[tuple[int, Figures]]:
        """Yield what each worker wrote lately."""
        written = os.pread(self._descriptor, os.fstat(self._descriptor).st_size, 0)
        for at, (moment, *values) in enumerate(_SLOT.iter_unpack(written[: len(written) // _SLOT.size * _SLOT.size])):
            if time.time() - moment < _STALE_S:
                yield at + 1, Figures(*values)
