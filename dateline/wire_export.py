"""The log as a wire would send it: after each event that changed an update, the item as it then stands, its versions rising.

The fold decides what an event did, so what was rejected, repeated or late is not sent. What an item came with and an event has no
place for is given back from `extra`. Memory grows with the updates of what is exported.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from lxml import etree
from msgspec import Struct

from consumers.intake import Intake
from consumers.state import Entry, Incoming, Outcome, State, Story, Update
from consumers.story import fold, new_story
from consumers.timeline.shown import Shown
from consumers.web.coverage import Gone
from consumers.web.feeds.newsml import NEWSML, Stated, gone_item, newsml_item
from consumers.web.feeds.ninjs import gone_ninjs, ninjs_item
from consumers.web.links import Links
from dateline.archive import records_by_time
from dateline.clock import now
from dateline.log.base import Log
from dateline.log.partitioner import partition_of
from schemas.codec import committed_codec
from schemas.events import ContentEvent, UpdateCorrected, UpdateEvent, UpdateMarked
from schemas.times import rfc3339
from schemas.topics import EVENTS_TOPIC

FORMATS: Final = ("ninjs", "newsml-g2")

_LINKS: Final = Links("")
_CATALOG: Final = "http://www.iptc.org/std/catalog/catalog.IPTC-G2-Standards_40.xml"

Json = dict[str, Any]  # Any: what JSON holds


class _Sent(Struct):
    """What was sent of an update: its number, how the wire names it, and what it came with."""

    version: int = 0
    extra: Json = {}
    first: datetime | None = None


class _Item(Struct):
    """An update as an item is to say it."""

    update: Update
    event: UpdateEvent
    story: Story
    sent: _Sent

    @property
    def gone(self) -> Gone | None:
        kind = "killed" if self.update.killed_at is not None else "withheld" if self.update.withheld else None
        return Gone(self.update.id, kind, self.sent.version, self.event.occurred_at, 0) if kind is not None else None

    @property
    def shown(self) -> Shown:
        update, content = self.update, self.update.content
        return Shown(
            id=update.id,
            story=self.story.id,
            seq=self.story.seq,
            revision=update.revision,
            headline=content.headline,
            body=content.body,
            media=content.media,
            sources=content.sources,
            places=content.places,
            tags=content.tags,
            urgency=update.urgency,
            key_event=update.key_event,
            pinned=update.pinned,
            verification=update.verification,
            from_story=update.from_story,
            published_at=self.sent.first or self.event.occurred_at,
            updated_at=self.event.occurred_at,
            corrections=update.corrections,
        )


class _Folding:
    """The states of stories and updates while the log is read."""

    def __init__(self) -> None:
        self._stories: dict[str, Story] = {}
        self._updates: dict[tuple[str, str], Update | None] = {}
        self._entries: dict[tuple[str, str], Entry] = {}

    def fold(self, incoming: Incoming) -> Outcome:
        name, event = incoming.story, incoming.event
        story = self._stories.get(name) or new_story(name)
        update_key = (name, event.update) if isinstance(event, UpdateEvent) else None
        entry_key = (name, event.event_id) if event is not None else None
        before = self._updates.get(update_key) if update_key is not None else None
        entry = self._entries.get(entry_key) if entry_key is not None else None
        outcome = fold(State(story, before, entry), incoming)
        self._stories[name] = outcome.story
        if update_key is not None:
            self._updates[update_key] = outcome.update
        if entry_key is not None and entry is None and outcome.verdict is not None:
            self._entries[entry_key] = Entry(incoming.fingerprint, update_key[1] if update_key else None, outcome.verdict)
        return outcome


def export_items(log: Log, form: str, *, story: str | None = None) -> Iterator[bytes]:
    """Yield the log in one of `FORMATS`: ninjs 3 as an item a line, NewsML-G2 as one news message.

    Args:
        story: Leave out all others.
    """
    items = _items(log, story)
    if form == "ninjs":
        yield from (json.dumps(_ninjs(item), ensure_ascii=False).encode() + b"\n" for item in items)
        return
    head = f'<header><sent>{rfc3339(now())}</sent><catalogRef href="{_CATALOG}"/></header>'
    yield f'<?xml version="1.0" encoding="UTF-8"?>\n<newsMessage xmlns="{NEWSML}">{head}<itemSet>\n'.encode()
    yield from (etree.tostring(_newsml(item), encoding="UTF-8", xml_declaration=False) + b"\n" for item in items)
    yield b"</itemSet></newsMessage>\n"


def _items(log: Log, story: str | None) -> Iterator[_Item]:
    partitions = log.partitions(EVENTS_TOPIC)
    intake, folding = Intake(committed_codec(), partitions=partitions), _Folding()
    sent: dict[tuple[str, str], _Sent] = {}
    ends = log.end_offsets(EVENTS_TOPIC)
    chosen = range(partitions) if story is None else [partition_of(story.encode(), partitions)]
    for record in records_by_time(log, EVENTS_TOPIC, {partition: ends[partition] for partition in chosen}):
        read = intake.read(record)
        if not isinstance(read, Incoming) or (story is not None and read.story != story):
            continue
        outcome = folding.fold(read)
        if _says_something(read, outcome):
            yield _item(read, outcome, sent)


def _says_something(read: Incoming, outcome: Outcome) -> bool:
    event, update, verdict = read.event, outcome.update, outcome.verdict
    if not isinstance(event, UpdateEvent) or isinstance(event, UpdateMarked) or update is None or verdict is None:
        return False
    if verdict.status != "accepted" or verdict.late:
        return False
    return update.revision > 0 or update.killed_at is not None


def _item(read: Incoming, outcome: Outcome, sent: dict[tuple[str, str], _Sent]) -> _Item:
    event, update = read.event, outcome.update
    assert isinstance(event, UpdateEvent)
    assert update is not None
    said = sent.setdefault((read.story, event.update), _Sent())
    own = update.version if isinstance(event, ContentEvent) else None
    said.version = max(said.version + 1, own or 0)
    said.first = said.first or event.occurred_at
    if isinstance(event, ContentEvent):
        said.extra = json.loads(event.extra) if event.extra else {}
    return _Item(update, event, outcome.story, said)


def _ninjs(item: _Item) -> Json:
    """Return an item with what it came with laid over what the view would say."""
    said, gone = item.sent, item.gone
    fields = gone_ninjs(item.story.id, gone) if gone is not None else ninjs_item(item.shown, _LINKS)
    fields.pop("renditions", None)  # without a site there is no address of it
    if gone is None:
        altered = {name: value for name, value in said.extra.items() if name not in ("edNote", "altIds")}
        fields |= altered
        note = fields.get("edNote") or said.extra.get("edNote")
        names = [*fields.get("altIds", ()), *said.extra.get("altIds", ())]
        fields |= {"altIds": [one for at, one in enumerate(names) if one not in names[:at]]} | ({"edNote": note} if note else {})
        until = item.update.embargo_until
        fields |= {"embargoedUntil": rfc3339(until)} if until is not None else {}
    if guid := _guid(item):
        fields["uri"] = guid
    return {**fields, "version": str(said.version)}


def _guid(item: _Item) -> str | None:
    """Return what the wire calls the item: what it came with, or the update's own name where that is a wire's."""
    name = item.update.id
    return item.sent.extra.get("uri") or (name if name.startswith(("urn:", "tag:")) else None)


def _newsml(item: _Item) -> Any:  # Any: lxml's element
    said, gone = item.sent, item.gone
    guid, version = _guid(item), said.version
    if gone is not None:
        return gone_item(item.story.id, gone, stated=Stated(guid=guid, version=version))
    signal = "correction" if isinstance(item.event, UpdateCorrected) else "update" if version > 1 else None
    stated = Stated(guid=guid, version=version, embargo_until=item.update.embargo_until, signal=signal)
    return newsml_item(item.shown, _LINKS, language=said.extra.get("language") or item.story.heading.language, stated=stated)
