"""Follows the view: which stories changed, and what, of those that somebody listens to. In threads, which Redis is asked from."""

from __future__ import annotations

import random
from collections.abc import Sequence
from threading import Event, Lock, Thread
from typing import Protocol

from consumers.timeline.answers import News, PublicChange
from consumers.timeline.reader import TimelineReader
from dateline.errors import DatelineError

_ROUND = 1.0
_PAUSE = 0.25
_AT_ONCE = 500


class Source(Protocol):
    """Where the view is read from. Safe for use by several threads."""

    def reader(self) -> TimelineReader:
        """Return the reader to use now."""

    def renew(self, failed: TimelineReader | None) -> None:
        """Let go of a reader whose Redis was lost, unless another thread did it; it may come back elsewhere."""


class Listener(Protocol):
    """Who is told; called from the follower's threads."""

    def changed(self, stories: Sequence[str]) -> None:
        """Stories had records; what is kept of them is old."""

    def told(self, story: str, changes: Sequence[PublicChange]) -> None:
        """These changes follow on the last that were told of a story that is listened to."""

    def began_anew(self, story: str, seq: int) -> None:
        """What was told of a story is not so any more."""

    def lost(self, error: DatelineError) -> None:
        """The view cannot be followed for now."""

    def regained(self) -> None:
        """The view is followed; anything may have changed meanwhile."""


class Follower:
    """Tells a listener of what changes.

    Args:
        source: Of the view.
        listener: Told from threads of the follower's own.
    """

    def __init__(self, source: Source, listener: Listener) -> None:
        self._source = source
        self._listener = listener
        self._listened: dict[str, _Place] = {}
        self._lock = Lock()
        self._stopped = Event()
        self._threads: list[Thread] = []
        self._well: dict[int, bool] = {}

    def start(self) -> None:
        self._spawn(0, None)

    def stop(self) -> None:
        """Tell nobody of anything any more, and wait for the threads."""
        self._stopped.set()
        for thread in self._threads:
            thread.join(timeout=2 * _ROUND)

    def listen(self, story: str, seq: int) -> None:
        """Have the changes of `story` after `seq` told from now on, those first that are there already."""
        place = _Place(seq)
        with self._lock:
            self._listened[story] = place
        self._tell(self._source.reader(), story)

    def forget(self, story: str) -> None:
        with self._lock:
            self._listened.pop(story, None)

    def _spawn(self, number: int, streams: Sequence[str] | None) -> None:
        thread = Thread(target=self._run, args=(number, streams), name=f"follower-{number}", daemon=True)
        self._threads.append(thread)
        self._well[number] = False
        thread.start()

    def _run(self, number: int, streams: Sequence[str] | None) -> None:
        """Follow some streams until stopped; the first thread finds out which there are, and has the others started."""
        while not self._stopped.is_set():
            reader: TimelineReader | None = None
            try:
                reader = self._source.reader()
                if streams is None:
                    streams, *others = reader.wake_streams()
                    for at, group in enumerate(others, start=1):
                        self._spawn(at, group)
                self._follow(number, reader, streams)
            except DatelineError as error:
                self._well[number] = False
                self._listener.lost(error)
                self._source.renew(reader)
                self._stopped.wait(_PAUSE * random.uniform(0.5, 1.0))

    def _follow(self, number: int, reader: TimelineReader, streams: Sequence[str]) -> None:
        seen = reader.wake_ends(streams)
        self._catch_up(reader)
        self._well[number] = True
        if all(self._well.values()):
            self._listener.regained()
        while not self._stopped.is_set():
            news = reader.wait(seen, timeout=_ROUND)
            seen = news.seen
            self._pass_on(reader, news)

    def _catch_up(self, reader: TimelineReader) -> None:
        for story in list(self._listened):
            self._tell(reader, story)

    def _pass_on(self, reader: TimelineReader, news: News) -> None:
        changed = news.stories.keys() | news.begun_anew
        if not changed:
            return
        self._listener.changed(list(changed))
        for story in changed & self._listened.keys():
            if story in news.begun_anew:
                self._begin_anew(reader, story)
            else:
                self._tell(reader, story)

    def _tell(self, reader: TimelineReader, story: str) -> None:
        """Tell what is new of a story, page by page."""
        place = self._listened.get(story)
        if place is None:
            return
        with place.lock:
            more = True
            while more:
                more = self._tell_page(reader, story, place)

    def _tell_page(self, reader: TimelineReader, story: str, place: _Place) -> bool:
        """Tell a page of what is new of a story; return whether there may be more."""
        found = reader.changes(story, since=place.seq, limit=_AT_ONCE)
        last = found[0].last_change if found else 0
        if last < place.seq:
            place.seq = last
            self._listener.began_anew(story, last)
            return False
        changes = found[1] if found else ()
        if changes:
            place.seq = changes[-1].change.seq
            self._listener.told(story, changes)
        return len(changes) == _AT_ONCE

    def _begin_anew(self, reader: TimelineReader, story: str) -> None:
        place = self._listened.get(story)
        kept = reader.story(story)
        if place is not None and kept is not None:
            with place.lock:
                place.seq = kept.last_change
                self._listener.began_anew(story, place.seq)


class _Place:
    """How far a story was told, and who is telling."""

    __slots__ = ("lock", "seq")

    def __init__(self, seq: int) -> None:
        self.lock = Lock()
        self.seq = seq
