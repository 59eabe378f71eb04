"""`dateline consume`: consumers alone, in this process, until it is told to stop."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

import click

from dateline.cli.common import with_deployment
from dateline.cli.lines import say
from dateline.cli.stopping import INTERRUPTED, Stop, told_by_signals
from dateline.deployment import Deployment
from dateline.errors import DatelineError, LogUnavailable, OtherVersion, StoreUnavailable
from dateline.settings import Settings

if TYPE_CHECKING:
    from consumers.runner import Runner
    from consumers.timeline.signs import Owner
    from consumers.view import Parked
    from dateline.cli.announced import Announced

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 2.0
_CALM = 30.0
"""Seconds without an error after which the pauses begin small again."""

_CLOCK_PAUSE = 1.0
_VERSION_PAUSE = 0.1


@click.command(name="consume", epilog="Example: dateline consume timeline")
@click.argument("names", metavar="[timeline|clock]…", nargs=-1, type=click.Choice(("timeline", "clock")))
@with_deployment
def consume_command(deployment: Deployment, names: Sequence[str]) -> int:
    """Run consumers until SIGTERM or Ctrl-C; all of them if none is named.

    timeline builds the view that readers read; clock lifts embargoes at their time. Run as many processes as you like: on an
    SQLite log one works and the others stand by. When the store or the log cannot be reached, they try again until it can.
    """
    stop = Stop()
    with told_by_signals(stop):
        chosen = tuple(dict.fromkeys(names)) or tuple(CONSUMERS)
        say("started", consumers=chosen, log=deployment.log.url, process=os.getpid())
        _run_all(chosen, deployment.settings, stop)
        say("stopped", signal=signal.Signals(stop.signal).name if stop.signal else None)
    return INTERRUPTED if stop.signal == signal.SIGINT else 0


def run_timeline(deployment: Deployment, stop: Stop) -> None:
    """Feed the timeline until told to stop."""
    from consumers.timeline.signs import Owner

    pauses, owner = _Pauses("timeline"), Owner()
    runner: Runner | None = None
    view: Announced | None = None
    try:
        while not stop():
            try:
                if runner is None:
                    _wait_for_own_version(deployment, stop)
                    runner, view = _runner(deployment, pauses, owner)
                runner.run(stopped=stop)
            except OtherVersion:  # a partition was flipped under it
                if view is not None and runner is not None:
                    view.leave()
                    runner.close()
                runner = view = None
            except DatelineError as error:
                owner.failed(error)
                if view is not None and not isinstance(error, StoreUnavailable):
                    view.leave()
                runner = _let_go(deployment, runner, error)
                stop.wait(pauses.after(error))
    finally:
        if view is not None:
            view.leave()
        if runner is not None:
            runner.close()


def run_clock(deployment: Deployment, stop: Stop) -> None:
    """Lift embargoes at their time until told to stop."""
    pauses = _Pauses("clock")
    while not stop():
        try:
            for one in deployment.lift_due_embargoes():
                say("lifted", consumer="clock", story=one.story, update=one.update, event_id=one.event_id)
            pauses.recovered()
            stop.wait(_until_next(deployment))
        except DatelineError as error:
            deployment.reconnect()
            stop.wait(pauses.after(error))


CONSUMERS: dict[str, Callable[[Deployment, Stop], None]] = {"timeline": run_timeline, "clock": run_clock}


class _Pauses:
    """How long to wait after an error that may pass: longer each time, never in step with other processes."""

    def __init__(self, consumer: str) -> None:
        self._consumer = consumer
        self._failures = 0
        self._last = 0.0
        self._is_lost = False

    def after(self, error: DatelineError) -> float:
        """Say what went wrong and return the seconds to wait.

        Raises:
            DatelineError: The error, if trying again will not help.
        """
        if not error.retriable:
            raise error
        moment = time.monotonic()
        self._failures = 0 if moment - self._last > _CALM else self._failures + 1
        self._last, self._is_lost = moment, True
        pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(self._failures, 10)) * random.uniform(0.5, 1.0)
        say("failed", level="warning", consumer=self._consumer, error=str(error), again_in_s=round(pause, 2))
        return pause

    def recovered(self) -> None:
        """Say that all is well again, if it was not."""
        if self._is_lost:
            say("recovered", consumer=self._consumer)
        self._is_lost = False


def _runner(deployment: Deployment, pauses: _Pauses, owner: Owner) -> tuple[Runner, Announced]:
    from dateline.cli.announced import Announced

    view = Announced(deployment.store, owner, on_claimed=pauses.recovered)

    def stopped(partition: int, error: DatelineError) -> None:
        if isinstance(error, OtherVersion):
            raise error
        view.stopped(partition, error)
        say("stopped", level="error", consumer=view.name, partition=partition, error=str(error))

    def parked(partition: int, story: str, found: Parked | None) -> None:
        if found is None:
            say("caught up", consumer=view.name, partition=partition, story=story)
            return
        at, seq, error = found.offset, found.seq, found.error
        say("parked", level="error", consumer=view.name, partition=partition, story=story, offset=at, seq=seq, error=error)

    runner = deployment.runner(view, on_stopped=stopped, on_parked=parked)
    say("joined", consumer=view.name)  # until it claims something, it stands by
    return runner, view


def _wait_for_own_version(deployment: Deployment, stop: Stop) -> None:
    """Wait until this release may write what readers read, in every partition, and say that it waits, and why.

    Who waits is no member of the group: there it would hold partitions that the other release can write.
    """
    from consumers.fit import mixed_versions
    from consumers.story import FOLD_VERSION

    told = ""
    while not stop():
        found = deployment.reader.positions()
        others = {one.fold_version for one in found} - {FOLD_VERSION}
        if not others:
            break
        version = max(others)
        way_on = "run dateline replay" if version < FOLD_VERSION else "run the newer release, or let it roll back"
        error = f"The live timeline was made by fold version {version}, and this release has {FOLD_VERSION}: {way_on}."
        error = mixed_versions(found) or error
        if error != told:
            say("waiting", level="warning", consumer="timeline", error=error)
            told = error
        stop.wait(_VERSION_PAUSE)


def _let_go(deployment: Deployment, runner: Runner | None, error: DatelineError) -> Runner | None:
    """Prepare to try again; return the runner to go on with.

    A private redis-server that was lost comes back at another address, and a log file may have been moved or replaced, so nothing
    that knows the old one is kept. Elsewhere the runner stays a member of its group, which is not to be shared anew at each
    outage of Redis.
    """
    if runner is not None and (deployment.settings.is_embedded or isinstance(error, LogUnavailable)):
        runner.close()
        runner = None
    if runner is None:
        deployment.reconnect()
    else:
        runner.reset()
    return runner


def _until_next(deployment: Deployment) -> float:
    """Return the seconds until the next embargo ends, at most a moment: another may be set meanwhile."""
    moment = time.time()
    soon = deployment.reader.due_embargoes(int((moment + _CLOCK_PAUSE) * 1_000_000))
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
        CONSUMERS[name](own, stop)
