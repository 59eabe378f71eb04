"""What can be read at which address: the table from which requests are routed, answered and described (see `openapi`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal

from msgspec import Struct

from consumers.search.answers import SearchReader, SearchSource
from consumers.state import Story, Update
from consumers.timeline.reader import TimelineReader
from consumers.web.answers import JSON, Answer
from consumers.web.asked import Parameter
from consumers.web.follower import Source
from consumers.web.hints import Hints
from consumers.web.links import Links
from dateline.errors import DatelineError, StoreBroken
from schemas.names import shortened
from schemas.times import rfc3339

_HINTS: Final = Hints()


class Views(Struct, frozen=True):
    """What gives the reader of each view."""

    timeline: Source
    search: SearchSource


class Asked(Struct, frozen=True):
    """A request that was understood. A view that an endpoint does not ask for is not opened.

    Attributes:
        links: Whose base is where readers find this site.
        story, update: From the address; empty where it names none.
        given: The query's values by name.
        views: What gives the readers.
    """

    links: Links
    story: str
    update: str
    given: Mapping[str, Any]  # Any: each parameter's own
    views: Views

    @property
    def reader(self) -> TimelineReader:
        """The timeline as it is now.

        Raises:
            DatelineError: It cannot be reached.
        """
        return self.views.timeline.reader()

    @property
    def search(self) -> SearchReader:
        """The search index as it is now.

        Raises:
            DatelineError: It cannot be reached or read.
        """
        return self.views.search.reader()


class Endpoint(Struct, frozen=True):
    """An address and what is there.

    Attributes:
        path: With `{story}` and `{update}` in it.
        name: What it is called in OpenAPI.
        read: Makes the answer; runs in a thread, may raise `Problem` and what the reader raises.
        document: The name of its document's schema; empty for what is no JSON.
        problems: Which statuses it has besides 200, 304, 400 and 503.
        moves: When it leads elsewhere (302); empty if it never does.
        is_strict: Whether an unknown parameter is refused; a page's address gets them from others.
        is_kept: Whether its answers may be kept until the timeline has news: not if they tell of another view, which may hear
            of a kill later.
        pool: Whose threads make its answers. What may be slow has others, so that nothing else waits for it.
    """

    path: str
    name: str
    meaning: str
    read: Callable[[Asked], Answer]
    parameters: Sequence[Parameter] = ()
    document: str = ""
    media_type: str = JSON
    problems: Sequence[int] = ()
    moves: str = ""
    is_strict: bool = True
    is_kept: bool = True
    pool: Literal["reading", "searching"] = "reading"


class Missing(DatelineError):
    """What was asked for is not there.

    Attributes:
        story: The story in which it is not; None where there is no such story.
        nearest: Stories that may have been meant.
    """

    def __init__(self, message: str, *, story: Story | None = None, nearest: Sequence[Story] = ()) -> None:
        super().__init__(message)
        self.story = story
        self.nearest = nearest


class Killed(DatelineError):
    """What was asked for was recalled and may never be used again."""

    def __init__(self, story: Story, update: str, killed_at: datetime) -> None:
        super().__init__(f"Update {shortened(update)} was killed on {rfc3339(killed_at)}; nothing of it may be used.")
        self.story = story
        self.update = update
        self.killed_at = killed_at


class SearchBroken(StoreBroken):
    """The search index is there and cannot be read: no fault of a question, which is answered once the index is built anew."""


def no_story(asked: Asked) -> Missing:
    """Return the error for a story that is not there, with the nearest that is."""
    known: dict[str, Story] = {}

    def names() -> Mapping[str, Story]:
        known.update((one.story.id, one.story) for one in asked.reader.stories())
        return known

    near = _HINTS.nearest(asked.story, names)
    return Missing(f"No story {shortened(asked.story)}{_hint(near)}.", nearest=[known[name] for name in near])


def no_update(asked: Asked, story: Story) -> Missing:
    """Return the error for an update that readers have not, with the nearest that they have."""
    near = _HINTS.nearest(asked.update, lambda: asked.reader.update_names(asked.story))
    return Missing(f"No update {shortened(asked.update)} in story {asked.story!r}{_hint(near)}.", story=story)


def _hint(near: Sequence[str]) -> str:
    return f" (did you mean {near[0]!r}?)" if near else ""


def no_longer(asked: Asked, story: Story, update: Update | None) -> Missing | Killed:
    """Return the error for an update that is not public: recalled, or not there for all that readers know.

    What was killed before readers had it, say under embargo, never was there: that there was such a thing is nobody's business.
    """
    if update is None or update.killed_at is None or not update.place:
        return no_update(asked, story)
    return Killed(story, update.id, update.killed_at)
