"""`dateline ingest`: reads wires as they come, until it is told to stop."""

from __future__ import annotations

import os
import random
import re
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dateline.cli.common import with_deployment
from dateline.cli.importing import FORMATS
from dateline.cli.lines import say
from dateline.cli.stopping import INTERRUPTED, Stop, told_by_signals
from dateline.deployment import Deployment
from dateline.documents import shown_path
from dateline.errors import DatelineError, Refused

if TYPE_CHECKING:
    from dateline.wire_feeds import Feeds
    from dateline.wire_ingest import Ingest, Taken
    from dateline.wire_memory import WireMemory
    from dateline.wire_spool import SpoolFile, SpoolFolder

_LOOK = 1.0
_EVERY = click.FloatRange(1.0, 86_400.0)
_SETTLE = click.FloatRange(0.0, 3600.0)
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
_FEED = re.compile(r"(?:(?P<story>[^=/?#]+)=)?(?P<url>https?://.+)", re.IGNORECASE)


@click.command(
    name="ingest", epilog="Example: dateline ingest /srv/ftp/afp --done /srv/ftp/read --feed quake=https://example.org/rss"
)
@click.argument("folders", metavar="[FOLDER]…", nargs=-1, type=click.Path(path_type=Path))
@click.option("--feed", "feeds", metavar="[STORY=]URL", multiple=True, help="A feed to ask for; may be given several times.")
@click.option("--story", metavar="S", help="The story of all; without it, each item's slugline names it.")
@click.option("--format", "form", type=click.Choice(FORMATS), default="auto", help="Else each document's own is found out.")
@click.option("--done", metavar="FOLDER", type=click.Path(path_type=Path), help="Where files go that were read; else they stay.")
@click.option(
    "--every", metavar="SECONDS", type=click.FloatRange(1.0, 86_400.0), default=60.0, help="How often to ask for feeds [60]."
)
@click.option(
    "--settle", metavar="SECONDS", type=click.FloatRange(0.0, 3600.0), default=2.0, help="A file unchanged so long is whole [2]."
)
@click.option("--once", is_flag=True, help="Take in what is there, then stop; exit code 1 if something could not be used.")
@with_deployment
def ingest_command(
    deployment: Deployment,
    folders: Sequence[Path],
    feeds: Sequence[str],
    story: str | None,
    form: str,
    done: Path | None,
    every: float,
    settle: float,
    once: bool,
) -> int:
    """Publish what wires bring: files in folders that they write into, and feeds.

    What was read is remembered in the data folder, so nothing is read twice, also after kill -9. A file that cannot be read, or
    holds an item that cannot be used, stays where it is, and is said with its place and why; the rest of it is published.
    """
    if not folders and not feeds:
        raise click.UsageError("Give a folder or --feed URL.")
    stop = Stop()
    with told_by_signals(stop), ExitStack() as opened:
        work = _Work(deployment, opened, form=form, story=story, stop=stop)
        work.folders = [_folder(folder, settle=settle, done=done) for folder in folders]
        work.polled = [_Polled(*_split(feed), every=every) for feed in feeds]
        say("started", folders=tuple(map(str, folders)), feeds=tuple(one.shown for one in work.polled), process=os.getpid())
        is_well = work.once() if once else work.forever()
        say("stopped", signal=signal.Signals(stop.signal).name if stop.signal else None)
    if stop.signal == signal.SIGINT:
        return INTERRUPTED
    return 0 if is_well or not once else 1


def _folder(folder: Path, *, settle: float, done: Path | None) -> SpoolFolder:
    from dateline.wire_spool import SpoolFolder

    return SpoolFolder(folder, settle=settle, done=done)


def _split(feed: str) -> tuple[str, str | None]:
    from schemas.names import check_name

    found = _FEED.fullmatch(feed)
    if found is None:
        raise Refused(f"The feed {feed!r} is no web address. Write https://… or STORY=https://…")
    return found["url"], check_name("story", found["story"]) if found["story"] else None


class _Polled:
    """A feed, and when to ask for it next."""

    def __init__(self, url: str, story: str | None, *, every: float) -> None:
        from dateline.wire_redirects import shown_address

        self.url, self.story, self._every = url, story, every
        self.shown = shown_address(url)
        self.due = 0.0
        self.told: str | None = None

    def asked(self, *, least: float = 0.0) -> None:
        """Come back in a while, never in step with other processes."""
        self.due = time.monotonic() + max(least, self._every * random.uniform(0.9, 1.1))


