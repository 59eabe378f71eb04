"""Folds the log anew, in memory, and compares all that the live index holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from typing import TypeVar

from msgspec import Struct, json
from typing_extensions import override

from consumers.search.index import IndexAudit
from consumers.search.opensearch import names
from consumers.search.opensearch.cursors import Placed, read_cursors
from consumers.search.opensearch.kept import KeptEntry, KeptStory, KeptUpdate, Ordered, read, story_at, update_at
from consumers.search.opensearch.pages import pages
from consumers.search.opensearch.server import Json, Server
from consumers.search.opensearch.writes import order_of, source, touched
from consumers.state import Entry, Story
from consumers.timeline.folding import PartitionFold
from consumers.view import Folded
from dateline.errors import StoreUnavailable
from dateline.log.base import Log
from schemas.codec import Codec

_TRIES = 20
_MOST_TOLD = 200

T = TypeVar("T")
Key = tuple[str, str]


class Contents(Struct):
    """What a partition holds, by story and name."""

    stories: dict[str, Story] = {}
    updates: dict[Key, Ordered] = {}
    entries: dict[Key, Entry] = {}
    documents: dict[Key, Json] = {}


class IndexFold(PartitionFold):
    """A partition folded into what the index is to hold."""

    def __init__(self, log: Log, topic: str, partition: int, codec: Codec) -> None:
        super().__init__(log, topic, partition, codec)
        self.contents = Contents()

    @override
    def _take(self, folded: Folded) -> None:
        kept = self.contents
        for story, steps in folded.stories.items():
            kept.stories[story] = steps[-1].outcome.story
            for update, one in touched(steps).items():
                before = kept.updates.get((story, update))
                kept.updates[story, update] = Ordered(order_of(story, one, before.order if before else 0), one.after)
            for step in steps:
                if step.entry is not None and step.incoming.event is not None:
                    kept.entries[story, step.incoming.event.event_id] = step.entry

    def expected(self) -> Contents:
        """Return what was folded, with the documents that readers are to find."""
        kept = self.contents
        kept.documents = {
            (story, update): json.decode(source(self._partition, story, one, kept.stories[story].heading.language))
            for (story, update), one in kept.updates.items()
            if one.update.is_public
        }
        return kept


def audit(server: Server, log: Log, *, topic: str, codec: Codec) -> IndexAudit:
    """Compare the live generation with the log up to its cursor.

    Raises:
        StoreUnavailable: It cannot be read, or never stood still for long enough.
    """
    records = stories = updates = 0
    told: list[str] = []
    for number in range(log.partitions(topic)):
        fold = IndexFold(log, topic, number, codec)
        told += _compare(server, number, fold)
        records += fold.records
        stories += len(fold.contents.stories)
        updates += len(fold.contents.documents)
    return IndexAudit(records, stories, updates, told)


def _compare(server: Server, number: int, fold: IndexFold) -> list[str]:
    for _ in range(_TRIES):
        placed = read_cursors(server, "live", [number]).get(number)
        if placed is None:
            return []
        live = _contents(server, placed)
        again = read_cursors(server, "live", [number]).get(number)
        if again is None or (again.generation, again.at.offset) != (placed.generation, placed.at.offset):
            continue
        fold.fold_to(placed.at.offset)
        aside = fold.failed.keys() | placed.at.parked.keys()
        parked = [f"{story}: parked, so it is not compared" for story in sorted(aside)]
        return (parked + list(_differences(fold.expected(), live, aside)))[:_MOST_TOLD]
    raise StoreUnavailable(
        f"Partition {number} of the search index moves faster than it can be compared. Try in a quieter moment."
    )


def _contents(server: Server, placed: Placed) -> Contents:
    found = Contents({}, {}, {}, {})
    cursor = placed.at
    mine = {"term": {"partition": cursor.partition}}
    for index in (names.states(placed.generation), names.documents(placed.generation)):
        server.ask("POST", f"/{index}/_refresh")
    for one in pages(server, names.states(placed.generation), mine):
        about = one["_source"]
        if about["kind"] == "s":
            kept = read(KeptStory, about, "a story")
            if (story := story_at(kept, cursor.seen(kept.story))) is not None:
                found.stories[kept.story] = story
        elif about["kind"] == "u":
            state = read(KeptUpdate, about, "an update")
            if (update := update_at(state, cursor.seen(state.story))) is not None:
                found.updates[state.story, update.update.id] = update
        elif about["kind"] == "e":
            entry = read(KeptEntry, about, "an event")
            if entry.entry.verdict.offset < cursor.seen(entry.story):
                found.entries[entry.story, entry.event] = entry.entry
    for one in pages(server, names.documents(placed.generation), mine):
        found.documents[one["_source"]["story"], one["_source"]["update"]] = one["_source"]
    return found


def _differences(expected: Contents, found: Contents, but: Set[str]) -> Iterator[str]:
    stories = {(story, ""): one for story, one in expected.stories.items()}
    found_stories = {(story, ""): one for story, one in found.stories.items()}
    yield from _unlike("story", stories, found_stories, but)
    yield from _unlike("update", expected.updates, found.updates, but)
    yield from _unlike("event", expected.entries, found.entries, but)
    yield from _unlike("document", expected.documents, found.documents, but)


def _unlike(what: str, expected: Mapping[Key, object], found: Mapping[Key, object], but: Set[str]) -> Iterator[str]:
    for key in sorted(expected.keys() | found.keys()):
        if key[0] not in but and expected.get(key) != found.get(key):
            how = "missing" if key not in found else "not in the log" if key not in expected else "other than the log says"
            yield f"{what} {'/'.join(filter(None, key))}: {how}"
