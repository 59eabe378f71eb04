"""The fold alone, in memory: decoded events in, states and changes out."""

from __future__ import annotations

from benchmarks.harness import QUICK, Row, compare, rates
from benchmarks.work import update
from consumers.intake import fingerprint
from consumers.memory import Memory
from consumers.state import Incoming
from consumers.view import StoryLoaded

COUNT = 5_000 if QUICK else 20_000


def rows() -> list[Row]:
    events = [update(n, story=f"story-{n % 1000}") for n in range(COUNT)]
    incoming = [Incoming(event.story, n, 1, event, fingerprint(event), digest=bytes(32)) for n, event in enumerate(events)]

    def ours() -> int:
        memory = Memory(limit=1 << 60)
        for start in range(0, COUNT, 250):
            batch = incoming[start : start + 250]
            needs = memory.needs(batch)
            memory.learn(needs, {story: StoryLoaded(None, {}, {}) for story in needs})
            memory.fold(batch)
        return COUNT

    return [compare("fold, batches of 250 over 1,000 stories", "events/s", ours=rates(ours))]