class _Work:
    """Takes in files and feeds, and says what became of each."""

    def __init__(self, deployment: Deployment, opened: ExitStack, *, form: str, story: str | None, stop: Stop) -> None:
        from dateline.wire_feeds import Feeds
        from schemas.names import check_name

        self._deployment, self._stop, self._form = deployment, stop, form
        self._story = check_name("story", story) if story is not None else None
        self._feeds: Feeds = opened.enter_context(Feeds())
        self._memory: WireMemory = opened.enter_context(_memory(deployment))
        self.folders: Sequence[SpoolFolder] = ()
        self.polled: Sequence[_Polled] = ()

    def once(self) -> bool:
        """Take in what is there, waiting for files that are still being written; tell whether all could be used."""
        is_well = True
        while not self._stop():
            is_well &= self._look()
            if not any(folder.unsettled for folder in self.folders):
                break
            self._stop.wait(0.2)
        return is_well

    def forever(self) -> bool:
        """Go on until told to stop; what may pass is waited for."""
        failures = 0
        while not self._stop():
            try:
                self._look()
                failures = 0
                self._stop.wait(_LOOK)
            except DatelineError as error:
                if not error.retriable:
                    raise
                pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(failures, 10)) * random.uniform(0.5, 1.0)
                failures += 1
                say("failed", level="warning", error=str(error), again_in_s=round(pause, 2))
                self._deployment.reconnect()
                self._stop.wait(pause)
        return True

    def _look(self) -> bool:
        ingest = self._ingest()
        is_well = True
        for folder in self.folders:
            for file in folder.whole(now=time.time()):
                if self._stop():
                    return is_well
                is_well &= self._file(ingest, folder, file)
        for one in self.polled:
            if not self._stop() and time.monotonic() >= one.due:
                is_well &= self._feed(ingest, one)
        return is_well

    def _ingest(self) -> Ingest:
        from dateline.wire_ingest import Ingest

        return Ingest(self._deployment, self._memory, form=self._form, story=self._story)

    def _file(self, ingest: Ingest, folder: SpoolFolder, file: SpoolFile) -> bool:
        taken = ingest.take_file(file)
        if taken is not None and taken.bad.count:
            folder.pass_over(file)
            _tell(shown_path(file.path), taken)
            return False
        if taken is not None:
            _tell(shown_path(file.path), taken)
        folder.pass_over(file)
        try:
            folder.move_away(file)
        except Refused as error:
            say("unmoved", level="warning", file=shown_path(file.path), error=str(error))
        return True

    def _feed(self, ingest: Ingest, one: _Polled) -> bool:
        from dateline.wire_feeds import FeedUnavailable

        etag, modified = self._memory.feed_read(one.url)
        try:
            taken = ingest.take_feed(one.url, self._feeds.fetch(one.url, etag=etag, modified=modified), story=one.story)
        except FeedUnavailable as error:
            one.asked(least=error.after)
            say("failed", level="warning", feed=one.shown, error=str(error), again_in_s=round(one.due - time.monotonic(), 1))
            return False
        one.asked()
        is_told = taken.problem is not None and taken.problem == one.told
        one.told = taken.problem
        if not is_told or taken.events:
            _tell(one.shown, taken)
        return not taken.bad.count


def _memory(deployment: Deployment) -> WireMemory:
    from dateline.settings import make_data_folder
    from dateline.wire_memory import WireMemory
    from schemas.topics import EVENTS_TOPIC

    make_data_folder(deployment.settings.data_folder)
    return WireMemory(deployment.settings.data_folder, log_id=deployment.log.id(EVENTS_TOPIC))


def _tell(source: str, taken: Taken) -> None:
    for place, reason in _bad(taken):
        say("unusable", level="warning", source=source, place=place, reason=reason)
    more = taken.bad.count - len(taken.bad.first)
    if more > 0:
        say("unusable", level="warning", source=source, more=more)
    if taken.events or taken.bad.count or taken.passed:
        bad = taken.bad.count
        say("read", source=source, events=taken.events, repeated=taken.repeated, passed_over=taken.passed, unusable=bad)


def _bad(taken: Taken) -> Iterator[tuple[str, str]]:
    return ((one.place, one.reason) for one in taken.bad.first)
