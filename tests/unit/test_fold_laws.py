"""The laws of the fold, over any sequence of events: cuts, repeats and saved states do not matter; the pages are a model's."""

from __future__ import annotations

import dataclasses
import hashlib
import random
from collections.abc import Iterable, Iterator, Sequence
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import asdict, replace

from consumers.document import document
from consumers.intake import Homeless, fingerprint
from consumers.memory import Memory
from consumers.state import Entry, Heading, Incoming, Outcome, State, Story, Update
from consumers.story import fold, new_story
from consumers.timeline import documents
from consumers.timeline.writes import batch_writes
from consumers.view import Folded, StoryNeeds
from schemas.content import Block, Content, Media, Source
from schemas.events import (
    EVENT_TYPES,
    EmbargoLifted,
    EmbargoSet,
    Event,
    StoryClosed,
    StoryOpened,
    StoryReopened,
    StoryRevised,
    UpdateCorrected,
    UpdateEvent,
    UpdateKilled,
    UpdateMarked,
    UpdatePublished,
    UpdateReleased,
    UpdateRevised,
    UpdateWithheld,
)
from schemas.times import EARLIEST, LATEST
from tests.support.memory_redis import MemoryRedis
from tests.support.story_model import StoryModel

Drawn = st.SearchStrategy
Record = Incoming | Homeless

G = "{tl:p0}:g1:"
STORIES, UPDATES = ("apollo-13", "artemis-2"), ("a", "b")
TIMESTAMPS = (-3, 40)
UNLIMITED, TINY = 1 << 30, 3
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EMBARGOES = tuple(EPOCH + timedelta(milliseconds=ms) for ms in (20, 60, 60))
MOMENTS = (EPOCH, EPOCH + timedelta(microseconds=1), datetime(1970, 4, 14, 3, 8, 20, tzinfo=UTC))

law = settings(max_examples=200, deadline=None)


# What is said: few stories, updates, versions and times, so that events meet


def _content(number: int) -> Content:
    """Words that name their number, so that they can be looked for; the more, the higher it is."""
    words = f"Words number {number}."
    media = (Media(uri=f"https://images.example/{number}", alt="A view.", width=number),)
    blocks = (
        Block(text=words),
        Block("quote", words, "Lovell"),
        Block("list", items=(words, "")),
        Block("later-type", uri="https://x"),
    )
    sources = (Source("NASA", "official"), Source("A ham", "", "https://radio.example"))
    return Content(words, blocks[: number + 1], media[:number], sources[:number], ("Houston",) * number, ("space",) * number)


_SAID: dict[str, tuple[Any, ...]] = {  # Any: whatever the field holds
    "content": tuple(_content(number) for number in range(5)),
    "title": ("One", "Two"),
    "summary": ("", "Summary"),
    "topics": ((), ("space",)),
    "note": ("A note.", "Another note."),
    "reason": ("A reason that nobody may see.",),
    "severity": ("substantive", "minor"),
    "version": (None,) * 5 + (1, 2, 3),
    "urgency": (5, 1),
    "key_event": (False, True),
    "pinned": (False, True),
    "embargo_until": EMBARGOES,
    "from_story": (None, "neighbour"),
    "verification": (None, "verified", "disputed"),
    "substitute": (None, *UPDATES),
    "story": (*STORIES[:1] * 3, *STORIES),
    "update": (*UPDATES[:1] * 2, *UPDATES),
    "desk": ("houston", "moscow"),
    "occurred_at": MOMENTS,
    "expects": (None,) * 15 + (0, 1, 2),
    "event_id": ("",) * 20 + ("i", "j"),  # empty: one of its own
}
_SAID_ELSEWHERE: dict[type[Event], dict[str, tuple[Any, ...]]] = {  # Any: as above
    UpdatePublished: {"embargo_until": (None,) * 10 + EMBARGOES},
    UpdateMarked: dict.fromkeys(("pinned", "key_event"), (None, True, False)),
}
_OFTEN: dict[type[Event], int] = {
    UpdatePublished: 8,
    UpdateCorrected: 6,
    UpdateRevised: 4,
    UpdateMarked: 4,
    UpdateWithheld: 5,
    UpdateReleased: 8,
    EmbargoSet: 3,
    EmbargoLifted: 6,
    UpdateKilled: 1,
    StoryOpened: 1,
    StoryRevised: 1,
    StoryClosed: 1,
    StoryReopened: 3,
}
"""What takes an update away is rarer than what brings it back, so that most of them have long lives."""


