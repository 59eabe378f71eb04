"""From a record's bytes to what the fold takes. Whatever the bytes are, something is said of them."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from operator import attrgetter

from msgspec import Struct
from msgspec.msgpack import Encoder

from consumers.state import Incoming
from dateline.errors import Undecodable
from dateline.log.base import Record
from dateline.log.partitioner import partition_of
from schemas.codec import Codec
from schemas.events import EVENT_TYPES, Event
from schemas.names import story_of_key

_NOT_SAID_BY_THE_CALLER = frozenset({"event_id", "story", "occurred_at", "expects", "caused_by"})


class Homeless(Struct, frozen=True):
    """A record of no story: its key is missing or broken, or it lies in a partition that is not its key's."""

    offset: int
    problem: str


class Intake:
    """Reads records of one topic. `partitions` is the topic's count, by which a key's partition is known."""

    def __init__(self, codec: Codec, *, partitions: int) -> None:
        self._codec = codec
        self._partitions = partitions

    def read(self, record: Record) -> Incoming | Homeless:
        """Return what the fold takes of `record`, or why it belongs to no story."""
        story = story_of_key(record.key)
        if story is None:
            what = "no key" if record.key is None else f"the key {record.key[:40]!r}, which names no story"
            return Homeless(record.offset, f"The record has {what}.")
        assert record.key is not None
        home = partition_of(record.key, self._partitions)
        if home != record.partition:
            return Homeless(
                record.offset,
                f"The record of story {story!r} belongs to partition {home} and was written to {record.partition} "
                "by a foreign producer; set its partitioner to murmur2.",
            )
        try:
            event = self._codec.decode(record.value)
            if event.story != story:
                raise Undecodable(f"The event names story {event.story[:80]!r}, and its key names {story!r}.")
        except Undecodable as error:
            return Incoming(story, record.offset, record.timestamp, None, "", str(error))
        return Incoming(story, record.offset, record.timestamp, event, fingerprint(event))


def fingerprint(event: Event) -> str:
    """Return a short hash of what the caller gave: the same event sent again has the same, whenever it is sent."""
    return blake2b(_encode((type(event).__name__, _SAID[type(event)](event))), digest_size=6).hexdigest()


_encode = Encoder().encode
_SAID: dict[type[Event], Callable[[Event], object]] = {
    kind: attrgetter(*(name for name in kind.__dataclass_fields__ if name not in _NOT_SAID_BY_THE_CALLER))
    for kind in EVENT_TYPES.values()
}
