"""The few Redis commands that the timeline writes with, on dictionaries: a small real implementation, as strict as Redis is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from typing import Any

from consumers.timeline.documents import read_entry, read_story, read_update
from consumers.view import Loaded, Needs, StoryLoaded, StoryNeeds

Content = dict[str, str | float]
Command = list[Any]  # Any: a name, a key, then texts and numbers


class MemoryRedis:
    """Keys of one partition. A key is a hash, a sorted set or a stream, and is gone once it is empty."""

    def __init__(self) -> None:
        self._kinds: dict[str, str] = {}
        self._contents: dict[str, Content] = {}

    def run(self, commands: Iterable[Command]) -> None:
        """Run `commands` in order.

        Raises:
            AssertionError: Redis would have refused one of them.
        """
        for name, key, *arguments in commands:
            assert isinstance(key, str)
            assert all(isinstance(argument, (str, int)) and not isinstance(argument, bool) for argument in arguments)
            _COMMANDS[name](self, key, arguments)
            if not self._contents.get(key):
                self._contents.pop(key, None)
                self._kinds.pop(key, None)

    def dump(self) -> dict[str, tuple[str, Content]]:
        """Return every key with its kind and content, a copy."""
        return {key: (self._kinds[key], dict(content)) for key, content in self._contents.items()}

    def copy(self) -> MemoryRedis:
        return deepcopy(self)

    def keys(self) -> Iterator[str]:
        return iter(list(self._contents))

    def hash(self, key: str) -> Mapping[str, str]:
        """Return the fields of a hash, none where it is not there."""
        return {field: str(value) for field, value in self._of("hash", key).items()}

    def stream(self, key: str) -> list[tuple[str, str]]:
        """Return a stream's entries in order: id and the value of their one field."""
        return [(entry, str(value)) for entry, value in self._of("stream", key).items()]

    def newest_first(self, key: str) -> list[str]:
        """Return a sorted set's members, the highest score first (ZREVRANGE)."""
        return [member for member, _ in self._ranked(key)][::-1]

    def scores(self, key: str) -> Mapping[str, float]:
        return {member: float(score) for member, score in self._of("zset", key).items()}

    def texts(self) -> Iterator[str]:
        """Return everything that lies in any key: fields, members, values."""
        for content in self._contents.values():
            for name, value in content.items():
                yield name
                yield str(value)

    def load(self, g: str, needs: Needs) -> Loaded:
        """Return what the fold needs, as `load.lua` finds it under the key prefix `g`."""
        return {story: self._load_story(g, story, need) for story, need in needs.items()}

    def _load_story(self, g: str, story: str, need: StoryNeeds) -> StoryLoaded:
        text = self.hash(f"{g}stories").get(story)
        if text is None:
            return StoryLoaded(None, {}, {})
        states, shown, entries = (self.hash(f"{g}{name}/{story}") for name in ("state", "docs", "events"))
        return StoryLoaded(
            read_story(text),
            {update: read_update(update, states[update], shown.get(update)) for update in need.updates if update in states},
            {event: read_entry(entries[event]) for event in need.events if event in entries},
        )

    def _of(self, kind: str, key: str) -> Content:
        assert self._kinds.get(key, kind) == kind, f"WRONGTYPE: {key} is a {self._kinds[key]}, no {kind}"
        return self._contents.get(key, {})

    def _write(self, kind: str, key: str) -> Content:
        self._of(kind, key)
        self._kinds[key] = kind
        return self._contents.setdefault(key, {})

    def _ranked(self, key: str) -> list[tuple[str, float]]:
        return sorted(self.scores(key).items(), key=lambda pair: (pair[1], pair[0].encode()))

    def _hset(self, key: str, arguments: list[Any]) -> None:  # Any: as in Command
        assert arguments
        self._write("hash", key).update({field: str(value) for field, value in _pairs(arguments)})

    def _hdel(self, key: str, arguments: list[Any]) -> None:
        _remove(self._of("hash", key), arguments)

    def _zadd(self, key: str, arguments: list[Any]) -> None:
        assert arguments
        self._write("zset", key).update({str(member): float(score) for score, member in _pairs(arguments)})

    def _zrem(self, key: str, arguments: list[Any]) -> None:
        _remove(self._of("zset", key), arguments)

    def _zremrangebyrank(self, key: str, arguments: list[Any]) -> None:
        first, last = arguments
        members = [member for member, _ in self._ranked(key)]
        first, last = (max(0, rank + len(members)) if rank < 0 <= rank + len(members) else rank for rank in (first, last))
        if last >= 0:
            _remove(self._of("zset", key), members[max(first, 0) : last + 1])

    def _xadd(self, key: str, arguments: list[Any]) -> None:
        entry, _, value = arguments
        stream = self._write("stream", key)
        last = next(reversed(stream), "0-0")
        assert _entry_id(entry) > _entry_id(last), f"XADD {key}: {entry} is not above {last}"
        stream[entry] = str(value)

    def _del(self, key: str, arguments: list[Any]) -> None:
        for name in (key, *arguments):
            self._contents.pop(name, None)
            self._kinds.pop(name, None)


def _pairs(arguments: list[Any]) -> Iterator[tuple[Any, Any]]:
    return zip(arguments[::2], arguments[1::2], strict=True)


def _remove(content: Content, names: list[Any]) -> None:
    assert names
    for name in names:
        content.pop(name, None)


def _entry_id(text: str) -> tuple[int, int]:
    first, _, second = text.partition("-")
    return int(first), int(second)


_COMMANDS: dict[str, Callable[[MemoryRedis, str, list[Any]], None]] = {
    "HSET": MemoryRedis._hset,
    "HDEL": MemoryRedis._hdel,
    "ZADD": MemoryRedis._zadd,
    "ZREM": MemoryRedis._zrem,
    "ZREMRANGEBYRANK": MemoryRedis._zremrangebyrank,
    "XADD": MemoryRedis._xadd,
    "DEL": MemoryRedis._del,
}
