"""What a command writes to a file, or to stdout."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkstemp

from dateline.errors import Refused

Write = Callable[[bytes], object]


@contextmanager
def output(file: str) -> Iterator[Write]:
    """Open what is exported to: stdout, or a file that is replaced when all is written."""
    if file == "-":
        yield sys.stdout.buffer.write
        sys.stdout.buffer.flush()
        return
    path = Path(file)
    try:
        if path.exists() and not path.is_file():
            with path.open("wb") as special:  # a device or a pipe; of a folder, the error says so
                yield special.write
            return
        with _replaced(path.resolve()) as write:
            yield write
    except OSError as error:
        raise Refused(f"{file!r} cannot be written ({error.strerror}). Name another place, or - for stdout.") from error


@contextmanager
def _replaced(path: Path) -> Iterator[Write]:
    descriptor, partial = mkstemp(prefix=f".{path.name[:100]}.", suffix=".partial", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as out:
            yield out.write
            out.flush()
            os.fsync(out.fileno())
        Path(partial).replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            Path(partial).unlink()
        raise
