"""What the events mean, said once more and naively: a second opinion for the fold, which shares no code with `consumers/`.

Nothing here is fast or clever. A story is a dictionary of updates; each event is looked at for what it does to one of them, and
what readers are told follows from comparing the page before and after.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.events import (
    EPOCH,
    EmbargoLifted,
    EmbargoSet,
    Event,
    StoryClosed,
    StoryOpened,
    StoryReopened,
    StoryRevised,
    UpdateCorrected,
    UpdateEvent,
    UpdateKilled,
    UpdateMarked,
    UpdatePublished,
    UpdateReleased,
    UpdateRevised,
    UpdateWithheld,
)

Fields = dict[str, Any]  # Any: whatever the field holds
Copy = UpdatePublished | UpdateRevised | UpdateCorrected


@dataclass(frozen=True)
class Told:
    """What the model says of a record."""

    status: str
    revision: int
    conflict: bool = False
    late: bool = False


class Rejected(Exception):
    conflict = False


class Late(Exception):
    pass


class StoryModel:
    """One story. `page()` is what readers have, the newest first; `changes` is what they were told."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.seq = 0
        self.recorded_at = 0
        self.timestamp = 0
        self.undecodable = 0
        self.opened = False
        self.heading: Fields = {"title": name, "summary": "", "language": "en", "time_zone": "UTC", "topics": []}
        self.heading |= {"opened_at": None, "closed_at": None}
        self.updates: dict[str, Fields] = {}
        self.changes: list[Fields] = []
        self.late: list[Copy] = []
        self._first: dict[str, tuple[Event, Told]] = {}

    def say(self, event: Event | None, timestamp: int) -> Told | None:
        """Take the next record, None for one that cannot be decoded."""
        self.seq += 1
        self.timestamp = timestamp
        self.recorded_at = max(self.recorded_at, timestamp)
        if event is None:
            self.undecodable += 1
            return None
        if event.event_id in self._first:
            return self._again(event)
        told = self._new(event)
        self._first[event.event_id] = (event, told)
        return told

    def page(self) -> list[Fields]:
        shown = [update for update in self.updates.values() if _is_shown(update)]
        return [self._document(update) for update in sorted(shown, key=lambda update: -int(update["place"]))]

    def killed(self) -> list[str]:
        return [name for name, update in self.updates.items() if update["killed"]]

    def _again(self, event: Event) -> Told:
        first, told = self._first[event.event_id]
        same = _said(first) == _said(event)
        if same:
            return replace(told, status="duplicate")
        return Told("rejected", told.revision)

    def _new(self, event: Event) -> Told:
        name = event.update if isinstance(event, UpdateEvent) else None
        try:
            if isinstance(event, UpdateEvent):
                self._about_update(event)
            else:
                self._about_story(event)
        except Rejected as no:
            return Told("rejected", self._revision(name), conflict=no.conflict)
        except Late:
            return Told("accepted", self._revision(name), late=True)
        return Told("accepted", self._revision(name))

    def _revision(self, name: str | None) -> int:
        return int(self.updates[name]["revision"]) if name in self.updates else 0

    def _tell(self, kind: str, event: Event, *, update: str | None = None) -> None:
        self.changes.append(
            {
                "seq": self.seq,
                "after": self.changes[-1]["seq"] if self.changes else 0,
                "kind": kind,
                "update": update,
                "revision": self._revision(update),
                "note": getattr(event, "note", None),
                "severity": getattr(event, "severity", None),
                "occurred_at": event.occurred_at,
                "recorded_at": self.recorded_at,
            }
        )

    # The story itself

    def _about_story(self, event: Event) -> None:
        if isinstance(event, StoryOpened):
            _must(not self.opened)
            self.opened = True
            self._describe(event)
            self.heading["opened_at"] = event.occurred_at
            self._tell("story_opened", event)
        elif isinstance(event, StoryRevised):
            self._describe(event)
            self._tell("story_revised", event)
        elif isinstance(event, StoryClosed):
            _must(self.heading["closed_at"] is None)
            self.heading["closed_at"] = event.occurred_at
            self._tell("story_closed", event)
        else:
            assert isinstance(event, StoryReopened)
            _must(self.heading["closed_at"] is not None)
            self.heading["closed_at"] = None
            self._tell("story_reopened", event)

    def _describe(self, event: StoryOpened | StoryRevised) -> None:
        for field in ("title", "summary", "language", "time_zone"):
            self.heading[field] = getattr(event, field)
        self.heading["topics"] = list(event.topics)

    # An update

    def _about_update(self, event: UpdateEvent) -> None:
        before = self.updates.get(event.update) or _nothing(event.update)
        _must(not before["killed"])
        if event.expects is not None and event.expects != before["revision"]:
            raise _conflict()
        after = deepcopy(before)
        late = False
        try:
            self._act(after, event)
        except Late:
            late = True
        self.updates[event.update] = after
        kind = _what_readers_see(before, after, event)
        if kind and (not late or kind == "withheld"):
            after["place"] = after["place"] or self.seq
            after["seq"] = self.seq
            after["published_at"] = after["published_at"] or event.occurred_at
            after["updated_at"] = event.occurred_at
            self._tell(kind, event, update=event.update)
        if late:
            raise Late

    def _act(self, update: Fields, event: UpdateEvent) -> None:
        if isinstance(event, UpdatePublished):
            self._publish(update, event)
        elif isinstance(event, (UpdateRevised, UpdateCorrected)):
            self._rewrite(update, event)
        elif isinstance(event, UpdateWithheld):
            _must(not update["withheld"])
            update["withheld"] = True
        elif isinstance(event, UpdateReleased):
            _must(update["withheld"])
            update["withheld"] = False
        elif isinstance(event, UpdateKilled):
            update |= {"killed": True, "content": None}
        elif isinstance(event, UpdateMarked):
            _must(update["revision"] > 0)
            given = {name: getattr(event, name) for name in ("pinned", "key_event", "verification")}
            update |= {name: value for name, value in given.items() if value is not None and value != ""}
        elif isinstance(event, EmbargoSet):
            _must(self._lies_ahead(event.embargo_until))
            update["embargo"] = event.embargo_until
        else:
            assert isinstance(event, EmbargoLifted)
            _must(update["embargo"] is not None and update["embargo"] == event.embargo_until)
            update["embargo"] = None

    def _publish(self, update: Fields, event: UpdatePublished) -> None:
        embargo = event.embargo_until if self._lies_ahead(event.embargo_until) else None
        if update["revision"] == 0:
            self._must_be_open()
            update |= {"published": True, "key_event": event.key_event, "pinned": event.pinned}
            update |= {"from_story": event.from_story, "embargo": _later(update["embargo"], embargo)}
        elif not update["published"]:
            is_newer = event.version is not None and update["version"] is not None and event.version > update["version"]
            update |= {"published": True, "embargo": _later(update["embargo"], embargo)}
            if not is_newer:
                update["version"] = event.version if update["version"] is None else update["version"]
                self._late(event)
            update |= {"key_event": event.key_event, "pinned": event.pinned, "from_story": event.from_story}
        else:
            _must(event.version is not None and event.version != update["version"])
            update["embargo"] = _later(update["embargo"], embargo)
            if update["version"] is not None and event.version is not None and event.version < update["version"]:
                self._late(event)
        update["urgency"] = event.urgency
        self._replace(update, event)

    def _rewrite(self, update: Fields, event: UpdateRevised | UpdateCorrected) -> None:
        if update["revision"] == 0:
            self._must_be_open()
        if event.version is not None and update["version"] is not None:
            _must(event.version != update["version"])
            if event.version < update["version"]:
                self._late(event)
        self._replace(update, event)
        if isinstance(event, UpdateCorrected):
            note = {"revision": update["revision"], "note": event.note, "severity": event.severity}
            update["corrections"].append({**note, "corrected_at": event.occurred_at})

    def _replace(self, update: Fields, event: Copy) -> None:
        update["content"] = _plain(asdict(event.content))
        update["revision"] += 1
        if event.version is not None:
            update["version"] = event.version

    def _late(self, event: Copy) -> None:
        self.late.append(event)
        raise Late

    def _must_be_open(self) -> None:
        _must(self.heading["closed_at"] is None)

    def _lies_ahead(self, until: datetime | None) -> bool:
        if until is None:
            return False
        try:
            return until > datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=self.timestamp)
        except OverflowError:
            return False

    def _document(self, update: Fields) -> Fields:
        content = update["content"]
        kept = ("id", "seq", "revision", "urgency", "key_event", "pinned", "verification", "from_story")
        return {
            **{name: update[name] for name in (*kept, "published_at", "updated_at", "corrections")},
            **{name: content[name] for name in ("headline", "media", "sources", "places", "tags")},
            "story": self.name,
            "body": [{name: value for name, value in block.items() if value or name == "type"} for block in content["body"]],
        }


