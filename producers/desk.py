"""A desk: says what happened, and gets back where in the log it stands. Merging and verdicts need a view; they are not here."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack, cast

from dateline.clock import now
from dateline.errors import MaybeWritten, Refused
from dateline.log import open_log
from dateline.log.base import Log
from dateline.settings import make_data_folder, read_settings
from producers.options import About, PublishOptions, RewriteOptions, StoryOptions, content_of, listed
from producers.records import record_of
from schemas import events
from schemas.events import Event
from schemas.identity import event_id_for, new_event_id, update_id_for
from schemas.names import check_name, did_you_mean, shortened
from schemas.rules import check
from schemas.topics import EVENTS_TOPIC

E = TypeVar("E", bound=Event)


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where an event went. `update` is None for an event of the story itself."""

    story: str
    update: str | None
    event_id: str
    partition: int
    offset: int


class Desk:
    """Appends events to a log under one name. Safe for use by several threads.

    Every method returns once the event is durable in the log, and raises:
        Refused: The event breaks a rule; nothing was written.
        LogUnavailable: Nothing was written.
        MaybeWritten: There was no answer in time. The same call with the same `event_id` or `idempotency_key` is safe.
    """

    def __init__(self, log: Log, *, name: str) -> None:
        self._log = log
        self.name = check_name("desk", name)

    @classmethod
    def connect(cls, url: str | None = None, *, name: str | None = None) -> Self:
        """Open the log at `url`, or the one that the settings in the environment name.

        Args:
            name: What the desk is called; `DATELINE_DESK` if it is not given.
        """
        settings = read_settings(os.environ)
        if url is None and not settings.log:
            make_data_folder(settings.data_folder)
        return cls(open_log(url or settings.log_url, credentials=settings.credentials), name=name or settings.desk)

    def open_story(self, story: str, **options: Unpack[StoryOptions]) -> Receipt:
        """Begin the coverage of `story`; `title` is needed."""
        return self.send(self._event(events.StoryOpened, story, options))

    def revise_story(self, story: str, **options: Unpack[StoryOptions]) -> Receipt:
        """Give a story new words, all of them: title, summary, language, time zone, topics."""
        return self.send(self._event(events.StoryRevised, story, options))

    def close_story(self, story: str, *, note: str | None = None, **about: Unpack[About]) -> Receipt:
        """End the coverage; open pages are told."""
        return self.send(self._event(events.StoryClosed, story, about, note=note))

    def reopen_story(self, story: str, *, note: str | None = None, **about: Unpack[About]) -> Receipt:
        """Go on with the coverage of a closed story."""
        return self.send(self._event(events.StoryReopened, story, about, note=note))

    def publish(self, story: str, **options: Unpack[PublishOptions]) -> Receipt:
        """Publish a new update; `headline` is needed."""
        return self.send(self._event(events.UpdatePublished, story, options))

    def revise(self, story: str, update: str, *, note: str | None = None, **options: Unpack[RewriteOptions]) -> Receipt:
        """Give an update its whole new content, for new information."""
        return self.send(self._event(events.UpdateRevised, story, options, update=update, note=note))

    def correct(
        self, story: str, update: str, *, note: str, severity: str = "substantive", **options: Unpack[RewriteOptions]
    ) -> Receipt:
        """Put an error right: the whole right content, and in `note` what was wrong."""
        return self.send(self._event(events.UpdateCorrected, story, options, update=update, note=note, severity=severity))

    def withhold(self, story: str, update: str, *, reason: str, **about: Unpack[About]) -> Receipt:
        """Hold an update back while it is in doubt."""
        return self.send(self._event(events.UpdateWithheld, story, about, update=update, reason=reason))

    def release(self, story: str, update: str, *, note: str | None = None, **about: Unpack[About]) -> Receipt:
        """Release a withheld update."""
        return self.send(self._event(events.UpdateReleased, story, about, update=update, note=note))

    def kill(self, story: str, update: str, *, reason: str, substitute: str | None = None, **about: Unpack[About]) -> Receipt:
        """Recall an update in every version, for good."""
        return self.send(self._event(events.UpdateKilled, story, about, update=update, reason=reason, substitute=substitute))

    def mark(
        self,
        story: str,
        update: str,
        *,
        pinned: bool | None = None,
        key_event: bool | None = None,
        verification: str | None = None,
        **about: Unpack[About],
    ) -> Receipt:
        """Set marks; None leaves one as it is."""
        marks = {"pinned": pinned, "key_event": key_event, "verification": verification}
        return self.send(self._event(events.UpdateMarked, story, about, update=update, **marks))

    def set_embargo(self, story: str, update: str, *, until: datetime, **about: Unpack[About]) -> Receipt:
        """Put an update under embargo, or move its embargo."""
        return self.send(self._event(events.EmbargoSet, story, about, update=update, embargo_until=until))

    def lift_embargo(self, story: str, update: str, *, until: datetime, **about: Unpack[About]) -> Receipt:
        """Lift the embargo that ends at `until`, and no other."""
        return self.send(self._event(events.EmbargoLifted, story, about, update=update, embargo_until=until))

    def send(self, event: Event) -> Receipt:
        """Append one event."""
        return self.send_all([event])[0]

    def send_all(self, batch: Sequence[Event]) -> list[Receipt]:
        """Append events, those of one story in this order. If one breaks a rule, none is written."""
        moment = now()
        for event in batch:
            check(event, now=moment)
        try:
            positions = self._log.append(EVENTS_TOPIC, [record_of(event) for event in batch])
        except MaybeWritten as error:
            raise MaybeWritten(str(error), event_ids=[event.event_id for event in batch]) from error
        return [_receipt(event, *position) for event, position in zip(batch, positions, strict=True)]

    def close(self) -> None:
        self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _event(
        self, kind: type[E], story: str, options: StoryOptions | PublishOptions | RewriteOptions | About, **more: object
    ) -> E:
        """Return the event of `kind` that a method's options describe."""
        given: dict[str, Any] = {**options, **more}  # Any: options of many types, checked with the event
        _refuse_unknown(kind, given)
        key = given.pop("idempotency_key", None)
        if not isinstance(story, str):
            raise Refused(f"story {shortened(story)}: give a text.")
        story = check_name("story", story)
        event_id = given.setdefault("event_id", event_id_for(self.name, story, key) if key else new_event_id())
        given.setdefault("occurred_at", now())
        if kind in _WITH_CONTENT:
            given["content"] = content_of(cast("Any", options))  # Any: these are the options that hold a content
            given = {name: value for name, value in given.items() if name not in _SAID}
        if kind is events.UpdatePublished:
            given.setdefault("update", update_id_for(event_id))
        if "update" in given:
            given["update"] = check_name("update", given["update"])
        if "topics" in given:
            given["topics"] = listed("topics", given["topics"])
        return kind(story=story, desk=self.name, **given)


def _refuse_unknown(kind: type[Event], given: Mapping[str, object]) -> None:
    """Refuse an option that the act does not take, and an identity that is no text."""
    known = {field.name for field in fields(kind)} | {"idempotency_key"} | (set(_SAID) if kind in _WITH_CONTENT else set())
    known -= {"story", "desk", "content"}
    for name, value in given.items():
        if name not in known:
            raise Refused(
                f"There is no option {name!r}{did_you_mean(name, known)}. {kind.__name__} takes: {', '.join(sorted(known))}."
            )
        if name in _TEXTS and not isinstance(value, str):
            raise Refused(f"{name} {shortened(value)}: give a text.")


_TEXTS = ("update", "event_id", "idempotency_key")
_WITH_CONTENT = (events.UpdatePublished, events.UpdateRevised, events.UpdateCorrected)
_SAID = ("headline", "body", "media", "sources", "places", "tags")


def _receipt(event: Event, partition: int, offset: int) -> Receipt:
    return Receipt(event.story, getattr(event, "update", None), event.event_id, partition, offset)
