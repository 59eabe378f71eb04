"""The work that everything is measured on: updates of about 500 bytes over many stories, in a log of either backend."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from consumers.runner import Runner
from consumers.timeline.view import TimelineView
from consumers.view import Applied, Claim, Folded, Pending
from dateline.log import open_log
from dateline.log.base import Log
from dateline.private_redis import PrivateRedis
from dateline.redis_store import Store
from producers.records import record_of
from schemas.codec import committed_codec
from schemas.content import Block, Content, Source
from schemas.events import UpdatePublished
from schemas.identity import new_event_id
from schemas.topics import EVENTS_TOPIC

_BODY = (
    Block(
        text="The crew report a sharp bang and a fall in voltage on one of the two main buses; flight controllers are looking. "
        * 2
    ),
    Block(text="Mission Control says that the spacecraft is stable for now and that the crew are in good spirits."),
    Block("quote", "Okay, Houston, we've had a problem here.", speaker="Jack Swigert"),
)


def update(number: int, *, story: str) -> UpdatePublished:
    """Return the update number `number`, about 500 bytes as Avro."""
    sources = (Source("NASA", "official"),)
    content = Content(f"A headline of number {number}", _BODY, (), sources, ("Houston",), ("space",))
    return UpdatePublished(
        event_id=new_event_id(), story=story, desk="houston", occurred_at=datetime.now(UTC), update=f"u-{number}", content=content
    )


def fill(log: Log, count: int, *, stories: int, topic: str = EVENTS_TOPIC) -> None:
    """Append `count` updates over `stories` stories."""
    for start in range(0, count, 1000):
        numbers = range(start, min(start + 1000, count))
        log.append(topic, [record_of(update(n, story=f"story-{n % stories}")) for n in numbers])
    gc.collect()


@contextmanager
def empty_redis() -> Iterator[str]:
    """Run a private Redis that holds nothing; yield its URL."""
    with TemporaryDirectory() as folder:
        with PrivateRedis(Path(folder)) as server:
            yield server.url
        server.wait_gone()


@contextmanager
def filled_log(count: int, *, stories: int) -> Iterator[tuple[Log, str]]:
    """Make an SQLite log of `count` updates over `stories` stories, and a Redis beside it; yield both (the Redis as its URL)."""
    with TemporaryDirectory() as folder, open_log(f"sqlite:///{folder}/log.db") as log, empty_redis() as redis:
        fill(log, count, stories=stories)
        yield log, redis


class WatchedTimeline(TimelineView):
    """The timeline, which notes when the runner began to feed it and how much it has sent.

    Attributes:
        on_claim: Called with each partition that is claimed.
        begun: When the first partition was claimed, by `time.perf_counter`.
    """

    def __init__(self, store: Store, *, on_claim: Callable[[int], None] = lambda partition: None) -> None:
        super().__init__(store)
        self.on_claim = on_claim
        self.begun = 0.0
        self._written = 0

    def claim(self, partition: int, *, log_id: str) -> Claim:
        claim = super().claim(partition, log_id=log_id)
        self.begun = self.begun or time.perf_counter()
        self.on_claim(partition)
        return claim

    def apply(self, claim: Claim, batch: Folded) -> Pending[Applied]:
        self._written += batch.next_offset - batch.offset
        return super().apply(claim, batch)

    def has_written(self, count: int) -> bool:
        """Whether so many offsets were sent to be applied."""
        return self._written >= count


def runner_of(log: Log, view: TimelineView, *, topic: str) -> Runner:
    """Return what feeds `view` from `topic`; the caller closes it."""
    return Runner(log, view, topic=topic, codec=committed_codec())
