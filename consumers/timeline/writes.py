"""What a folded batch writes to Redis: a list of commands, few and variadic.

Of an update that changes several times in a batch only the last state is written; its history and its changes are kept each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from msgspec.json import encode
from msgspec.structs import replace

from consumers.document import document
from consumers.problems import problems_of
from consumers.state import Change, Correction, Update
from consumers.timeline.documents import (
    change_text,
    entry_text,
    heading_text,
    history_entry,
    late_document,
    parked_text,
    state_text,
    story_text,
)
from consumers.timeline.keys import CHANGE_FIELD, PROBLEMS_KEPT
from consumers.view import Folded, Parked, Step
from schemas.times import to_us

Write = list[Any]  # Any: a command's name, its key, then texts and numbers

_NEVER_SEEN = Update("")
_MOST_ARGUMENTS = 1000  # Lua unpacks fewer than 8,000 values


def batch_writes(g: str, batch: Folded) -> list[Write]:
    """Return the commands that bring the generation with the key prefix `g` from before `batch` to after it."""
    writes: list[Write] = []
    stories: Write = ["HSET", f"{g}stories"]
    recent: Write = ["ZADD", f"{g}recent"]
    problems = [(offset, encode(told).decode()) for offset, told in problems_of(batch)]
    for story_id, steps in batch.stories.items():
        story = steps[-1].outcome.story
        stories += (story_id, story_text(story))
        recent += (story.recorded_at, story_id)
        writes += _story_writes(g, story_id, steps)
    if batch.stories:
        writes += (stories, recent)
    if problems:
        writes.append(["ZADD", f"{g}problems", *(part for problem in problems for part in problem)])
        writes.append(["ZREMRANGEBYRANK", f"{g}problems", 0, -PROBLEMS_KEPT - 1])
        writes.append(["HSET", f"{g}meta", "homeless", batch.total_homeless, "undecodable", batch.total_undecodable])
    if batch.parked:
        writes += _parked_writes(g, batch.parked)
    return writes


def _parked_writes(g: str, parked: Mapping[str, Parked | None]) -> Iterator[Write]:
    for story, entry in parked.items():
        yield ["HDEL", f"{g}parked", story] if entry is None else ["HSET", f"{g}parked", story, parked_text(entry)]


def _story_writes(g: str, story: str, steps: Sequence[Step]) -> list[Write]:
    """Return what the steps of one story write."""
    writes: list[Write] = []
    events: Write = ["HSET", f"{g}events/{story}"]
    first: dict[str, Update | None] = {}
    last: dict[str, Update] = {}
    changes = f"{g}changes/{story}"
    for step in steps:
        outcome, before = step.outcome, step.before
        if step.entry is not None:
            events += (step.incoming.event.event_id, entry_text(step.entry))  # type: ignore[union-attr]  # an entry is an event's
        change, after = outcome.change, outcome.update
        if change is not None:
            if change.note is not None and change.update is not None:
                writes.append(["HSET", f"{g}notes/{story}/{change.update}", str(change.seq), change.note])
                change = replace(change, note=None)
            writes.append(["XADD", changes, f"{change.seq}-0", CHANGE_FIELD, change_text(change)])
        if after is not None and after is not before:
            first.setdefault(after.id, before)
            last[after.id] = after
        if before is not None or after is None or after.corrections:
            writes += _past_writes(g, story, step)
    if len(events) > 2:
        writes.append(events)
    if last:
        writes += _update_writes(g, story, first, last)
    return writes


def _past_writes(g: str, story: str, step: Step) -> Iterator[Write]:
    """What a step adds to the history, where there is a past, and to the corrections."""
    outcome, before = step.outcome, step.before
    if outcome.late is not None:
        yield _history(g, story, outcome.late.about, late_document(outcome.late.version, outcome.late.words))
    if outcome.change is not None:
        if outcome.change.update is None:
            heading = step.story_before.heading_change
            if heading is not None:
                yield _history(g, story, heading, heading_text(step.story_before.heading))
        elif before is not None and before.last is not None:
            yield _history(g, story, before.last, document(story, before) if before.is_public else "")
    if outcome.update is not None and outcome.update is not before:
        yield from _correction_writes(g, story, step, outcome.update)


def _history(g: str, story: str, about: Change, shown: str) -> Write:
    return ["ZADD", f"{g}history/{story}/{about.update or ''}", about.seq, history_entry(about, shown)]


def _correction_writes(g: str, story: str, step: Step, after: Update) -> Iterator[Write]:
    old = step.before.corrections if step.before is not None else ()
    listed = ((f"{g}corrections", step.outcome.story.recorded_at), (f"{g}corrections/{story}", step.outcome.story.seq))
    if after.killed_at is not None and old:
        names = [_correction(story, after, told) for told in old]
        for start in range(0, len(names), _MOST_ARGUMENTS):
            yield from (["ZREM", key, *names[start : start + _MOST_ARGUMENTS]] for key, _ in listed)
    elif len(after.corrections) > len(old):
        yield from (["ZADD", key, score, _correction(story, after, after.corrections[-1])] for key, score in listed)


def _correction(story: str, update: Update, told: Correction) -> str:
    """Return a correction's name, such that those of an update sort as they came."""
    return f"{story}/{update.id}/{told.revision:010d}"


