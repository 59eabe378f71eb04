"""The record's digests: what each record says and when it was recorded, bound to all that came before it in its story.

Pure functions over bytes. Whatever they hash is written down byte by byte in docs/the-record.md; who changes one raises the
number in its tag, and every digest that was ever published is of another kind from then on.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from struct import Struct
from typing import Final, NamedTuple

from msgspec.msgpack import Encoder

from dateline.log.base import Headers

BEGINNING: Final = bytes(32)
"""The digest of a story before its first record."""

_RECORD, _CHAIN, _LOG = b"dateline/record/1\n", b"dateline/chain/1\n", b"dateline/log/1\n"

_record_head = Struct(f">{len(_RECORD)}sqiii").pack
_encode_headers = Encoder().encode


class Chain(NamedTuple):
    """A story's record up to a place: the `seq` of its last record, and the digest of all up to it."""

    seq: int = 0
    digest: bytes = BEGINNING

    def plus(self, record: bytes) -> Chain:
        """Return the chain with one record more, given by its digest."""
        return Chain(self.seq + 1, chained(self.digest, self.seq + 1, record))


def record_digest(timestamp: int, key: bytes | None, headers: Headers | bytes, value: bytes | None) -> bytes:
    """Return the digest of one record; no two records that differ in anything but their place have the same.

    Args:
        timestamp: The record's own, in milliseconds since 1970.
        headers: As a `Record` keeps them: the headers, or the msgpack of them.
    """
    kept = headers if isinstance(headers, bytes) else _encode_headers(headers)
    key_length, value_length = -1 if key is None else len(key), -1 if value is None else len(value)
    head = _record_head(_RECORD, timestamp, key_length, len(kept), value_length)
    return sha256(head + (key or b"") + kept + (value or b"")).digest()


def chained(before: bytes, seq: int, record: bytes) -> bytes:
    """Return a story's digest after the record with this `seq`, from the digest before it and the record's own."""
    return sha256(_CHAIN + before + seq.to_bytes(8, "big") + record).digest()


def log_digest(stories: Iterable[tuple[str, Chain]]) -> bytes:
    """Return the digest of a whole log from its stories' chains, in whatever order they come."""
    whole = sha256(_LOG)
    for story, chain in sorted(stories):
        key = story.encode()
        whole.update(len(key).to_bytes(4, "big") + key + chain.seq.to_bytes(8, "big") + chain.digest)
    return whole.digest()
