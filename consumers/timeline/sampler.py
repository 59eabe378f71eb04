"""Compares the live timeline with the log for as long as it runs, a little at a time.

To compare a story, its records must be folded from its first, and a log has no index by story. To keep a partition's fold in
memory would take 3 KB an event; to scan the log for each story would read it a thousand times. So it goes round in groups: as
many stories as have some 20,000 records together are folded in one scan of their partition, which only looks at the keys of the
others; then the group is compared and forgotten. Memory is bounded by that number, or by the largest story.

Redis sums up each of a story's keys itself (`digest.lua`), and the same sums are made of what was folded. Only what differs is
read. The history of an update that the log does not know is not looked for: that would take the names of all keys.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing

from msgspec import Struct

from consumers.fit import Extent, check_whole
from consumers.timeline import keys
from consumers.timeline.documents import read_story
from consumers.timeline.expiring import in_words
from consumers.timeline.folding import Folding
from consumers.timeline.replica import Content, differences
from consumers.timeline.story_check import unusable_line
from consumers.timeline.story_keys import OF_UPDATES, OWN, SHARED, Standing, parts, problems_kept_from, read_part, standing
from consumers.timeline.sums import sum_of, sums
from dateline.errors import StoreBroken
from dateline.log.base import Log
from dateline.redis_store import Store, Wire
from schemas.codec import Codec
from schemas.names import story_of_key

MOST_RECORDS = 20_000
"""Records of the stories of one group, unless it is one story."""

_MOST_STORIES = 1000
_PAGE = 200
_NEARLY = 2 * _PAGE
_MOST_TAILS = 20
_TRIES = 5
_MOST_MEMBERS = 1000

Pause = Callable[[], None]
"""Called after each small step; it sleeps as long as the budget asks."""


class Checked(Struct, frozen=True):
    """One story, compared.

    Attributes:
        records: How many of its records were folded.
        differences: Each in words; None where the story never stood still.
    """

    story: str
    partition: int
    records: int
    differences: Sequence[str] | None


class Sampler:
    """Goes round the stories of the live timeline, each once a round, in another order each time."""

    def __init__(self, log: Log, store: Store, *, topic: str, codec: Codec, pause: Pause, most: int = MOST_RECORDS) -> None:
        self._log, self._store, self._topic, self._codec = log, store, topic, codec
        self._pause, self._most = pause, most

    def round(self) -> Iterator[Checked]:
        """Compare each story once, those too that the view has lost.

        Raises:
            LogChanged, RetentionGap, OtherVersion, HalfWritten: The view does not fit the log, or this release.
        """
        partitions = list(range(self._log.partitions(self._topic)))
        random.shuffle(partitions)
        with closing(self._store.wire([keys.DIGEST, keys.EXPIRING, keys.SCORES, keys.STANDING])) as wire:
            for partition in partitions:
                yield from self._partition(wire, partition)

    def _partition(self, wire: Wire, partition: int) -> Iterator[Checked]:
        at = standing(self._store, partition, "")
        if at is None:
            return
        check_whole("timeline", at, Extent.of(self._log, self._topic))
        sizes = self._sizes(at)
        passed_over: set[bytes] = set()
        for group in self._groups(sizes):
            folding = self._folding(partition, group)
            yield from self._compare(wire, partition, group, folding)
            passed_over |= folding.passed_over
        if not sizes:
            folding = self._folding(partition, ())
            passed_over |= folding.passed_over
        lost = {story for key in passed_over if (story := story_of_key(key)) is not None} - sizes.keys()
        for group in self._groups(dict.fromkeys(sorted(lost), 1)):
            yield from self._compare(wire, partition, group, self._folding(partition, group))

    def _sizes(self, at: Standing) -> dict[str, int]:
        ((_, stories),) = self._store.contents_of([f"{at.prefix}stories"])
        return {story: _records(str(text)) for story, text in stories.items()}

    def _groups(self, sizes: Mapping[str, int]) -> Iterator[list[str]]:
        group: list[str] = []
        records = 0
        for story in random.sample(sorted(sizes), len(sizes)):
            if group and (records + sizes[story] > self._most or len(group) == _MOST_STORIES):
                yield group
                group, records = [], 0
            group.append(story)
            records += sizes[story]
        if group:
            yield group

    def _folding(self, partition: int, group: Collection[str]) -> Folding:
        """Fold the records of a group up to the view's cursor, which goes on meanwhile."""
        folding = Folding(self._log, self._topic, partition, self._codec, stories=group)
        for _ in range(_MOST_TAILS):
            at = standing(self._store, partition, "")
            if at is None or at.offset - folding.offset <= (_NEARLY if folding.offset else 0):
                break
            while folding.fold_page(at.offset, limit=_PAGE):
                self._pause()
        self._pause()
        return folding

    def _compare(self, wire: Wire, partition: int, group: Sequence[str], folding: Folding) -> Iterator[Checked]:
        by_story, folded = parts(folding.replica.keys), folding.records
        for story in group:
            found: Sequence[str] | None = None
            records = 0
            for _ in range(_TRIES):
                at = standing(self._store, partition, story)
                if at is None:
                    return
                folding.fold_to(at.offset)
                if folding.records != folded:
                    by_story, folded = parts(folding.replica.keys), folding.records
                part = by_story.get(story, {})
                records = len(part.get(f"events/{story}", ()))
                found = self._differences(wire, at, story, part, folding.failed.get(story))
                after = standing(self._store, partition, story)
                if after is not None and (after.generation, after.state, after.parked) == (at.generation, at.state, at.parked):
                    break
                found = None
            yield Checked(story, partition, records, found)
            self._pause()

    def _differences(
        self, wire: Wire, at: Standing, story: str, part: Mapping[str, Content], failed: str | None
    ) -> Sequence[str]:
        if at.parked or failed:
            return [unusable_line(story, at.parked, failed)]
        own = {f"{kind}/{story}": what for kind, what in OWN.items()}
        own |= {key: OF_UPDATES[kind] for key in part if (kind := key.partition("/")[0]) in OF_UPDATES}
        try:
            made = sums(wire, {at.prefix + key: what for key, what in own.items()})
            wanted = [key for key in own if made[at.prefix + key] != sum_of(part.get(key, {}))]
        except StoreBroken:  # a key is of another kind
            wanted = list(own)
        forgotten = list(in_words(wire.send(keys.EXPIRING, [at.prefix + key for key in own], []).get()).values())
        if wanted or not self._has_members(wire, at, story, part):
            return [*self._read_differences(at, story, part, [*wanted, *SHARED]), *forgotten]
        return forgotten

    def _has_members(self, wire: Wire, at: Standing, story: str, part: Mapping[str, Content]) -> bool:
        """Return whether the keys that all stories share hold what they must of this one."""
        if at.state.decode(errors="replace") != part.get("stories", {}).get(story, ""):
            return False
        for key in SHARED:
            mine = list(part.get(key, {}).items()) if key not in ("stories", "problems") else []
            for start in range(0, len(mine), _MOST_MEMBERS):
                some = mine[start : start + _MOST_MEMBERS]
                found = wire.send(keys.SCORES, [at.prefix + key], [name for name, _ in some]).get()
                if [float(score) if score else None for score in found] != [score for _, score in some]:
                    return False
        return True

    def _read_differences(self, at: Standing, story: str, part: Mapping[str, Content], wanted: Sequence[str]) -> list[str]:
        live = read_part(self._store, at, story, wanted)
        first = problems_kept_from(self._store, at)
        expected = dict(part)
        expected["problems"] = {name: value for name, value in part.get("problems", {}).items() if float(value) >= first}
        return [line for key in wanted for line in differences(key, expected.get(key, {}), live.get(key, {}))]


def _records(state: str) -> int:
    try:
        return read_story(state).seq
    except StoreBroken:
        return 1
