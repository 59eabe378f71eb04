"""What a view keeps of the records that it could not use, for whoever looks after it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from consumers.view import Folded

Problem = Mapping[str, object]


def problems_of(batch: Folded) -> Iterator[tuple[int, Problem]]:
    """Yield the offset of each record of a batch that belongs to no story or is undecodable, and what is told of it."""
    for found in batch.homeless:
        yield found.offset, {"offset": found.offset, "story": None, "seq": None, "problem": found.problem}
    for steps in batch.stories.values():
        for step in steps:
            if step.incoming.event is None:
                incoming, seq = step.incoming, step.outcome.story.seq
                told = {"offset": incoming.offset, "story": incoming.story, "seq": seq, "problem": incoming.problem}
                yield incoming.offset, told
