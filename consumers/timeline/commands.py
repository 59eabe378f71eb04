"""A key's whole content as commands that write it, in steps small enough for nobody to wait for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from consumers.timeline.keys import CHANGE_FIELD
from consumers.timeline.replica import Content
from consumers.timeline.story_keys import OF_UPDATES, OWN, SHARED
from consumers.timeline.writes import Write

MOST_FIELDS: Final = 500
MOST_BYTES: Final = 64 * 1024
"""What one step writes at most, unless one field is longer: a fraction of a millisecond of Redis."""


def whole(key: str, target: str, content: Content) -> Iterator[Write]:
    """Yield the commands that write `content` to `target`, of the kind that `key` is, each of a bounded size."""
    kind = _KINDS[key.partition("/")[0]]
    if kind == "stream":
        yield from (["XADD", target, entry, CHANGE_FIELD, value] for entry, value in content.items())
        return
    command: Write = []
    size = 0
    for name, value in content.items():
        if not command or size > MOST_BYTES or len(command) > 2 * MOST_FIELDS:
            if command:
                yield command
            command, size = ["HSET" if kind == "hash" else "ZADD", target], 0
        command += (name, value) if kind == "hash" else (_number(value), name)
        size += len(name) + len(str(value))
    if command:
        yield command


def _number(score: str | float) -> int | float:
    number = float(score)
    return int(number) if number.is_integer() else number


def packs(commands: Sequence[Write]) -> Iterator[list[Write]]:
    """Put commands together such that one step runs few of them."""
    pack: list[Write] = []
    size = 0
    for command in commands:
        pack.append(command)
        size += sum(len(part) if isinstance(part, str) else 8 for part in command)
        if size > MOST_BYTES or len(pack) >= MOST_FIELDS:
            yield pack
            pack, size = [], 0
    if pack:
        yield pack


_KINDS: Mapping[str, str] = {**OWN, **OF_UPDATES, **SHARED}
