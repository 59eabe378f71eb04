"""Goes back to the generation that was live before, once it has caught up."""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Mapping
from contextlib import closing

from msgspec import Struct

from consumers.generations import Generation, Generations
from consumers.runner import Runner
from consumers.story import FOLD_VERSION
from dateline.errors import GenerationGone, Refused, StoreBroken, StoreUnavailable
from dateline.log.base import Log
from dateline.log.partitioner import partition_of
from dateline.losses import refuse_standing_still, standing_still
from dateline.replay import runner_of
from schemas.codec import Codec
from schemas.topics import EVENTS_TOPIC


class RolledBack(Struct, frozen=True):
    """What a rollback did.

    Attributes:
        generations: What readers have again in each partition; all of one name, unless one once lost its own and began anew.
        behind: How many records it was behind.
        parked: Stories that stand still in it.
    """

    generations: Mapping[int, str]
    behind: int
    parked: list[str]


def roll_back(log: Log, generations: Generations, *, codec: Codec, patience: float, accept_loss: bool = False) -> RolledBack:
    """Flip each partition back to what was live there before, once that has caught up, its parked stories too if they can.

    One that was stopped on the way is gone on with, and so is a flip that a replay did not finish taken back.

    Args:
        accept_loss: Whether stories may stand still in it that go on in the live one.

    Raises:
        Refused: There is none, it was made by another version of the fold, or stories would stand still.
    """
    previous, live = generations.standing("previous"), generations.standing("live")
    todo = to_flip(live, previous, {one.name for one in generations.standing("shadow").values()})
    names = {p: (previous if p in todo else live)[p].name for p in live}
    for one in (previous[p] for p in sorted(todo)):
        if one.fold_version != FOLD_VERSION:
            raise Refused(
                f"Generation {one.name} was made by fold version {one.fold_version}, and this release has {FOLD_VERSION}. "
                "Let the older release roll back, and run it from then on."
            )
    behind = sum(max(0, live[p].offset - previous[p].offset) for p in todo)
    for story in generations.parked("previous"):  # what failed may be mended by now
        generations.retry("previous", story)
    deadline = time.monotonic() + patience
    with closing(runner_of(log, generations, "previous", names, codec=codec)) as runner:
        _reach(runner, {p: live[p].offset for p in todo}, names, deadline)
        still = standing_still(generations, "previous")
        still = {story: one for story, one in still.items() if _home(log, story) in todo}
        if not accept_loss:
            refuse_standing_still(still, "previous", view=generations.view_name)
        for partition in sorted(todo):
            reset = _changed(generations, partition) | {story for story in still if _home(log, story) == partition}
            while (wanted := generations.flip(partition, "previous", names[partition], reset=sorted(reset))) is not None:
                _reach(runner, {partition: wanted}, names, deadline)
    return RolledBack(names, behind, sorted(generations.parked("live")))


def _changed(generations: Generations, partition: int) -> set[str]:
    """Return the stories that readers will see differently; also those that never stood at one record to be compared."""
    try:
        return {one.story for one in generations.compare(partition, "previous") if not one.same}
    except (GenerationGone, StoreBroken):  # what is damaged is why one goes back
        return set(generations.seqs("live", partition))


def _home(log: Log, story: str) -> int:
    return partition_of(story.encode(), log.partitions(EVENTS_TOPIC))


def to_flip(live: Mapping[int, Generation], previous: Mapping[int, Generation], shadow: Collection[str]) -> set[int]:
    """Return the partitions to flip, so that each has what was live in it before; those that a stopped rollback has left.

    Args:
        shadow: The name of what a replay that was stopped between two flips has built, which is live in some partitions already.

    Raises:
        Refused: There is nothing to go back to, somewhere or everywhere.
    """
    everywhere = set.intersection(*({found[p].name for found in (live, previous) if p in found} for p in live)) if live else set()
    missing = live.keys() - previous.keys()
    if live and not missing:
        return _unswapped(live, previous, everywhere)
    flipped = {p for p, one in live.items() if one.name in shadow or (everywhere and one.name not in everywhere)}
    if not flipped or flipped & missing:
        raise _nothing_to_go_back_to(missing, live)
    return flipped


def _unswapped(live: Mapping[int, Generation], previous: Mapping[int, Generation], everywhere: Collection[str]) -> set[int]:
    """Return all partitions, or where a rollback was stopped, those that are not as the first is: they are flipped in order.

    What has changed places is told by a generation that is in every partition, live or previous, as a replay leaves one; where
    a partition has lost its part of it too, by which of the two is the newer.
    """
    if everywhere:
        name = min(everywhere)
        is_as = {p: live[p].name == name for p in live}
    else:
        is_as = {p: _number(live[p].name) > _number(previous[p].name) for p in live}
    first = is_as[min(live)]
    return {p for p in live if is_as[p] != first} or set(live)


def _number(name: str) -> int:
    return int(re.sub(r"\D", "", name) or 0)


def _nothing_to_go_back_to(missing: Collection[int], live: Collection[int]) -> Refused:
    if len(missing) == len(live):
        return Refused("There is no previous generation to go back to. See: dateline generations")
    where = ", ".join(map(str, sorted(missing)))
    return Refused(f"There is no previous generation to go back to in partition {where}. See: dateline generations")


def _reach(runner: Runner, ends: Mapping[int, int], names: Mapping[int, str], deadline: float) -> None:
    if not runner.run_until(ends, deadline=deadline):
        told = ", ".join(sorted({names[p] for p in ends}))
        raise StoreUnavailable(f"Generation {told} did not catch up in time. Run the same command again; it goes on.")
