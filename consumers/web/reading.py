"""Reads what a feed, a page or an answer of the read API is made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from threading import Lock
from typing import Final

from msgspec import Struct, structs

from consumers.timeline.answers import ListedCorrection, Listing, Marks, Page, Part, TakenOff
from consumers.timeline.reader import TimelineReader
from consumers.timeline.shown import read_document
from consumers.web.coverage import Coverage, Gone
from consumers.web.endpoints import Asked, Missing, no_story
from consumers.web.feeds.archives import HEAD, LOOKED_AT, OTHERS, WINDOW, Archives, archives_of, places_of
from schemas.times import rfc3339

_STORIES_KEPT: Final = 1_000


def read_page(asked: Asked, *, limit: int, key_events: bool = False) -> Page:
    """Return the page of a timeline that is asked for, as it is or as it was.

    Raises:
        Missing: There is no such story, or there was none then.
        Refused: The cursor is none of ours.
    """
    reader, cursor, as_of = asked.reader, asked.given["cursor"], asked.given["as_of"]
    if as_of is None:
        page = reader.page(asked.story, limit=limit, cursor=cursor, key_events=key_events)
    else:
        page = reader.page_as_of(asked.story, as_of, limit=limit, cursor=cursor, key_events=key_events)
    if page is None:
        raise _nothing_then(asked) or no_story(asked)
    return page


def _nothing_then(asked: Asked) -> Missing | None:
    """Return the error for a time before the story began; None if there is no such story at all."""
    as_of = asked.given["as_of"]
    story = asked.reader.story(asked.story) if as_of is not None else None
    if story is None:
        return None
    then = as_of if isinstance(as_of, int) else rfc3339(as_of)
    return Missing(f"As of {then}, readers had nothing of story {asked.story!r}. Its beginning: as_of=1", story=story)


def read_corrections(asked: Asked) -> Listing[ListedCorrection]:
    """Return the corrections that are asked for, of one story or of all.

    Raises:
        Missing: There is no such story.
        Refused: The cursor is none of ours.
    """
    story = asked.given["story"]
    if story is not None and asked.reader.story(story) is None:
        raise no_story(structs.replace(asked, story=story))
    return asked.reader.corrections(story, limit=asked.given["limit"], cursor=asked.given.get("cursor"))  # a feed takes no cursor


def read_coverage(
    reader: TimelineReader, story: str, *, limit: int = 20, cursor: str | None = None, others: int = 0
) -> Coverage | None:
    """Return a part of `story`, and what was taken off it lately; None if there is no such story.

    Args:
        others: Of the head: how many updates there may be that are no part of the page and changed lately.

    Raises:
        Refused: The cursor is none of ours.
    """
    part = reader.recent(story, limit=limit, cursor=cursor, tail=LOOKED_AT, others=others)
    return coverage_of(part) if part is not None else None


def coverage_of(part: Part) -> Coverage:
    """Return a part of a timeline, taken apart."""
    page = part.page
    documents = [*zip(page.documents, page.places, strict=True), *part.others]
    return Coverage(
        story=page.story,
        seq=page.seq,
        generation=page.generation,
        updates=[read_document(document) for document, _ in documents],
        places=[place for _, place in documents],
        gone=[_gone(one) for one in part.taken_off],
        next=page.next,
    )


class _Known(Struct, frozen=True):
    """What is known of a story's windows.

    Attributes:
        seq: The story's.
        reached: The change up to which `last` tells.
    """

    generation: str
    seq: int
    reached: int
    last: Mapping[int, int]


class FeedReader:
    """Reads a story's feed in the parts that it is cut into. Safe for use by several threads.

    It remembers which windows of a story were changed last, so that a request reads only the changes since the one before.
    """

    def __init__(self, reader: TimelineReader) -> None:
        self._reader = reader
        self._known: dict[str, _Known] = {}
        self._lock = Lock()

    def head(self, story: str) -> tuple[Coverage, Archives] | None:
        """Return the head of the feed, older updates that changed lately in it, and the archives that go on from it.

        The archives are read after the head and are never behind it, so between them they hold every update.
        """
        coverage = read_coverage(self._reader, story, limit=HEAD, others=OTHERS)
        return (coverage, self.archives(story)) if coverage is not None else None

    def archive(self, story: str, *, number: int) -> tuple[Coverage, Archives] | None:
        """Return what an archive holds, and the archives as they were while it was read; None if there is none."""
        first, last = places_of(number)
        before = self.archives(story)
        while number in before:
            part = self._reader.window(story, first=first, last=last)
            after = self.archives(story)
            if part is None or number not in after:
                return None
            if after.version(number) == before.version(number):
                return coverage_of(part), after
            before = after
        return None

    def archives(self, story: str) -> Archives:
        """Return the archives that a story has now; none if there is no such story."""
        with self._lock:
            known = self._known.get(story)
        found = self._caught_up(story, known)
        if found is None:
            return Archives()
        with self._lock:
            self._known.pop(story, None)
            self._known[story] = found  # the last of the order in which they are forgotten
            while len(self._known) > _STORIES_KEPT:
                del self._known[next(iter(self._known))]
        return archives_of(found.seq, found.last)

    def _caught_up(self, story: str, known: _Known | None) -> _Known | None:
        found = None
        for marks in self._marks(story, since=known.reached if known is not None else 0):
            if known is not None and (known.generation != marks.generation or marks.seq < known.reached):
                return self._caught_up(story, None)  # another generation, or a Redis that lost its last second
            found = known = _merged(known, marks)
        return found

    def _marks(self, story: str, *, since: int) -> Iterator[Marks]:
        more = True
        while more and (marks := self._reader.marks(story, since=since, window=WINDOW)) is not None:
            yield marks
            since, more = marks.reached, marks.more


def _merged(known: _Known | None, marks: Marks) -> _Known:
    last = known.last if known is not None else {}
    return _Known(marks.generation, marks.seq, marks.reached, {**last, **marks.last} if marks.last else last)


def _gone(one: TakenOff) -> Gone:
    change = one.change
    return Gone(change.update or "", change.kind, change.seq, change.occurred_at, one.place)
