"""Follows the view: which stories changed, and what, of those that somebody listens to. In threads, which Redis is asked from."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Event, Lock, Thread
from typing import Protocol

from consumers.timeline.answers import News, PublicChange
from consumers.timeline.reader import TimelineReader
from dateline.errors import DatelineError, LogUnavailable, StoreUnavailable

_ROUND = 1.0
_PAUSE = 0.25
_AT_ONCE = 500
_REBUILDING = 60.0
"""Seconds in which a view that was lost is held to come back as it was."""


class Source(Protocol):
    """Where the view is read from. Safe for use by several threads."""

    def reader(self) -> TimelineReader:
        """Return the reader to use now."""

    def renew(self, failed: TimelineReader | None) -> None:
        """Let go of a reader whose Redis was lost, unless another thread did it; it may come back elsewhere."""


class Listener(Protocol):
    """Who is told; called from the follower's threads."""

    def changed(self, stories: Sequence[str] | None) -> None:
        """Stories had records, or any may have had, if it is None; what is kept of them is old."""

    def told(self, story: str, changes: Sequence[PublicChange]) -> None:
        """These changes follow on the last that were told of a story that is listened to."""

    def began_anew(self, story: str, seq: int | None) -> None:
        """What was told of a story is not so any more; what comes after `seq` is told from now on, if it is listened to."""

    def lost(self, error: Exception) -> None:
        """The view cannot be followed for now; called each time that this is tried in vain."""

    def failed(self, story: str, error: Exception) -> None:
        """What is new of a story cannot be told, and waits; others are told of."""

    def regained(self) -> None:
        """The view is followed; anything may have changed meanwhile."""


