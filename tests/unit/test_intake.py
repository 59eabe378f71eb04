"""From a record's bytes to what the fold takes: whatever they are, something is said of them."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.intake import Homeless, Intake, fingerprint
from consumers.record_digest import record_digest
from consumers.state import Incoming
from consumers.words import words_of
from dateline.log.base import Record
from dateline.log.partitioner import partition_of
from schemas.codec import committed_codec
from schemas.content import Block, Content
from schemas.events import (
    EVENT_TYPES,
    EmbargoLifted,
    EmbargoSet,
    Event,
    StoryOpened,
    StoryRevised,
    UpdateKilled,
    UpdatePublished,
    UpdateWithheld,
)
from tests.strategies import events

PARTITIONS = 12
KEY = b"apollo-13"
HOME = partition_of(KEY, PARTITIONS)
PUBLISHED = UpdatePublished(
    event_id="e", story="apollo-13", desk="houston", update="a-problem", content=Content("A problem aboard")
)
VALUE = committed_codec().encode(PUBLISHED)
IGNORED = {"event_id", "story", "occurred_at", "expects", "caused_by", "extra"}


@pytest.fixture
def intake() -> Intake:
    return Intake(committed_codec(), partitions=PARTITIONS)


def record(key: bytes | None = KEY, value: bytes | None = VALUE, *, partition: int = HOME) -> Record:
    return Record(partition, 41, 1_000, key, value)


def test_a_whole_record_becomes_its_event(intake: Intake) -> None:
    read = intake.read(record())

    words = words_of(PUBLISHED.content)
    digest = record_digest(1_000, KEY, (), VALUE)
    assert read == Incoming("apollo-13", 41, 1_000, PUBLISHED, fingerprint(PUBLISHED), None, words, digest)


@pytest.mark.parametrize(
    "key",
    [None, b"", b"\xff\xfe", b"apollo\xc3", b"no name", b"-apollo", b"apollo/13", "e\u0301te".encode(), b"a" * 201, b"apollo\n"],
)
def test_a_key_that_names_no_story_leaves_the_record_without_one(intake: Intake, key: bytes | None) -> None:
    for partition in range(PARTITIONS):
        read = intake.read(record(key, partition=partition))

        assert isinstance(read, Homeless)
        assert read.offset == 41
        assert "no key" in read.problem if key is None else repr(key[:40]) in read.problem


@pytest.mark.parametrize("value", [VALUE, None, b"broken"])
@pytest.mark.parametrize("partition", sorted(set(range(PARTITIONS)) - {HOME}))
def test_a_record_in_a_partition_that_is_not_its_keys_belongs_to_no_story(
    intake: Intake, partition: int, value: bytes | None
) -> None:
    read = intake.read(record(value=value, partition=partition))

    assert isinstance(read, Homeless)
    assert f"partition {HOME}" in read.problem
    assert f"written to {partition}" in read.problem


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (None, "no value"),
        (b"", "no value"),
        (b"\x00\x00\x00", "ends after 3 bytes"),
        (b'{"json": true}', "0x7b"),
        (b"\x00\x00\x00\xff\xff" + VALUE[5:], "schema id 65535"),
        (VALUE[:-1], "UpdatePublished"),
        (VALUE + b"\x00", "left over: 1"),
        (committed_codec().encode(dataclasses.replace(PUBLISHED, story="artemis-2")), "artemis-2"),
        (committed_codec().encode(dataclasses.replace(PUBLISHED, story="Apollo-13")), "Apollo-13"),
        (committed_codec().encode(dataclasses.replace(PUBLISHED, event_id="")), "event_id"),
    ],
)
def test_a_value_that_is_no_event_of_its_keys_story_is_undecodable_for_that_story(
    intake: Intake, value: bytes | None, problem: str
) -> None:
    read = intake.read(record(value=value))

    assert isinstance(read, Incoming)
    assert (read.story, read.offset, read.timestamp, read.event, read.fingerprint) == ("apollo-13", 41, 1_000, None, "")
    assert problem in (read.problem or "")
    assert read.digest == record_digest(1_000, KEY, (), value)


@given(st.none() | st.binary(max_size=40), st.none() | st.binary(max_size=80), st.integers(0, PARTITIONS - 1))
def test_something_is_said_of_any_bytes(key: bytes | None, value: bytes | None, partition: int) -> None:
    read = Intake(committed_codec(), partitions=PARTITIONS).read(record(key, value, partition=partition))

    assert read.problem


@given(events(), st.data())
def test_the_fingerprint_ignores_what_may_differ_when_the_same_is_sent_again(event: Event, data: st.DataObject) -> None:
    other = data.draw(events(stories=["elsewhere"], kinds=[type(event)]))
    again = dataclasses.replace(event, **{name: getattr(other, name) for name in IGNORED - {"story"} if hasattr(event, name)})

    assert fingerprint(again) == fingerprint(event)


@given(events(), st.data())
def test_the_fingerprint_heeds_everything_else(event: Event, data: st.DataObject) -> None:
    other = data.draw(events(kinds=[type(event)]))
    heeded = [field.name for field in dataclasses.fields(event) if field.name not in IGNORED]

    for name in heeded:
        changed = dataclasses.replace(event, **{name: getattr(other, name)})
        assert (fingerprint(changed) == fingerprint(event)) == (getattr(event, name) == getattr(other, name))


@pytest.mark.parametrize("kind", EVENT_TYPES.values())
def test_the_fingerprint_differs_between_types(kind: type[Event]) -> None:
    assert len({fingerprint(other()) for other in EVENT_TYPES.values()}) == len(EVENT_TYPES)
    assert fingerprint(kind()) == fingerprint(kind())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (StoryOpened(title="T"), StoryRevised(title="T")),
        (EmbargoSet(update="u"), EmbargoLifted(update="u")),
        (UpdateWithheld(update="u", reason="r"), UpdateKilled(update="u", reason="r")),
        (UpdatePublished(update="u", desk="a"), UpdatePublished(update="u", author="a")),
        (
            UpdatePublished(update="u", content=Content("ab")),
            UpdatePublished(update="u", content=Content("a", (Block(text="b"),))),
        ),
        (UpdatePublished(content=Content("a", places=("b",))), UpdatePublished(content=Content("a", tags=("b",)))),
        (UpdatePublished(content=Content(body=(Block(), Block()))), UpdatePublished(content=Content(body=(Block(),)))),
        (UpdatePublished(content=Content(body=(Block(speaker=""),))), UpdatePublished(content=Content(body=(Block(),)))),
        (UpdatePublished(update="u"), UpdatePublished(update="u", version=0)),
        (UpdatePublished(update="u"), UpdatePublished(update="u", embargo_until=datetime(1970, 1, 1, tzinfo=UTC))),
        (StoryOpened(topics=("a", "b")), StoryOpened(topics=("ab",))),
    ],
)
def test_what_looks_alike_has_fingerprints_of_its_own(one: Event, other: Event) -> None:
    assert fingerprint(one) != fingerprint(other)
