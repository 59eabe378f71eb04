"""What an item means: the events that it is, given what the wire said of it before. Pure; the same item is the same events."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from msgspec import to_builtins

from producers.wires.habits import NO_NOTE
from producers.wires.item import CANCELED, USABLE, WITHHELD, Item, Unusable
from producers.wires.texts import prose
from schemas.events import (
    EmbargoSet,
    UpdateCorrected,
    UpdateEvent,
    UpdateKilled,
    UpdatePublished,
    UpdateReleased,
    UpdateWithheld,
)
from schemas.identity import canonical_json, event_id_of_item
from schemas.names import is_name

LONGEST_EXTRA_BYTES: Final = 65_536

_LONGEST_GUID = 120
_ROOM_FOR_NAMES = 50 * (4 * 80 + 3) + 20
_LONGEST_STORY = 100
_FOREIGN = re.compile(r"[^\w.~:@-]+")
_LONGEST_REASON = 2000
_WIDEST_ZONE = timedelta(hours=14)


@dataclass(frozen=True, slots=True)
class Known:
    """What the wire said last of an item, as far as it matters for what it says next.

    Attributes:
        story: The story that the item is in; a later version stays there, whatever it is filed under.
        version: The highest that came, 0 before any.
        checksum: Of what that version says.
        status: That version's.
        dated: What the wire itself gave that version as its number or time, where it gave one. A feed's edits that move no date
            count on from it.
    """

    story: str = ""
    version: int | None = None
    checksum: str = ""
    status: str = USABLE
    dated: int | None = None


@dataclass(frozen=True, slots=True)
class Meant:
    """The events that an item is, and what is known of it from then on.

    Attributes:
        is_repeated: Whether the wire has said this before, word for word, as the last it said of the item.
    """

    events: tuple[UpdateEvent, ...]
    known: Known
    is_repeated: bool


def meaning_of(item: Item, known: Known | None, *, desk: str, story: str | None, now: datetime) -> Meant:
    """Return what an item means.

    Args:
        known: What was known of it before.
        desk: Who publishes it here.
        story: The story that it is to be in; without it, the one it was in before, or the one it is filed under.
        now: When it is taken as having been said, where it does not say, and what an embargo must lie ahead of.

    Raises:
        Unusable: It names no story, and none is given.
    """
    home = story or (known.story if known else "") or item.story or story_name(item.slug)
    if not home:
        raise Unusable("it names no story (no slugline). Say which one it belongs to, with --story.")
    checksum = _checksum(item)
    version = _version(item, known, checksum)
    said = _Said(item, desk, home, version, checksum, now)
    events = tuple(said.events(known or Known()))
    after = Known(home, version, checksum, item.status, item.version)
    is_older = known is not None and known.version is not None and version is not None and version < known.version
    is_repeated = known is not None and after == replace(known, dated=after.dated)  # a new date alone says nothing
    return Meant(events, replace(known, story=home) if known is not None and is_older else after, is_repeated)


def update_name(guid: str) -> str:
    """Return the update's id: the guid where it is a name, else its readable end and a part of its digest. It never changes."""
    if len(guid) <= _LONGEST_GUID and guid.isascii() and is_name(guid):
        return guid
    digest = base64.b32encode(hashlib.sha256(guid.encode("utf-8", "surrogatepass")).digest())[:12].decode().lower()
    readable = re.sub(r"[^A-Za-z0-9]+", "-", guid.rstrip("/").rpartition("/")[2])[-40:].strip("-").lower()
    return f"{readable}-{digest}" if readable else f"w-{digest}"


def story_name(slug: str) -> str:
    """Return the name of the story that a slugline files an item under; empty where it names none."""
    name = _FOREIGN.sub("-", unicodedata.normalize("NFC", slug.strip().lower()))[:_LONGEST_STORY].strip("-._~:@")
    return name if is_name(name) else ""