def _variants(kind: type[Event], count: int) -> Iterator[Event]:
    """Return events of one type: one whose fields hold the first of each, then others, always the same ones."""
    choose = random.Random(kind.__name__)
    said = {name: values for name, values in (_SAID | _SAID_ELSEWHERE.get(kind, {})).items() if name in kind.__dataclass_fields__}
    yield kind(**{name: values[0] for name, values in said.items()})
    for _ in range(count - 1):
        yield kind(**{name: choose.choice(values) for name, values in said.items()})


@dataclasses.dataclass(frozen=True)
class Again:
    """The event that was said so many events ago once more, at another time and with other expectations."""

    back: int
    occurred_at: datetime
    expects: int | None


@dataclasses.dataclass(frozen=True)
class Broken:
    """A record that cannot be decoded; of no story where there is none."""

    story: str | None


Said = Event | Again | Broken

_EVENTS = tuple(event for kind, often in _OFTEN.items() for event in _variants(kind, 20 * often))
_AGAIN = tuple(Again(1 + back % 9, MOMENTS[back % 3], (None, None, 0, 1)[back % 4]) for back in range(100))
_BROKEN = tuple(Broken(story) for story in (None, *STORIES)) * 15
_ITEMS: tuple[Said, ...] = (*_EVENTS, *_AGAIN, *_BROKEN)
"""One draw an event, not one a field: twenty times as many events in the same time."""


def _records(said: Iterable[tuple[Said, int]]) -> list[Record]:
    """Number the records, with offsets that have gaps, and give each event an id of its own that has none."""
    records: list[Record] = []
    events: list[Event] = []
    for place, (item, timestamp) in enumerate(said):
        offset = 2 * place + place // 5
        if isinstance(item, Again) and events:
            first = events[-min(item.back, len(events))]
            item = dataclasses.replace(first, occurred_at=item.occurred_at, expects=item.expects, caused_by="c")
        if isinstance(item, Event):
            event = item if item.event_id else dataclasses.replace(item, event_id=f"e{place}")
            events.append(event)
            records.append(Incoming(event.story, offset, timestamp, event, fingerprint(event), digest=_digest(place)))
        elif isinstance(item, Broken) and item.story:
            records.append(Incoming(item.story, offset, timestamp, None, "", "It is broken.", digest=_digest(place)))
        else:
            records.append(Homeless(offset, "The record has no key."))
    return records


def _digest(place: int) -> bytes:
    return hashlib.sha256(b"%d" % place).digest()


def records(*, most: int = 60) -> Drawn[list[Record]]:
    """Records of one partition: a few drawn one by one, or many that a number stands for, some left out, so that it shrinks."""
    few = st.lists(st.tuples(st.sampled_from(_ITEMS), st.integers(*TIMESTAMPS)), max_size=8)
    kept = st.lists(st.sampled_from((False, True, True, True)), min_size=most, max_size=most)
    many = st.builds(_many, st.integers(0, 2**32), kept)
    return st.one_of(few, many, many).map(_records)


def _many(number: int, kept: list[bool]) -> list[tuple[Said, int]]:
    choose = random.Random(number)
    said = [(choose.choice(_ITEMS), choose.randint(*TIMESTAMPS)) for _ in kept]
    return [one for one, keep in zip(said, kept, strict=True) if keep]


def cut(records: Sequence[Record], sizes: Sequence[int]) -> list[list[Record]]:
    """Cut `records` into batches of these sizes, the last of the rest."""
    batches, start = [], 0
    for size in sizes:
        batches.append(list(records[start : start + size]))
        start += size
    batches.append(list(records[start:]))
    return batches


# How it is fed to a view


