"""Proves that a live timeline is what the log says: folds the log anew, in memory, and compares every key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256

from msgspec import Struct

from consumers.record_digest import Chain, log_digest
from consumers.timeline import keys
from consumers.timeline.documents import read_story
from consumers.timeline.expiring import expiring
from consumers.timeline.folding import Folding
from consumers.timeline.leftovers import leftovers
from consumers.timeline.replica import Content, differences
from consumers.timeline.story_check import unusable_line
from consumers.timeline.story_keys import PARKED, REBUILD, without
from dateline.errors import StoreUnavailable
from dateline.log.base import Log
from dateline.redis_store import Store
from schemas.codec import Codec

UNCOMPARED = ("token", "made", "first", "torn", "owner", "signer", "seen", "rate", "error", "error_at")
_MOST_TRIES = 50


class Audit(Struct):
    """What an audit found.

    Attributes:
        records: Records folded.
        stories: Stories of which there are any.
        updates: Updates that are public.
        differences: Each in words; empty if the view is what the log says.
        digest: SHA-256 over what readers may see of every story, the same on any backend and for any partition count.
        record: The digest of the log itself, of every story's record (`consumers.record_digest`); as independent of the backend.
    """

    records: int
    stories: int
    updates: int
    differences: list[str]
    digest: str
    record: str


class Auditor:
    """Folds `log` in memory, and compares it with the live view in `store` as often as it is asked.

    What was folded stays in memory, about 3 KB an event, so that a later audit folds only what came since.
    """

    def __init__(self, log: Log, store: Store, *, topic: str, codec: Codec, keep: bool = True) -> None:
        """Fold nothing yet.

        Args:
            keep: Whether a partition that was compared stays in memory; without it, there is one at a time.
        """
        self._log, self._store, self._topic, self._codec = log, store, topic, codec
        self._keep = keep
        self._kept: dict[int, Folding] = {}

    def audit(self) -> Audit:
        """Compare the view with the log up to the view's cursor; the view may go on meanwhile."""
        partitions = self._log.partitions(self._topic)
        records = stories = updates = 0
        found: list[str] = []
        digests: list[tuple[str, bytes]] = []
        chains: list[tuple[str, Chain]] = []
        for number in range(partitions):
            folding = self._folding(number)
            found += _compare(self._store, number, folding)
            records += folding.records
            stories += len(folding.replica.keys.get("stories", ()))
            updates += sum(len(content) for key, content in folding.replica.keys.items() if key.startswith("docs/"))
            digests += _story_digests(folding.replica.keys)
            chains += _chains(folding.replica.keys)
        found += expiring(self._store)
        found += [_left_over(name, count) for name, count in leftovers(self._store, partitions=partitions).items()]
        return Audit(records, stories, updates, found, _combined(digests), log_digest(chains).hex())

    def _folding(self, number: int) -> Folding:
        folding = self._kept.get(number) or Folding(self._log, self._topic, number, self._codec)
        if self._keep:
            self._kept[number] = folding
        return folding


def _compare(store: Store, number: int, folding: Folding) -> list[str]:
    """Compare one partition. A key that differed is read again, with the cursor, until both were read at one moment.

    Raises:
        StoreUnavailable: The view never stood still for so long.
    """
    wanted: list[str] | None = None
    for _ in range(_MOST_TRIES):
        generation, offset = _cursor(store, number)
        live = _live_keys(store, number, generation, wanted)
        folding.fold_to(_cursor(store, number)[1])
        if not live and not folding.offset:
            return []
        expected = folding.expected()
        parked = live.pop(PARKED, {})
        aside = parked.keys() | folding.failed.keys()
        told = [unusable_line(story, str(parked.get(story, "")), folding.failed.get(story)) for story in sorted(aside)]
        if aside:
            expected, live = _without_stories(expected, aside), _without_stories(live, aside)
        wanted = [key for key in expected.keys() | live.keys() if wanted is None or key in wanted]
        wanted = [key for key in wanted if expected.get(key, {}) != live.get(key, {})]
        if not wanted or _cursor(store, number) == (generation, offset):
            named = (line for key in sorted(wanted) for line in differences(key, expected.get(key, {}), live.get(key, {})))
            return [*told, *named]
        wanted.append(PARKED)
    raise StoreUnavailable(f"Partition {number} of the timeline moves faster than it can be compared. Try in a quieter moment.")


def _without_stories(contents: Mapping[str, Content], stories: Iterable[str]) -> dict[str, Content]:
    """Leave out what is these stories', and what counts their records too."""
    rest = without(contents, set(stories))
    rest.pop("problems", None)
    rest["meta"] = {name: value for name, value in rest.get("meta", {}).items() if name != "undecodable"}
    return rest


def _left_over(generation: str, count: int) -> str:
    what = "1 key" if count == 1 else f"{count:,} keys"
    return f"left over: {what} of generation {generation}, which nothing names. Run: dateline generations drop leftovers"


def _cursor(store: Store, number: int) -> tuple[str, int]:
    found = store.call(keys.CURSOR, [keys.live(number)], [keys.prefix(number)])
    return (found[0].decode(), int(found[1][0])) if found else ("", 0)


def _live_keys(store: Store, number: int, generation: str, wanted: Sequence[str] | None) -> dict[str, Content]:
    """Read the live generation's keys, or only those that are wanted, without its prefix."""
    prefix = keys.generation_prefix(number, generation)
    found = store.contents(prefix) if wanted is None else store.contents_of([prefix + key for key in wanted])
    live = {name: content for key, content in found if content and not (name := key.removeprefix(prefix)).startswith(REBUILD)}
    for name in UNCOMPARED:
        live.get("meta", {}).pop(name, None)
    return live


def _story_digests(replica: Mapping[str, Content]) -> Iterator[tuple[str, bytes]]:
    for story in replica.get("stories", ()):
        digest = sha256(story.encode())
        for kind in ("index", "key", "pinned", "withheld", "docs", "changes"):
            for name, value in sorted(replica.get(f"{kind}/{story}", {}).items()):
                digest.update(f"\n{kind} {name} {value}".encode())
        yield story, digest.digest()


def _chains(replica: Mapping[str, Content]) -> Iterator[tuple[str, Chain]]:
    for text in replica.get("stories", {}).values():
        story = read_story(str(text))
        yield story.id, Chain(story.seq, story.digest)


def _combined(digests: Sequence[tuple[str, bytes]]) -> str:
    whole = sha256()
    for _, digest in sorted(digests):
        whole.update(digest)
    return whole.hexdigest()
