"""From a record's bytes to what the fold takes. Whatever the bytes are, something is said of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from operator import attrgetter
from zlib import crc32

from msgspec import Struct
from msgspec.msgpack import Encoder

from consumers.record_digest import record_digest
from consumers.state import Incoming
from consumers.words import NO_WORDS, words_of
from dateline.errors import Undecodable
from dateline.log.base import Record
from dateline.log.partitioner import partition_of
from schemas.codec import Codec
from schemas.events import EVENT_TYPES, ContentEvent, Event
from schemas.headers import claimed
from schemas.names import story_of_key

_IN_WORDS = "content"
_NOT_SAID = frozenset({"event_id", "story", "occurred_at", "expects", "caused_by", "extra", _IN_WORDS})


class Homeless(Struct, frozen=True):
    """A record of no story: its key is missing or broken, or it lies in a partition that is not its key's.

    Attributes:
        claimed: The event id and the update that its headers name, if any.
    """

    offset: int
    problem: str
    claimed: tuple[str | None, str | None] = (None, None)


class Intake:
    """Reads records of one topic. `partitions` is the topic's count, by which a key's partition is known."""

    def __init__(self, codec: Codec, *, partitions: int) -> None:
        self._codec = codec
        self._partitions = partitions
        self._home = lru_cache(maxsize=65_536)(self._find_home)

    def read(self, record: Record) -> Incoming | Homeless:
        """Return what the fold takes of `record`, or why it belongs to no story."""
        story, home = self._home(record.key)
        if story is None or home != record.partition:
            return Homeless(record.offset, _why_homeless(record, story, home), claimed(record.headers))
        digest = record_digest(record.timestamp, record.key, record.kept_headers, record.value)
        try:
            event = self._codec.decode(record.value)
            if event.story != story:
                raise Undecodable(f"The event names story {event.story[:80]!r}, and its key names {story!r}.")
        except Undecodable as error:
            names = claimed(record.headers)
            return Incoming(story, record.offset, record.timestamp, None, "", str(error), digest=digest, claimed=names)
        words = words_of(event.content) if isinstance(event, ContentEvent) else NO_WORDS
        return Incoming(story, record.offset, record.timestamp, event, _checksum(event, words), None, words, digest)

    def _find_home(self, key: bytes | None) -> tuple[str | None, int]:
        """Return the story that a key names and the partition where its records belong."""
        return story_of_key(key), partition_of(key or b"", self._partitions)


def _why_homeless(record: Record, story: str | None, home: int) -> str:
    if record.key is None:
        return "The record has no key."
    if story is None:
        return f"The record has the key {record.key[:40]!r}, which names no story."
    return (
        f"The record of story {story!r} belongs to partition {home} and was written to {record.partition} by a foreign producer; "
        "set its partitioner to murmur2."
    )


def fingerprint(event: Event) -> str:
    """Return a short checksum of what the caller gave: the same event sent again has the same, whenever it is sent.

    It tells apart events that carry the same id by mistake, so 32 bits and a length are enough.
    """
    return _checksum(event, words_of(event.content) if isinstance(event, ContentEvent) else NO_WORDS)


def _checksum(event: Event, words: str) -> str:
    said = _encode((type(event).__name__, _SAID[type(event)](event))) + words.encode()
    return f"{crc32(said):08x}{len(said):x}"


_encode = Encoder().encode
_SAID: dict[type[Event], Callable[[Event], object]] = {
    kind: attrgetter(*(name for name in kind.__dataclass_fields__ if name not in _NOT_SAID)) for kind in EVENT_TYPES.values()
}
