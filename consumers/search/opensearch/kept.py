"""What the fold keeps, as documents hold it: of each story and update the state before and after the batch that touched it last.

So a batch that was written in part is as good as one that was not: read from a cursor that has not passed it, it is not there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from msgspec import MsgspecError, Struct, field, json
from msgspec.structs import replace

from consumers.search.silence import silenced
from consumers.state import Entry, Story, Update
from consumers.view import Parked
from dateline.errors import ContentDamaged

T = TypeVar("T", bound=Struct)


class KeptStory(Struct, frozen=True):
    """A story. `first` and `last` are the offsets of the first and the last of its records in the batch that touched it last."""

    story: str
    partition: int
    first: int
    last: int
    before: Story | None
    after: Story
    kind: str = "s"


class Ordered(Struct, frozen=True):
    """An update, and its place among all that were ever public; 0 while it never was."""

    order: int
    update: Update


class KeptUpdate(Struct, frozen=True):
    """An update, as `KeptStory`."""

    story: str
    partition: int
    first: int
    last: int
    before: Ordered | None
    after: Ordered
    kind: str = "u"

    def without_words(self) -> KeptUpdate:
        """Return it without anything that it ever said."""
        return replace(self, before=_silent(self.before) if self.before else None, after=_silent(self.after))


class KeptEntry(Struct, frozen=True):
    """An event id's entry."""

    story: str
    partition: int
    event: str
    entry: Entry
    kind: str = "e"


class KeptKill(Struct, frozen=True):
    """An update whose words are to go from the index's files, in all generations. `seq` and `offset` are its kill's."""

    story: str
    partition: int
    update: str
    seq: int
    offset: int
    kind: str = "k"


class KeptCursor(Struct, frozen=True):
    """How far a partition of a generation is. It is moved only by who has read it as it is.

    Attributes:
        sealed: Whether a flip has fenced its writer.
        first: The first offset that it was built from.
        made_at: Milliseconds since 1970.
        stories: How many stories it holds.
    """

    partition: int
    offset: int
    log_id: str
    fold_version: int
    token: str = ""
    sealed: bool = False
    first: int = 0
    made_at: int = 0
    stories: int = 0
    homeless: int = 0
    undecodable: int = 0
    parked: dict[str, Parked] = field(default_factory=dict)
    problems: tuple[dict[str, Any], ...] = ()  # Any: what JSON holds
    kind: str = "c"

    def seen(self, story: str) -> int:
        """Return the offset up to which a story's records are applied: a parked one's stand still."""
        parked = self.parked.get(story)
        return parked.offset if parked is not None else self.offset


def read(kind: type[T], source: object, what: str) -> T:
    """Return what a document holds.

    Raises:
        ContentDamaged: It holds something else.
    """
    try:
        return json.decode(json.encode(source), type=kind)
    except MsgspecError as error:
        raise damaged(f"what it holds of {what} is none of ours: {error}") from error


def story_at(kept: KeptStory, cursor: int) -> Story | None:
    """Return a story as it is before the record at `cursor`."""
    return kept.after if _is_after(kept.first, kept.last, cursor, f"story {kept.story!r}") else kept.before


def update_at(kept: KeptUpdate, cursor: int) -> Ordered | None:
    """Return an update as it is before the record at `cursor`."""
    what = f"update {kept.after.update.id!r} of story {kept.story!r}"
    return kept.after if _is_after(kept.first, kept.last, cursor, what) else kept.before


def damaged(what: str) -> ContentDamaged:
    told = f"The search index is damaged ({what}); something else wrote there. Build it anew, while readers have this one"
    return ContentDamaged(f"{told}: dateline replay search", what=what)


def _is_after(first: int, last: int, cursor: int, what: str) -> bool:
    if first < cursor <= last:
        raise damaged(f"{what} was written by offsets {first} to {last}, and the cursor is {cursor}")
    return cursor > last


def _silent(one: Ordered) -> Ordered:
    return Ordered(one.order, silenced(one.update))


def by_id(found: Mapping[str, Any]) -> dict[str, dict[str, Any]]:  # Any: what JSON holds
    """Return what an mget found, by id."""
    return {one["_id"]: one for one in found.get("docs", ()) if one.get("found")}
