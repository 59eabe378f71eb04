"""The record's digests: whatever is changed, taken out, put in or moved changes them, and nothing else does."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from consumers.intake import Homeless, Intake
from consumers.memory import Memory
from consumers.record_digest import BEGINNING, Chain, chained, log_digest, record_digest
from consumers.state import Story
from consumers.timeline import documents
from consumers.view import StoryLoaded
from dateline.log.base import Headers, Record
from dateline.log.partitioner import partition_of
from dateline.ndjson import HEADER, BadLine, Frame, Line
from dateline.record_check import Checked, Place, check_record
from schemas.codec import committed_codec
from schemas.times import from_ms, rfc3339

STORIES = ("apollo-13", "artemis-2", "größe")

times = st.integers(-(2**63), 2**63 - 1)
some_bytes = st.none() | st.binary(max_size=12)
headers = st.lists(st.tuples(st.text(max_size=4), st.binary(max_size=6)), max_size=4).map(tuple)
parts = st.tuples(times, some_bytes, headers, some_bytes)
written = st.builds(
    lambda story, value, headers, timestamp: (story, value, headers, timestamp),
    *(st.sampled_from(STORIES), some_bytes, headers, st.integers(-5, 5)),
)
"""A record of a story: its story, value, headers and timestamp."""

Json = dict[str, Any]  # Any: whatever JSON holds
Written = tuple[str, bytes | None, Headers, int]


def chain_of(said: Sequence[Written]) -> Chain:
    chain = Chain()
    for story, value, kept, timestamp in said:
        chain = chain.plus(record_digest(timestamp, story.encode(), kept, value))
    return chain


def of_one_story(said: Sequence[Written]) -> list[Written]:
    return [(STORIES[0], *one[1:]) for one in said]


def folded(said: Sequence[Written], *, partitions: int, sizes: Sequence[int] = ()) -> dict[str, Story]:
    """Return the states of the stories, folded in batches of these sizes, each state saved and loaded between two."""
    intake = Intake(committed_codec(), partitions=partitions)
    saved: dict[str, str] = {}
    records = [
        Record(partition_of(story.encode(), partitions), offset, timestamp, story.encode(), value, kept)
        for offset, (story, value, kept, timestamp) in enumerate(said)
    ]
    for size in (*sizes, len(records)):
        batch, records = records[:size], records[size:]
        memory = Memory()
        read = [one for record in batch if not isinstance(one := intake.read(record), Homeless)]
        needs = memory.needs(read)
        kept_states = {story: documents.read_story(saved[story]) if story in saved else None for story in needs}
        memory.learn(needs, {story: StoryLoaded(state, {}, {}) for story, state in kept_states.items()})
        for story, steps in memory.fold(read).items():
            saved[story] = documents.story_text(steps[-1].outcome.story)
    return {story: documents.read_story(text) for story, text in saved.items()}


# One record


@given(parts, parts)
def test_two_records_have_one_digest_only_if_they_are_the_same(one: tuple[int, bytes, Headers, bytes], other: object) -> None:
    assert (record_digest(*one) == record_digest(*other)) == (one == other)  # type: ignore[misc]  # the same parts


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((0, b"a", (), None), (0, b"a", (), b"")),
        ((0, None, (), b"a"), (0, b"", (), b"a")),
        ((0, b"ab", (), b"c"), (0, b"a", (), b"bc")),
        ((0, b"a", (), b"\x90"), (0, b"a\x90", (), b"")),
        ((0, b"a", (("x", b""),), b"c"), (0, b"a", (("x", b""), ("x", b"")), b"c")),
        ((0, b"a", (("x", b"1"), ("y", b"2")), b"c"), (0, b"a", (("y", b"2"), ("x", b"1")), b"c")),
        ((0, b"a", (("xy", b"z"),), b"c"), (0, b"a", (("x", b"yz"),), b"c")),
        ((-1, b"a", (), b"c"), (1, b"a", (), b"c")),
    ],
)
def test_what_looks_alike_has_digests_of_its_own(one: tuple[int, bytes, Headers, bytes], other: object) -> None:
    assert record_digest(*one) != record_digest(*other)  # type: ignore[misc]  # the same parts


@given(parts)
def test_headers_as_a_backend_keeps_them_give_the_same_digest(one: tuple[int, bytes, Headers, bytes]) -> None:
    timestamp, key, given_headers, value = one

    packed = msgspec.msgpack.encode(given_headers)

    assert record_digest(timestamp, key, packed, value) == record_digest(*one)


def test_the_bytes_that_are_hashed_are_those_that_are_written_down() -> None:
    """Who has to change this has made every published digest worthless: raise the number in the tag."""
    record = record_digest(-2, b"apollo-13", (("a", b"\xff"),), None)
    whole = b"dateline/record/1\n" + b"\xff" * 7 + b"\xfe" + b"\0\0\0\x09" + b"\0\0\0\x07" + b"\xff" * 4 + b"apollo-13"
    whole += b"\x91\x92\xa1a\xc4\x01\xff"
    assert record == hashlib.sha256(whole).digest()

    first = chained(BEGINNING, 1, record)
    assert first == hashlib.sha256(b"dateline/chain/1\n" + bytes(32) + b"\0" * 7 + b"\1" + record).digest()

    log = b"dateline/log/1\n" + b"\0\0\0\x01b" + b"\0" * 7 + b"\1" + first + b"\0\0\0\x02ba" + b"\0" * 7 + b"\2" + record
    assert log_digest([("ba", Chain(2, record)), ("b", Chain(1, first))]) == hashlib.sha256(log).digest()
    assert record.hex() == "78e95790d717b98c76cc6349f200b2208cea5a61c689a93ab9b44abe91ad4f3a"


# A story's chain


@given(st.lists(written, min_size=1, max_size=12).map(of_one_story), st.data())
def test_a_record_that_is_changed_taken_out_put_in_or_moved_changes_the_end(said: list[Written], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(said) - 1))
    other = data.draw(st.integers(0, len(said) - 1))
    new = of_one_story([data.draw(written)])[0]
    swapped = list(said)
    swapped[place], swapped[other] = said[other], said[place]

    for changed in ([*said[:place], new, *said[place + 1 :]], said[:place] + said[place + 1 :], swapped):
        assert (chain_of(changed).digest == chain_of(said).digest) == (changed == said)
    assert chain_of([*said[:place], new, *said[place:]]).digest != chain_of(said).digest


@given(st.lists(written, max_size=12), st.lists(written, max_size=12))
def test_two_stories_have_one_digest_only_if_all_their_records_are_the_same(one: list[Written], other: list[Written]) -> None:
    assert (chain_of(one) == chain_of(other)) == (one == other)


def test_the_same_records_numbered_otherwise_have_another_digest() -> None:
    record = record_digest(0, b"a", (), b"")

    assert chained(BEGINNING, 1, record) != chained(BEGINNING, 2, record)


# What the views keep


@given(st.lists(written, max_size=20), st.lists(st.integers(0, 5), max_size=8), st.integers(1, 7))
def test_a_states_digest_is_its_records_up_to_its_seq_however_the_log_is_cut_and_parted(
    said: list[Written], sizes: list[int], partitions: int
) -> None:
    states = folded(said, partitions=partitions, sizes=sizes)

    expected = {story: chain_of([one for one in said if one[0] == story]) for story, *_ in said}
    assert {story: Chain(state.seq, state.digest) for story, state in states.items()} == expected


@given(st.lists(written, min_size=1, max_size=12).map(of_one_story), st.integers(1, 12))
def test_the_state_at_a_seq_has_the_digest_of_the_records_up_to_it(said: list[Written], seq: int) -> None:
    assume(seq <= len(said))

    (state,) = folded(said[:seq], partitions=3).values()

    assert Chain(state.seq, state.digest) == chain_of(said[:seq])


def test_a_record_that_can_be_read_counts_in_the_same_way() -> None:
    from producers.records import record_of
    from schemas.events import StoryOpened

    opened = record_of(StoryOpened(event_id="e", story=STORIES[0], desk="houston", title="T"), timestamp=5)
    assert opened.timestamp is not None

    (state,) = folded([(STORIES[0], opened.value, opened.headers, opened.timestamp)], partitions=3).values()

    assert state.opened
    assert state.digest == chained(BEGINNING, 1, record_digest(5, opened.key, opened.headers, opened.value))


# The whole log


@given(st.dictionaries(st.sampled_from(STORIES), st.integers(1, 3)), st.dictionaries(st.sampled_from(STORIES), st.integers(1, 3)))
def test_two_logs_have_one_digest_only_if_each_story_has(one: dict[str, int], other: dict[str, int]) -> None:
    def digest(counts: dict[str, int]) -> bytes:
        return log_digest([(story, chain_of([(story, b"", (), 0)] * count)) for story, count in counts.items()])

    assert (digest(one) == digest(other)) == (one == other)
    assert digest(dict(reversed(one.items()))) == digest(one)


# An exported log


def exported(said: Sequence[Written]) -> list[Json]:
    """Return the fields of an export's lines, with every digest."""
    chains: dict[str, Chain] = {}
    lines: list[Json] = []
    for story, value, kept, timestamp in said:
        key = story.encode()
        chain = chains[story] = chains.get(story, Chain()).plus(record_digest(timestamp, key, kept, value))
        raw: Json = {"key": _text(key), "value": _text(value), "headers": [[name, _text(one)] for name, one in kept]}
        at = rfc3339(from_ms(timestamp))
        raw |= {"partition": 0, "offset": len(lines)}
        about = {"type": None, "story": story, "problem": "…", "seq": chain.seq, "digest": chain.digest.hex(), "recorded_at": at}
        lines.append({**about, "raw": raw})
    return lines


