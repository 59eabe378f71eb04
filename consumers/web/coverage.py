"""What a feed or a page is made of: a story, some of its updates, and those that were taken off. Values only."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from consumers.state import Story
from consumers.timeline.shown import Shown


class Gone(Struct, frozen=True):
    """An update that readers had and that was taken off: nothing of what it said is left.

    Attributes:
        kind: `killed` or `withheld`.
        at: The desk's time of the event that took it off.
        published_seq: The `seq` of the change that first showed it.
    """

    update: str
    kind: str
    seq: int
    at: datetime
    published_seq: int


class Coverage(Struct, frozen=True):
    """A story and a part of it.

    Attributes:
        seq: The story's `seq` that this shows.
        generation: The generation of the view that it was read from.
        updates: The newest first, by the place in the log where each first became public.
        places: Of each update, that place: the `seq` of the change that first showed it.
        gone: The last taken off first.
        next: The cursor of the part below this one, None at the end.
    """

    story: Story
    seq: int
    generation: str
    updates: Sequence[Shown]
    places: Sequence[int]
    gone: Sequence[Gone]
    next: str | None
