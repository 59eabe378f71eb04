"""Taking in what wires bring: whatever of it can be used goes to the log, and what cannot is told, with its place and why.

The order is always: append, then remember. Whoever dies in between reads the same again, and the same ids say nothing new.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from dateline.clock import now
from dateline.deployment import Deployment
from dateline.documents import shown_path
from dateline.errors import DatelineError, Refused
from dateline.importing import Documented, Outgoing, outgoing_of, read_all
from dateline.ndjson import BadLine, BadLines
from dateline.spool import batches
from dateline.wire_feeds import Fetched
from dateline.wire_memory import WireMemory
from dateline.wire_spool import SpoolFile
from dateline.wires import Reading, Told, events_in
from producers.lanes import in_lanes
from schemas.topics import EVENTS_TOPIC

_BATCH = 1000
_BATCH_BYTES = 8_000_000


@dataclass(slots=True)
class Taken:
    """What became of one document.

    Attributes:
        events: How many were appended.
        repeated: How many items said what was known.
        passed: How many parts say nothing to readers.
        bad: What cannot be used.
    """

    events: int = 0
    repeated: int = 0
    passed: int = 0
    bad: BadLines = field(default_factory=BadLines)

    @property
    def problem(self) -> str | None:
        """What is wrong with the document, in a line."""
        first = next(iter(self.bad.first), None)
        return None if first is None else f"{first.place}: {first.reason}"


class Ingest:
    """Takes in one document after the other."""

    def __init__(self, deployment: Deployment, memory: WireMemory, *, form: str, story: str | None) -> None:
        self._deployment = deployment
        self._memory = memory
        self._form = form
        self._story = story
        self._desk = deployment.settings.desk

    def take_file(self, file: SpoolFile) -> Taken | None:
        """Read a file, unless it was read before as it is and all was well with it: then return None.

        What something was wrong with is read again: by then its time may have come, or a newer release may know more.

        Raises:
            DatelineError: The log or the memory cannot be used; nothing is remembered of the file.
        """
        path = str(file.path)
        remembered = shown_path(path)
        if self._memory.file_read(remembered) == (file.mark, None):
            return None
        try:
            taken = self._take(read_all(path, self._reading(self._story)))
        except Refused as error:
            self._memory.forget_new()
            taken = Taken()
            taken.bad.add(0, str(error), remembered)
        self._memory.remember_file(remembered, file.mark, taken.problem)
        return taken

    def take_feed(self, url: str, fetched: Fetched, *, story: str | None) -> Taken:
        """Read what a feed's server gave; while something in it is bad, all of it is asked for the next time too.

        Raises:
            DatelineError: The log or the memory cannot be used; nothing is remembered of it.
        """
        if fetched.data is None:
            return Taken()
        form = "auto" if self._form == "ndjson" else self._form
        reading = replace(self._reading(story or self._story), form=form)
        taken = self._take(events_in(fetched.data, reading))
        if not taken.bad.count:
            self._memory.remember_feed(url, fetched.etag, fetched.modified)
        return taken

    def _reading(self, story: str | None) -> Reading:
        return Reading(form=self._form, desk=self._desk, story=story, now=now(), memory=self._memory)

    def _take(self, found: Iterable[Documented]) -> Taken:
        taken = Taken()
        try:
            outgoing = [one for each in found for one in _sorted_out(each, taken)]
            queue = (one for _, one in in_lanes(outgoing))
            for batch in batches(((one, one.record.size_bytes) for one in queue), most=_BATCH, most_bytes=_BATCH_BYTES):
                self._deployment.log.append(EVENTS_TOPIC, [one.record for one in batch])
                taken.events += len(batch)
            self._memory.save()
        except DatelineError:
            self._memory.forget_new()
            raise
        return taken


def _sorted_out(one: Documented, taken: Taken) -> list[Outgoing]:
    """Return the events to append; count what has none."""
    if isinstance(one, BadLine):
        taken.bad.add(one.number, one.reason, one.where)
    elif not isinstance(one, Told):
        taken.passed += 1
    elif one.is_repeated or not one.events:
        taken.repeated += 1
    else:
        try:
            return [outgoing_of(event, one.number, one.where) for event in one.events]
        except Refused as error:
            taken.bad.add(one.number, str(error), one.where)
    return []
