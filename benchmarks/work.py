"""The work that everything is measured on: updates of about 500 bytes over many stories, in an SQLite log."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from dateline.log import open_log
from dateline.log.base import Log
from dateline.private_redis import PrivateRedis
from producers.records import record_of
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


@contextmanager
def filled_log(count: int, *, stories: int) -> Iterator[tuple[Log, str]]:
    """Make a log of `count` updates over `stories` stories, and a private Redis beside it; yield both (the Redis as its URL)."""
    with TemporaryDirectory() as folder, open_log(f"sqlite:///{folder}/log.db") as log:
        with PrivateRedis(Path(folder)) as server:
            for start in range(0, count, 1000):
                numbers = range(start, min(start + 1000, count))
                log.append(EVENTS_TOPIC, [record_of(update(n, story=f"story-{n % stories}")) for n in numbers])
            gc.collect()
            yield log, server.url
        server.wait_gone()
