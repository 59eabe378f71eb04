"""What the runner remembers is bounded, whatever comes."""

from __future__ import annotations

from consumers.memory import Memory
from consumers.state import Incoming
from consumers.view import StoryLoaded


def test_stories_of_which_nothing_can_be_read_are_forgotten_too() -> None:
    memory = Memory(limit=10)

    for number in range(1000):
        batch = [Incoming(f"story-{number}", number, 0, None, "", "It is broken.")]
        needs = memory.needs(batch)
        memory.learn(needs, {story: StoryLoaded(None, {}, {}) for story in needs})
        memory.fold(batch)
        memory.trim(())

    assert len(memory) <= 10
