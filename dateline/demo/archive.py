"""The archive of the coverage: events of several desks, with the times at which a wire could have recorded them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from dateline.log.base import Log, Position
from producers.records import record_of
from schemas.events import Event
from schemas.jsonform import from_json
from schemas.rules import check
from schemas.times import parse_time, to_ms
from schemas.topics import EVENTS_TOPIC

STORY = "apollo-13"


@dataclass(frozen=True, slots=True)
class Archived:
    """An event and when the log recorded it."""

    event: Event
    recorded_at: datetime


def read_archive() -> list[Archived]:
    """Return the archive in log order."""
    lines = (Path(__file__).parent / "apollo-13.ndjson").read_text(encoding="utf-8").splitlines()
    archive = []
    for line in lines:
        given = json.loads(line)
        event = from_json(given)
        check(event)
        archive.append(Archived(event, parse_time(given["recorded_at"])))
    return archive


def restore(log: Log, archive: Sequence[Archived]) -> Sequence[Position]:
    """Append the archive with its own times."""
    return log.append(EVENTS_TOPIC, [record_of(one.event, timestamp=to_ms(one.recorded_at)) for one in archive])