def _text(data: bytes | None) -> str | None:
    return None if data is None else b64encode(data).decode()


def checked(lines: Sequence[Json], published: bytes | None = None) -> Checked:
    read: list[Line | BadLine | Frame] = [
        Frame(0, dict(HEADER)),
        *(Line(number, fields) for number, fields in enumerate(lines, 1)),
    ]
    return check_record(read, published=published)


printable_headers = st.lists(st.tuples(st.text("xyü", max_size=4), st.binary(max_size=6)), max_size=3).map(tuple)
archived = st.lists(
    st.tuples(st.sampled_from(STORIES), some_bytes, printable_headers, st.integers(-5, 5)), min_size=1, max_size=12
)


@given(archived)
def test_an_export_that_nobody_touched_has_no_fault_and_proves_every_digest_in_it(said: list[Written]) -> None:
    lines = exported(said)

    found = checked(lines)

    assert (found.fault_count, found.records, found.bare) == (0, len(said), 0)
    whole = {story: chain_of([one for one in said if one[0] == story]) for story, *_ in said}
    assert found.record == log_digest(whole.items())
    for line in lines:
        proof = checked(lines, bytes.fromhex(line["digest"]))
        assert proof.proven == Place(line["story"], line["seq"])
        assert proof.later == whole[line["story"]].seq - line["seq"]