class Feeder:
    """Feeds a view in memory from batches, as the runner does; `overlapping`, it asks for a batch's states one batch ahead."""

    def __init__(self, *, limit: int = UNLIMITED, overlapping: bool = False) -> None:
        self.redis = MemoryRedis()
        self._memory = Memory(limit=limit)
        self._overlapping = overlapping
        self._offset = self._homeless = self._undecodable = 0

    def feed(self, batches: Iterable[Sequence[Record]]) -> MemoryRedis:
        waiting: tuple[Sequence[Record], Any, Any] | None = None  # Any: what was asked for, and the answer
        for batch in batches:
            incoming = [record for record in batch if isinstance(record, Incoming)]
            needs = self._memory.needs(incoming)
            asked = (batch, needs, self.redis.load(G, needs))
            if self._overlapping:
                asked, waiting = waiting, asked  # type: ignore[assignment]  # the first time there is none
            if asked is not None:
                self._fold(*asked, coming=waiting[0] if waiting else ())
        if waiting is not None:
            self._fold(*waiting, coming=())
        return self.redis

    def _fold(self, batch: Sequence[Record], needs: Any, loaded: Any, *, coming: Sequence[Record]) -> None:
        incoming = [record for record in batch if isinstance(record, Incoming)]
        homeless = [record for record in batch if isinstance(record, Homeless)]
        self._memory.learn(needs, loaded)
        stories = self._memory.fold(incoming)
        self._homeless += len(homeless)
        self._undecodable += sum(record.event is None for record in incoming)
        next_offset = batch[-1].offset + 1 if batch else self._offset
        folded = Folded(self._offset, next_offset, stories, homeless, self._homeless, self._undecodable)
        self.redis.run(batch_writes(G, folded))
        self._offset = next_offset
        self._memory.trim([record for record in coming if isinstance(record, Incoming)])


def view_of(said: Sequence[Record]) -> MemoryRedis:
    return Feeder().feed([said])


def outcomes(said: Iterable[Record]) -> Iterator[tuple[Incoming, State, Outcome]]:
    """Fold the records of stories one by one, everything kept in dictionaries."""
    stories: dict[str, Story] = {}
    updates: dict[tuple[str, str], Update | None] = {}
    entries: dict[tuple[str, str], Entry] = {}
    for record in said:
        if isinstance(record, Homeless):
            continue
        event, name = record.event, record.story
        update = (name, event.update) if isinstance(event, UpdateEvent) else (name, "")
        event_id = (name, event.event_id if event is not None else "")
        state = State(stories.get(name) or new_story(name), updates.get(update), entries.get(event_id))
        outcome = fold(state, record)
        yield record, state, outcome
        stories[name] = outcome.story
        if update[1]:
            updates[update] = outcome.update
        if event is not None and outcome.verdict is not None:
            entries.setdefault(event_id, Entry(record.fingerprint, update[1] or None, outcome.verdict))


def documents_of(redis: MemoryRedis, story: str) -> list[dict[str, Any]]:
    """Return the page that readers get, the newest first; times as times."""
    shown = redis.hash(f"{G}docs/{story}")
    return documents_of_json(shown[update].encode() for update in redis.newest_first(f"{G}index/{story}"))


def documents_of_json(documents: Iterable[bytes]) -> list[dict[str, Any]]:
    """Return documents as they are shown, times as times."""
    return [_timed(msgspec.json.decode(document)) for document in documents]


def _timed(document: dict[str, Any]) -> dict[str, Any]:
    for fields in (document, *document["corrections"]):
        for name in ("published_at", "updated_at", "corrected_at"):
            if name in fields:
                fields[name] = datetime.fromisoformat(fields[name])
    return document


# The laws


@law
@given(records(), st.lists(st.integers(0, 6)), st.sampled_from((UNLIMITED, TINY)), st.booleans())
def test_how_the_log_is_cut_into_batches_does_not_matter(
    said: list[Record], sizes: list[int], limit: int, overlapping: bool
) -> None:
    whole = view_of(said)

    pieces = Feeder(limit=limit, overlapping=overlapping).feed(cut(said, sizes))

    assert pieces.dump() == whole.dump()


@law
@given(records(), st.booleans())
def test_one_record_at_a_time_with_hardly_any_memory_gives_the_same_view(said: list[Record], overlapping: bool) -> None:
    whole = view_of(said)

    pieces = Feeder(limit=TINY, overlapping=overlapping).feed([record] for record in said)

    assert pieces.dump() == whole.dump()


