"""`dateline consume notify`: the notifier, its index fed by one thread, its messages sent by another."""

from __future__ import annotations

import asyncio
from threading import Thread
from typing import TYPE_CHECKING

from dateline.cli.feeding import let_go
from dateline.cli.lines import say
from dateline.cli.pauses import Pauses
from dateline.cli.stopping import Stop
from dateline.deployment import Deployment
from dateline.errors import DatelineError, HalfWritten, StoreUnavailable

if TYPE_CHECKING:
    from consumers.notifications.index import Holdings, NotifierIndex
    from consumers.notifications.pairs import Owner
    from consumers.runner import Runner
    from consumers.view import Claim, Parked


def notify(deployment: Deployment, stop: Stop) -> None:
    """Feed the notifier's index, which lies in the Redis of the timeline, and send what is due, until told to stop.

    Raises:
        DatelineError: Trying again will not help.
    """
    from consumers.notifications.index import Holdings
    from consumers.notifications.pairs import Owner

    pauses, holdings, owner = Pauses("notify"), Holdings(), Owner()
    runner: Runner | None = None
    sender = SenderThread(deployment, holdings, owner)
    try:
        while not stop():
            try:
                if runner is None:
                    runner = _runner(deployment, pauses, index_of(deployment, holdings, owner))
                runner.run(stopped=lambda: stop() or sender.error is not None or holdings.is_set_back)
                if sender.error is not None:
                    raise sender.error
                if holdings.is_set_back:
                    holdings.clear()
                    raise StoreUnavailable("Redis has lost what it held last: the notifier's index is claimed anew.")
            except HalfWritten:  # the index is thrown away and built anew
                runner = let_go(deployment, deployment.timeline, runner, StoreUnavailable("The index is built anew."))
            except DatelineError as error:
                runner = let_go(deployment, deployment.timeline, runner, error)
                stop.wait(pauses.after(error))
    finally:
        sender.close()
        if runner is not None:
            runner.close()


def _runner(deployment: Deployment, pauses: Pauses, index: NotifierIndex) -> Runner:
    def parked(partition: int, story: str, found: Parked | None) -> None:
        if found is not None:
            about = {"partition": partition, "story": story, "offset": found.offset, "error": found.error}
            say("parked", level="error", consumer="notify", **about)

    runner = deployment.timeline.runner(index, on_parked=parked)
    say("joined", consumer="notify")
    pauses.recovered()
    return runner


class SenderThread:
    """Sends in a thread of its own, with connections of its own. `error` is what ended it, None while it runs."""

    def __init__(self, deployment: Deployment, holdings: Holdings, owner: Owner) -> None:
        self._deployment = Deployment(deployment.settings)
        self._holdings, self._owner = holdings, owner
        self._stop = Stop()
        self.error: BaseException | None = None
        self._thread = Thread(target=self._run, name="notifier", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Have what is under way come to its end, and stop."""
        self._stop.now()
        self._thread.join()
        self._deployment.close()

    def _run(self) -> None:
        try:
            asyncio.run(self._send())
        except BaseException as error:  # the consumer raises it
            self.error = error

    async def _send(self) -> None:
        from consumers.notifications.channels import Channels
        from consumers.notifications.guard import Guard
        from consumers.notifications.notifier import Notifier
        from consumers.notifications.pairs import Pairs
        from dateline.master_key import master_key

        deployment = self._deployment
        allow = deployment.settings.hooks_allow_loopback == "1"
        guard = Guard(allow_loopback=allow)
        if guard.notice:
            say("noticed", level="warning", consumer="notify", text=guard.notice)
        pairs = Pairs(lambda: deployment.store, self._owner)
        async with Channels(guard, master_key(deployment.settings), allow_loopback=allow) as channels:
            notifier = Notifier(deployment.log, pairs, self._holdings, channels)
            notifier.on_failed = self._failed
            notifier.on_circuit = _tell_circuit
            await notifier.run(stopped=self._stop)

    def _failed(self, error: DatelineError) -> None:
        from consumers.notifications.results import PAUSE

        say("failed", level="warning", consumer="notify", error=str(error), again_in_s=PAUSE)
        if isinstance(error, StoreUnavailable) and self._deployment.settings.is_embedded:
            self._deployment.reconnect_store()


def index_of(deployment: Deployment, holdings: Holdings, owner: Owner) -> NotifierIndex:
    """Return the notifier's index, which reads the ledger at each claim."""
    from consumers.notifications.index import NotifierIndex
    from consumers.notifications.ledger import LedgerReader
    from consumers.notifications.pairs import Pairs
    from consumers.notifications.subscriptions import Subscriptions

    log, store = deployment.log, deployment.store
    pairs = Pairs(lambda: store, owner)

    def on_claim(claim: Claim) -> None:
        LedgerReader(log, pairs, claim).read_on()

    return NotifierIndex(store, Subscriptions(log), holdings, on_claim=on_claim)


def _tell_circuit(host: str, problem: str | None) -> None:
    if problem is None:
        say("answers again", consumer="notify", host=host)
    else:
        say("circuit opened", level="warning", consumer="notify", host=host, error=problem)
