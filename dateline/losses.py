"""What readers would lose by a flip: found before it, named, and taken from them only if the operator says so.

A build of the same log, whole, holds every record that the live generation holds, so nothing can be lost by it. It is otherwise
where the log is another one, or has lost its beginning or its end, and where a story is parked in what is flipped to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from consumers.fit import Extent
from consumers.generations import Comparison, Generation, Generations, Pointer
from consumers.view import Parked
from dateline.errors import Refused

_NAMED = 5
"""Stories that a refusal names."""


def short_log(live: Mapping[int, Generation], extent: Extent) -> str:
    """Return in words which records are gone from the log that a new generation would need; empty if it is whole.

    Args:
        live: What readers have, read before the log's extent was: what is built from a beginning that is gone needs it no more.
    """
    told = []
    for partition, begin in sorted(extent.begins.items()):
        one = live.get(partition)
        mine = one if one is not None and one.log_id == extent.log_id else None
        if begin > (mine.first if mine is not None else 0):
            told.append(f"RETENTION_GAP: partition {partition} of {extent.url} begins at offset {begin}")
        if mine is not None and mine.offset > extent.ends[partition]:
            seen, end = mine.offset, extent.ends[partition]
            told.append(
                f"LOG_CHANGED: partition {partition} of {extent.url} ends at offset {end}, and readers have it up to {seen}"
            )
    return "; ".join(told)


def refuse_short_log(live: Mapping[int, Generation], extent: Extent, *, view: str) -> None:
    """Refuse to build what cannot be whole, before any time is spent on it.

    Raises:
        Refused: It says what is gone.
    """
    if gone := short_log(live, extent):
        raise Refused(
            f"{gone}. A view that is built from what is left lacks what those records said, and its seq counts what is left. "
            "Bring the records back from a copy (dateline log copy), and nothing is lost. If there is no copy, see what would be "
            f"lost with: dateline replay {view} --no-switch, and take it with: dateline replay {view} --accept-loss"
        )


def may_lose(live: Generation | None, extent: Extent, partition: int) -> bool:
    """Whether a build of the log as it is may hold less of a partition than the live generation does."""
    if live is None:
        return False
    is_same = live.log_id == extent.log_id and live.first == extent.begins[partition]
    return not is_same or live.offset > extent.ends[partition]


def unequal(live: Mapping[str, int], shadow: Mapping[str, int]) -> dict[str, Comparison]:
    """Return the stories of which the live generation and the shadow hold other numbers of records, by their seqs in both."""
    found = {}
    for story, seq in sorted(live.items()):
        if (new := shadow.get(story, 0)) != seq:
            told = f"story {story}: readers have it up to seq {seq}, and the new generation {_up_to(new)}"
            found[story] = Comparison(story, False, (told,), is_lost=new < seq)
    return found


def _up_to(seq: int) -> str:
    return f"up to seq {seq}" if seq else "does not have it"


def refuse_losses(name: str, lost: Sequence[Comparison], extent: Extent, *, view: str) -> None:
    """Refuse to take stories from readers.

    Raises:
        Refused: It names some of them.
    """
    if lost:
        told = "; ".join(one.differences[0] for one in lost[:_NAMED]) + ("; …" if len(lost) > _NAMED else "")
        raise Refused(
            f"Readers would lose {_stories(len(lost))} or the end of them: {told}. They keep what they have, and {name} is "
            f"kept too. See that {extent.url} is the log that they shall have, and that it is whole. If it is: "
            f"dateline replay {view} --accept-loss"
        )


def standing_still(generations: Generations, pointer: Pointer) -> dict[str, Parked]:
    """Return the stories that a flip to what `pointer` names would hold back: parked there, and in the live one not, or later."""
    live = generations.parked("live")
    parked = generations.parked(pointer)
    return {s: one for s, one in sorted(parked.items()) if s not in live or one.offset < live[s].offset}


def refuse_standing_still(parked: Mapping[str, Parked], pointer: Pointer, *, view: str) -> None:
    """Refuse to take from readers what comes later of stories that are parked in what `pointer` names.

    Raises:
        Refused: It names some of them.
    """
    if parked:
        names = ", ".join(list(parked)[:_NAMED]) + (" …" if len(parked) > _NAMED else "")
        what, command = _STANDING_STILL[pointer]
        raise Refused(
            f"{_stories(len(parked))} {what}: {names} ({next(iter(parked.values())).error}). Readers keep what they have. Mend "
            f"the cause and run the same command again, which tries them again. To flip nevertheless: "
            f"{command} {view} --accept-loss"
        )


_STANDING_STILL: Mapping[Pointer, tuple[str, str]] = {
    "shadow": ("could not be built", "dateline replay"),
    "previous": ("would stand still in the previous generation", "dateline rollback"),
}
"""What is the matter with stories that are parked there, and the command that flips to it."""


def _stories(count: int) -> str:
    return "1 story" if count == 1 else f"{count:,} stories"