@law
@given(records(most=25), st.lists(st.integers(0, 6)))
def test_what_is_delivered_twice_does_not_matter(said: list[Record], sizes: list[int]) -> None:
    feeder = Feeder(limit=TINY)
    once = feeder.feed(cut(said, sizes)).dump()
    after = said[-1].offset + 1 if said else 0
    again = [_moved(record, after + record.offset) for record in said]

    twice = feeder.feed(cut(again, sizes)).dump()

    told_apart = {f"{G}{name}" for name in ("stories", "recent", "problems", "meta")}
    assert {key: kept for key, kept in twice.items() if key not in told_apart} == {
        key: kept for key, kept in once.items() if key not in told_apart
    }
    if f"{G}stories" in once:
        assert _lasting(once[f"{G}stories"][1]) == _lasting(twice[f"{G}stories"][1])


@law
@given(records(most=25))
def test_a_second_delivery_has_the_first_ones_verdict(said: list[Record]) -> None:
    again = [_moved(record, record.offset + 1000) for record in said]
    verdicts: dict[tuple[str, str], Any] = {}

    for record, _, outcome in outcomes([*said, *again]):
        if record.event is None:
            assert outcome.verdict is None
            continue
        assert outcome.verdict is not None
        first, first_fingerprint = verdicts.setdefault(
            (record.story, record.event.event_id), (outcome.verdict, record.fingerprint)
        )
        if record.offset >= 1000 or first is not outcome.verdict:
            same = record.fingerprint == first_fingerprint
            assert outcome.verdict.status == ("duplicate" if same else "rejected")
            assert outcome.verdict.revision == first.revision
            assert (outcome.change, outcome.late) == (None, None)


@law
@given(records(most=25), st.lists(st.integers(0, 100), min_size=25, max_size=25))
def test_a_repeat_in_between_moves_only_the_numbering(said: list[Record], places: list[int]) -> None:
    repeated = list(said)
    for record, place in zip(said, places, strict=False):
        where = repeated.index(record) + 1
        repeated.insert(where + place % (len(repeated) - where + 1), _moved(record, 0))
    repeated = [_moved(record, offset) for offset, record in enumerate(repeated)]

    once, often = view_of(said), view_of(repeated)

    for story in STORIES:
        assert _unnumbered(documents_of(often, story)) == _unnumbered(documents_of(once, story))


@law
@given(records())
def test_folding_from_a_saved_state_equals_folding_from_zero(said: list[Record]) -> None:
    for record, state, outcome in outcomes(said):
        saved = State(
            documents.read_story(documents.story_text(state.story)),
            _saved(record.story, state.update),
            documents.read_entry(documents.entry_text(state.entry)) if state.entry is not None else None,
        )

        assert saved == state
        assert fold(saved, record) == outcome
        if outcome.change is not None:
            assert documents.read_change(documents.change_text(outcome.change)) == outcome.change


@law
@given(records())
@example(  # a correction before its original, then the original, of a wire that numbers only the latter
    _records(
        [
            (UpdateCorrected(story="apollo-13", update="a", note="It was wrong.", content=_content(1)), 0),
            (UpdatePublished(story="apollo-13", update="a", version=1, content=_content(0)), 0),
        ]
    )
)
def test_the_pages_and_the_verdicts_are_the_models(said: list[Record]) -> None:
    models = {story: StoryModel(story) for story in STORIES}

    for record, _, outcome in outcomes(said):
        model = models[record.story]
        told, changes, late = model.say(record.event, record.timestamp), len(model.changes), len(model.late)
        verdict = outcome.verdict
        assert (verdict is None) == (told is None)
        if verdict is not None and told is not None:
            assert (verdict.status, verdict.revision) == (told.status, told.revision)
            assert (verdict.conflict, verdict.late) == (told.conflict, told.late)
            assert (verdict.seq, verdict.offset) == (model.seq, record.offset)
        assert (outcome.late is not None) == (late > 0 and told is not None and told.late and told.status == "accepted")
        if outcome.change is not None:
            assert asdict(outcome.change) == model.changes[changes - 1]
        else:
            assert not changes or model.changes[-1]["seq"] < model.seq

    redis = view_of(said)
    for story, model in models.items():
        check_against(model, redis, story)