class Follower:
    """Tells a listener of what changes.

    What is told of one story is told in order, each change once: whoever reads what is new of it holds its place's lock until
    the listener has it. After a loss each thread goes on in its wake streams where it was, so that no word is missed there.

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
        self._away: set[int] = {0}

    def start(self) -> None:
        self._spawn(0, None)

    def stop(self) -> None:
        """Tell nobody of anything any more, and wait for the threads."""
        self._stopped.set()
        deadline = time.monotonic() + 2 * _ROUND
        for thread in self._threads:
            thread.join(timeout=max(0.0, deadline - time.monotonic()))

    def listen(self, story: str, seq: int) -> None:
        """Have the changes of `story` after `seq` told from now on, those first that are there already.

        Raises:
            DatelineError: The view could not be read; what is there already is told once it can be.
        """
        with self._lock:
            self._listened[story] = _Place(seq)
        self._tell(self._source.reader(), story)

    def forget(self, story: str) -> None:
        with self._lock:
            self._listened.pop(story, None)

    def _spawn(self, number: int, streams: Sequence[str] | None) -> None:
        thread = Thread(target=self._run, args=(number, streams), name=f"follower-{number}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _run(self, number: int, streams: Sequence[str] | None) -> None:
        """Follow some streams until stopped; the first thread finds out which there are, and has the others started."""
        seen: dict[str, str] = {}
        while not self._stopped.is_set():
            reader: TimelineReader | None = None
            try:
                reader = self._source.reader()
                if streams is None:
                    streams = self._share_out(reader)
                self._follow(number, reader, streams, seen)
            except Exception as error:  # whatever it is: nobody else would go on
                with self._lock:
                    self._away.add(number)
                if not isinstance(error, DatelineError):
                    seen.clear()  # it may be a word that nobody can read: it is not to be read again
                self._listener.lost(error)
                self._renew(reader)
                self._stopped.wait(_PAUSE * random.uniform(0.5, 1.0))

    def _renew(self, failed: TimelineReader | None) -> None:
        try:
            self._source.renew(failed)
        except Exception as error:
            self._listener.lost(error)

    def _share_out(self, reader: TimelineReader) -> Sequence[str]:
        """Have a thread started for each group of streams but the first, which is returned."""
        mine, *others = reader.wake_streams()
        with self._lock:
            self._away.update(range(len(others) + 1))
        for at, group in enumerate(others, start=1):
            self._spawn(at, group)
        return mine

    def _follow(self, number: int, reader: TimelineReader, streams: Sequence[str], seen: dict[str, str]) -> None:
        """Follow streams until stopped or until it fails; `seen` says how far each was followed, and is kept up."""
        for stream, end in reader.wake_ends(streams).items():
            seen[stream] = min(seen.get(stream, end), end, key=_order)  # an emptied Redis whose clock was set back begins lower
        self._catch_up(reader)
        self._is_well(number)
        while not self._stopped.is_set():
            news = reader.wait(seen, timeout=_ROUND)
            self._pass_on(reader, news)
            seen.update(news.seen)

    def _is_well(self, number: int) -> None:
        with self._lock:
            self._away.discard(number)
            if not self._away:
                self._listener.regained()

    def _catch_up(self, reader: TimelineReader) -> None:
        with self._lock:
            listened = list(self._listened)
        for story in listened:
            self._tell(reader, story)

    def _pass_on(self, reader: TimelineReader, news: News) -> None:
        if news.is_torn:
            self._listener.changed(None)
            self._catch_up(reader)
        changed = news.stories.keys() | news.begun_anew
        if not changed:
            return
        self._listener.changed(list(changed))
        for story in news.begun_anew:
            self._begin_anew(reader, story)
        for story in changed - news.begun_anew:
            self._tell(reader, story)

    def _tell(self, reader: TimelineReader, story: str) -> None:
        """Tell what is new of a story that is listened to, page by page."""
        place = self._place(story)
        if place is None:
            return
        with place.lock, self._apart(story):
            more = True
            while more:
                more = self._tell_page(reader, story, place)

    @contextmanager
    def _apart(self, story: str) -> Iterator[None]:
        """Keep what is wrong with one story from the others."""
        try:
            yield
        except (StoreUnavailable, LogUnavailable):
            raise
        except Exception as error:
            self._listener.failed(story, error)

    def _place(self, story: str) -> _Place | None:
        with self._lock:
            return self._listened.get(story)

    def _tell_page(self, reader: TimelineReader, story: str, place: _Place) -> bool:
        """Tell a page of what is new of a story; return whether there may be more."""
        found = reader.changes(story, since=place.seq, limit=_AT_ONCE)
        last = found[0].last_change if found else 0
        if last < place.seq:
            if place.is_behind_for_long():
                self._listener.began_anew(story, place.begin_anew(last))
            return False
        place.behind_since = 0.0
        changes = found[1] if found else ()
        if changes:
            place.seq = changes[-1].change.seq
            self._listener.told(story, changes)
        return len(changes) == _AT_ONCE

    def _begin_anew(self, reader: TimelineReader, story: str) -> None:
        place = self._place(story)
        if place is None:
            self._listener.began_anew(story, None)
            return
        with place.lock, self._apart(story):
            kept = reader.story(story)
            self._listener.began_anew(story, place.begin_anew(kept.last_change if kept is not None else 0))


def _order(wake: str) -> tuple[int, int]:
    """Return what the ids of a wake stream are ordered by."""
    first, _, second = wake.partition("-")
    return int(first), int(second)


class _Place:
    """How far a story was told, and who is telling.

    Attributes:
        behind_since: Since when the view has been behind what was told, in seconds of the monotonic clock; 0 while it is not.
    """

    __slots__ = ("behind_since", "lock", "seq")

    def __init__(self, seq: int) -> None:
        self.lock = Lock()
        self.seq = seq
        self.behind_since = 0.0

    def is_behind_for_long(self) -> bool:
        """Note that the view is behind, and tell whether it has been for so long that it may never come as far again.

        A Redis that lost the view, or its last second, is brought up from the log, where each `seq` has what it had before.
        """
        self.behind_since = self.behind_since or time.monotonic()
        return time.monotonic() - self.behind_since > _REBUILDING

    def begin_anew(self, seq: int) -> int:
        self.seq, self.behind_since = seq, 0.0
        return seq
