"""What the notifier keeps of each change of a story, and what it knows of one subscription in one story."""

from __future__ import annotations

from typing import Final

from msgspec import Struct, json

from consumers.state import Change

WITHDRAWALS: Final = frozenset({"killed", "withheld"})
"""Changes that take an update away from readers."""

MENDING: Final = frozenset({"corrected", "withheld", "released", "killed"})
"""Changes that everyone is told of who got the update, whatever else they asked for."""

FLASH: Final = 2
"""The urgency up to which copy goes before all other copy."""


class News(Struct, frozen=True, array_like=True):
    """One change, and what is needed to tell it.

    Attributes:
        event_id: Of the event that made it.
        timestamp: The event's record's own time, milliseconds since 1970.
        urgency: The update's at that change; 9 for a change of the story itself.
    """

    change: Change
    event_id: str
    timestamp: int
    urgency: int

    @property
    def is_urgent(self) -> bool:
        """Whether it goes before others: a flash, or what mends an error."""
        return self.change.kind in ("corrected", "killed", "withheld") or self.urgency <= FLASH


class Tries(Struct, frozen=True, array_like=True):
    """What became of a message so far.

    Attributes:
        seq: The change that it tells; 0 once it was given up.
        update: Its update, empty for none. The target may have it, whatever it answered.
        tried: How many attempts there were.
        since: When the first attempt without success began, in seconds since 1970; of several messages in a row, the first's.
        problem: Why the last one failed.
    """

    seq: int
    update: str
    tried: int
    since: float
    problem: str = ""


class Redo(Struct, frozen=True, array_like=True):
    """A message that somebody wants sent once more: its change, and the ledger's entry that says so."""

    seq: int
    entry: str


_encode = json.Encoder().encode
read_news = json.Decoder(News).decode
read_tries = json.Decoder(Tries).decode
read_redo = json.Decoder(list[Redo]).decode


def text_of(value: News | Tries) -> str:
    """Return what is kept of a value, as one line."""
    return _encode(value).decode()
