"""`dateline verify --watch`: the view against the log, story by story, for as long as it runs and at little cost."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Final

import click

from dateline.cli.lines import say
from dateline.deployment import Deployment
from dateline.errors import DatelineError
from schemas.topics import EVENTS_TOPIC

if TYPE_CHECKING:
    from consumers.timeline.sampler import Checked

SHARE: Final = 0.012
"""Of one core, which leaves as much again for what Redis does for it."""

_BETWEEN_ROUNDS = 1.0
_AFTER_ERROR = 5.0
_SAID_EVERY = 600.0
"""Seconds after which it says again that it goes round."""


class Pace:
    """Sleeps so long that this process uses its share of a core, and no more."""

    def __init__(self, share: float = SHARE) -> None:
        self._share = share
        self._mark = time.process_time()

    def __call__(self) -> None:
        used = time.process_time() - self._mark
        time.sleep(used / self._share - used)
        self._mark = time.process_time()


class _Told:
    """What was said of each story that differs, so that it is said once, and once more when it is mended."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._told: dict[str, frozenset[str]] = {}

    def take(self, checked: Checked) -> None:
        if checked.differences is None:
            return
        now, before = frozenset(checked.differences), self._told.pop(checked.story, frozenset())
        for difference in checked.differences:
            if difference not in before:
                self._say("differs", checked, difference=difference)
        if now:
            self._told[checked.story] = now
        elif before:
            self._say("mended", checked)

    def __len__(self) -> int:
        return len(self._told)

    def _say(self, event: str, checked: Checked, **about: str) -> None:
        told = {"story": checked.story, "partition": checked.partition, **about}
        say(event, level="warning" if about else "info", **told)
        if self._as_json:
            click.echo(json.dumps({"event": event, **told}, ensure_ascii=False))


def verify_watch(deployment: Deployment, *, as_json: bool) -> None:
    """Compare until interrupted. What cannot be reached is tried again."""
    from consumers.timeline.sampler import Sampler
    from schemas.codec import committed_codec

    codec, told, said_at = committed_codec(), _Told(as_json=as_json), 0.0
    say("started", share=SHARE)
    pace: Pace | None = None
    while True:
        try:
            log, store = deployment.log, deployment.store
            log.partitions(EVENTS_TOPIC)
            pace = pace or Pace()  # to connect for the first time costs what is no part of the share
            began, stories = time.monotonic(), 0
            for checked in Sampler(log, store, topic=EVENTS_TOPIC, codec=codec, pause=pace).round():
                told.take(checked)
                stories += 1
            if time.monotonic() >= said_at:
                say("went_round", stories=stories, differ=len(told), seconds=round(time.monotonic() - began, 1))
                said_at = time.monotonic() + _SAID_EVERY
            time.sleep(_BETWEEN_ROUNDS)
        except DatelineError as error:
            if not error.retriable:
                raise
            say("failed", level="warning", error=str(error), again_in_s=_AFTER_ERROR)
            deployment.reconnect()
            time.sleep(_AFTER_ERROR)
        if pace is not None:
            pace()