def _nothing(name: str) -> Fields:
    """An update of which nothing was said yet."""
    held = {"withheld": False, "embargo": None, "killed": False}
    marks = {"urgency": 5, "key_event": False, "pinned": False, "verification": None, "from_story": None}
    times = {"place": 0, "seq": 0, "published_at": None, "updated_at": None}
    rest: Fields = {"revision": 0, "published": False, "version": None, "content": None, "corrections": []}
    return {"id": name, **held, **marks, **times, **rest}


def _plain(value: Any) -> Any:  # Any: whatever the field holds
    """As JSON has it: lists, no tuples."""
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def _is_shown(update: Fields) -> bool:
    return bool(update["revision"] and not update["withheld"] and update["embargo"] is None and not update["killed"])


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    """The later of two embargoes, either of which may be none."""
    given = [each for each in (one, other) if each is not None]
    return max(given, default=None)


def _what_readers_see(before: Fields, after: Fields, event: UpdateEvent) -> str | None:
    """Return the kind of the change, None where no reader notices."""
    was, is_now, ever = _is_shown(before), _is_shown(after), bool(before["place"])
    if after["killed"]:
        return "killed" if ever else None
    if was and is_now:
        if before == after:
            return None
        if isinstance(event, UpdateCorrected):
            return "corrected"
        return "marked" if isinstance(event, UpdateMarked) else "revised"
    if is_now:
        return "released" if ever else "published"
    return "withheld" if was else None


def _said(event: Event) -> Event:
    """The event without what may differ when it is sent again."""
    return replace(event, event_id="", occurred_at=EPOCH, expects=None, caused_by=None)


def _must(holds: object) -> None:
    if not holds:
        raise Rejected


def _conflict() -> Rejected:
    error = Rejected()
    error.conflict = True
    return error
