"""Many events in one request (`POST /v1/events`): NDJSON in, one verdict a line out. What is bad harms no other line."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from msgspec import json

from consumers.intake import fingerprint
from consumers.state import Entry
from consumers.web.answers import Receive, Scope
from consumers.web.problems import Problem
from dateline.clock import now
from dateline.errors import LogUnavailable, MaybeWritten, Refused, StoreUnavailable
from dateline.serving.appender import MOST_AT_ONCE, Appender
from dateline.serving.awaited import Verdicts
from dateline.serving.bodies import LONGEST, read_lines
from dateline.verdicts import told_of, unconfirmed
from producers.api import Forbidden, said_in_line
from producers.desk import Receipt
from producers.keys import DeskKey
from schemas.events import Event

NDJSON_TYPES: Final = ("application/x-ndjson", "application/jsonl", "application/ndjson")
MOST_LINES: Final = 10_000

Json = dict[str, Any]  # Any: what JSON holds


class Batch:
    """Takes the lines of one request, in groups that are appended while the next lines come."""

    def __init__(self, key: DeskKey, appender: Appender, verdicts: Verdicts) -> None:
        self._key, self._appender, self._verdicts = key, appender, verdicts
        self._told: list[Json] = []
        self._stopped = ""

    async def take(self, scope: Scope, receive: Receive) -> bytes:
        """Return a line for each line that came.

        Raises:
            Problem: Nothing can be read of it (408, 413), so nothing was written.
        """
        lines: list[tuple[int, bytes | None]] = []
        number = 0
        try:
            async for number, line in read_lines(scope, receive):
                if number > MOST_LINES:
                    self._stopped = f"A request may have {MOST_LINES:,} lines. Send this one and what follows in another."
                    break
                lines.append((number, line))
                if len(lines) >= MOST_AT_ONCE:
                    await self._group(lines)
                    lines = []
        except Problem as problem:
            if number == 0:
                raise
            self._stopped = f"{problem.detail} This line and what follows was not read."
            number += 1
        await self._group(lines)
        if self._stopped:
            self._told.append({"line": number, "status": "stopped", "reason": self._stopped})
        return b"".join(json.encode(one) + b"\n" for one in self._told)

    async def _group(self, lines: Sequence[tuple[int, bytes | None]]) -> None:
        """Append what the lines say, and note what became of each."""
        if not lines:
            return
        read = await asyncio.to_thread(self._read, lines)
        events = [one for _, one in read if not isinstance(one, str)]
        known = await self._known(events)
        new = [event for event in events if event.event_id not in known]
        outcomes = await self._sent(new) if new else {}
        for number, one in read:
            if isinstance(one, str):
                self._told.append({"line": number, "status": "refused", "reason": one})
            elif (entry := known.get(one.event_id)) is not None:
                self._told.append({"line": number} | _again(one, entry))
            else:
                self._told.append({"line": number} | outcomes[id(one)])

    def _read(self, lines: Sequence[tuple[int, bytes | None]]) -> list[tuple[int, Event | str]]:
        return [(number, self._event(line)) for number, line in lines]

    def _event(self, line: bytes | None) -> Event | str:
        if line is None:
            return f"The line is longer than {LONGEST:,} bytes. Split it into several."
        try:
            return said_in_line(line, key=self._key, now=now())
        except (Refused, Forbidden) as error:
            return str(error)

    async def _known(self, events: Sequence[Event]) -> dict[str, Entry]:
        """Return what the log has already, by event id; it is not sent again."""
        try:
            entries = await self._verdicts.now([(one.story, one.event_id) for one in events])
        except StoreUnavailable:
            return {}
        return {event.event_id: entry for event, entry in zip(events, entries, strict=True) if entry is not None}

    async def _sent(self, events: Sequence[Event]) -> dict[int, Json]:
        try:
            receipts = await self._appender.append(events)
        except MaybeWritten as error:
            return {id(one): unconfirmed(one, None, f"{error} Sending it again is safe.").json() for one in events}
        except LogUnavailable:
            failed = {"status": "failed", "reason": "The log cannot be written for now: it was not written."}
            return dict.fromkeys(map(id, events), failed)
        except Refused as error:
            return await self._one_by_one(events, error)
        entries = await self._verdicts.of([(one.story, one.event_id) for one in events])
        return {id(one): _told(one, receipt, entry) for one, receipt, entry in zip(events, receipts, entries, strict=True)}

    async def _one_by_one(self, events: Sequence[Event], error: Refused) -> dict[int, Json]:
        """Append each by itself, as the log refuses one of them."""
        if len(events) == 1:
            return {id(events[0]): {"status": "refused", "reason": str(error)}}
        return {number: told for one in events for number, told in (await self._sent([one])).items()}


def _told(event: Event, receipt: Receipt, entry: Entry | None) -> Json:
    if entry is None:
        return unconfirmed(event, receipt, "Written, but no consumer has confirmed it in time.").json()
    return told_of(entry, receipt, said=fingerprint(event)).json()


def _again(event: Event, entry: Entry) -> Json:
    """Return what is told of an event that was in the log before."""
    nowhere = Receipt(event.story, getattr(event, "update", None), event.event_id, -1, -1)
    told = told_of(entry, nowhere, said=fingerprint(event)).json()
    return told | {"partition": None, "offset": None}
