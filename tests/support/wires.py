"""Wires' documents for tests: the project's own examples, and small ones made to measure."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from producers.wires.events import Known, Meant, meaning_of
from producers.wires.formats import read_items
from producers.wires.item import BadItem, Item

EXAMPLES: Final = Path(__file__).parents[2] / "examples" / "wires"
NOW: Final = datetime(2026, 3, 2, 12, tzinfo=UTC)
GUID: Final = "urn:newsml:epa.example:20260302:bridge-1"


def newsml(version: int = 1, *, meta: str = "", status: str = "stat:usable", body: str = "<p>It fell.</p>", **more: str) -> bytes:
    """Return a news item; `more` are its guid, headline, time and slug."""
    given = {"guid": GUID, "headline": "Ship hits bridge", "at": "2026-03-02T06:12:00Z", "slug": "BRIDGE", **more}
    return f"""<newsItem xmlns="http://iptc.org/std/nar/2006-10-01/" guid="{given["guid"]}" version="{version}">
      <itemMeta><itemClass qcode="ninat:text"/><versionCreated>{given["at"]}</versionCreated>
        <pubStatus qcode="{status}"/>{meta}</itemMeta>
      <contentMeta><slugline>{given["slug"]}</slugline><headline>{given["headline"]}</headline></contentMeta>
      <contentSet><inlineXML><html xmlns="http://www.w3.org/1999/xhtml"><body>{body}</body></html></inlineXML></contentSet>
    </newsItem>""".encode()


def ninjs(**fields: Any) -> bytes:  # Any: whatever JSON holds
    item = {
        "uri": GUID,
        "version": "1",
        "versionCreated": "2026-03-02T06:12:00Z",
        "slugline": "BRIDGE",
        "headline": "Ship hits bridge",
    }
    return json.dumps({**item, **fields}).encode()


def rss(*entries: str) -> bytes:
    items = "".join(f"<item>{entry}</item>" for entry in entries)
    return f'<rss version="2.0"><channel><title>Example Radio</title>{items}</channel></rss>'.encode()


def atom(*entries: str) -> bytes:
    names = 'xmlns="http://www.w3.org/2005/Atom" xmlns:at="http://purl.org/atompub/tombstones/1.0"'
    return f"<feed {names}><title>Port</title>{''.join(entries)}</feed>".encode()


def only(data: bytes, form: str = "auto") -> Item:
    """Return the one item of a document."""
    [item] = list(read_items(data, form))
    assert isinstance(item, Item), item
    return item


def bad(data: bytes, form: str = "auto") -> BadItem:
    """Return the one item of a document, which cannot be used."""
    [item] = list(read_items(data, form))
    assert isinstance(item, BadItem), item
    return item


def meant(data: bytes, known: Known | None = None, *, story: str | None = "bridge", now: datetime = NOW) -> Meant:
    """Return what the one item of a document means."""
    return meaning_of(only(data), known, desk="desk", story=story, now=now)


def kinds(found: Meant) -> list[str]:
    return [type(event).__name__ for event in found.events]
