"""Goes back to the generation that was live before, once it has caught up."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import closing

from msgspec import Struct

from consumers.generations import Generation, Generations
from consumers.runner import Runner
from consumers.story import FOLD_VERSION
from dateline.errors import Refused, StoreUnavailable
from dateline.log.base import Log
from dateline.log.partitioner import partition_of
from dateline.losses import refuse_standing_still, standing_still
from dateline.replay import runner_of
from schemas.codec import Codec
from schemas.topics import EVENTS_TOPIC


class RolledBack(Struct, frozen=True):
    """What a rollback did.

    Attributes:
        generation: What readers have again.
        behind: How many records it was behind.
        parked: Stories that stand still in it.
    """

    generation: str
    behind: int
    parked: list[str]


def roll_back(log: Log, generations: Generations, *, codec: Codec, patience: float, accept_loss: bool = False) -> RolledBack:
    """Flip back to the generation that was live before, once it has caught up, its parked stories too if they can.

    One that was stopped on the way is gone on with, and so is a flip that a replay did not finish taken back.

    Args:
        accept_loss: Whether stories may stand still in it that go on in the live one.

    Raises:
        Refused: There is none, it was made by another version of the fold, or stories would stand still.
    """
    previous, live = generations.standing("previous"), generations.standing("live")
    name = target_of(live, previous)
    todo = {p for p in live if live[p].name != name}
    version = previous[min(todo)].fold_version
    if version != FOLD_VERSION:
        raise Refused(
            f"Generation {name} was made by fold version {version}, and this release has {FOLD_VERSION}. "
            "Let the older release roll back, and run it from then on."
        )
    behind = sum(max(0, live[p].offset - previous[p].offset) for p in todo)
    for story in generations.parked("previous"):  # what failed may be mended by now
        generations.retry("previous", story)
    deadline = time.monotonic() + patience
    with closing(runner_of(log, generations, "previous", name, codec=codec)) as runner:
        _reach(runner, {p: live[p].offset for p in todo}, name, deadline)
        still = standing_still(generations, "previous")
        still = {story: one for story, one in still.items() if _home(log, story) in todo}
        if not accept_loss:
            refuse_standing_still(still, "previous")
        for partition in sorted(todo):
            reset = [story for story in still if _home(log, story) == partition]
            while (wanted := generations.flip(partition, "previous", name, reset=reset)) is not None:
                _reach(runner, {partition: wanted}, name, deadline)
    return RolledBack(name, behind, sorted(generations.parked("live")))


def _home(log: Log, story: str) -> int:
    return partition_of(story.encode(), log.partitions(EVENTS_TOPIC))


def target_of(live: Mapping[int, Generation], previous: Mapping[int, Generation]) -> str:
    """Return the name of what can be gone back to everywhere: previous, or live again where a rollback was stopped.

    Partitions are flipped in order, so of two that have changed places the one that is live in the first is the target.
    """
    everywhere = {p: {found[p].name for found in (live, previous) if p in found} for p in live}
    names = set.intersection(*everywhere.values()) if everywhere else set()
    names -= {name for name in names if all(one.name == name for one in live.values())}
    if not names:
        raise Refused("There is no previous generation to go back to. See: dateline generations")
    first = live[min(live)].name
    return first if first in names else names.pop()


def _reach(runner: Runner, ends: Mapping[int, int], name: str, deadline: float) -> None:
    if not runner.run_until(ends, deadline=deadline):
        raise StoreUnavailable(f"Generation {name} did not catch up in time. Run the same command again; it goes on.")
