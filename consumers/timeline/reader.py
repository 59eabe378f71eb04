"""Reads the timeline: each answer is one script call, pointer and documents together, documents as the bytes they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import datetime

from msgspec import Struct, json
from msgspec.structs import replace

from consumers.generations import Pointer
from consumers.state import Correction, Entry, Heading, Story, Update
from consumers.story import new_story
from consumers.timeline import keys
from consumers.timeline.answers import (
    HistoryEntry,
    Listed,
    ListedCorrection,
    Listing,
    Marks,
    News,
    Page,
    Part,
    PublicChange,
    ViewPosition,
)
from consumers.timeline.documents import read_change, read_entry, read_heading, read_history, read_story, read_update
from consumers.timeline.pages import HEAD, cursor_of, listed_below, listing, page_of, part_of, place_below, places_of
from dateline.log.partitioner import partition_of
from dateline.redis_store import Reply, Script, Store
from schemas.times import from_us, to_ms


class TimelineReader:
    """Reads the timeline in `store`. Safe for use by several threads.

    Args:
        partitions: How many the topic of the events has, by which a story's partition is known.
        pointer: Names the generation that is read.
        letters: What the keys begin with; the timeline's are `tl`.
    """

    def __init__(self, store: Store, *, partitions: int, pointer: Pointer = "live", letters: str = keys.LETTERS) -> None:
        self._store = store
        self._letters = letters
        self._partitions = partitions
        self._pointer: Pointer = pointer

    def page(self, story: str, *, limit: int = 20, cursor: str | None = None, key_events: bool = False) -> Page | None:
        """Return a page of `story`; None if there is no such story.

        Args:
            cursor: The `next` of the page before; the head if None.

        Raises:
            Refused: The cursor is none of ours.
        """
        found = self._ask(keys.PAGE, story, "key" if key_events else "index", place_below(cursor), limit)
        if not found:
            return None
        return page_of(*found)

    def pinned(self, story: str, *, limit: int = 20) -> Page | None:
        """Return what is pinned in `story`, the newest first; None if there is no such story."""
        found = self._ask(keys.PAGE, story, "pinned", HEAD, limit)
        return page_of(*found) if found else None

    def page_as_of(
        self, story: str, when: datetime | int, *, limit: int = 20, cursor: str | None = None, key_events: bool = False
    ) -> Page | None:
        """Return a page of `story` as readers had it at a time or at a `seq`; None if there was no such story then.

        What is killed or under embargo today is left out.
        """
        kind, value = ("seq", when) if isinstance(when, int) else ("ms", to_ms(when))
        args = (kind, value, "1" if key_events else "0", place_below(cursor), limit)
        found = self._ask(keys.PAGE_AS_OF, story, *args)
        if not found:
            return None
        state, seq, heading, after, documents, places, generation = found
        if seq == 0:
            return None
        kept = read_story(state)
        shown = Story(kept.id, _heading_then(kept, heading), kept.seq)
        return Page(shown, seq, cursor_of(after), documents, places_of(places), generation.decode())

    def recent(self, story: str, *, limit: int = 20, cursor: str | None = None, tail: int = 500, others: int = 0) -> Part | None:
        """Return a page of `story` and what the last changes did to the rest of it; None if there is no such story.

        Args:
            tail: How many of the story's last changes are looked at, for updates taken off and for other documents.
            others: How many documents there may be beside those of the page; the last changed are taken.

        Raises:
            Refused: The cursor is none of ours.
        """
        found = self._ask(keys.RECENT, story, place_below(cursor), limit, tail, others)
        return part_of(*found) if found else None

    def window(self, story: str, *, first: int, last: int) -> Part | None:
        """Return what has its place from `first` to `last`, also what was taken off; None if there is no such story.

        One call reads the whole of it, so a window is a few hundred at most.
        """
        found = self._ask(keys.WINDOW, story, first, last)
        return part_of(*found) if found else None

    def marks(self, story: str, *, since: int = 0, window: int, limit: int = 500) -> Marks | None:
        """Return where the changes after `since` fell, of at most `limit` of them; None if there is no such story.

        Args:
            window: How many places a window has; the first begins at 1.
        """
        found = self._ask(keys.MARKS, story, since, limit, window)
        if not found:
            return None
        generation, state, reached, more, numbers, last = found
        by_window = dict(zip(numbers, last, strict=True))
        return Marks(generation.decode(), read_story(state).seq, reached, bool(more), by_window)

    def changes(self, story: str, *, since: int = 0, limit: int = 500) -> tuple[Story, Sequence[PublicChange]] | None:
        """Return the story and its changes after `since`, the oldest first; None if there is no such story.

        The note of a change whose update is gone is gone with it.
        """
        found = self._ask(keys.CHANGES, story, since, limit)
        if not found:
            return None
        state, *columns = found
        return read_story(state), [_public(*each) for each in zip(*columns, strict=True)]

    def update(self, story: str, update: str) -> Update | None:
        """Return an update as the fold keeps it, public or not; None if there is none. For desks, not for readers."""
        found = self._ask(keys.UPDATE, story, update, "0")
        return read_update(update, found[1], found[2]) if found and found[1] else None

    def found(self, story: str, update: str) -> tuple[Story, Update | None, bytes | None] | None:
        """Return a story, an update of it, and the update's document if it is public; None if there is no such story."""
        found = self._ask(keys.UPDATE, story, update, "0")
        if not found:
            return None
        state, kept, document = found[:3]
        return read_story(state), read_update(update, kept, document) if kept else None, document or None

    def history(self, story: str, update: str) -> Sequence[HistoryEntry] | None:
        """Return what readers were told of an update, the oldest first, late copy included; None unless it is public."""
        found = self._ask(keys.UPDATE, story, update, "1")
        if not found or not found[1]:
            return None
        _, state, document, entries = found
        kept = read_update(update, state, document)
        if kept.last is None or not kept.is_public:
            return None
        told = [HistoryEntry(about, shown or None) for about, shown in map(read_history, entries)]
        told.append(HistoryEntry(kept.last, document or None))
        return sorted(told, key=lambda one: one.about.seq)

    def hidden(self, story: str) -> Sequence[Update] | None:
        """Return a story's updates that are withheld or under embargo, for desks; None if there is no such story."""
        found = self._ask(keys.HIDDEN, story)
        if not found:
            return None
        _, names, states = found
        return [read_update(name.decode(), state, None) for name, state in zip(names, states, strict=True)]

    def update_names(self, story: str, *, limit: int = 2000) -> Sequence[str]:
        """Return the ids of a story's public updates, the newest first."""
        return [name.decode() for name in self._ask(keys.NAMES, story, limit)]

    def story(self, story: str) -> Story | None:
        """Return a story as the fold keeps it; None if nothing was ever said of it."""
        page = self.page(story, limit=1)
        return page.story if page is not None else None

    def listed(self, story: str) -> Listed | None:
        """Return a story as it stands in a list; None if nothing was ever said of it."""
        found = self._ask(keys.LISTED, story)
        return Listed(read_story(found[0]), found[1]) if found else None

    def stories(self, *, limit: int = 1000, cursor: str | None = None) -> Listing[Listed]:
        """Return the stories, the last changed first.

        Args:
            cursor: The `next` of the listing before; one that changes meanwhile goes to the top.

        Raises:
            Refused: The cursor is none of ours.
        """
        at, name = listed_below(cursor)
        replies = self._ask_all(keys.STORIES, limit + 1, at, name)
        found = [Listed(read_story(state), updates) for reply in replies for state, updates in reply]
        found.sort(key=lambda one: (one.story.recorded_at, one.story.id), reverse=True)
        return listing(found, limit, lambda one: (one.story.recorded_at, one.story.id))

    def corrections(self, story: str | None = None, *, limit: int = 50, cursor: str | None = None) -> Listing[ListedCorrection]:
        """Return the corrections of what is public, of one story or of all, the last recorded first.

        Args:
            cursor: The `next` of the listing before.

        Raises:
            Refused: The cursor is none of ours.
        """
        at, name = listed_below(cursor)
        asked = (story or "", limit + 1, at, name)
        replies = [self._ask(keys.CORRECTIONS, story, *asked[1:])] if story else self._ask_all(keys.CORRECTIONS, *asked)
        found = [(int(float(at)), name.decode(), document) for reply in replies for at, name, document in reply]
        found.sort(key=lambda each: (each[0], each[1]), reverse=True)
        page = listing(found, limit, lambda each: (each[0], each[1]))
        read = (_listed(name, document) for _, name, document in page)
        return Listing([one for one in read if one], page.next)

    def verdict(self, story: str, event_id: str) -> Entry | None:
        """Return what became of an event; None while no consumer has seen it."""
        found = self._ask(keys.VERDICT, story, event_id)
        return read_entry(found) if found else None

    def verdicts(self, events: Sequence[tuple[str, str]]) -> Sequence[Entry | None]:
        """Return what became of several events, each by its story and event id, asked for at once."""
        with closing(self._store.wire([keys.VERDICT])) as wire:
            homes = [self._partition(story) for story, _ in events]
            asked = zip(homes, events, strict=True)
            answers = [
                wire.send(keys.VERDICT, [self._at(p)], [keys.prefix(p, self._letters), story, event])
                for p, (story, event) in asked
            ]
            return [read_entry(found) if (found := answer.get()) else None for answer in answers]

    def positions(self) -> Sequence[ViewPosition]:
        """Return how far each partition is that has a generation."""
        replies = enumerate(self._ask_all(keys.CURSOR))
        return [_position(partition, reply) for partition, reply in replies if reply]

    def due_embargoes(self, now_us: int, *, limit: int = 100) -> Sequence[tuple[str, str, datetime]]:
        """Return the embargoes that are over at `now_us` (microseconds since 1970): story, update and their end."""
        found = []
        for reply in self._ask_all(keys.DUE, now_us, limit):
            for name, until in zip(reply[::2], reply[1::2], strict=True):
                story, _, update = name.decode().partition("/")
                found.append((story, update, from_us(int(float(until)))))  # Redis writes large scores as 2.5e+17
        return found

    def wake_streams(self) -> Sequence[Sequence[str]]:
        """Return the streams that tell which stories changed, in groups that `wait` may be asked for at once."""
        return self._store.together([keys.wake(partition) for partition in range(self._partitions)])

    def wake_stream(self, story: str) -> str:
        """Return the stream that tells of changes to `story`, and of others in its partition."""
        return keys.wake(self._partition(story))

    def wake_ends(self, streams: Sequence[str]) -> Mapping[str, str]:
        """Return the last id of each stream, to wait from there on."""
        return self._store.ends_of(streams)

    def wait(self, seen: Mapping[str, str], *, timeout: float) -> News:
        """Wait for any change of any story.

        Args:
            seen: Wake stream to the last id seen; see `wake_streams`.
        """
        stories: dict[str, int] = {}
        begun_anew: set[str] = set()
        last, is_torn = dict(seen), False
        for stream, entries in self._store.read_streams(seen, timeout=timeout).items():
            is_torn = is_torn or len(entries) >= keys.WAKE_KEPT
            last[stream] = entries[-1][0]
            for _, fields in entries:
                stories |= json.decode(fields["stories"], type=dict[str, int])
                begun_anew.update(json.decode(fields.get("reset", b"[]"), type=list[str]))
        return News(last, stories, begun_anew, is_torn)

    def _partition(self, story: str) -> int:
        return partition_of(story.encode("utf-8", "surrogatepass"), self._partitions)

    def _ask(self, script: Script, story: str, *args: str | int) -> Reply:
        partition = self._partition(story)
        return self._store.call(script, [self._at(partition)], [keys.prefix(partition, self._letters), story, *args])

    def _ask_all(self, script: Script, *args: str | int) -> Sequence[Reply]:
        partitions = range(self._partitions)
        return [self._store.call(script, [self._at(p)], [keys.prefix(p, self._letters), *args]) for p in partitions]

    def _at(self, partition: int) -> str:
        return keys.pointer(partition, self._pointer, self._letters)


