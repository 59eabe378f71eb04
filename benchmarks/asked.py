"""Many saved questions against one update: how long, and how much memory a subscription takes."""

from __future__ import annotations

import time
import tracemalloc
from datetime import UTC, datetime
from random import Random
from statistics import median

from benchmarks.work import update
from consumers.notifications.marks import Asking
from consumers.notifications.subscriptions import Subscription
from consumers.search.question import Question
from consumers.state import Update
from consumers.words import words_of

_ROUNDS = 200


def measured(count: int) -> dict[str, float]:
    """Return the milliseconds of one update, in the middle, and the bytes of a subscription; one in a hundred asks for it."""
    dice = Random(13)
    words = [f"{dice.choice('bcdfgklmnprst')}{dice.choice('aeiou')}{n}" for n in range(count)]
    tracemalloc.start()
    subscriptions = [_subscription(number, "bang" if number % 100 == 0 else words[number]) for number in range(count)]
    asking = Asking(subscriptions)
    told = _update(0)
    _asked(asking, told)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    took = []
    for number in range(_ROUNDS):
        told = _update(number)
        began = time.perf_counter()
        found = _asked(asking, told)
        took.append((time.perf_counter() - began) * 1000)
        assert found == count // 100
    return {"ms": median(took), "bytes_each": size / count}


def _subscription(number: int, word: str) -> Subscription:
    target = f"https://hooks.example/{number}"
    return Subscription(id=f"subscription-{number}", target=target, question=Question(f"{word} voltage"), active_from=1)


def _asked(asking: Asking, told: Update) -> int:
    matching = asking.matching("apollo-13", told, "en")
    return sum(matching.by(one) for one in matching.candidates())


def _update(number: int) -> Update:
    words = words_of(update(number, story="apollo-13").content)
    return Update(f"u{number}", revision=1, words=words, published_at=datetime.now(UTC))
