"""A newsroom whose view is brought up when a test says so, in an embedded data folder: what is served is known to the record."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from consumers.runner import Runner
from consumers.timeline.view import TimelineView
from dateline.log import open_log
from dateline.private_redis import PrivateRedis
from dateline.redis_store import Store
from producers.desk import Desk
from schemas.codec import committed_codec
from schemas.topics import EVENTS_TOPIC

STORY = "apollo-13"


class LiveRoom:
    """A desk, and a view of what it says."""

    def __init__(self, data: Path, store: Store, log_url: str) -> None:
        self.data = data
        self.store = store
        self.log = open_log(log_url)
        self.desk = Desk(self.log, name="houston")
        self._runner = Runner(self.log, TimelineView(store), topic=EVENTS_TOPIC, codec=committed_codec())

    def catch_up(self) -> None:
        assert self._runner.run_until(self.log.end_offsets(EVENTS_TOPIC), deadline=time.monotonic() + 30)

    def publish(self, *names: str, story: str = STORY, **options: Any) -> None:  # Any: a desk's options
        for name in names:
            self.desk.publish(story, update=name, **{"headline": f"About {name}", "body": f"It is {name}.", **options})
        self.catch_up()

    def kill(self, name: str, *, story: str = STORY) -> None:
        self.desk.kill(story, name, reason="wrong")
        self.catch_up()

    def close(self) -> None:
        self._runner.close()
        self.log.close()


@contextmanager
def live_room(data: Path, *, redis_url: str | None = None) -> Iterator[LiveRoom]:
    """Open a newsroom with one story, in a data folder's own Redis or in another."""
    data.mkdir(parents=True, exist_ok=True)
    if redis_url is None:
        with PrivateRedis(data) as server, live_room(data, redis_url=server.url) as room:
            yield room
        return
    store = Store(redis_url)
    room = LiveRoom(data, store, f"sqlite:///{data}/log.db")
    try:
        room.desk.open_story(STORY, title="Apollo 13")
        room.catch_up()
        yield room
    finally:
        room.close()
        store.close()
