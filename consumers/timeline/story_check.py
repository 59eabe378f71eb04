"""Proves that one story of the live timeline is what the log says: folds its records alone, and compares what is its own."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import MsgspecError, Struct, json

from consumers.story import FOLD_VERSION
from consumers.timeline.folding import Folding
from consumers.timeline.replica import Content, differences
from consumers.timeline.story_keys import Standing, live_part, problems_kept_from, read_part, standing
from dateline.errors import LogChanged, OtherVersion, Refused, RetentionGap, StoreUnavailable
from dateline.log.base import Log
from dateline.log.partitioner import partition_of
from dateline.redis_store import Store
from schemas.codec import Codec

_MOST_TRIES = 50
_FEW_TRIES = 4


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
            return Standing(self.partition, "", 0, self._log.id(self._topic), FOLD_VERSION, b"", b"")
        if at is None:
            raise Refused(f"Partition {self.partition} of the timeline was never built. Run: dateline consume timeline")
        if at.generation != self._fits:
            refuse_misfit(self._log, self._topic, at)
            self._fits = at.generation
        self.folding.fold_to(at.offset)
        return at

    def compare(self, *, settle: bool = True) -> StoryFound:
        """Compare. What differed is read again until it was read while the story stood still.

        Args:
            settle: Whether it has to stand still in the end. Without, what still seems to differ is told of as far as it
                seemed so twice.

        Raises:
            StoreUnavailable: It never stood still for so long.
        """
        before = self.stand()
        live = live_part(self._store, before, self.story)
        wanted = live.keys() | self.expected(before).keys()
        seemed: list[str] = []
        for left in reversed(range(_MOST_TRIES if settle else _FEW_TRIES)):
            at = self.stand()
            expected = self.expected(at)
            wanted = {key for key in wanted if expected.get(key, {}) != live.get(key, {})}
            found = self._found(at, expected, live, sorted(wanted))
            if not wanted or at.state == before.state or at == before:
                return found
            if not settle and not left:
                found.differences = [line for line in found.differences if line in seemed]
                return found
            seemed = found.differences
            before, live = at, read_part(self._store, at, self.story, wanted)
        raise StoreUnavailable(f"Story {self.story!r} moves faster than it can be compared. Try in a quieter moment.")

    def expected(self, at: Standing) -> dict[str, Content]:
        """Return what must be the story's part, as far as it is folded."""
        part = {key: content for key, content in self.folding.replica.keys.items() if key != "meta"}  # it holds one story
        if "problems" in part:
            first = problems_kept_from(self._store, at)
            part["problems"] = {name: offset for name, offset in part["problems"].items() if float(offset) >= first}
        return {key: content for key, content in part.items() if content}

    def _found(self, at: Standing, expected: dict[str, Content], live: Mapping[str, Content], wanted: list[str]) -> StoryFound:
        told = [line for key in wanted for line in differences(key, expected.get(key, {}), live.get(key, {}))]
        failed = self.folding.failed.get(self.story)
        if at.parked or failed:
            told = [unusable_line(self.story, at.parked, failed)]
        kept = {key: live[key] for key in wanted if key in live}
        return StoryFound(at, self.folding.records, expected, kept, wanted, told)


def refuse_misfit(log: Log, topic: str, at: Standing) -> None:
    """See that a partition of the live view fits the log and this release.

    Raises:
        LogChanged, RetentionGap, OtherVersion: It does not.
    """
    log_id = log.id(topic)
    if at.log_id != log_id:
        raise LogChanged(
            f"LOG_CHANGED: the timeline view (partition {at.partition}) was built from log {at.log_id}, and "
            f"{log.url} is log {log_id}. Point both settings at what belongs together."
        )
    if at.fold_version != FOLD_VERSION:
        raise OtherVersion(
            f"The live timeline view was made by fold version {at.fold_version}, and this release has {FOLD_VERSION}. "
            "Run dateline replay to build it anew."
        )
    refuse_gap(log, topic, at.partition)


def refuse_gap(log: Log, topic: str, partition: int) -> None:
    """See that a partition's log is there from its beginning.

    Raises:
        RetentionGap: It is not.
    """
    begin = log.begin_offsets(topic)[partition]
    if begin > 0:
        raise RetentionGap(
            f"RETENTION_GAP: partition {partition} of {log.url} begins at offset {begin}, so what came before "
            "cannot be folded. Bring the missing records back; they are kept for ever by default."
        )


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
