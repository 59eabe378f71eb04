"""Putting values aside, in order and in bounded memory, until all of them are known to be good."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from tempfile import SpooledTemporaryFile, gettempdir
from typing import Generic, TypeVar

from msgspec import Struct, msgpack

from dateline.errors import Refused

T = TypeVar("T", bound=Struct)
V = TypeVar("V")

_IN_MEMORY_BYTES = 16 * 1024 * 1024
_LENGTH_BYTES = 4


class Spool(Generic[T]):
    """Values of one kind: in memory while they are few, else in a nameless temporary file that is gone with the process.

    All are put before the first is read; they can be read any number of times.

    Raises:
        Refused: The temporary folder cannot be used, for instance as its disk is full.
    """

    def __init__(self, kind: type[T]) -> None:
        self._file = SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # noqa: SIM115 - closed by `close`
        self._encode = msgpack.Encoder().encode
        self._decode = msgpack.Decoder(kind).decode
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def put(self, value: T) -> None:
        data = self._encode(value)
        with _translated():
            self._file.write(len(data).to_bytes(_LENGTH_BYTES, "big") + data)
        self._count += 1

    def __iter__(self) -> Iterator[T]:
        place = 0
        while True:
            with _translated():
                self._file.seek(place)
                length = int.from_bytes(self._file.read(_LENGTH_BYTES), "big")
                data = self._file.read(length)
            if not data:
                return
            place += _LENGTH_BYTES + length
            yield self._decode(data)

    def close(self) -> None:
        self._file.close()


def batches(values: Iterable[tuple[V, int]], *, most: int, most_bytes: int) -> Iterator[list[V]]:
    """Cut `values`, each given with its size in bytes, into batches that are small in both respects."""
    batch: list[V] = []
    total = 0
    for value, size_bytes in values:
        if batch and (len(batch) >= most or total + size_bytes > most_bytes):
            yield batch
            batch, total = [], 0
        batch.append(value)
        total += size_bytes
    if batch:
        yield batch


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Refused(
            f"The temporary folder {gettempdir()} cannot be used ({error.strerror}). Free some space, or name another in TMPDIR."
        ) from error
