"""How a consumer feeds a view: until it is told to stop, through all that passes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dateline.cli.lines import say
from dateline.cli.pauses import Pauses
from dateline.cli.stopping import Stop
from dateline.deployment import Deployment
from dateline.errors import DatelineError, LogUnavailable, OtherVersion, StoreUnavailable
from dateline.kept_view import KeptView

if TYPE_CHECKING:
    from consumers.runner import Runner
    from consumers.view import Parked
    from dateline.cli.announced import Announced

_VERSION_PAUSE = 0.1


def feed(deployment: Deployment, kept: KeptView, stop: Stop) -> None:
    """Feed a view until told to stop.

    Raises:
        DatelineError: Trying again will not help, and the view does not wait for a hand.
    """
    pauses = Pauses(kept.name, waits_for_a_hand=kept.waits_for_a_hand)
    runner: Runner | None = None
    view: Announced | None = None
    try:
        while not stop():
            try:
                if runner is None:
                    _wait_for_own_version(kept, stop)
                    runner, view = _runner(kept, pauses)
                runner.run(stopped=stop)
            except OtherVersion:  # a partition was flipped under it
                if view is not None and runner is not None:
                    view.leave()
                    runner.close()
                runner = view = None
            except DatelineError as error:
                kept.failed(error)
                if view is not None and not isinstance(error, StoreUnavailable):
                    view.leave()
                runner = let_go(deployment, kept, runner, error)
                stop.wait(pauses.after(error))
    finally:
        if view is not None:
            view.leave()
        if runner is not None:
            runner.close()


def _runner(kept: KeptView, pauses: Pauses) -> tuple[Runner, Announced]:
    from dateline.cli.announced import Announced

    view = Announced(kept.signed_view(), on_claimed=pauses.recovered)

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

    runner = kept.runner(view, on_stopped=stopped, on_parked=parked)
    say("joined", consumer=view.name)  # until it claims something, it stands by
    return runner, view


def _wait_for_own_version(kept: KeptView, stop: Stop) -> None:
    """Wait until this release may write what readers read, in every partition, and say that it waits, and why.

    Who waits is no member of the group: there it would hold partitions that the other release can write.
    """
    from consumers.fit import mixed_versions
    from consumers.story import FOLD_VERSION

    told = ""
    while not stop():
        found = kept.positions()
        others = {one.fold_version for one in found} - {FOLD_VERSION}
        if not others:
            break
        version = max(others)
        way_on = "run dateline replay" if version < FOLD_VERSION else "run the newer release, or let it roll back"
        error = f"The live {kept.noun} was made by fold version {version}, and this release has {FOLD_VERSION}: {way_on}."
        error = mixed_versions(found, view=kept.name) or error
        if error != told:
            say("waiting", level="warning", consumer=kept.name, error=error)
            told = error
        stop.wait(_VERSION_PAUSE)


def let_go(deployment: Deployment, kept: KeptView, runner: Runner | None, error: DatelineError) -> Runner | None:
    """Prepare to try again; return the runner to go on with.

    A private redis-server that was lost comes back at another address, and a file may have been moved or replaced, so nothing
    that knows the old one is kept. Elsewhere the runner stays a member of its group, which is not to be shared anew at each
    outage of the store.
    """
    if runner is not None and (kept.is_here or isinstance(error, LogUnavailable)):
        runner.close()
        runner = None
    if runner is None:
        deployment.reconnect()
    else:
        runner.reset()
    return runner
