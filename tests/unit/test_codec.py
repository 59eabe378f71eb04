"""The codec: events survive their bytes, and no bytes break it."""

from __future__ import annotations

import resource
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dateline.errors import Refused, Undecodable
from schemas.codec import FRAME_SIZE, committed_codec
from schemas.content import Block, Content, Media
from schemas.events import EVENT_TYPES, Event, StoryOpened, UpdatePublished
from schemas.headers import headers
from tests.strategies import events

GOLDENS = {path.stem: path.read_bytes() for path in sorted((Path(__file__).parents[1] / "golden").glob("*.bin"))}
codec = committed_codec()


def zigzag(number: int) -> bytes:
    """Return a number as Avro writes it."""
    number = (number << 1) ^ (number >> 63)
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*written, number))


@given(events())
def test_events_survive_encode_and_decode(event: Event) -> None:
    assert codec.decode(codec.encode(event)) == event


@given(events())
def test_the_same_event_is_always_the_same_bytes(event: Event) -> None:
    value = codec.encode(event)

    assert codec.encode(codec.decode(value)) == value


def test_a_value_begins_with_the_schema_id_as_confluent_writes_it() -> None:
    assert codec.encode(StoryOpened(event_id="e"))[:FRAME_SIZE] == b"\x00\x00\x00\x00\x01"


GOLDEN = GOLDENS["UpdatePublished.1"]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "There is no value (a tombstone"),
        (b"", "There is no value (a tombstone"),
        (b'{"type": "UpdatePublished"}', "begins with 0x7b, not 0x00"),
        (b"\x00\x00", "ends after 2 bytes"),
        (GOLDEN[:4], "ends after 4 bytes"),
        (b"\x00\x00\x00\x00\x63" + GOLDEN[5:], "schema id 99 is not in this release: a newer Dateline or a foreign producer"),
        (GOLDEN[:5], "no UpdatePublished (schema id 5): they end too early"),
        (GOLDEN[:-1], "no UpdatePublished (schema id 5): they end too early"),
        (GOLDEN + b"zz", "After the UpdatePublished (schema id 5), bytes are left over: 2"),
        (GOLDEN.replace(b"houston", b"houst\xff\xfe"), "a text is not UTF-8"),
        (codec.encode(UpdatePublished(event_id="e", update="u", urgency=0)), "urgency 0: use 1 (a flash) to 9"),
        (codec.encode(UpdatePublished(event_id="e", update="u", version=-1)), "version -1: use 0 to"),
        (
            codec.encode(UpdatePublished(event_id="e", update="u", content=Content(media=(Media(width=-1),)))),
            "content.media[0].width -1",
        ),
        (codec.encode(UpdatePublished(event_id="", update="u")), "event_id is empty"),
        (codec.encode(UpdatePublished(event_id="e", update="a b")), "update 'a b' is no name"),
    ],
)
def test_what_is_no_event_is_refused_and_says_why(value: bytes | None, reason: str) -> None:
    with pytest.raises(Undecodable) as refused:
        codec.decode(value)

    assert reason in str(refused.value)


@pytest.mark.parametrize("micros", [2**62, -(2**62), 253_402_300_799_999_999, -62_135_596_800_000_000])
def test_a_time_outside_the_calendar_is_refused(micros: int) -> None:
    story_closed = b"\x00\x00\x00\x00\x03" + b"\x02e\x02s\x02d\x00" + zigzag(micros) + b"\x00\x00\x00"

    with pytest.raises(Undecodable, match=r"a time is out of range|lies outside the calendar"):
        codec.decode(story_closed)


@given(st.binary(max_size=200))
def test_random_bytes_are_undecodable_or_an_event(value: bytes) -> None:
    _decodes_or_is_refused(value)


@given(st.sampled_from(sorted(EVENT_TYPES)), st.binary(max_size=200))
def test_random_bodies_are_undecodable_or_an_event(name: str, body: bytes) -> None:
    _decodes_or_is_refused(GOLDENS[f"{name}.1"][:FRAME_SIZE] + body)


@settings(max_examples=300)
@given(st.data())
def test_damaged_goldens_are_undecodable_or_an_event(data: st.DataObject) -> None:
    value = bytearray(data.draw(st.sampled_from(list(GOLDENS.values()))))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(value) - 1))
        value[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=10))

    _decodes_or_is_refused(bytes(value))


def _decodes_or_is_refused(value: bytes) -> None:
    refusal, event = "", None
    try:
        event = codec.decode(value)
    except Undecodable as error:
        refusal = str(error)

    if event is None:
        assert refusal.isprintable()
    else:
        assert codec.decode(codec.encode(event)) == event


_BEFORE_BODY = b"\x00\x00\x00\x00\x05" + b"\x02e\x02s\x02d\x00\x00\x00\x00" + b"\x02u" + b"\x02h"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(zigzag(2**40) + b"\x00" * 100, id="a list that claims a million million entries"),
        pytest.param(b"\x01" + zigzag(2**40) + b"\x00" * 100, id="a list that claims a block of a million million bytes"),
        pytest.param(zigzag(-(2**62)) + b"\x00" * 100, id="a list of a negative count"),
        pytest.param(b"\x02" + zigzag(2**50) + b"x" * 100, id="a text that claims to be a petabyte"),
        pytest.param(b"\xff" * 1_000_000, id="a number without an end"),
        pytest.param(zigzag(199_999) + b"\x00" * 1_000_000, id="a megabyte of empty blocks"),
        pytest.param(b"\x00" * 3 + zigzag(999_999) + b"\x00" * 1_000_010, id="a megabyte of empty places"),
    ],
)
def test_hostile_bytes_cost_little_time_and_memory(body: bytes) -> None:
    before_kb, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()

    with pytest.raises(Undecodable):
        codec.decode(_BEFORE_BODY + body)

    assert time.process_time() - began < 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb < 300_000


@pytest.mark.parametrize(
    "event",
    [
        StoryOpened(event_id="e", title="half \ud800 a character"),
        StoryOpened(event_id="e", expects=2**70),
        StoryOpened(event_id="e", title=None),  # type: ignore[arg-type]  # what a caller without types may do
        UpdatePublished(event_id="e", content=Content(body=("text",))),  # type: ignore[arg-type]  # as above
        Event(event_id="e"),
    ],
)
def test_what_avro_cannot_say_is_refused(event: Event) -> None:
    with pytest.raises(Refused):
        codec.encode(event)


def test_headers_are_those_of_cloudevents() -> None:
    event = UpdatePublished(
        event_id="e-1", story="apollo-13", desk="été@desk", update="a-problem", content=Content(body=(Block(),))
    )

    assert headers(event) == (
        ("ce_specversion", b"1.0"),
        ("ce_id", b"e-1"),
        ("ce_type", b"dateline.UpdatePublished"),
        ("ce_source", b"/desks/%C3%A9t%C3%A9%40desk"),
        ("ce_time", b"1970-01-01T00:00:00.000000Z"),
        ("ce_subject", b"apollo-13/a-problem"),
        ("content-type", b"application/avro"),
    )


def test_the_subject_of_a_storys_own_event_is_the_story() -> None:
    assert ("ce_subject", b"apollo-13") in headers(StoryOpened(event_id="e", story="apollo-13"))