def extra_text(fields: Mapping[str, Any]) -> str:  # Any: what JSON holds
    """Return what an item carries beside as JSON text; the longest fields are left out, and named, where all is too long."""
    text = _json(fields) if fields else ""
    if len(text.encode()) <= LONGEST_EXTRA_BYTES:
        return text
    sizes = {name: len(_json({name: value}).encode()) for name, value in fields.items()}
    excess = sum(sizes.values()) - LONGEST_EXTRA_BYTES + _ROOM_FOR_NAMES
    left_out: list[str] = []
    for name in sorted(sizes, key=lambda name: -sizes[name]):
        if excess <= 0:
            break
        excess -= sizes[name]
        left_out.append(name)
    gone = set(left_out)
    kept = {name: value for name, value in fields.items() if name not in gone}
    return _json({**kept, "leftOut": [name[:80] for name in left_out[:50]]})


@dataclass(frozen=True, slots=True)
class _Said:
    """An item on its way to become events."""

    item: Item
    desk: str
    story: str
    version: int | None
    checksum: str
    now: datetime

    def events(self, known: Known) -> list[UpdateEvent]:
        if self.item.status == CANCELED:
            return [UpdateKilled(**self._about("killed"), reason=self._reason("The wire canceled it."))]
        is_newer = known.version is None or (self.version or 0) > known.version
        if self.item.status == WITHHELD:
            was_said = known.status == WITHHELD and is_newer and known.version is not None
            is_late = known.version is not None and (self.version or 0) < known.version
            held = UpdateWithheld(**self._about("withheld"), reason=self._reason("The wire holds it back."))
            return [] if was_said or is_late else [held]
        released: list[UpdateEvent] = []
        if known.status == WITHHELD and is_newer:
            released = [UpdateReleased(**self._about("released"))]
        return [*released, *self._content()]

    def _content(self) -> list[UpdateEvent]:
        item, extra = self.item, extra_text(self.item.extra)
        if not item.is_correction:
            published = UpdatePublished(
                **self._about("published"),
                content=item.content,
                extra=extra,
                urgency=item.urgency,
                embargo_until=item.embargo_until,
                version=self.version,
            )
            return [published]
        note = item.note or NO_NOTE
        corrected = UpdateCorrected(
            **self._about("corrected"), content=item.content, extra=extra, note=note, version=self.version
        )
        until = item.embargo_until
        if until is None or until <= self.now:
            return [corrected]
        return [EmbargoSet(**self._about("embargoed"), embargo_until=until), corrected]

    def _about(self, act: str) -> dict[str, Any]:  # Any: fields of many types
        key = [self.version, self.checksum] if self.item.by_content or self.version is None else [self.version]
        return {
            "event_id": event_id_of_item(self.desk, self.story, self.item.guid, [*key, act]),
            "story": self.story,
            "desk": self.desk,
            "author": self.item.author,
            "occurred_at": self._occurred_at(),
            "update": self.item.update or update_name(self.item.guid),
        }

    def _occurred_at(self) -> datetime:
        """Return the item's time; a feed's that lies ahead by no more than a zone does is a local one without its zone."""
        at = self.item.at or self.now
        return self.now if self.item.by_content and self.now < at <= self.now + _WIDEST_ZONE else at

    def _reason(self, otherwise: str) -> str:
        return prose(self.item.note)[:_LONGEST_REASON] or otherwise


def _version(item: Item, known: Known | None, checksum: str) -> int | None:
    """Return the version: the item's own; of a feed's entry that was edited without a new date, one more than the last."""
    if not item.by_content or known is None or known.version is None:
        return item.version if item.version is not None else (0 if item.by_content else None)
    if checksum == known.checksum:
        return known.version  # nothing else is said, whatever the date
    own = item.version
    is_late = own is not None and known.dated is not None and own < known.dated
    return own if own is not None and (is_late or own > known.version) else known.version + 1


def _checksum(item: Item) -> str:
    said = [item.status, item.note, item.urgency, to_builtins(item.content)]
    return hashlib.sha256(canonical_json(said).encode()).hexdigest()[:16]


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
