"""Proves that a live timeline is what the log says: folds the log anew, in memory, and compares every key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256

from msgspec import Struct

from consumers.intake import Homeless, Intake
from consumers.memory import Memory
from consumers.state import Incoming
from consumers.story import FOLD_VERSION
from consumers.timeline import keys
from consumers.timeline.replica import Content, Replica, differences
from consumers.timeline.writes import batch_writes
from consumers.view import Folded, StoryLoaded
from dateline.errors import StoreUnavailable
from dateline.log.base import Log
from dateline.redis_store import Store
from schemas.codec import Codec

_PAGE = 1000
_UNCOMPARED = "token"
_WHOLE = 1 << 62
_MOST_TRIES = 50


class Audit(Struct):
    """What an audit found.

    Attributes:
        records: Records folded.
        stories: Stories of which there are any.
        updates: Updates that are public.
        differences: Each in words; empty if the view is what the log says.
        digest: SHA-256 over what readers may see of every story, the same on any backend and for any partition count.
    """

    records: int
    stories: int
    updates: int
    differences: list[str]
    digest: str


class _Partition:
    """One partition's log, folded so far as it was asked to be."""

    def __init__(self, log: Log, topic: str, partition: int, codec: Codec) -> None:
        self._log, self._topic, self._partition = log, topic, partition
        self._intake = Intake(codec, partitions=log.partitions(topic))
        self._memory = Memory(limit=_WHOLE)
        self._homeless = self._undecodable = 0
        self.offset = self.records = 0
        self.replica = Replica()

    def fold_to(self, end: int) -> None:
        """Fold the records before offset `end`."""
        while self.offset < end:
            before = self.offset
            batch = self._log.read(self._topic, self._partition, before, limit=_PAGE)
            records = [record for record in batch.records if record.offset < end]
            self._fold([self._intake.read(record) for record in records], min(batch.next_offset, end))
            self.records += len(records)
            if batch.next_offset == before:
                break

    def _fold(self, read: Sequence[Incoming | Homeless], next_offset: int) -> None:
        incoming = [one for one in read if isinstance(one, Incoming)]
        homeless = [one for one in read if isinstance(one, Homeless)]
        needs = self._memory.needs(incoming)
        self._memory.learn(needs, {story: StoryLoaded(None, {}, {}) for story in needs})
        stories = self._memory.fold(incoming)
        self._homeless += len(homeless)
        self._undecodable += sum(one.event is None for one in incoming)
        folded = Folded(self.offset, next_offset, stories, homeless, self._homeless, self._undecodable)
        self.replica.apply(batch_writes("", folded))
        self.offset = next_offset

    def expected(self) -> dict[str, Content]:
        """Return what must be in the view, the cursor too, by key without the generation's prefix."""
        meta: Content = {
            "next": str(self.offset),
            "log": self._log.id(self._topic),
            "fold": str(FOLD_VERSION),
            "homeless": str(self._homeless),
            "undecodable": str(self._undecodable),
        }
        return {**self.replica.keys, "meta": meta}


class Auditor:
    """Folds `log` in memory, and compares it with the live view in `store` as often as it is asked.

    What was folded stays in memory, about 3 KB an event, so that a later audit folds only what came since.
    """

    def __init__(self, log: Log, store: Store, *, topic: str, codec: Codec) -> None:
        self._store = store
        self._partitions = [_Partition(log, topic, number, codec) for number in range(log.partitions(topic))]

    def audit(self) -> Audit:
        """Compare the view with the log up to the view's cursor; the view may go on meanwhile."""
        records = stories = updates = 0
        found: list[str] = []
        digests: list[tuple[str, bytes]] = []
        for number, partition in enumerate(self._partitions):
            found += _compare(self._store, number, partition)
            records += partition.records
            stories += len(partition.replica.keys.get("stories", ()))
            updates += sum(len(content) for key, content in partition.replica.keys.items() if key.startswith("docs/"))
            digests += _story_digests(partition.replica.keys)
        return Audit(records, stories, updates, found, _combined(digests))


def _compare(store: Store, number: int, partition: _Partition) -> list[str]:
    """Compare one partition. A key that differed is read again, with the cursor, until both were read at one moment.

    Raises:
        StoreUnavailable: The view never stood still for so long.
    """
    wanted: list[str] | None = None
    for _ in range(_MOST_TRIES):
        generation, offset = _cursor(store, number)
        live = _live_keys(store, number, generation, wanted)
        partition.fold_to(_cursor(store, number)[1])
        if not live and not partition.offset:
            return []
        expected = partition.expected()
        wanted = [key for key in expected.keys() | live.keys() if wanted is None or key in wanted]
        wanted = [key for key in wanted if expected.get(key, {}) != live.get(key, {})]
        if not wanted or _cursor(store, number) == (generation, offset):
            return [told for key in sorted(wanted) for told in differences(key, expected.get(key, {}), live.get(key, {}))]
    raise StoreUnavailable(f"Partition {number} of the timeline moves faster than it can be compared. Try in a quieter moment.")


def _cursor(store: Store, number: int) -> tuple[str, int]:
    found = store.call(keys.CURSOR, [keys.live(number)], [keys.prefix(number)])
    return (found[0].decode(), int(found[1][0])) if found else ("", 0)


def _live_keys(store: Store, number: int, generation: str, wanted: Sequence[str] | None) -> dict[str, Content]:
    """Read the live generation's keys, or only those that are wanted, without its prefix."""
    prefix = keys.generation_prefix(number, generation)
    found = store.contents(prefix) if wanted is None else store.contents_of([prefix + key for key in wanted])
    live = {key.removeprefix(prefix): content for key, content in found if content}
    live.get("meta", {}).pop(_UNCOMPARED, None)
    return live


def _story_digests(replica: Mapping[str, Content]) -> Iterator[tuple[str, bytes]]:
    for story in replica.get("stories", ()):
        digest = sha256(story.encode())
        for kind in ("index", "key", "pinned", "withheld", "docs", "changes"):
            for name, value in sorted(replica.get(f"{kind}/{story}", {}).items()):
                digest.update(f"\n{kind} {name} {value}".encode())
        yield story, digest.digest()


def _combined(digests: Sequence[tuple[str, bytes]]) -> str:
    whole = sha256()
    for _, digest in sorted(digests):
        whole.update(digest)
    return whole.hexdigest()