def check_against(model: StoryModel, redis: MemoryRedis, story: str) -> None:
    page = model.page()
    assert documents_of(redis, story) == page
    assert redis.hash(f"{G}docs/{story}").keys() == {update["id"] for update in page}
    for index, mark in (("key", "key_event"), ("pinned", "pinned")):
        assert redis.newest_first(f"{G}{index}/{story}") == [update["id"] for update in page if update[mark]]
    assert redis.scores(f"{G}index/{story}") == {update["id"]: model.updates[update["id"]]["place"] for update in page}
    listed = {
        f"{story}/{name}/{told['revision']:010d}"
        for name, update in model.updates.items()
        if not update["killed"]
        for told in update["corrections"]
    }
    assert redis.scores(f"{G}corrections/{story}").keys() == listed
    assert {name for name in redis.scores(f"{G}corrections") if name.startswith(f"{story}/")} == listed
    embargoed = {f"{story}/{name}" for name, update in model.updates.items() if update["embargo"] and not update["killed"]}
    assert {name for name in redis.scores(f"{G}embargoes") if name.startswith(f"{story}/")} == embargoed
    text = redis.hash(f"{G}stories").get(story)
    assert (text is None) == (model.seq == 0)
    if text is not None:
        kept = documents.read_story(text)
        assert (kept.seq, kept.recorded_at, kept.undecodable) == (model.seq, model.recorded_at, model.undecodable)
        assert (kept.opened, kept.is_closed) == (model.opened, model.heading["closed_at"] is not None)
        assert {**asdict(kept.heading), "topics": list(kept.heading.topics)} == model.heading


@law
@given(records(), st.lists(st.integers(0, 6)))
def test_of_a_killed_update_no_word_is_left_in_any_key(said: list[Record], sizes: list[int]) -> None:
    said = [_marked(record) for record in said]
    feeder, seen = Feeder(limit=TINY), set()

    for batch in cut(said, sizes):
        texts = "\n".join(feeder.feed([batch]).texts())

        killed = {(story, name) for story in STORIES for name in _killed(feeder.redis, story)}
        assert all(f"«{story}/{name}»" not in texts for story, name in killed)
        seen.update(killed)

    updates = [(record.story, outcome.update) for record, _, outcome in outcomes(said)]
    assert seen == {(story, update.id) for story, update in updates if update is not None and update.killed_at is not None}


@law
@given(records(), st.lists(st.integers(0, 6)))
def test_a_page_that_follows_the_changes_shows_what_the_view_shows(said: list[Record], sizes: list[int]) -> None:
    feeder = Feeder(limit=TINY)
    pages: dict[str, dict[str, str]] = {story: {} for story in STORIES}
    seen = dict.fromkeys(STORIES, 0)

    for batch in cut(said, sizes):
        redis = feeder.feed([batch])

        for story, page in pages.items():
            shown = redis.hash(f"{G}docs/{story}")
            for entry, text in redis.stream(f"{G}changes/{story}"):
                change = documents.read_change(text)
                assert entry == f"{change.seq}-0"
                if change.seq <= seen[story]:
                    continue
                assert change.after == seen[story]
                seen[story] = change.seq
                if change.update is not None and change.update in shown:
                    page[change.update] = shown[change.update]
                elif change.update is not None:
                    page.pop(change.update, None)
            assert page == shown
            assert set(redis.newest_first(f"{G}index/{story}")) == page.keys()


_CAN_FOLLOW = {
    None: ("published",),
    False: ("released", "killed"),
    True: ("revised", "corrected", "marked", "withheld", "killed"),
}
"""The kinds of a next change: of an update that readers never had, that was taken away, that is on the page."""


