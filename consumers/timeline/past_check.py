"""Builds the timeline as of a moment anew from the log, in memory, and holds to it what the live view answers for that moment.

Nothing of it is written anywhere: what was built is handed out story by story, and forgotten.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime

from msgspec import MsgspecError, Struct, json

from consumers.fit import Extent, check_whole
from consumers.timeline.answers import Page, story_json
from consumers.timeline.documents import damaged
from consumers.timeline.past import Past
from consumers.timeline.reader import TimelineReader
from consumers.timeline.replica import differences
from consumers.timeline.story_check import unusable_line
from consumers.timeline.story_keys import Standing, standing
from dateline.errors import Refused, StoreBroken, StoreUnavailable
from dateline.log.base import Log
from dateline.log.partitioner import partition_of
from dateline.redis_store import Store
from schemas.codec import Codec
from schemas.names import story_of_key

MOST_RECORDS = 100_000
"""Records of the stories that are folded at a time, unless it is one story: about 2.5 KB of memory each."""

_MOST_TRIES = 50
_READ = 1000
_LARGEST_PAGE = 500

Progress = Callable[[int], None]
"""Told how many records more were folded."""


class Built(Struct):
    """A story as of the moment.

    Attributes:
        page: All of it, without what is killed or under embargo today; None if there was nothing then, or it cannot be folded.
        left_out: How many updates that leaves out.
        differences: How the live view's answer differs, each in words; None if it was not asked, as it had nothing of it yet.
    """

    story: str
    page: Page | None
    left_out: int
    differences: list[str] | None


class PastCheck:
    """Builds one moment. It reads the log in groups of stories, so that what it remembers does not grow with the log."""

    def __init__(
        self, log: Log, store: Store, *, topic: str, codec: Codec, moment: datetime | int, most: int = MOST_RECORDS
    ) -> None:
        self._log, self._store, self._topic, self._codec = log, store, topic, codec
        self._moment, self._most = moment, most
        self._partitions = log.partitions(topic)
        self._reader = TimelineReader(store, partitions=self._partitions)

    def build(self, story: str | None = None, *, progress: Progress = lambda records: None) -> Iterator[Built]:
        """Build every story, or one, up to where the log ends now, and compare.

        Yields:
            The stories of which the log has any record, partition by partition.

        Raises:
            Refused: There is no live view.
            LogChanged, RetentionGap, OtherVersion: The view does not fit the log, or this release.
            StoreUnavailable: The view never stood still for as long as it takes to compare.
        """
        ends = self._log.end_offsets(self._topic)
        chosen = range(self._partitions) if story is None else [partition_of(story.encode(), self._partitions)]
        for partition in chosen:
            if not ends[partition]:
                continue
            check_whole("timeline", self._at(partition), Extent.of(self._log, self._topic))
            groups = self._groups(partition, ends[partition]) if story is None else [(story,)]
            for group in groups:
                yield from self._group(partition, group, ends[partition], progress)

    def _group(self, partition: int, group: Collection[str] | None, end: int, progress: Progress) -> Iterator[Built]:
        past = Past(self._log, self._topic, partition, self._codec, moment=self._moment, stories=group)
        more = True
        while more:
            folded = past.records
            more = past.fold_page(min(end, self._at(partition).offset))
            progress(past.records - folded)
        found = self._compare(past, partition)
        folded = past.records
        past.fold_to(end)  # where the view is behind, what was killed meanwhile is left out all the same
        progress(past.records - folded)
        for name in sorted(past.stories.keys() | past.failed.keys()):
            page = past.stories[name].page() if name not in past.failed else None
            yield Built(name, page, past.stories[name].left_out if page is not None else 0, found.get(name))

    def _compare(self, past: Past, partition: int) -> Mapping[str, list[str]]:
        """Return how the live answers differ, by story. What differed is asked for again until the view stood still meanwhile."""
        found: dict[str, list[str]] = {}
        wanted: Collection[str] | None = None
        for _ in range(_MOST_TRIES):
            at = self._at(partition)
            past.fold_to(at.offset)
            wanted = past.stories.keys() | past.failed.keys() if wanted is None else wanted
            found |= {name: self._differences(past, name, partition) for name in wanted}
            wanted = [name for name, told in found.items() if told]
            after = self._at(partition)
            if not wanted or (after.generation, after.offset) == (at.generation, at.offset):
                return found
        raise StoreUnavailable(
            f"Partition {partition} of the timeline moves faster than it can be compared. Try in a quieter moment."
        )

    def _differences(self, past: Past, name: str, partition: int) -> list[str]:
        if name in past.failed:
            return [unusable_line(name, b"", past.failed[name])]
        try:
            told = page_differences(name, past.stories[name].page(), self._answer(name))
        except StoreBroken as error:
            told = [f"story {name}: what the live view holds of its past cannot be read: {error}"]
        if told and (at := standing(self._store, partition, name)) is not None and at.parked:
            return [unusable_line(name, at.parked, None)]
        return told

    def _answer(self, name: str) -> Page | None:
        """Return what the live view answers for the moment, its pages put together."""
        page = self._reader.page_as_of(name, self._moment, limit=_LARGEST_PAGE)
        documents = list(page.documents) if page is not None else []
        last = page
        while last is not None and last.next is not None:
            last = self._reader.page_as_of(name, self._moment, limit=_LARGEST_PAGE, cursor=last.next)
            documents += last.documents if last is not None else []
        return Page(page.story, page.seq, None, documents) if page is not None else None

    def _at(self, partition: int) -> Standing:
        at = standing(self._store, partition, "")
        if at is None:
            raise Refused(f"Partition {partition} of the timeline was never built. Run: dateline consume timeline")
        return at

    def _groups(self, partition: int, end: int) -> Iterator[Collection[str] | None]:
        """Yield the stories that are folded together; None for all of the partition."""
        if end - self._log.begin_offsets(self._topic)[partition] <= self._most:
            yield None
            return
        group: list[str] = []
        records = 0
        for story, count in sorted(self._sizes(partition, end).items()):
            if group and records + count > self._most:
                yield group
                group, records = [], 0
            group.append(story)
            records += count
        yield group

    def _sizes(self, partition: int, end: int) -> Mapping[str, int]:
        """Return how many records each story has."""
        sizes: Counter[bytes] = Counter()
        offset, before = 0, -1
        while before < offset < end:
            batch = self._log.read(self._topic, partition, offset, limit=_READ)
            sizes.update(record.key for record in batch.records if record.key is not None)
            before, offset = offset, batch.next_offset
        return {story: count for key, count in sizes.items() if (story := story_of_key(key)) is not None}


def page_differences(story: str, expected: Page | None, found: Page | None) -> list[str]:
    """Return in words how what the live view answers differs from what the log says readers had.

    Raises:
        ContentDamaged: A document of the answer is none.
    """
    if expected is None or found is None:
        nothing, something = ("the log", "the live view") if expected is None else ("the live view", "the log")
        return [] if expected is found else [f"story {story}: {something} has a page of that moment, and {nothing} has none"]
    told = []
    if expected.seq != found.seq:
        told.append(f"story {story}: the seq differs: {found.seq} in the view, {expected.seq} by the log")
    one, other = story_json(expected.story), story_json(found.story)
    if fields := [name for name in one if one[name] != other[name]]:
        told.append(f"story {story}: the heading differs in {', '.join(fields)}")
    shown, answered = _by_id(expected), _by_id(found)
    told += differences(f"docs/{story}", shown, answered)
    if not told and (list(shown) != list(answered) or len(found.documents) != len(answered)):
        told.append(f"story {story}: the updates stand in another order")
    return told


def _by_id(page: Page) -> dict[str, str | float]:
    try:
        return {json.decode(one, type=_Named).id: one.decode() for one in page.documents}
    except (MsgspecError, UnicodeDecodeError) as error:
        raise damaged(f"no document: {error}") from error


class _Named(Struct):
    id: str
