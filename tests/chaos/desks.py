"""Desks that say what desks say, all the time, and remember what the log has acknowledged."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

from dateline.errors import LogUnavailable, MaybeWritten
from dateline.log import open_log
from producers.desk import Desk, Receipt
from schemas.identity import event_id_for, new_event_id

STORIES = 40
_PATIENCE = 90.0
"""Seconds for an act that is under way: a desk waits for the log's answer for 30."""

Act = Callable[[], Receipt]


class Acknowledged(NamedTuple):
    """An event of which the log has said where it stands; `desk` is the thread that sent it."""

    desk: str
    story: str
    event_id: str
    partition: int
    offset: int


class Ledger:
    """What desks were told, over all of a run.

    Attributes:
        acknowledged: In the order of the answers; of one desk in the order in which it sent them.
        maybe: How many times an event was sent without an answer that says whether it was written.
        refused: How many times an event was sent and certainly not written.
    """

    def __init__(self) -> None:
        self.acknowledged: list[Acknowledged] = []
        self.maybe: Counter[str] = Counter()
        self.refused = 0


class Desks:
    """Threads that publish, each a desk with a connection of its own."""

    def __init__(self, url: str, ledger: Ledger, *, names: list[str], seed: int, pause: float) -> None:
        """Begin to publish.

        Args:
            pause: Seconds between two acts of one desk, on average.
        """
        self._stop = threading.Event()
        self._failed: list[BaseException] = []
        self._sayers = [_Sayer(Desk(open_log(url), name=name), ledger, seed=seed + place) for place, name in enumerate(names)]
        self._threads = [threading.Thread(target=self._run, args=(sayer, pause), name=sayer.name) for sayer in self._sayers]
        for thread in self._threads:
            thread.start()

    @property
    def said(self) -> int:
        """How many acts were acknowledged."""
        return sum(sayer.said for sayer in self._sayers)

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """Let nobody speak for a while; what had no answer yet is said again afterwards.

        Raises:
            BaseException: What a desk ended on.
        """
        held: list[threading.Lock] = []
        try:
            for sayer in self._sayers:
                assert sayer.speaking.acquire(timeout=_PATIENCE), f"{sayer.name} has waited for the log for {_PATIENCE:g} s"
                held.append(sayer.speaking)
            self.raise_failure()
            yield
        finally:
            for lock in held:
                lock.release()

    def stop(self) -> None:
        """End when each desk has come to the end of its act, answered or not."""
        self._stop.set()
        for thread in self._threads:
            thread.join(_PATIENCE)
            assert not thread.is_alive(), f"{thread.name} does not end"

    def raise_failure(self) -> None:
        """Raise what a desk ended on, if one did."""
        if self._failed:
            raise self._failed[0]

    def _run(self, sayer: _Sayer, pause: float) -> None:
        dice = random.Random(sayer.name)
        try:
            with sayer.desk:
                while not self._stop.wait(dice.expovariate(1 / pause) if pause else 0):
                    sayer.say_something()
        except BaseException as error:
            self._failed.append(error)


class _Sayer:
    """Says what desks say: mostly new copy, then everything else, some of it twice, some of it wrong.

    Attributes:
        speaking: Held while an act is under way.
    """

    def __init__(self, desk: Desk, ledger: Ledger, *, seed: int) -> None:
        self.desk = desk
        self.name = desk.name
        self.speaking = threading.Lock()
        self.said = 0
        self._ledger = ledger
        self._dice = random.Random(seed)
        self._updates: list[tuple[str, str]] = []
        self._unanswered: tuple[str, Act] | None = None

    def say_something(self) -> None:
        """Try to say one thing; without an answer, the same is said again next time."""
        with self.speaking:
            event_id, act = self._unanswered or self._choose()
            self._unanswered = event_id, act
            try:
                receipt = act()
            except MaybeWritten:
                self._ledger.maybe[event_id] += 1
            except LogUnavailable:
                self._ledger.refused += 1
            else:
                self._unanswered = None
                self._note(receipt)
                return
        time.sleep(self._dice.uniform(0.01, 0.1))  # as anybody who tries again does

    def _note(self, receipt: Receipt) -> None:
        self.said += 1
        self._ledger.acknowledged.append(
            Acknowledged(self.name, receipt.story, receipt.event_id, receipt.partition, receipt.offset)
        )
        if receipt.update is not None:
            self._updates.append((receipt.story, receipt.update))

    def _choose(self) -> tuple[str, Act]:
        """Return an event id, and how the event is sent."""
        event_id = new_event_id()
        if not self._updates or self._dice.random() < 0.6:
            story, text = f"story-{self._dice.randrange(STORIES)}", "Text. " * self._dice.randrange(40)
            return event_id, partial(self.desk.publish, story, event_id=event_id, headline=f"Update {self.said}", body=text)
        story, update = self._dice.choice(self._updates)
        if self._dice.random() < 0.1:
            key = f"again {update}"
            once_more = partial(self.desk.publish, story, update=update, headline="Once more", idempotency_key=key)
            return event_id_for(self.name, story, key), once_more
        return event_id, self._about(story, update, event_id)

    def _about(self, story: str, update: str, event_id: str) -> Act:
        desk, dice = self.desk, self._dice
        about = dice.choice(["correct", "correct", "revise", "withhold", "release", "mark", "kill"])
        if about == "correct":
            return partial(desk.correct, story, update, event_id=event_id, note="It was wrong.", headline="Right", body="True.")
        if about == "revise":
            expects = dice.randrange(1, 3)
            return partial(desk.revise, story, update, event_id=event_id, headline="Revised", body="More text.", expects=expects)
        if about == "withhold":
            return partial(desk.withhold, story, update, event_id=event_id, reason="in doubt")
        if about == "release":
            return partial(desk.release, story, update, event_id=event_id)
        if about == "kill" and dice.random() < 0.2:
            return partial(desk.kill, story, update, event_id=event_id, reason="false")
        return partial(desk.mark, story, update, event_id=event_id, key_event=dice.random() < 0.5, pinned=dice.random() < 0.1)