@law
@given(records())
def test_the_kinds_of_changes_tell_what_became_of_the_readers_copy(said: list[Record]) -> None:
    public: dict[tuple[str, str], bool] = {}
    last = dict.fromkeys(STORIES, 0)

    for record, state, outcome in outcomes(said):
        change = outcome.change
        if change is None:
            assert outcome.story.last_change == last[record.story]
            assert (outcome.update is not None and outcome.update.is_public) == (
                state.update is not None and state.update.is_public
            )
            continue
        assert (change.after, change.seq) == (last[record.story], outcome.story.seq)
        last[record.story] = change.seq
        assert "A reason that nobody may see." not in documents.change_text(change)
        if change.update is None:
            assert change.kind in ("story_opened", "story_revised", "story_closed", "story_reopened")
            continue
        was = public.get((record.story, change.update))
        begins = {
            None: ("published",),
            False: ("released", "killed"),
            True: ("revised", "corrected", "marked", "withheld", "killed"),
        }
        assert change.kind in begins[was]
        assert outcome.update is not None
        assert outcome.update.is_public == (change.kind not in ("withheld", "killed"))
        public[record.story, change.update] = outcome.update.is_public


@law
@given(records(), st.lists(st.integers(0, 6)))
def test_the_history_tells_what_readers_had_at_each_seq(said: list[Record], sizes: list[int]) -> None:
    redis = Feeder(limit=TINY).feed(cut(said, sizes))
    had: dict[tuple[str, str], list[tuple[int, str]]] = {}
    gone: set[tuple[str, str]] = set()
    for record, _, outcome in outcomes(said):
        change, update = outcome.change, outcome.update
        if update is not None and update.killed_at is not None:
            gone.add((record.story, update.id))
        elif change is not None and update is not None:
            shown = document(record.story, update) if update.is_public else ""
            had.setdefault((record.story, update.id), []).append((change.seq, shown))

    for (story, name), expected in had.items():
        if (story, name) in gone:
            assert f"{G}history/{story}/{name}" not in redis.dump()
            continue
        told = [documents.read_history(entry.encode()) for entry in redis.scores(f"{G}history/{story}/{name}")]
        past = sorted((about.seq, shown.decode()) for about, shown in told if about.kind != "late")
        now = (expected[-1][0], redis.hash(f"{G}docs/{story}").get(name, ""))
        assert [*past, now] == expected


@law
@given(records(), st.lists(st.integers(0, 6)))
def test_the_history_tells_how_the_story_was_headed_at_each_seq(said: list[Record], sizes: list[int]) -> None:
    redis = Feeder(limit=TINY).feed(cut(said, sizes))
    had: dict[str, list[tuple[int, Heading]]] = {story: [] for story in STORIES}
    for record, _, outcome in outcomes(said):
        if outcome.change is not None and outcome.change.update is None:
            had[record.story].append((outcome.change.seq, outcome.story.heading))

    for story, expected in had.items():
        told = [documents.read_history(entry.encode()) for entry in redis.scores(f"{G}history/{story}/")]
        assert sorted((about.seq, documents.read_heading(shown)) for about, shown in told) == expected[:-1]
        if expected:
            now = documents.read_story(redis.hash(f"{G}stories")[story])
            assert now.heading_change is not None
            assert (now.heading_change.seq, now.heading) == expected[-1]


@law
@given(records())
def test_late_copy_is_kept_in_the_history_until_a_kill(said: list[Record]) -> None:
    redis = view_of(said)
    late: dict[tuple[str, str], list[tuple[int, str]]] = {}
    for record, _, outcome in outcomes(said):
        if outcome.late is not None and outcome.update is not None:
            copy = (outcome.story.seq, outcome.late.content.headline)
            late.setdefault((record.story, outcome.update.id), []).append(copy)
        if outcome.update is not None and outcome.update.killed_at is not None:
            late.pop((record.story, outcome.update.id), None)

    for (story, name), expected in late.items():
        told = [documents.read_history(entry.encode()) for entry in redis.scores(f"{G}history/{story}/{name}")]
        assert sorted((a.seq, msgspec.json.decode(shown)["headline"]) for a, shown in told if a.kind == "late") == expected


@law
@given(records())
def test_the_fold_is_pure(said: list[Record]) -> None:
    for record, state, outcome in outcomes(said):
        before = deepcopy((state, record))

        assert fold(state, record) == outcome
        assert (state, record) == before


