"""What desks say over HTTP: which address means which event, who may say it, and the event that a request's body describes.

Here is nothing of sockets and nothing of what readers see: `dateline/writing.py` serves it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from msgspec import DecodeError, Struct, json

from dateline.errors import DatelineError, Refused
from producers.keys import Act, DeskKey
from schemas import events
from schemas.events import Event
from schemas.identity import event_id_for, new_event_id
from schemas.jsonform import from_json
from schemas.names import check_name, shortened
from schemas.rules import check

Json = dict[str, Any]  # Any: what JSON holds

LONGEST_KEY: Final = 200
"""Characters of an `Idempotency-Key`."""

_OF_THE_ADDRESS: Final = ("type", "story", "desk")


class Forbidden(DatelineError):
    """The key holds, and is not for this."""


class NoJson(Refused):
    """A body or line is no JSON object."""


class Write(Struct, frozen=True):
    """An address to write to.

    Attributes:
        path: With `{story}` and `{update}` in it.
        name: What it is called in OpenAPI.
        event: What is appended.
        act: What a key needs.
    """

    path: str
    name: str
    event: type[Event]
    act: Act
    meaning: str

    @property
    def gives_name(self) -> str:
        """The field whose value the body gives as `id`; empty where the address names everything."""
        if self.event is events.StoryOpened:
            return "story"
        return "update" if self.event is events.UpdatePublished else ""


_STORY: Final = "/v1/stories/{story}"
_UPDATE: Final = f"{_STORY}/updates/{{update}}"

WRITES: Final[Sequence[Write]] = (
    Write("/v1/stories", "open_story", events.StoryOpened, "publish", "Begin the coverage of a story."),
    Write(f"{_STORY}/revisions", "revise_story", events.StoryRevised, "publish", "Give a story new words, all of them."),
    Write(f"{_STORY}/close", "close_story", events.StoryClosed, "publish", "End the coverage; open pages are told."),
    Write(f"{_STORY}/reopen", "reopen_story", events.StoryReopened, "publish", "Go on with the coverage of a closed story."),
    Write(f"{_STORY}/updates", "publish", events.UpdatePublished, "publish", "Publish a new update."),
    Write(f"{_UPDATE}/revisions", "revise", events.UpdateRevised, "publish", "Give an update its whole new content."),
    Write(f"{_UPDATE}/marks", "mark", events.UpdateMarked, "publish", "Pin an update, or mark it otherwise."),
    Write(f"{_UPDATE}/embargo", "set_embargo", events.EmbargoSet, "publish", "Put an update under embargo, or move its embargo."),
    Write(f"{_UPDATE}/corrections", "correct", events.UpdateCorrected, "correct", "Put an error right, and say what was wrong."),
    Write(f"{_UPDATE}/withhold", "withhold", events.UpdateWithheld, "correct", "Hold an update back while it is in doubt."),
    Write(f"{_UPDATE}/release", "release", events.UpdateReleased, "correct", "Release a withheld update."),
    Write(f"{_UPDATE}/kill", "kill", events.UpdateKilled, "kill", "Recall an update in every version, for good."),
)
"""Every address to write one event to."""

ACT_OF: Final[Mapping[type[Event], Act]] = {one.event: one.act for one in WRITES} | {events.EmbargoLifted: "operate"}

_URGENT: Final = 2
_FIRST: Final = (events.UpdateKilled, events.UpdateCorrected, events.UpdateWithheld)


def is_urgent(event: Event) -> bool:
    """Tell whether an event overtakes routine copy: a flash, or what puts right or takes back what readers have."""
    return isinstance(event, _FIRST) or getattr(event, "urgency", _URGENT + 1) <= _URGENT


def refuse_beyond(key: DeskKey, act: Act, story: str | None) -> None:
    """Let a key be used for what it is for.

    Raises:
        Forbidden: It is for less.
    """
    if act not in key.acts:
        raise Forbidden(f"This key may not be used to {act}; it may be used to {', '.join(key.acts)}.")
    if not key.may(act, story):
        raise Forbidden(f"This key is for {', '.join(key.stories)}, and not for {shortened(story) if story else 'all stories'}.")


def said_by(write: Write, body: bytes, *, key: DeskKey, names: Mapping[str, str], repeat: str | None, now: datetime) -> Event:
    """Return the event that a request to an address describes.

    Args:
        names: What the address names: the story, the update.
        repeat: The `Idempotency-Key`, None if there is none.

    Raises:
        Forbidden: The key is not for this.
        Refused: The body describes no such event, or one that breaks a rule.
    """
    given = object_of(body)
    _refuse_named(write, given, names)
    if "id" in given:
        given[write.gives_name] = given.pop("id")
    given |= {"type": write.event.__name__, "desk": key.desk, **names}
    story = given.get("story")
    refuse_beyond(key, write.act, story if isinstance(story, str) else None)
    if repeat is not None:
        if given.get("event_id") is not None:
            raise Refused("event_id: leave it out, or the Idempotency-Key; each of them names the event.")
        given["event_id"] = event_id_for(key.desk, check_name("story", str(story)), check_repeat(repeat))
    if given.get("event_id") is None:
        given["event_id"] = new_event_id()
    event = from_json(given, now=now)
    check(event, now=now)
    return event


def said_in_line(line: bytes, *, key: DeskKey, now: datetime) -> Event:
    """Return the event that a line of a batch describes, in the form that `dateline import` takes.

    Raises:
        Forbidden: The key is not for this.
        Refused: It describes no event, or one that breaks a rule.
    """
    event = from_json(object_of(line), default_desk=key.desk, now=now)
    if event.desk != key.desk:
        raise Forbidden(f"desk {shortened(event.desk)}: this key is desk {key.desk!r}'s. Leave the desk out.")
    refuse_beyond(key, ACT_OF[type(event)], event.story)
    check(event, now=now)
    return event


def check_repeat(repeat: str) -> str:
    """Return an `Idempotency-Key` that can be one.

    Raises:
        Refused: It is empty or too long.
    """
    if not 0 < len(repeat) <= LONGEST_KEY:
        raise Refused(f"Idempotency-Key: {len(repeat)} characters; give 1 to {LONGEST_KEY}, such as a UUID.")
    return repeat


def object_of(body: bytes) -> Json:
    """Return the JSON object of a body; an empty body is an empty one.

    Raises:
        NoJson: It is none.
    """
    try:
        found = json.decode(body) if body.strip() else {}
    except (DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NoJson(f"The body is no JSON: {error}.") from None
    if not isinstance(found, dict):
        raise NoJson(f"The body is {shortened(found)}; it must be a JSON object.")
    return found


def _refuse_named(write: Write, given: Json, names: Mapping[str, str]) -> None:
    """Refuse what the address or the key says already."""
    for field in (*_OF_THE_ADDRESS, "update"):
        if field in given:
            where = "the key says whose it is" if field == "desk" else "the address says it"
            where = "it is called id here" if field == write.gives_name else where
            raise Refused(f"{field} {shortened(given[field])}: leave it out; {where}.")
    if "id" in given and not write.gives_name:
        raise Refused(f"id {shortened(given['id'])}: leave it out; the address names {' and '.join(names)}.")
    if write.gives_name == "story" and "id" not in given:
        raise Refused("id: missing. Every story has a name of its own, such as apollo-13.")
