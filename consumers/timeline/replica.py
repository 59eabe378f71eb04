"""The timeline's keys as plain Python values: what the log says must be in Redis, by the very commands that the view writes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from msgspec.json import decode

from consumers.timeline.writes import Write

Content = dict[str, str | float]
"""A key's content: field, member or stream id to value or score."""


Past = dict[str, dict[str, set[str | float | None]]]
"""What fields held at any moment that was remembered: key to field to values, None where there was no such field."""


class Replica:
    """Applies write commands to dictionaries.

    Attributes:
        keys: A key to its content; an empty key is none.
        past: Where somebody wants to know, what each field held that was changed since, before and after.
    """

    def __init__(self) -> None:
        self.keys: dict[str, Content] = {}
        self.past: Past | None = None

    def apply(self, writes: Sequence[Write]) -> None:
        if self.past is None:
            self._apply(writes)
            return
        touched = {write[1] for write in writes}
        before = {key: dict(self.keys.get(key, {})) for key in touched}
        self._apply(writes)
        for key in touched:
            old, new = before[key], self.keys.get(key, {})
            for name, _ in old.items() ^ new.items():
                self.past.setdefault(key, {}).setdefault(name, set()).update((old.get(name), new.get(name)))

    def _apply(self, writes: Iterable[Write]) -> None:
        for command, key, *arguments in writes:
            content = self.keys.setdefault(key, {})
            _COMMANDS[command](content, arguments)
            if not content:
                del self.keys[key]


def _hset(content: Content, arguments: list[Any]) -> None:  # Any: as in Write
    for field, value in zip(arguments[::2], arguments[1::2], strict=True):
        content[field] = value if isinstance(value, str) else str(value)


def _zadd(content: Content, arguments: list[Any]) -> None:
    for score, member in zip(arguments[::2], arguments[1::2], strict=True):
        content[member] = float(score)


def _xadd(content: Content, arguments: list[Any]) -> None:
    entry_id, _, value = arguments
    content[entry_id] = value


def _remove(content: Content, arguments: list[Any]) -> None:
    for name in arguments:
        content.pop(name, None)


def _keep_highest(content: Content, arguments: list[Any]) -> None:
    """ZREMRANGEBYRANK 0 -N-1: the N highest stay."""
    kept = -arguments[1] - 1
    for member in sorted(content, key=lambda name: (content[name], name))[: max(0, len(content) - kept)]:
        del content[member]


def _clear(content: Content, arguments: list[Any]) -> None:
    content.clear()


_COMMANDS: Mapping[str, Callable[[Content, list[Any]], None]] = {  # Any: as in Write
    "HSET": _hset,
    "HDEL": _remove,
    "ZADD": _zadd,
    "ZREM": _remove,
    "XADD": _xadd,
    "ZREMRANGEBYRANK": _keep_highest,
    "DEL": _clear,
}


def differences(key: str, expected: Mapping[str, str | float], found: Mapping[str, str | float]) -> list[str]:
    """Return in words how the content of a key in the view differs from what the log says. `key` has no prefix."""
    kind, _, rest = key.partition("/")
    story, _, update = rest.partition("/")
    where = f"story {story}: " if story else ""
    what = _WHAT.get(kind, kind)
    told = []
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) == found.get(name):
            continue
        about = f"{where}{what} {update or name}".rstrip()
        if name not in found:
            told.append(f"{about} is missing")
        elif name not in expected:
            told.append(f"{about} should not be there")
        else:
            told.append(f"{about} differs{_detail(expected[name], found[name])}")
    return told


_WHAT = {
    "docs": "the document of update",
    "state": "the state of update",
    "index": "the place in the timeline of update",
    "key": "the place among the key events of update",
    "pinned": "the place among the pinned of update",
    "withheld": "the place among the withheld of update",
    "hidden": "the place among the hidden of update",
    "events": "the verdict on event",
    "changes": "the change",
    "history": "the history of update",
    "notes": "the notes on update",
    "stories": "the state of story",
    "recent": "the last change of story",
    "corrections": "the listed correction",
    "embargoes": "the embargo on",
    "problems": "the problem",
    "meta": "the cursor's",
}


def _detail(expected: str | float, found: str | float) -> str:
    """Return which fields of a document differ, or the two values where they are short."""
    if isinstance(expected, str) and isinstance(found, str) and expected.startswith("{") and found.startswith("{"):
        try:
            one, other = decode(expected), decode(found)
        except ValueError:
            return ": it is no JSON"
        fields = [name for name in one.keys() | other.keys() if one.get(name) != other.get(name)]
        return f" in {', '.join(sorted(fields))}" if fields else ": the same values, written otherwise"
    if len(str(expected)) + len(str(found)) < 80:
        return f": {found} in the view, {expected} by the log"
    return ""
