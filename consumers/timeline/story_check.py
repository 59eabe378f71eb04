"""Proves that one story of the live timeline is what the log says: folds its records alone, and compares what is its own."""

from __future__ import annotations

from msgspec import MsgspecError, Struct, json

from consumers.fit import Extent, check_whole
from consumers.story import FOLD_VERSION
from consumers.timeline.expiring import expiring_of
from consumers.timeline.folding import Folding
from consumers.timeline.replica import Content, Past, differences
from consumers.timeline.story_keys import SHARED, Standing, live_part, problems_kept_from, standing
from dateline.errors import Refused, StoreUnavailable
from dateline.log.base import Log
from dateline.log.partitioner import partition_of
from dateline.redis_store import Store
from schemas.codec import Codec

_MOST_TRIES = 50


class StoryFound(Struct):
    """What a check of one story found.

    Attributes:
        at: Where the story stood.
        records: How many records of it there are up to there.
        expected: What must be its part of the partition's keys.
        live: The keys of which something differs, as they are.
        wanted: The names of these.
        differences: Each in words; a parked story has one, whatever else is missing of it.
    """

    at: Standing
    records: int
    expected: dict[str, Content]
    live: dict[str, Content]
    wanted: list[str]
    differences: list[str]

    @property
    def is_known(self) -> bool:
        """Whether there is anything of the story, in the log or in the view."""
        return bool(self.records or self.live or self.at.state or self.at.parked)


class StoryCheck:
    """Compares one story with the log, as often as it is asked. What was folded stays in memory."""

    def __init__(self, log: Log, store: Store, *, topic: str, codec: Codec, story: str) -> None:
        self._log, self._store, self._topic = log, store, topic
        self.story = story
        self.partition = partition_of(story.encode(), log.partitions(topic))
        self._fits = ""
        self.folding = Folding(log, topic, self.partition, codec, stories=(story,))

    def stand(self) -> Standing:
        """Return where the story stands in the live view, and fold its records up to there.

        Raises:
            Refused: There is no live view.
            LogChanged, RetentionGap, OtherVersion: The view does not fit the log, or this release.
        """
        at = standing(self._store, self.partition, self.story)
        if at is None and not self._log.end_offsets(self._topic)[self.partition]:  # nothing was ever said there
            return Standing(self.partition, "", 0, self._log.id(self._topic), FOLD_VERSION, 0, "", b"", b"")
        if at is None:
            raise Refused(f"Partition {self.partition} of the timeline was never built. Run: dateline consume timeline")
        if at.generation != self._fits:
            check_whole("timeline", at, Extent.of(self._log, self._topic))
            self._fits = at.generation
        self.folding.fold_to(at.offset)
        return at

    def compare(self) -> StoryFound:
        """Compare, whether the story stands still or not: what was read of it is right if it was so at any record meanwhile.

        Raises:
            StoreUnavailable: Another generation went live, or the view was taken back, each time.
        """
        for _ in range(_MOST_TRIES):
            before = self.stand()
            live = live_part(self._store, before, self.story)
            with self.folding.remembering() as past:
                at = self.stand()
            if at.generation == before.generation and at.offset >= before.offset:
                return self._found(at, live, past)
        raise StoreUnavailable(f"Story {self.story!r} could not be compared: another generation went live each time. Try again.")

    def expected(self, at: Standing) -> dict[str, Content]:
        """Return what must be the story's part, as far as it is folded."""
        part = {key: content for key, content in self.folding.replica.keys.items() if key != "meta"}  # it holds one story
        if "problems" in part:
            first = problems_kept_from(self._store, at)
            part["problems"] = {name: offset for name, offset in part["problems"].items() if float(offset) >= first}
        return {key: content for key, content in part.items() if content}

    def _found(self, at: Standing, live: dict[str, Content], past: Past) -> StoryFound:
        expected = self.expected(at)
        wanted, told = [], []
        for key in sorted(expected.keys() | live.keys()):
            found = live.get(key, {})
            meanwhile = {name: found.get(name) for name, values in past.get(key, {}).items() if found.get(name) in values}
            right = {name: value for name, value in (expected.get(key, {}) | meanwhile).items() if value is not None}
            if lines := differences(key, right, found):
                wanted.append(key)
                told += lines
        forgotten = expiring_of(self._store, [at.prefix + key for key in sorted(live) if key not in SHARED])
        told += forgotten.values()
        wanted += [key for one in forgotten if (key := one.removeprefix(at.prefix)) not in wanted]
        failed = self.folding.failed.get(self.story)
        if at.parked or failed:
            told = [unusable_line(self.story, at.parked, failed)]
        kept = {key: live[key] for key in wanted if key in live}
        return StoryFound(at, self.folding.records, expected, kept, wanted, told)


def unusable_line(story: str, entry: bytes | str, failed: str | None) -> str:
    """Return in one line why a story cannot be compared: it is parked, or one of its records cannot be folded here either."""
    if not entry:
        return f"story {story}: one of its records cannot be folded: {failed}"
    told = _parked(entry)
    since = f" since seq {told.seq}" if told.seq else ""
    return f"story {story}: it is parked{since}{f': {told.error}' if told.error else ''}"


def parked_from(entry: bytes) -> int | None:
    """Return the offset from which on a parked story's records were not applied; None where its entry does not tell."""
    return _parked(entry).offset


def _parked(entry: bytes | str) -> _Parked:
    try:
        return json.decode(entry, type=_Parked)
    except MsgspecError:
        return _Parked()


class _Parked(Struct):
    """What is used of a parked story's entry, whatever else became of it."""

    offset: int | None = None
    seq: int | None = None
    error: str | None = None