def _update_writes(g: str, story: str, first: Mapping[str, Update | None], last: Mapping[str, Update]) -> list[Write]:
    """The last state of each update that was touched, and its place in the indexes where that changed."""
    states: Write = ["HSET", f"{g}state/{story}"]
    docs: Write = ["HSET", f"{g}docs/{story}"]
    places: Write = ["ZADD", f"{g}index/{story}"]
    changed: list[Write] = []
    for update_id, after in last.items():
        before = first[update_id]
        states += (update_id, state_text(after))
        is_public = after.is_public
        if is_public:
            docs += (update_id, document(story, after))
        if before is not None or not is_public or after.key_event or after.pinned:
            changed += _index_writes(g, story, before or _NEVER_SEEN, after)
        else:
            places += (after.place, update_id)
    return [states, *(write for write in (docs, places) if len(write) > 2), *changed]


def _index_writes(g: str, story: str, before: Update, after: Update) -> Iterator[Write]:
    for name, belongs in _INDEXES.items():
        if belongs(after) and not belongs(before):
            yield ["ZADD", f"{g}{name}/{story}", 0 if name == _BY_NAME else after.place, after.id]
        elif belongs(before) and not belongs(after):
            yield ["ZREM", f"{g}{name}/{story}", after.id]
    if before.is_public and not after.is_public:
        yield ["HDEL", f"{g}docs/{story}", after.id]
    if after.killed_at is not None:
        yield ["DEL", f"{g}history/{story}/{after.id}"]
        yield ["DEL", f"{g}notes/{story}/{after.id}"]
    if after.embargo_until is not None and after.embargo_until != before.embargo_until:
        yield ["ZADD", f"{g}embargoes", to_us(after.embargo_until), f"{story}/{after.id}"]
    elif after.embargo_until is None and before.embargo_until is not None:
        yield ["ZREM", f"{g}embargoes", f"{story}/{after.id}"]


_BY_NAME = "hidden"  # what is hidden may have no place yet

_INDEXES: Mapping[str, Callable[[Update], bool]] = {
    "index": lambda update: update.is_public,
    "key": lambda update: update.is_public and update.key_event,
    "pinned": lambda update: update.is_public and update.pinned,
    "hidden": lambda update: update.revision > 0 and not update.is_public and update.killed_at is None,
    "withheld": lambda update: update.withheld and update.place > 0 and update.embargo_until is None,
}
"""Which updates each index of a story holds, by their place; the hidden ones by name."""
