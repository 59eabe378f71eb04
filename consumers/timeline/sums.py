"""Sums over the parts of a key, whatever their order, made by Redis or here: contents compared without being read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha1
from typing import Any

from consumers.timeline import keys
from dateline.redis_store import Answer, Wire

_PAGE = 250
"""Fields that one call sums up: about a millisecond of Redis."""

_MODULUS = 1 << 48

Sum = tuple[int, int, int]
"""How many fields there are, and two sums over the SHA-1 of each, as `digest.lua` makes them."""

NOTHING: Sum = (0, 0, 0)


def sums(wire: Wire, wanted: Mapping[str, str]) -> dict[str, Sum]:
    """Return the sums of some keys, all asked for at once.

    Args:
        wanted: Key to what it is: `hash`, `zset` or `stream`.
    """
    found = dict.fromkeys(wanted, NOTHING)
    going = {key: _ask(wire, key, what, "0") for key, what in wanted.items()}
    while going:
        replies: dict[str, Any] = {key: answer.get() for key, answer in going.items()}  # Any: what digest.lua returns
        going = {}
        for key, (after, *parts) in replies.items():
            found[key] = _added(found[key], parts)
            if after != b"0":
                going[key] = _ask(wire, key, wanted[key], after.decode())
    return found


def sum_of(content: Mapping[str, str | float]) -> Sum:
    """Return the sum of what a key holds, as `sums` would."""
    one = other = 0
    for name, value in content.items():
        text = value if isinstance(value, str) else f"{value:.17g}"
        digest = sha1(f"{name}\0{text}".encode(), usedforsecurity=False).hexdigest()
        one += int(digest[:12], 16)
        other += int(digest[12:24], 16)
    return len(content), one % _MODULUS, other % _MODULUS


def _ask(wire: Wire, key: str, what: str, after: str) -> Answer:
    return wire.send(keys.DIGEST, [key], [what, after, _PAGE])


def _added(one: Sum, other: Sequence[Any]) -> Sum:  # Any: Redis gives numbers as bytes
    counted, first, second = (a + int(b) for a, b in zip(one, other, strict=True))
    return counted, first % _MODULUS, second % _MODULUS