_odd_texts = st.sampled_from(("", " ", "\x00", "x" * 20_000, "\U0001f680" * 9, "«»\n\r\t", "a/b", "{}"))
_odd_times = st.sampled_from((EARLIEST, LATEST, LATEST - timedelta(microseconds=1), EPOCH, datetime(1582, 10, 4, tzinfo=UTC)))
_odd_counts = st.sampled_from((None, 0, 1, 2**31 - 1))
_odd: dict[str, Drawn[Any]] = {  # Any: whatever the field holds
    "content": st.builds(Content, _odd_texts, st.builds(Block, _odd_texts, _odd_texts, _odd_texts).map(lambda block: (block,))),
    "topics": st.sampled_from(((), ("",), ("x",) * 1000)),
    "version": _odd_counts,
    "expects": st.one_of(st.none(), st.none(), _odd_counts),
    "urgency": st.integers(1, 9),
    "key_event": st.booleans(),
    "pinned": st.booleans(),
    "occurred_at": _odd_times,
    "embargo_until": _odd_times,
    "event_id": st.sampled_from(("", *"abcdefghij")),
    "story": st.just("s"),
    "update": st.sampled_from(("", "a", "x" * 200)),
}


def _odd_of_type(kind: type[Event]) -> Drawn[Event]:
    return st.builds(kind, **{field.name: _odd.get(field.name, _odd_texts) for field in dataclasses.fields(kind)})


_odd_events = st.one_of([_odd_of_type(kind) for kind in EVENT_TYPES.values()])
_odd_timestamps = st.sampled_from((-(2**63), -1, 0, 1, 10**15, 2**63 - 1))


@law
@given(st.lists(st.tuples(_odd_events, _odd_timestamps), max_size=20))
def test_the_fold_is_total_whatever_the_fields_hold(said: list[tuple[Said, int]]) -> None:
    recorded_at = 0

    for _, _, outcome in outcomes(_records(said)):
        assert outcome.verdict is not None
        assert outcome.verdict.status in ("accepted", "rejected", "duplicate")
        assert outcome.story.recorded_at >= recorded_at
        recorded_at = outcome.story.recorded_at
        if outcome.update is not None:
            text = documents.state_text(outcome.update)
            shown = document("s", outcome.update) if outcome.update.is_public else None
            assert documents.read_update(outcome.update.id, text, shown) == outcome.update


def test_recorded_times_never_go_back() -> None:
    said: list[tuple[Said, int]] = [(Broken("apollo-13"), at) for at in (-7, 5, 3, -1, 8)]

    assert [outcome.story.recorded_at for _, _, outcome in outcomes(_records(said))] == [0, 5, 5, 5, 8]


def _moved(record: Record, offset: int) -> Record:
    return replace(record, offset=offset)


def _marked(record: Record) -> Record:
    """The same record, each of its words naming story and update."""
    if isinstance(record, Homeless) or not isinstance(record.event, (UpdatePublished, UpdateRevised, UpdateCorrected)):
        return record
    event, mark = record.event, f"«{record.story}/{record.event.update}»"
    body = tuple(dataclasses.replace(block, text=mark, speaker=mark, items=(mark,)) for block in event.content.body)
    media = tuple(dataclasses.replace(one, caption=mark, alt=mark) for one in event.content.media)
    content = dataclasses.replace(event.content, headline=mark, body=body, media=media, tags=(mark,))
    event = dataclasses.replace(event, content=content)
    return replace(record, event=event, fingerprint=fingerprint(event))


def _killed(redis: MemoryRedis, story: str) -> Iterator[str]:
    for name in redis.hash(f"{G}state/{story}"):
        update = redis.load(G, {story: StoryNeeds({name}, set())})[story].updates[name]
        if update.killed_at is not None:
            yield name


def _lasting(stories: Any) -> dict[str, Story]:  # Any: a hash's content
    kept = {name: documents.read_story(text) for name, text in stories.items()}
    return {name: replace(story, seq=0, recorded_at=0, undecodable=0, digest=b"") for name, story in kept.items()}


def _unnumbered(page: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in document.items() if name != "seq"} for document in page]


def _saved(story: str, update: Update | None) -> Update | None:
    if update is None:
        return None
    shown = document(story, update) if update.is_public else None
    return documents.read_update(update.id, documents.state_text(update), shown)
