"""What the reader answers with, and how readers get it as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import Any, TypeVar, overload

from msgspec import Raw, Struct, json

from consumers.state import Change, Correction, Story
from dateline.errors import Refused
from schemas.names import shortened

T = TypeVar("T")
Json = dict[str, Any]  # Any: what JSON holds


class Page(Struct, frozen=True):
    """A page of a timeline, newest first.

    Attributes:
        seq: The story's `seq` that the page shows.
        next: The cursor of the page after it, None at the end.
        documents: Each a JSON object.
        places: Of each document, the `seq` at which its update first became public.
        generation: The generation of the view that it was read from.
    """

    story: Story
    seq: int
    next: str | None
    documents: Sequence[bytes]
    places: Sequence[int] = ()
    generation: str = ""

    def json(self) -> bytes:
        """Return the page as the document of the contract."""
        head = json.encode({"story": story_json(self.story), "seq": self.seq, "next": self.next})
        return head[:-1] + b',"updates":[' + b",".join(self.documents) + b"]}"


class TakenOff(Struct, frozen=True):
    """An update that readers had and that is not public any more: the change that took it off, and the place it had."""

    change: Change
    place: int


class Part(Struct, frozen=True):
    """A part of a timeline.

    Attributes:
        others: Documents that are no part of the page and changed lately, the highest place first, and their places.
        taken_off: The last taken off first.
    """

    page: Page
    others: Sequence[tuple[bytes, int]] = ()
    taken_off: Sequence[TakenOff] = ()


class Marks(Struct, frozen=True):
    """Where a story's changes fell.

    Attributes:
        seq: The story's.
        reached: The `seq` of the last change that was looked at.
        more: Whether there are changes after it.
        last: Of each window of places, by its number from 0, the `seq` of the last change of an update that has its place
            there. A change of the story's title counts for the first.
    """

    generation: str
    seq: int
    reached: int
    more: bool
    last: Mapping[int, int]


class Listed(Struct, frozen=True):
    """A story in a list, and how many of its updates are public."""

    story: Story
    updates: int


class ListedCorrection(Struct, frozen=True):
    """A correction of an update that is public; `document` is the update as it is now."""

    story: str
    update: str
    told: Correction
    document: bytes


class Listing(Sequence[T]):
    """A page of a list over several stories. `next` is the cursor of the page after it, None at the end."""

    __slots__ = ("_items", "next")

    def __init__(self, items: Sequence[T], next: str | None) -> None:
        self._items = items
        self.next = next

    @overload
    def __getitem__(self, at: int) -> T: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[T]: ...
    def __getitem__(self, at: int | slice) -> T | Sequence[T]:
        return self._items[at]

    def __len__(self) -> int:
        return len(self._items)


class PublicChange(Struct, frozen=True):
    """A change and its update's document as it is now, None once that is gone."""

    change: Change
    document: bytes | None


class News(Struct, frozen=True):
    """What the wake streams told.

    Attributes:
        seen: Wake stream to the last id seen.
        stories: Story to its `seq`, of those that had records.
        begun_anew: Stories of which a flip changed what was already told.
        is_torn: Whether so much was told since that the beginning of it may be gone: any story may have had records.
    """

    seen: Mapping[str, str]
    stories: Mapping[str, int]
    begun_anew: Set[str]
    is_torn: bool = False


class HistoryEntry(Struct, frozen=True):
    """One entry of an update's history: what brought it about, and the document that was then shown, if any."""

    about: Change
    document: bytes | None


class ViewPosition(Struct, frozen=True):
    """How far a partition of a generation is.

    Attributes:
        made_at: Milliseconds since 1970.
        problems: JSON objects, the newest last.
        parked: How many stories are parked.
        first: The first offset that it was built from.
        torn: What was refused in the middle of a batch, after which nobody goes on with it; empty if all is well.
        token: The claim that holds; empty where there is none.
    """

    partition: int
    generation: str
    offset: int
    log_id: str
    fold_version: int
    homeless: int
    undecodable: int
    made_at: int
    stories: int
    problems: Sequence[Json]
    parked: int = 0
    first: int = 0
    torn: str = ""
    token: str = ""


def place_below(cursor: str | None) -> int | None:
    """Return the place below which a page goes on after `cursor`; None for the head.

    Raises:
        Refused: The cursor is none of ours.
    """
    if cursor is None:
        return None
    if not (cursor.startswith("p") and cursor[1:].isascii() and cursor[1:].isdigit() and len(cursor) < 18):
        raise no_cursor(cursor)
    return int(cursor[1:])


def no_cursor(cursor: str) -> Refused:
    """Return the error for a cursor that is none of ours."""
    what = f"{shortened(cursor)} is no cursor."
    return Refused(f"{what} Take the one that the page before gave as `next`, or leave it out for the newest.")


def cursor_after(place: int) -> str:
    """Return the cursor of the page that goes on below `place`."""
    return f"p{place}"


def story_json(story: Story) -> Json:
    """Return a story as a reader gets it."""
    heading = story.heading
    return {
        "id": story.id,
        "title": heading.title,
        "summary": heading.summary,
        "status": "closed" if heading.closed_at is not None else "open",
        "language": heading.language,
        "time_zone": heading.time_zone,
        "topics": heading.topics,
        "opened_at": heading.opened_at,
        "closed_at": heading.closed_at,
    }


def listed_json(one: Listed) -> Json:
    """Return a story as it stands in a list."""
    story = one.story
    record = {"seq": story.seq, "digest": story.digest.hex()}
    return story_json(story) | {"seq": story.seq, "updates": one.updates, "record": record}


def change_json(public: PublicChange) -> bytes:
    """Return a change as a reader gets it."""
    change = public.change
    document = Raw(public.document) if public.document is not None else None
    names = ("seq", "after", "kind", "update", "revision", "note")
    return json.encode({name: getattr(change, name) for name in names} | {"document": document})
