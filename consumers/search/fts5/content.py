"""What a generation's file holds of stories and updates: read as the fold wants it, and written as a batch changes it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b

from msgspec import Struct
from msgspec.json import encode

from consumers.document import document
from consumers.problems import problems_of
from consumers.search.fts5.database import Database, Row, damaged
from consumers.search.fts5.schema import COLUMNS, EVERY
from consumers.search.indexed import indexed
from consumers.search.order import first_order
from consumers.search.plan import FIELDS
from consumers.search.silence import silenced
from consumers.state import Change, Update
from consumers.timeline.documents import (
    entry_text,
    parked_text,
    read_entry,
    read_parked,
    read_story,
    read_update,
    state_text,
    story_text,
)
from consumers.timeline.keys import PROBLEMS_KEPT
from consumers.view import Folded, Loaded, Needs, Parked, Step, StoryLoaded
from dateline.errors import ContentDamaged
from schemas.times import to_us

_VALUES = ", ".join("?" * (len(COLUMNS) + 1))
_MARK = f"INSERT INTO words (rowid, {', '.join(COLUMNS)}) VALUES ({_VALUES})"
_UNMARK = f"INSERT INTO words (words, rowid, {', '.join(COLUMNS)}) VALUES ('delete', {_VALUES})"
_HELD = """SELECT u.name, u.place, u.state, d.document, d.language, d.digest
    FROM updates AS u LEFT JOIN docs AS d ON d.place = u.place WHERE u.story = ?"""


class Found(Struct, frozen=True):
    """What is held of an update; `digest` is that of its words, None where it is not public.

    Attributes:
        language: In whose words it is indexed.
    """

    update: Update
    place: int | None
    language: str | None
    digest: bytes | None


class Content:
    """The content of one generation. Writes belong in a transaction of the caller's."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # Read

    def load(self, needs: Needs) -> Loaded:
        """Return what the fold needs.

        Raises:
            ContentDamaged: What is held is not what was written.
        """
        return {story: self._load(story, need.updates, need.events) for story, need in needs.items()}

    def _load(self, story: str, updates: set[str], events: set[str]) -> StoryLoaded:
        row = self._database.row("SELECT state FROM stories WHERE story = ?", (story,))
        if row is None:
            return StoryLoaded(None, {}, {})
        with self.whole():
            held = {name: found.update for name in updates if (found := self.find(story, name))}
            entries = {}
            for event in events:
                text = self._database.value("SELECT entry FROM entries WHERE story = ? AND event = ?", (story, event))
                if text is not None:
                    entries[event] = read_entry(text)
            return StoryLoaded(read_story(row[0]), held, entries)

    def find(self, story: str, name: str) -> Found | None:
        row = self._database.row(f"{_HELD} AND u.name = ?", (story, name))
        return self._found(row) if row is not None else None

    def of_story(self, story: str) -> Iterator[Found]:
        """Yield the story's public updates."""
        for row in self._database.rows(f"{_HELD} AND d.place IS NOT NULL", (story,)):
            yield self._found(row)

    def _found(self, row: Row) -> Found:
        name, place, state, shown, language, digest = row
        with self.whole():
            return Found(read_update(name, state, shown), place, language, digest)

    def parked(self, partition: int | None = None) -> dict[str, Parked]:
        """Return the parked stories, of one partition or of all."""
        rows = self._database.rows("SELECT story, entry FROM parked WHERE ?1 IS NULL OR partition = ?1", (partition,))
        with self.whole():
            return {story: read_parked(entry) for story, entry in rows}

    @contextmanager
    def whole(self) -> Iterator[None]:
        """Name this file where what is read is not what was written."""
        try:
            yield
        except ContentDamaged as error:
            raise damaged(self._database.path, error.what) from error

    # Write

    def write(self, partition: int, batch: Folded) -> None:
        """Write what a batch changes, the cursor aside."""
        problems = [(offset, encode(told).decode()) for offset, told in problems_of(batch)]
        for steps in batch.stories.values():
            self._write_story(partition, steps)
        for story, parked in batch.parked.items():
            self.park(story, partition, parked)
        if problems:
            self._note(partition, problems, batch)

    def park(self, story: str, partition: int, parked: Parked | None) -> None:
        if parked is None:
            self._database.run("DELETE FROM parked WHERE story = ?", (story,))
        else:
            self._database.run("INSERT OR REPLACE INTO parked VALUES (?, ?, ?)", (story, partition, parked_text(parked)))

    def _note(self, partition: int, problems: Sequence[tuple[int, str]], batch: Folded) -> None:
        run = self._database.run
        for offset, told in problems:
            run("INSERT OR REPLACE INTO problems VALUES (?, ?, ?)", (partition, offset, told))
        run(
            "DELETE FROM problems WHERE partition = ?1 AND offset NOT IN "
            "(SELECT offset FROM problems WHERE partition = ?1 ORDER BY offset DESC LIMIT ?2)",
            (partition, PROBLEMS_KEPT),
        )
        run(
            "UPDATE partitions SET homeless = ?, undecodable = ? WHERE partition = ?",
            (batch.total_homeless, batch.total_undecodable, partition),
        )

    def _write_story(self, partition: int, steps: Sequence[Step]) -> None:
        story = steps[-1].outcome.story
        language = story.heading.language
        before = self._database.value("SELECT language FROM stories WHERE story = ?", (story.id,))
        changed, first = _changed(steps)
        if before is not None and before != language:
            for found in list(self.of_story(story.id)):
                changed.setdefault(found.update.id, found.update)
        for name, update in changed.items():
            self._write_update(story.id, update, language, first.get(name))
        new = ((step.incoming.event, step.entry) for step in steps)
        entries = [(story.id, event.event_id, entry_text(entry)) for event, entry in new if event and entry]
        if entries:
            self._database.run_all("INSERT OR REPLACE INTO entries VALUES (?, ?, ?)", entries)
        row = (story.id, partition, story.seq, story.heading.title, language, story_text(story))
        self._database.run("INSERT OR REPLACE INTO stories VALUES (?, ?, ?, ?, ?, ?)", row)

    def _write_update(self, story: str, update: Update, language: str, first: Change | None) -> None:
        run, found = self._database.run, self.find(story, update.id)
        place = found.place if found is not None else None
        if place is None and first is not None:
            place = self._free_place(first_order(story, recorded_at=first.recorded_at, place=update.place))
        words = words_of(story, update, language) if update.is_public else None
        digest = digest_of(words) if words is not None else None
        if found is not None and found.digest is not None and found.digest != digest:
            self._unmark(story, found)
        if words is not None and (found is None or found.digest != digest):
            run(_MARK, (place, *words))
        if words is not None:
            assert update.published_at is not None
            shown = (place, story, update.id, to_us(update.published_at), language, digest, document(story, update))
            run("INSERT OR REPLACE INTO docs VALUES (?, ?, ?, ?, ?, ?, ?)", shown)
        elif found is not None and found.digest is not None:
            run("DELETE FROM docs WHERE place = ?", (place,))
        run("INSERT OR REPLACE INTO updates VALUES (?, ?, ?, ?)", (story, update.id, place, state_text(update)))
        if update.killed_at is not None and (found is None or found.update.killed_at is None):
            run("INSERT OR IGNORE INTO owed VALUES (?, ?)", (story, update.id))

    def blank(self, story: str, name: str) -> None:
        """Take an update's words away that was killed in a newer generation, whatever this one knows of that."""
        found = self.find(story, name)
        if found is None:
            return
        if found.digest is not None:
            self._unmark(story, found)
            self._database.run("DELETE FROM docs WHERE place = ?", (found.place,))
        blank = encode(silenced(found.update)).decode()
        self._database.run("UPDATE updates SET state = ? WHERE story = ? AND name = ?", (blank, story, name))

    def _unmark(self, story: str, found: Found) -> None:
        """Take an update's words out of the index, which must be told exactly what was put in."""
        words = words_of(story, found.update, found.language or "")
        if digest_of(words) != found.digest:
            raise damaged(
                self._database.path, f"update {found.update.id!r} of story {story!r} says other words than were indexed"
            )
        self._database.run(_UNMARK, (found.place, *words))

    def _free_place(self, wanted: int) -> int:
        while self._database.row("SELECT 1 FROM updates WHERE place = ?", (wanted,)) is not None:
            wanted += 1
        return wanted


def words_of(story: str, update: Update, language: str) -> tuple[str, ...]:
    """Return what each column of the full text holds of an update."""
    found = indexed(story, update, language)
    marks = " ".join((EVERY, *(f"{EVERY}{mark}" for mark in found.marks)))
    return (*(found.fields.get(field, "") for field in FIELDS), marks)


def digest_of(words: Sequence[str]) -> bytes:
    return blake2b("\n".join(words).encode(), digest_size=8).digest()


def _changed(steps: Sequence[Step]) -> tuple[dict[str, Update], dict[str, Change]]:
    """Return the last state of each update that a story's steps change, and the changes by which some first became public."""
    changed: dict[str, Update] = {}
    first: dict[str, Change] = {}
    for step in steps:
        update, before = step.outcome.update, step.before
        if update is None or update is before:
            continue
        changed[update.id] = update
        if update.place and not (before is not None and before.place) and step.outcome.change is not None:
            first[update.id] = step.outcome.change
    return changed, first
