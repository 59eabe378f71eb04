"""The real app in this process's threads: a redis-server, a log in a file, the timeline's consumer, and the site on uvicorn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from threading import Thread
from typing import Any

from typing_extensions import override

from consumers.web.links import Links
from dateline.app import SharedViews, make_site
from dateline.cli.consume import run_timeline
from dateline.cli.stopping import Stop
from dateline.deployment import Deployment
from dateline.errors import StoreUnavailable
from dateline.settings import Settings
from producers.desk import Desk
from schemas.events import Event
from schemas.identity import new_event_id
from tests.support.served import Served
from tests.support.servers import OwnRedis, eventually, free_port
from tests.support.told_story import Acts

HEADING = {"title": "A flood", "summary": "The river rises.", "time_zone": "Europe/Berlin"}


class LiveApp:
    """A deployment that runs.

    Attributes:
        redis: Can be stopped and started.
        web: The site's server; can be stopped and started too.
    """

    def __init__(self, folder: Path, redis: OwnRedis) -> None:
        self.redis = redis
        self.settings = Settings(data=str(folder), redis=redis.url)
        self.web = Web(self.settings, free_port())
        self._deployment = Deployment(self.settings)
        self.desk: Desk = self._deployment.desk("houston")
        self._stop = Stop()
        self._consumer = Thread(target=self._consume, name="timeline")
        self._names = (f"flood-{number}" for number in count(1))

    def start(self) -> None:
        self._consumer.start()
        self.web.start()

    def close(self) -> None:
        self._stop.now()
        if self.web.is_up:
            self.web.stop()
        self._consumer.join()
        self.desk.close()
        self._deployment.close()

    def begin(self, **heading: Any) -> LiveStory:  # Any: a heading's fields
        """Open a story under a name of its own."""
        story = LiveStory(self, next(self._names))
        story.open(**{**HEADING, **heading})
        return story

    def seq(self, story: str) -> int:
        """Return how far readers are in a story, -1 while nobody can read."""
        try:
            found = self._deployment.reader.story(story)
        except StoreUnavailable:
            return -1
        return found.seq if found is not None else 0

    def _consume(self) -> None:
        with Deployment(self.settings) as own:
            run_timeline(own, self._stop)


class Web:
    """The site on the server that `dateline serve` runs, always at the same address."""

    def __init__(self, settings: Settings, port: int) -> None:
        self.address = f"http://127.0.0.1:{port}"
        self.is_up = False
        self._settings, self._port = settings, port

    def start(self) -> None:
        self._source = SharedViews(self._settings)
        self.site = make_site(self._source, public_url=self.address)
        self._served = Served(self.site, port=self._port)
        self.is_up = True
        self._served.wait()

    def stop(self) -> None:
        self._served.stop()
        self._source.close()
        self.is_up = False


class LiveStory(Acts):
    """A story that a desk tells: once an act returns, readers have it, if there is anything that they can read from."""

    def __init__(self, app: LiveApp, name: str) -> None:
        super().__init__(name)
        self._app = app
        self._said = 0
        self._gathered: list[Event] | None = None

    @override
    def tell(self, event: Event) -> None:
        whole = replace(event, event_id=new_event_id(), desk=self._app.desk.name)
        if self._gathered is not None:
            self._gathered.append(whole)
        else:
            self._send([whole])

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Tell what happens within together at the end."""
        gathered: list[Event] = []
        self._gathered = gathered
        yield
        self._gathered = None
        self._send(gathered)

    def _send(self, events: Sequence[Event]) -> None:
        self._app.desk.send_all(events)
        self._said += len(events)
        if self._app.redis.is_up:
            eventually(lambda: self._app.seq(self.name) == self._said, what="a view that is current")


class LiveSite:
    """The page of a story; what the story is told next reaches whoever has it open."""

    def __init__(self, app: LiveApp, story: LiveStory) -> None:
        self.app, self.story = app, story
        self.address = app.web.address
        self.links = Links(app.web.address)
        self.url = self.links.story(story.name)

    @property
    def streams(self) -> int:
        """How many listen to the story."""
        return self.app.web.site.hub.counts().get(self.story.name, 0)

    def update(self, name: str) -> str:
        """Return the address of an update's own page."""
        return self.links.update(self.story.name, name)

    def path(self, path: str) -> str:
        """Return an address of the site in which `{story}` stands for the story."""
        return self.address + path.format(story=self.story.name)


@contextmanager
def live_app(folder: Path) -> Iterator[LiveApp]:
    """Run the app over a log and a Redis of its own."""
    with OwnRedis(folder / "redis") as redis:
        app = LiveApp(folder, redis)
        app.start()
        try:
            yield app
        finally:
            app.close()


def flood(app: LiveApp, *, updates: int = 3) -> LiveSite:
    """Return the page of a new story with the updates `u1`, `u2` and so on."""
    story = app.begin()
    for number in range(1, updates + 1):
        story.publish(f"u{number}", f"Update {number}")
    return LiveSite(app, story)
