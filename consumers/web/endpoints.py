"""What can be read at which address: the table from which requests are routed, answered and described (see `openapi`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from consumers.timeline.reader import TimelineReader
from consumers.web.answers import JSON, Answer
from consumers.web.asked import Parameter
from consumers.web.links import Links
from dateline.errors import DatelineError
from schemas.names import did_you_mean, shortened


class Asked(Struct, frozen=True):
    """A request that was understood.

    Attributes:
        reader: Of the view as it is now.
        links: Whose base is where readers find this site.
        story, update: From the address; empty where it names none.
        given: The query's values by name.
    """

    reader: TimelineReader
    links: Links
    story: str
    update: str
    given: Mapping[str, Any]  # Any: each parameter's own


class Endpoint(Struct, frozen=True):
    """An address and what is there.

    Attributes:
        path: With `{story}` and `{update}` in it.
        name: What it is called in OpenAPI.
        read: Makes the answer; runs in a thread, may raise `Problem` and what the reader raises.
        document: The name of its document's schema; empty for what is no JSON.
        problems: Which statuses it has besides 200, 304, 400 and 503.
        is_strict: Whether an unknown parameter is refused; a page's address gets them from others.
    """

    path: str
    name: str
    meaning: str
    read: Callable[[Asked], Answer]
    parameters: Sequence[Parameter] = ()
    document: str = ""
    media_type: str = JSON
    problems: Sequence[int] = ()
    is_strict: bool = True


class Missing(DatelineError):
    """What was asked for is not there."""

    def __init__(self, message: str, *, what: str) -> None:
        super().__init__(message)
        self.what = what


class Killed(DatelineError):
    """What was asked for was recalled and may never be used again.

    Attributes:
        document: What is left of it, for who asks.
    """

    def __init__(self, message: str, *, document: Mapping[str, object]) -> None:
        super().__init__(message)
        self.document = document


def no_story(asked: Asked) -> Missing:
    """Return the error for a story that is not there, with the nearest that is."""
    hint = did_you_mean(asked.story, [one.story.id for one in asked.reader.stories()])
    return Missing(f"No story {shortened(asked.story)}{hint}.", what="story")


def no_update(asked: Asked) -> Missing:
    """Return the error for an update that readers have not, with the nearest that they have."""
    hint = did_you_mean(asked.update, asked.reader.update_names(asked.story))
    return Missing(f"No update {shortened(asked.update)} in story {asked.story!r}{hint}.", what="update")
