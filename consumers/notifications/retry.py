"""When to try again, and when to stop: a pure function of how an attempt went."""

from __future__ import annotations

from random import Random
from typing import Final, Literal

from msgspec import Struct

from consumers.notifications.attempt import Attempt

FIRST: Final = 10.0
"""Seconds within which the first retry comes."""

LONGEST: Final = 3600.0
"""Seconds between two attempts at most, unless the receiver asks for more."""

PATIENCE: Final = 3 * 86_400.0
"""Seconds from the first attempt to the last."""

LONGEST_ASKED: Final = 6 * 3600.0
"""Seconds that a receiver's `Retry-After` can put an attempt off."""

_FACTOR = 3.0
_GONE, _TOO_LARGE = 410, 413


class Next(Struct, frozen=True):
    """What comes after an attempt.

    Attributes:
        what: `sent`: it arrived. `retry`: try again at `at`. `gave_up`: this message is not tried again. `ended`: the target
            wants no message any more.
        at: The time of the next attempt, on the clock that `now` was read from.
        reason: Why, where it did not arrive.
    """

    what: Literal["sent", "retry", "gave_up", "ended"]
    at: float | None = None
    reason: str = ""


def after(attempt: Attempt, *, tried: int, first_at: float, now: float, rng: Random) -> Next:
    """Return what comes after an attempt.

    Each answer but a 2xx is tried again, 4xx too: a receiver that is set up wrongly is put right, and then wants what it missed.

    Args:
        tried: How many attempts there were, with this one.
        first_at: When the first one began, in seconds.
        now: When this one was over, on the same clock.
        rng: Where the jitter comes from.
    """
    if attempt.is_success:
        return Next("sent")
    why = attempt.in_words
    if attempt.status == _GONE:
        return Next("ended", reason=f"The target answered {_GONE}.")
    if attempt.status == _TOO_LARGE:
        return Next("gave_up", reason=f"{why} The message would be as large the next time.")
    last = first_at + PATIENCE
    if now >= last:
        return Next("gave_up", reason=f"No success in {tried} attempts over three days. {why}")
    return Next("retry", at=min(now + delay(tried, retry_after_s=attempt.retry_after_s, rng=rng), last), reason=why)


def delay(tried: int, *, retry_after_s: float | None, rng: Random) -> float:
    """Return the seconds to wait after `tried` attempts: between half of a bound and all of it, the bound growing threefold."""
    bound = LONGEST if tried > 12 else min(FIRST * _FACTOR ** (tried - 1), LONGEST)
    jittered = bound * (0.5 + rng.random() / 2)
    return max(jittered, min(retry_after_s or 0.0, LONGEST_ASKED))
