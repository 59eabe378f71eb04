"""Reading events line by line, and putting them aside."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from dateline.errors import Refused
from dateline.ndjson import HEADER, BadLine, BadLines, Line, event_of, printable, read_file, read_lines
from dateline.spool import Spool, batches
from schemas.events import StoryOpened

EVENT: dict[str, Any] = {  # Any: whatever JSON holds
    "type": "StoryOpened",
    "story": "apollo-13",
    "desk": "houston",
    "occurred_at": "1970-04-11T19:13:00Z",
    "title": "Apollo 13",
}
TEXT = json.dumps(EVENT).encode()


class Word(Struct):
    text: str


def read(data: bytes, *, longest: int = 10_000) -> list[Line | BadLine]:
    return list(read_lines(BytesIO(data), longest=longest))


def event(**changes: object) -> Line:
    return Line(1, {**EVENT, **changes})


@pytest.mark.parametrize(
    "data",
    [
        TEXT,
        TEXT + b"\n",
        TEXT + b"\r\n",
        b"\xef\xbb\xbf" + TEXT,
        b"  " + TEXT + b"\t",
        json.dumps(HEADER).encode() + b"\n" + TEXT,
    ],
    ids=["no last newline", "newline", "CRLF", "BOM", "spaces", "header of an exported log"],
)
def test_an_event_is_read_however_its_line_ends_and_begins(data: bytes) -> None:
    assert [line.fields for line in read(data) if isinstance(line, Line)] == [EVENT]


def test_blank_lines_are_passed_over_and_counted() -> None:
    assert read(b"\n\n" + TEXT + b"\n \r\n" + TEXT) == [Line(3, EVENT), Line(5, EVENT)]


def test_nothing_is_read_from_an_empty_file() -> None:
    assert read(b"") == read(b"\n\r\n\n") == []


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b'{"a": 1', "this is no JSON: expecting ',' delimiter at character 8."),
        (b'{"a": "\xff"}', "the byte 0xff at place 8 is not UTF-8. Save the file as UTF-8."),
        (b'{"a": NaN}', "NaN is no JSON, and no field of an event takes it."),
        (b'{"a": -Infinity}', "-Infinity is no JSON, and no field of an event takes it."),
        (b'{"a": {"b": 1, "b": 2}}', "the field 'b' stands there twice; which one counts?"),
        (b'{"a": 1} {"b": 2}', "after the JSON object, more follows at character 10. Write one event a line."),
        (b'"text"', "an event is a JSON object, not 'text'."),
        (b"17", "an event is a JSON object, not 17."),
        (b'{"a":' + b"[" * 4000 + b"]" * 4000 + b"}", "it is nested too deep for an event."),
        (b'{"a": "' + b"x" * 20_000 + b'"}', "it has more than 10,000 bytes; one event is far shorter."),
        (b'{"a": ' + b"9" * 5000 + b"}", "Exceeds the limit"),
        (b'{"a": "tab\there"}', "this is no JSON: invalid control character at character 11."),
    ],
)
def test_a_bad_line_is_named_with_its_number_and_the_next_one_is_read(data: bytes, reason: str) -> None:
    before, bad, after = read(TEXT + b"\n" + data + b"\n" + TEXT + b"\n")

    assert isinstance(bad, BadLine)
    assert bad.number == 2
    assert bad.reason.startswith(reason)
    assert (before, after) == (Line(1, EVENT), Line(3, EVENT))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"[" + TEXT + b"," + TEXT + b"]", "line 1: this is a JSON array.*jq -c '.\\[\\]'"),
        (b"\n[\n" + TEXT + b"\n]", "line 2: this is a JSON array"),
        (json.dumps(EVENT, indent=2).encode(), "line 1: this JSON object goes over several lines.*jq -c"),
        (b"SQLite format 3\0...", "an SQLite file; to use it as a log, set DATELINE_LOG"),
        (b"\x1f\x8b\x08\x00", "compressed with gzip"),
        (TEXT.decode().encode("utf-16"), "text in UTF-16; save it as UTF-8"),
        (b'<?xml version="1.0"?>', "XML or HTML; a wire's format is read with"),
        (b'{"dateline": "log", "version": 2}', "exported by a newer Dateline \\(version 2\\).*upgrade"),
        (b'{"dateline": "log"}', "no version None of exported logs"),
        (b'{"dateline": "view", "version": 1}', "a Dateline file of another kind, 'view'"),
    ],
)
def test_a_file_of_another_format_is_refused_whole_with_the_way_out(data: bytes, says: str) -> None:
    with pytest.raises(Refused, match=says):
        read(data)


def test_a_line_of_any_length_is_read_in_bounded_memory() -> None:
    class Endless(BytesIO):
        """Asked for much more than a line may have at once, the test fails."""

        def readline(self, size: int | None = -1, /) -> bytes:
            assert size is not None
            assert 0 < size <= 1024 * 1024
            return super().readline(size)

    lines = list(read_lines(Endless(b"x" * 5_000_000 + b"\n" + TEXT), longest=10_000))

    assert [type(line) for line in lines] == [BadLine, Line]


@pytest.mark.parametrize(
    ("name", "says"), [("absent.ndjson", "There is no file .*absent.ndjson.*give - to read from stdin"), (".", "is a folder")]
)
def test_a_file_that_cannot_be_read_is_refused(name: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(Refused, match=says):
        list(read_file(str(tmp_path / name)))


def test_an_event_is_held_to_the_rules() -> None:
    with pytest.raises(Refused, match="title ''"):
        event_of(event(title=""))


def test_deep_nesting_that_json_allows_is_refused() -> None:
    nested: object = "x"
    for _ in range(900):
        nested = [nested]

    with pytest.raises(Refused):
        event_of(event(topics=nested))


def test_the_wanted_story_is_given_to_a_line_that_names_none_and_another_one_is_refused() -> None:
    unnamed = event()
    del unnamed.fields["story"]

    assert event_of(unnamed, story="artemis-2").story == "artemis-2"
    assert event_of(event(), story="apollo-13").story == "apollo-13"
    with pytest.raises(Refused, match="story 'apollo-13': with --story, only events of 'artemis-2'"):
        event_of(event(), story="artemis-2")


def test_what_the_log_recorded_is_left_out() -> None:
    found = event_of(event(seq=4, recorded_at="1970-04-11T19:14:00Z", raw={"key": "?"}))

    assert isinstance(found, StoryOpened)
    assert found == event_of(event())


def test_an_undecodable_record_of_an_exported_log_is_no_event() -> None:
    with pytest.raises(Refused, match="only dateline log import can bring it back"):
        event_of(Line(1, {"type": None, "story": "apollo-13", "problem": "…", "raw": {}}))


def test_all_bad_lines_are_counted_and_the_first_are_kept() -> None:
    bad = BadLines()

    for number in range(1000):
        bad.add(number, "no JSON")

    assert (bad.count, [one.number for one in bad.first]) == (1000, list(range(20)))


def test_a_reason_is_one_line_that_no_terminal_obeys() -> None:
    assert printable("a\x1b[31m\nb\ud800") == "a\\u001b[31m b\\ud800"
    assert len(printable("x" * 10_000)) < 1000


@pytest.mark.parametrize("count", [0, 3, 40])
def test_what_is_put_aside_comes_back_in_order_as_often_as_it_is_read(count: int) -> None:
    words = [Word(f"{at} " * 300_000) for at in range(count)]  # more than is kept in memory
    spool = Spool(Word)

    for word in words:
        spool.put(word)

    assert len(spool) == count
    assert all(list(spool) == words for _ in range(2))
    assert list(islice(spool, 1)) == words[:1]
    spool.close()


def test_batches_are_small_in_number_and_in_bytes() -> None:
    def sized() -> Iterator[tuple[Word, int]]:
        for size in (4, 4, 4, 20, 1, 1, 1, 1):
            yield Word("x" * size), size

    cut = [[len(word.text) for word in batch] for batch in batches(sized(), most=3, most_bytes=10)]

    assert cut == [[4, 4], [4], [20], [1, 1, 1], [1]]
