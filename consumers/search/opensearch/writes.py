"""What a folded batch writes: documents for readers, what the fold keeps, and what is to be taken out of the files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct, json

from consumers.document import document
from consumers.problems import problems_of
from consumers.search.indexed import indexed
from consumers.search.opensearch import names
from consumers.search.opensearch.kept import KeptCursor, KeptEntry, KeptKill, KeptStory, KeptUpdate, Ordered
from consumers.search.opensearch.server import Action
from consumers.search.order import first_order
from consumers.state import Update
from consumers.timeline.keys import PROBLEMS_KEPT
from consumers.view import Folded, Step
from schemas.times import to_us

TOMBSTONE = b"{}"
"""A document of what is not public any more. It is never deleted: a version that is deleted is forgotten after a minute."""


class Touched(Struct):
    """An update that a batch touches.

    Attributes:
        seq: That of the last record that touched it, which is its document's version.
        first, last: The offsets of the first and the last.
        published_at: When the record that first made it public was recorded; None where that was before the batch.
    """

    before: Update | None
    after: Update
    seq: int
    first: int
    last: int
    recorded_at: int | None = None

    @property
    def is_killed(self) -> bool:
        return self.after.killed_at is not None and (self.before is None or self.before.killed_at is None)


def touched(steps: Sequence[Step]) -> dict[str, Touched]:
    """Return the updates that the steps of one story touch, by id."""
    found: dict[str, Touched] = {}
    for step in steps:
        after, offset, story = step.outcome.update, step.incoming.offset, step.outcome.story
        if after is None or after is step.before:
            continue
        one = found.get(after.id)
        if one is None:
            one = found[after.id] = Touched(step.before, after, story.seq, offset, offset)
        one.after, one.seq, one.last = after, story.seq, offset
        if after.place and not (step.before is not None and step.before.place):
            one.recorded_at = story.recorded_at
    return found


def new_language(steps: Sequence[Step]) -> tuple[str, int] | None:
    """Return the language that a story has after the steps, and the `seq` that gave it, if it is another than before."""
    before, found = steps[0].story_before.heading.language, None
    for step in steps:
        language = step.outcome.story.heading.language
        if language != before:
            before, found = language, (language, step.outcome.story.seq)
    return found


def document_action(generation: str, partition: int, story: str, one: Ordered, language: str, *, version: int) -> Action:
    """Return what brings an update to readers, or away from them."""
    update = one.update
    index, name = names.documents(generation), names.document_id(story, update.id)
    return Action(index, name, source(partition, story, one, language) if update.is_public else TOMBSTONE, version=version)


def source(partition: int, story: str, one: Ordered, language: str) -> bytes:
    """Return the document of a public update: what finds it, and what readers get."""
    found = indexed(story, one.update, language)
    about: dict[str, Any] = {  # Any: what JSON holds
        "story": story,
        "update": one.update.id,
        "name": f"{story}/{one.update.id}",
        "partition": partition,
        "order": one.order,
        "published": to_us(one.update.published_at) if one.update.published_at is not None else None,
        "language": language,
        "marks": found.marks,
        "document": document(story, one.update),
    }
    return json.encode(about | found.fields)


def order_of(story: str, one: Touched, known: int) -> int:
    """Return the order of an update from what it was before the batch, if it had one."""
    if known or not one.after.place:
        return known
    assert one.recorded_at is not None
    return first_order(story, recorded_at=one.recorded_at, place=one.after.place)


def story_source(partition: int, story: str, steps: Sequence[Step]) -> bytes:
    first, last = steps[0], steps[-1]
    before = first.story_before if first.story_before.seq else None
    return json.encode(KeptStory(story, partition, first.incoming.offset, last.incoming.offset, before, last.outcome.story))


def update_source(partition: int, story: str, one: Touched, known: int, order: int) -> bytes:
    before = Ordered(known, one.before) if one.before is not None else None
    kept = KeptUpdate(story, partition, one.first, one.last, before, Ordered(order, one.after))
    return json.encode(kept)


def other_actions(generation: str, partition: int, story: str, steps: Sequence[Step]) -> Iterator[Action]:
    """Yield what is the same whoever writes it: the entries of event ids, and what is to be taken out of the files."""
    index = names.states(generation)
    for step in steps:
        if step.entry is not None and step.incoming.event is not None:
            event = step.incoming.event.event_id
            entry = json.encode(KeptEntry(story, partition, event, step.entry))
            yield Action(index, names.entry_id(story, event), entry, always=True)
    for update, one in touched(steps).items():
        if one.is_killed:
            kill = json.encode(KeptKill(story, partition, update, one.seq, one.last))
            yield Action(index, names.kill_id(story, update), kill, always=True)


def moved(cursor: KeptCursor, batch: Folded) -> dict[str, Any]:  # Any: what differs, of several types
    """Return what is different of a cursor after a batch."""
    problems = [told for _, told in problems_of(batch)]
    parked = {**cursor.parked, **batch.parked}
    return {
        "offset": batch.next_offset,
        "stories": cursor.stories + sum(not steps[0].story_before.seq for steps in batch.stories.values()),
        "homeless": batch.total_homeless,
        "undecodable": batch.total_undecodable,
        "parked": {story: one for story, one in parked.items() if one is not None},
        "problems": (*cursor.problems, *problems)[-PROBLEMS_KEPT:],
    }
