"""`dateline consume`: consumers alone, in this process, until it is told to stop."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from typing import Final

import click

from dateline.cli.common import with_deployment
from dateline.cli.feeding import feed
from dateline.cli.lines import say
from dateline.cli.pauses import Pauses
from dateline.cli.reported import Reported
from dateline.cli.stopping import INTERRUPTED, Stop, told_by_signals
from dateline.deployment import Deployment
from dateline.errors import DatelineError
from dateline.settings import Settings

NAMES: Final = ("timeline", "search", "clock", "notify")
_CLOCK_PAUSE = 0.5
_CLOCK_PATIENCE = 5.0
_SOON = 1000


@click.command(name="consume", epilog="Example: dateline consume timeline")
@click.argument("names", metavar="[timeline|search|clock|notify]…", nargs=-1, type=click.Choice(NAMES))
@with_deployment
def consume_command(deployment: Deployment, names: Sequence[str]) -> int:
    """Run consumers until SIGTERM or Ctrl-C; all of them if none is named.

    timeline and search build the views that readers read; clock lifts embargoes at their time; notify tells subscribers. Run as
    many processes as you like: on an SQLite log one works and the others stand by. When the store or the log cannot be reached,
    they try again until it can.
    """
    logging.getLogger("consumers").handlers = [Reported(logging.WARNING)]
    stop = Stop()
    with told_by_signals(stop):
        chosen = tuple(dict.fromkeys(names)) or NAMES
        say("started", consumers=chosen, log=deployment.log.url, process=os.getpid())
        _run_all(chosen, deployment.settings, stop)
        say("stopped", signal=signal.Signals(stop.signal).name if stop.signal else None)
    return INTERRUPTED if stop.signal == signal.SIGINT else 0


def run_timeline(deployment: Deployment, stop: Stop) -> None:
    """Feed the timeline until told to stop."""
    feed(deployment, deployment.timeline, stop)


def run_search(deployment: Deployment, stop: Stop) -> None:
    """Feed the search index until told to stop."""
    feed(deployment, deployment.search, stop)


def run_clock(deployment: Deployment, stop: Stop) -> None:
    """Lift embargoes at their time until told to stop."""
    pauses = Pauses("clock")
    seen: object = None
    while not stop():
        try:
            seen = _see(deployment, seen)
            lifted = deployment.lift_due_embargoes(is_busy=True)
            for one in lifted:
                say("lifted", consumer="clock", story=one.story, update=one.update, event_id=one.event_id)
            pauses.recovered()
            stop.wait(_until_next(deployment))
        except DatelineError as error:
            deployment.reconnect()
            stop.wait(pauses.after(error))


def run_notify(deployment: Deployment, stop: Stop) -> None:
    """Send subscribers what is due until told to stop."""
    from dateline.cli.notify import notify

    notify(deployment, stop)


_CONSUMERS: Final[Mapping[str, Callable[[Deployment, Stop], None]]] = {
    "timeline": run_timeline,
    "search": run_search,
    "clock": run_clock,
    "notify": run_notify,
}


def _see(deployment: Deployment, before: object) -> object:
    """Bring the view up where that is any command's business and nobody has done so since the last look.

    Returns how far the view is.
    """
    seen = {one.partition: (one.generation, one.offset) for one in deployment.timeline.positions()}
    if deployment.feeds_itself and seen == before and deployment.timeline.is_behind():
        deployment.timeline.bring_up(timeout=_CLOCK_PATIENCE)
    return seen


def _until_next(deployment: Deployment) -> float:
    """Return the seconds until the next embargo ends, at most a moment: another may be set meanwhile."""
    moment = time.time()
    soon = deployment.reader.due_embargoes(int((moment + _CLOCK_PAUSE) * 1_000_000), limit=_SOON)
    ahead = [until.timestamp() - moment for _, _, until in soon if until.timestamp() > moment]
    return min(ahead, default=_CLOCK_PAUSE)


def _run_all(names: Sequence[str], settings: Settings, stop: Stop) -> None:
    """Run the consumers, each in a thread with connections of its own, until all have ended.

    Raises:
        DatelineError: One of them ended on it; the others were then stopped.
    """
    with ThreadPoolExecutor(len(names), thread_name_prefix="consumer") as pool:
        running = {pool.submit(_run_one, name, settings, stop) for name in names}
        ended, _ = wait(running, return_when=FIRST_COMPLETED)
        stop.now()
        for one in (*ended, *running):
            one.result()


def _run_one(name: str, settings: Settings, stop: Stop) -> None:
    with Deployment(settings) as own:
        own.notify = lambda text: say("noticed", level="warning", consumer=name, text=text)
        _CONSUMERS[name](own, stop)
