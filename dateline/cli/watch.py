"""`dateline watch`: follows a story in the terminal, as it is told."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from threading import Event, Thread
from types import TracebackType
from typing import TYPE_CHECKING, Self

import click

from dateline.cli.common import notice, unknown_story, with_deployment
from dateline.clock import now_ms
from dateline.deployment import Deployment
from dateline.errors import DatelineError, Refused, StoreUnavailable
from dateline.settings import Settings
from schemas.names import check_name

if TYPE_CHECKING:
    from consumers.state import Story
    from consumers.timeline.answers import Page, PublicChange

Show = Callable[["Story", "PublicChange"], None]

_MOST_AT_ONCE = 500
_TURN = 0.1
_ROUND = 1.0
_PATIENCE = 15.0
_RECENT_MS = 60_000


@click.command(name="watch", epilog="Example: dateline watch apollo-13")
@click.argument("story", metavar="STORY")
@click.option("--limit", type=click.IntRange(0, 100), default=3, show_default=True, metavar="N", help="Updates to begin with.")
@click.option("--since", type=click.IntRange(0), metavar="SEQ", help="Begin with the changes after SEQ instead.")
@click.option("--json", "as_json", is_flag=True, help="Print each change as one line of JSON: what is new, or since SEQ.")
@with_deployment
def watch_command(deployment: Deployment, *, story: str, limit: int, since: int | None, as_json: bool) -> None:
    """Follow a story: its newest updates, then each change as it comes. Ctrl-C ends it."""
    deployment.warm_up()
    story = check_name("story", story)
    deployment.timeline.catch_up()
    page = deployment.reader.page(story, limit=max(limit, 1))
    if page is None:
        raise unknown_story(deployment, story)
    if since is not None and since > page.seq:
        raise Refused(f"--since {since:,} lies past the end: story {story!r} is at seq {page.seq:,}.")
    show = _print_json if as_json else _reader_of(page, begins=since is None and limit > 0)
    since = page.seq if since is None else since
    with _Feeder(deployment.settings, feeds=deployment.feeds_itself) as feeder:
        for kept, change in _changes(deployment, story, since=since, check=feeder.check):
            show(kept, change)


def _print_json(story: Story, change: PublicChange) -> None:
    from consumers.timeline.answers import change_json

    sys.stdout.buffer.write(change_json(change) + b"\n")
    sys.stdout.buffer.flush()


def _reader_of(page: Page, *, begins: bool) -> Show:
    """Return what prints changes for people; the newest updates are printed first if it `begins` with them."""
    from dateline.cli.render_changes import ChangeSheet
    from dateline.cli.sheet import Sheet

    sheet = ChangeSheet(Sheet(), page.story)
    if begins:
        sheet.begin(page)
    notice(f"Following {page.story.id}. Ctrl-C ends it.")
    return sheet.show


def _changes(
    deployment: Deployment, story: str, *, since: int, check: Callable[[], None]
) -> Iterator[tuple[Story, PublicChange]]:
    """Yield the changes of `story` after `since`, for ever; a Redis that is lost is asked again for a while.

    Args:
        check: Called at least once a second; raises if the view is no longer fed.
    """
    stream = deployment.reader.wake_stream(story)
    seen = {stream: f"{now_ms() - _RECENT_MS}-0"}  # not "$": what comes before the first wait counts too
    patience = 0.0
    while True:
        check()
        try:
            found = deployment.reader.changes(story, since=since, limit=_MOST_AT_ONCE)
            for kept, change in ((found[0], one) for one in found[1]) if found else ():
                yield kept, change
                since = change.change.seq
            if found is None or len(found[1]) < _MOST_AT_ONCE:
                seen = dict(deployment.reader.wait(seen, timeout=_ROUND).seen)
            patience = 0.0
        except StoreUnavailable:
            patience = patience or time.monotonic() + _PATIENCE
            if time.monotonic() > patience:
                raise
            time.sleep(_TURN)
            deployment.reconnect()


class _Feeder(Thread):
    """Feeds the view in the background, or stands by while another process does, so that a watch needs nobody else.

    Only where the log is one file: a terminal has no business in the group of a Kafka topic. It has a deployment of its own,
    so that a terminal that has been stopped by a pager holds nobody up.
    """

    def __init__(self, settings: Settings, *, feeds: bool) -> None:
        super().__init__(daemon=True)
        self._settings = settings
        self._feeds = feeds
        self._stopped = Event()
        self._problem: DatelineError | None = None
        self._lifting_at = 0.0

    def check(self) -> None:
        """Raise what has ended this feeder, if anything has."""
        if self._problem is not None:
            raise self._problem

    def run(self) -> None:
        with Deployment(self._settings) as deployment:
            while not self._stopped.is_set():
                try:
                    self._feed(deployment)
                except StoreUnavailable:
                    deployment.reconnect()
                    self._stopped.wait(_TURN)
                except DatelineError as error:
                    self._problem = error
                    return

    def _feed(self, deployment: Deployment) -> None:
        runner = deployment.timeline.runner()
        try:
            runner.run(stopped=lambda: self._is_over(deployment), timeout=_TURN)
        finally:
            runner.close()

    def _is_over(self, deployment: Deployment) -> bool:
        """Tell whether to stop; now and then, lift what embargoes are over."""
        if time.monotonic() > self._lifting_at:
            self._lifting_at = time.monotonic() + _ROUND
            deployment.lift_due_embargoes()
        return self._stopped.is_set()

    def __enter__(self) -> Self:
        if self._feeds:
            self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stopped.set()
        if self.is_alive():
            self.join(timeout=2.0)