@given(archived, archived, st.data())
def test_whatever_else_a_line_says_it_is_named(said: list[Written], others: list[Written], data: st.DataObject) -> None:
    lines, other = exported(said), exported(others)[0]
    place = data.draw(st.integers(0, len(lines) - 1))
    part = data.draw(st.sampled_from(("seq", "digest", "recorded_at", "raw")))
    assume(_told(lines[place][part]) != _told(other[part]))

    found = checked([*lines[:place], {**lines[place], part: other[part]}, *lines[place + 1 :]])

    assert found.faults[0].line in (place + 1, *_next(lines, place))


@given(archived, st.data())
def test_a_line_that_is_taken_out_is_missed_by_the_next_of_its_story_or_by_a_published_digest(
    said: list[Written], data: st.DataObject
) -> None:
    lines = exported(said)
    place = data.draw(st.integers(0, len(lines) - 1))
    last = bytes.fromhex([line for line in lines if line["story"] == lines[place]["story"]][-1]["digest"])

    found = checked([*lines[:place], *lines[place + 1 :]], last)

    after = _next(lines, place)
    assert [fault.line for fault in found.faults] == [line - 1 for line in after]
    assert found.proven is None


def _told(part: Any) -> Any:  # Any: what JSON holds
    """Return a part of a line without where the record lay, which says nothing of what it says."""
    return (
        {name: value for name, value in part.items() if name not in ("partition", "offset")} if isinstance(part, dict) else part
    )


def _next(lines: Sequence[Json], place: int) -> list[int]:
    """Return the number of the next line of the same story, if there is one."""
    later = enumerate(lines[place + 1 :], place + 2)
    return [number for number, line in later if line["story"] == lines[place]["story"]][:1]


@given(archived, archived)
def test_a_story_that_was_made_anew_proves_only_what_is_the_same(said: list[Written], others: list[Written]) -> None:
    one, other = (of_one_story(each) for each in (said, others))

    proof = checked(exported(other), chain_of(one).digest)

    assert proof.fault_count == 0
    assert (proof.proven is not None) == (other[: len(one)] == one)
