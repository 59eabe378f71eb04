"""How long a consumer waits before it tries again, and what it says of it."""

from __future__ import annotations

import random
import time

from dateline.cli.lines import say
from dateline.errors import DatelineError

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 2.0
_CALM = 30.0
"""Seconds without an error after which the pauses begin small again."""


class Pauses:
    """How long to wait after an error that may pass: longer each time, never in step with other processes.

    Args:
        waits_for_a_hand: Whether to look again also where only a hand can put it right; said once then.
    """

    def __init__(self, consumer: str, *, waits_for_a_hand: bool = False) -> None:
        self._consumer = consumer
        self._waits_for_a_hand = waits_for_a_hand
        self._told = ""
        self._failures = 0
        self._last = 0.0
        self._is_lost = False

    def after(self, error: DatelineError) -> float:
        """Say what went wrong and return the seconds to wait.

        Raises:
            DatelineError: The error, if trying again will not help.
        """
        if not error.retriable:
            return self._until_mended(error)
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
        self._is_lost, self._told = False, ""

    def _until_mended(self, error: DatelineError) -> float:
        if not self._waits_for_a_hand:
            raise error
        if str(error) != self._told:
            say("stopped", level="error", consumer=self._consumer, error=str(error))
        self._is_lost, self._told = True, str(error)
        return _LONGEST_PAUSE
