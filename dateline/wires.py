"""Documents of the wires on their way to the log: each item's events, held to the rules, or why it cannot be used."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

from dateline.errors import Refused
from dateline.ndjson import BadLine
from dateline.wire_memory import Memory
from producers.wires.events import meaning_of
from producers.wires.formats import read_items
from producers.wires.item import MOST_BYTES, BadItem, Item, PassedOver, Unusable
from schemas.events import Event
from schemas.rules import check

WIRE_FORMATS = ("ninjs", "newsml-g2", "rss", "atom")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How documents are read.

    Attributes:
        form: One of `WIRE_FORMATS`, or `auto`.
        desk: Who publishes what is in them.
        story: The story that all of it belongs to; without it, each item says.
        now: The time that what is undated has, and that no time may lie far ahead of.
        memory: What is known of items.
    """

    form: str
    desk: str
    story: str | None
    now: datetime
    memory: Memory


@dataclass(frozen=True, slots=True)
class Told:
    """The events that one item is, in their order; none where it says nothing new.

    Attributes:
        is_repeated: Whether it is what the wire said last of it, which is in the log.
    """

    number: int
    where: str
    events: tuple[Event, ...]
    is_repeated: bool = False


@dataclass(frozen=True, slots=True)
class Passed:
    """Something whole that says nothing to readers."""

    where: str
    reason: str


def events_in(data: bytes, reading: Reading, *, name: str = "") -> Iterator[Told | BadLine | Passed]:
    """Yield what each item of a document means; a document that cannot be read is one bad line.

    Args:
        name: The document's, for messages.
    """
    try:
        for number, found in enumerate(read_items(data, reading.form), start=1):
            where = f"{name}: {found.place}" if name else found.place
            if isinstance(found, Item):
                yield _told(found, reading, number, where)
            elif isinstance(found, BadItem):
                yield BadLine(number, found.reason, where)
            elif isinstance(found, PassedOver):
                yield Passed(where, found.reason)
    except Refused as error:
        place, _, reason = str(error).partition(": ") if str(error).startswith("line ") else ("", "", str(error))
        yield BadLine(0, reason, ": ".join(filter(None, (name, place))) or "the document")


def read_document(file: BinaryIO) -> bytes:
    """Return a document's bytes; of one that is too large, only so many that this shows."""
    return file.read(MOST_BYTES + 1)


def _told(item: Item, reading: Reading, number: int, where: str) -> Told | BadLine:
    """Return an item's events; if one of them breaks a rule, none, and nothing is learnt of the item."""
    desk, memory = reading.desk, reading.memory
    try:
        known = memory.known(desk, item.guid, reading.story)
        meant = meaning_of(item, known, desk=desk, story=reading.story, now=reading.now)
        for event in meant.events:
            check(event, now=reading.now)
    except (Unusable, Refused) as error:
        return BadLine(number, str(error), where)
    memory.learn(desk, item.guid, meant.known)
    return Told(number, where, meant.events, meant.is_repeated)