def _heading_then(kept: Story, heading: bytes) -> Heading:
    if heading == b"as now":
        return kept.heading
    return read_heading(heading) if heading else new_story(kept.id).heading


def _public(text: bytes, document: bytes, note: bytes) -> PublicChange:
    change = read_change(text)
    if note and document:
        change = replace(change, note=note.decode())
    return PublicChange(change, document or None)


def _listed(name: str, document: bytes) -> ListedCorrection | None:
    story, update, revision = name.split("/")
    corrections = json.decode(document, type=_Corrected).corrections
    told = next((one for one in corrections if one.revision == int(revision)), None)
    return ListedCorrection(story, update, told, document) if told is not None else None


class _Corrected(Struct):
    corrections: tuple[Correction, ...]


def _position(partition: int, reply: Reply) -> ViewPosition:
    generation, meta, stories, problems, parked = reply
    *numbers, torn, token = meta
    offset, log_id, fold, homeless, undecodable, made_at, first = (part.decode() if part else "0" for part in numbers)
    counts = (int(offset), log_id, int(fold), int(homeless), int(undecodable), int(made_at), stories)
    told = [json.decode(one) for one in reversed(problems)]
    kept = ((torn or b"").decode(), (token or b"").decode())
    return ViewPosition(partition, generation.decode(), *counts, told, parked, int(first), *kept)
