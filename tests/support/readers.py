"""Readers and a desk that never stop, and a story of which every page is known."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import count, cycle
from typing import Self

from msgspec import Struct, json

from consumers.timeline.reader import TimelineReader
from dateline.log import open_log
from dateline.redis_store import Store
from producers.desk import Desk

PAGE = 20


class Threads:
    """Threads that do something again and again; what one ended on is raised at the end of the block."""

    def __init__(self, *work: Callable[[], None], pause: float = 0.0) -> None:
        self._stopped = threading.Event()
        self._failed: list[BaseException] = []
        self._pause = pause
        self._threads = [threading.Thread(target=self._run, args=(one,)) for one in work]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join(30.0)
        if self._failed and kind is None:
            raise self._failed[0]

    def _run(self, work: Callable[[], None]) -> None:
        try:
            while not self._stopped.wait(self._pause):
                work()
        except BaseException as error:
            self._failed.append(error)


class Readers(Threads):
    """Read pages and changes of stories straight from Redis, each thread in its own order.

    Record number N of each story is the publication of update `u-N`, so what a page holds follows from its `seq`.

    Attributes:
        reads: How many reads there were.
    """

    def __init__(self, url: str, *, partitions: int, stories: Sequence[str], threads: int = 2) -> None:
        self._stores = [Store(url) for _ in range(threads)]
        readers = [TimelineReader(store, partitions=partitions) for store in self._stores]
        super().__init__(*(self._work(reader, [*stories[n:], *stories[:n]]) for n, reader in enumerate(readers)))
        self.reads = 0

    def __exit__(self, kind: type[BaseException] | None, *about: object) -> None:
        super().__exit__(kind, *about)
        for store in self._stores:
            store.close()

    def _work(self, reader: TimelineReader, stories: Sequence[str]) -> Callable[[], None]:
        seen: Counter[str] = Counter()
        names = cycle(stories)

        def read() -> None:
            story = next(names)
            seen[story] = read_page(reader, story, at_least=seen[story])
            seen[story] = read_changes(reader, story, at_least=seen[story])
            self.reads += 2

        return read


def read_page(reader: TimelineReader, story: str, *, at_least: int) -> int:
    """Read the first page, see that it is whole, and return its seq."""
    page = reader.page(story, limit=PAGE)
    assert page is not None, f"there is no {story} any more"
    assert page.seq >= at_least, f"{story} went back from {at_least} to {page.seq}"
    shown = [json.decode(document, type=_Named).id for document in page.documents]
    assert shown == [f"u-{n}" for n in range(page.seq, max(0, page.seq - PAGE), -1)], f"{story} at {page.seq}: {shown}"
    return page.seq


def read_changes(reader: TimelineReader, story: str, *, at_least: int) -> int:
    """Read the last changes, see that none is missing, and return the seq."""
    since = max(0, at_least - PAGE)
    found = reader.changes(story, since=since)
    assert found is not None, f"there is no {story} any more"
    kept, changes = found
    assert kept.seq >= at_least, f"{story} went back from {at_least} to {kept.seq}"
    told = [(one.change.seq, one.change.after, one.change.update) for one in changes]
    assert told == [(n, n - 1, f"u-{n}") for n in range(since + 1, kept.seq + 1)][:500], f"{story} at {kept.seq}: {told}"
    return kept.seq


class Publishing(Threads):
    """A desk that publishes so many events a second, one story after the other.

    Attributes:
        said: How many of each story the log has acknowledged, those before included.
    """

    def __init__(self, url: str, *, stories: Sequence[str], said: Mapping[str, int], rate: float = 200.0) -> None:
        self._desk = Desk(open_log(url), name="houston")
        self.said = Counter(said)
        self._names, self._began, self._number, self._rate = cycle(stories), time.monotonic(), count(1), rate
        super().__init__(self._publish)

    def __exit__(self, kind: type[BaseException] | None, *about: object) -> None:
        super().__exit__(kind, *about)
        self._desk.close()

    def _publish(self) -> None:
        story = next(self._names)
        self._stopped.wait(max(0.0, self._began + next(self._number) / self._rate - time.monotonic()))
        self._desk.publish(story, update=f"u-{self.said[story] + 1}", headline=f"Headline {self.said[story] + 1}")
        self.said[story] += 1


class _Named(Struct):
    id: str
