"""What has to hold after every fault. Each law is asserted on the log and on what readers get, not on the view's own word."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from msgspec import Struct, json

from consumers.timeline.reader import TimelineReader
from dateline.log.base import Log
from dateline.log.partitioner import partition_of
from schemas.names import story_of_key
from schemas.topics import EVENTS_TOPIC
from tests.chaos.desks import Ledger

_PAGE = 1000


class Tally:
    """What the log holds, counted as far as it was read.

    Attributes:
        places: Where each event id stands, in the order of the offsets.
        stories: How many records each story has.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._partitions = log.partitions(EVENTS_TOPIC)
        self._next = dict(log.begin_offsets(EVENTS_TOPIC))
        self.places: dict[str, list[tuple[int, int]]] = {}
        self.stories: Counter[str] = Counter()

    def read_to(self, ends: Mapping[int, int]) -> None:
        """Count the records before `ends`."""
        for partition, end in ends.items():
            while self._next[partition] < end:
                batch = self._log.read(EVENTS_TOPIC, partition, self._next[partition], limit=_PAGE)
                assert batch.next_offset > self._next[partition], f"partition {partition} ends before {end}"
                for record in batch.records:
                    self._count(partition, record.offset, record.key, dict(record.headers).get("ce_id", b""))
                self._next[partition] = batch.next_offset

    def _count(self, partition: int, offset: int, key: bytes | None, event_id: bytes) -> None:
        story = story_of_key(key)
        if story is None or partition_of(key or b"", self._partitions) != partition:
            return
        self.stories[story] += 1
        self.places.setdefault(event_id.decode(errors="replace"), []).append((partition, offset))


def nothing_is_lost(tally: Tally, ledger: Ledger) -> None:
    """Each acknowledged event stands where the desk was told, and no event stands there more often than it was sent."""
    times = Counter(one.event_id for one in ledger.acknowledged)
    for one in ledger.acknowledged:
        assert (one.partition, one.offset) in tally.places.get(one.event_id, ()), f"{one} is not in the log"
    for event_id, found in ((event_id, len(tally.places.get(event_id, ()))) for event_id in times.keys() | ledger.maybe.keys()):
        most = times[event_id] + ledger.maybe[event_id]
        assert times[event_id] <= found <= most, f"event {event_id} was sent {most} times and stands in the log {found} times"


def order_is_kept(tally: Tally, ledger: Ledger) -> None:
    """The events of one desk about one story stand in the log in the order in which it sent them."""
    last: dict[tuple[str, str], int] = {}
    seen: set[str] = set()
    for one in ledger.acknowledged:
        if one.event_id in seen:
            continue
        seen.add(one.event_id)
        (_, first), before = tally.places[one.event_id][0], last.get((one.desk, one.story), -1)
        assert first > before, f"{one} stands at {first}, and what the desk said of the story before it at {before}"
        last[one.desk, one.story] = first


def all_have_a_verdict(reader: TimelineReader, ledger: Ledger) -> None:
    """The view knows what became of each acknowledged event."""
    events = list(dict.fromkeys((one.story, one.event_id) for one in ledger.acknowledged))
    for start in range(0, len(events), _PAGE):
        part = events[start : start + _PAGE]
        missing = [event for event, entry in zip(part, reader.verdicts(part), strict=True) if entry is None]
        assert not missing, f"{len(missing)} acknowledged events are not in the view, such as {missing[:3]}"


def seq_has_no_hole(reader: TimelineReader, tally: Tally) -> None:
    """Each story's `seq` is how many records it has in the log."""
    found = {listed.story.id: listed.story.seq for listed in reader.stories(limit=1 << 20)}
    assert found == dict(tally.stories), f"seq {set(found.items()) ^ set(tally.stories.items())}"


def no_update_stands_twice(reader: TimelineReader) -> None:
    """Each update is published to readers once and stands in its timeline once; each change names the one before it."""
    for listed in reader.stories(limit=1 << 20):
        story, published, last = listed.story.id, Counter[str | None](), 0
        while (found := reader.changes(story, since=last, limit=_PAGE)) and found[1]:
            for one in found[1]:
                assert one.change.after == last, f"{story}: change {one.change.seq} follows {one.change.after}, not {last}"
                last = one.change.seq
                published[one.change.update] += one.change.kind == "published"
        assert max(published.values(), default=0) <= 1, f"{story}: {published.most_common(3)}"
        assert last == listed.story.last_change, f"{story}: its last change is {listed.story.last_change}, and {last} is there"
        names = [json.decode(document, type=_Named).id for document in _documents(reader, story)]
        assert len(set(names)) == len(names) == listed.updates, story


class _Named(Struct):
    id: str


def _documents(reader: TimelineReader, story: str) -> Iterator[bytes]:
    cursor = None
    while page := reader.page(story, limit=500, cursor=cursor):
        yield from page.documents
        cursor = page.next
        if cursor is None:
            return
