"""Reading events as NDJSON, one JSON object a line: in bounded memory, and each fault with the number of its line."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Final

from msgspec import Struct

from dateline.errors import Refused
from schemas.events import Event
from schemas.names import normal_name, shortened

Json = dict[str, Any]  # Any: whatever JSON holds

LONGEST_LINE: Final = 32 * 1024 * 1024
"""Bytes of a line. The largest record that a log takes is shorter than this, however its text is escaped."""

FORMAT_VERSION: Final = 1
HEADER: Final[Mapping[str, object]] = {"dateline": "log", "version": FORMAT_VERSION}
"""How the first line of an exported log begins, and its last. Whoever reads events passes over both."""

_DEEPEST = 32
_KEPT = 20
_LONGEST_REASON = 600
_BOM = b"\xef\xbb\xbf"
_OTHER_FORMATS = {
    b"SQLite format 3\0": "an SQLite file; to use it as a log, set DATELINE_LOG=sqlite:////its/path",
    b"\x1f\x8b": "compressed with gzip; unpack it: gunzip -c FILE | dateline … -",
    b"PK\x03\x04": "a zip archive; unpack it first",
    b"\xff\xfe": "text in UTF-16; save it as UTF-8",
    b"\xfe\xff": "text in UTF-16; save it as UTF-8",
    b"<": "XML or HTML; a wire's format is read with: dateline import --format auto",
}


class Line(Struct, frozen=True):
    """A line that holds a JSON object."""

    number: int
    fields: Json


class Frame(Struct, frozen=True):
    """A line of an exported log that holds no record: its header, or its end, which is one with `end` in it."""

    number: int
    fields: Json

    @property
    def is_end(self) -> bool:
        return "end" in self.fields


class BadLine(Struct, frozen=True):
    """A line or an item that cannot be used, and why, in words for the user.

    Attributes:
        number: Of the line, or of the item in its document.
        where: The place in words, where it is not a line of the one file that is read.
    """

    number: int
    reason: str
    where: str = ""

    @property
    def place(self) -> str:
        return self.where or f"line {self.number}"


class BadLines:
    """The bad lines of a file: all are counted, the first few are kept."""

    def __init__(self) -> None:
        self.count = 0
        self.first: list[BadLine] = []

    def add(self, number: int, reason: str, where: str = "") -> None:
        self.count += 1
        if len(self.first) < _KEPT:
            self.first.append(BadLine(number, printable(reason), printable(where)))


def read_file(name: str) -> Iterator[Line | BadLine]:
    """Read the lines of a file; `-` is stdin. Blank lines are passed over, and so are header and end of an exported log.

    Raises:
        Refused: The file cannot be read, or is of another format.
    """
    return (one for one in read_framed(name) if not isinstance(one, Frame))


def read_framed(name: str) -> Iterator[Line | BadLine | Frame]:
    """Read the lines of a file as `read_file` does, with header and end."""
    try:
        if name == "-":
            if sys.stdin is None:
                raise Refused("There is nothing to read: stdin is closed. Give a file.")
            yield from _framed_lines(sys.stdin.buffer)
            return
        with Path(name).open("rb") as file:
            yield from _framed_lines(file)
    except FileNotFoundError:
        raise Refused(f"There is no file {name!r}. Check its name, or give - to read from stdin.") from None
    except IsADirectoryError:
        raise Refused(f"{name!r} is a folder. Name a file in it.") from None
    except OSError as error:
        raise Refused(f"{name!r} cannot be read ({error.strerror}). Check who may read it.") from error


def read_lines(file: BinaryIO, *, longest: int = LONGEST_LINE) -> Iterator[Line | BadLine]:
    """Read the lines of an open file; see `read_file`.

    Args:
        longest: The most bytes that a line may have.
    """
    return (one for one in _framed_lines(file, longest=longest) if not isinstance(one, Frame))


def _framed_lines(file: BinaryIO, *, longest: int = LONGEST_LINE) -> Iterator[Line | BadLine | Frame]:
    is_first = True
    for number, data, is_whole in _raw_lines(file, longest):
        text = (data.removeprefix(_BOM) if number == 1 else data).strip(b" \t\r\n")
        if not text:
            continue
        if is_first:
            _refuse_other_formats(number, text)
        try:
            fields = _parsed(text, is_whole=is_whole, longest=longest)
            if "dateline" in fields and "type" not in fields:
                _check_header(number, fields)
                yield Frame(number, fields)
            else:
                yield Line(number, fields)
        except ValueError as error:
            if is_first:
                _refuse_pretty_printed(number, text)
            yield BadLine(number, printable(str(error)))
        is_first = False


def event_of(line: Line, *, story: str | None = None, desk: str | None = None, now: datetime | None = None) -> Event:
    """Return the event of a line, held to every rule.

    Args:
        story: Whose events are wanted: the story of a line that names none, and no other.
        desk: Who says it, where the line does not say.
        now: When it happened, where the line has an id and does not say; and what no time may lie far ahead of.

    Raises:
        Refused: There is none, or it breaks a rule; the message is one line, without the line's number.
    """
    from schemas.jsonform import from_json  # it needs pydantic
    from schemas.rules import check

    fields = line.fields
    if fields.get("type") is None and "raw" in fields:
        raise Refused("this record of an exported log is no readable event; only dateline log import can bring it back.")
    if story is not None:
        fields = _of_story(fields, story)
    try:
        event = from_json(fields, default_desk=desk, now=now)
    except RecursionError:
        raise Refused("it is nested too deep for an event.") from None
    check(event, now=now)
    return event


def printable(text: str) -> str:
    """Return `text` on one line, cut where it is long, with nothing in it that a terminal would act upon."""
    line = " ".join(text.split())
    if len(line) > _LONGEST_REASON:
        line = f"{line[:_LONGEST_REASON]} …"
    return "".join(character if character.isprintable() else f"\\u{ord(character):04x}" for character in line)


def _raw_lines(file: BinaryIO, longest: int) -> Iterator[tuple[int, bytes, bool]]:
    """Yield each line's number, its bytes, and whether these are the whole line."""
    number = 0
    while data := file.readline(longest + 1):
        number += 1
        is_whole = len(data) <= longest or data.endswith(b"\n")
        yield number, data, is_whole
        while not is_whole:
            rest = file.readline(1024 * 1024)
            is_whole = not rest or rest.endswith(b"\n")


def _refuse_other_formats(number: int, text: bytes) -> None:
    for beginning, what in _OTHER_FORMATS.items():
        if text.startswith(beginning):
            raise Refused(f"line {number}: this is {what}. Events come as NDJSON, one JSON object a line.")
    if text.startswith(b"["):
        raise Refused(f"line {number}: this is a JSON array. Write one event a line: jq -c '.[]' FILE | dateline … -")


def _refuse_pretty_printed(number: int, text: bytes) -> None:
    if text.startswith(b"{") and text.endswith((b"{", b",", b"[")):
        raise Refused(
            f"line {number}: this JSON object goes over several lines. Write one event a line: jq -c . FILE | dateline … -"
        )


def _parsed(text: bytes, *, is_whole: bool, longest: int) -> Json:
    """Return the object on a line.

    Raises:
        ValueError: There is none; the message is for the user.
    """
    if not is_whole:
        raise ValueError(f"it has more than {longest:,} bytes; one event is far shorter.")
    try:
        fields = json.loads(text.decode(), object_pairs_hook=_object, parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise ValueError(
            f"the byte 0x{text[error.start]:02x} at place {error.start + 1} is not UTF-8. Save the file as UTF-8."
        ) from None
    except json.JSONDecodeError as error:
        raise ValueError(_in_words(error)) from None
    except RecursionError:
        raise ValueError("it is nested too deep for an event.") from None
    if _is_too_deep(fields):
        raise ValueError("it is nested too deep for an event.")
    if not isinstance(fields, dict):
        raise ValueError(f"an event is a JSON object, not {shortened(fields)}.")
    return fields


def _is_too_deep(value: object) -> bool:
    """Whether anything lies deeper than an event goes; how deep Python itself reads depends on its version."""
    level = [value]
    for _ in range(_DEEPEST):
        level = [
            item for one in level if isinstance(one, dict | list) for item in (one.values() if isinstance(one, dict) else one)
        ]
        if not level:
            return False
    return True


def _in_words(error: json.JSONDecodeError) -> str:
    if error.msg == "Extra data":
        return f"after the JSON object, more follows at character {error.colno}. Write one event a line."
    return f"this is no JSON: {error.msg[:1].lower()}{error.msg[1:]} at character {error.colno}.".replace(" at at ", " at ")


def _object(pairs: list[tuple[str, Any]]) -> Json:  # Any: whatever JSON holds
    fields = dict(pairs)
    if len(fields) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]  # None: go on
        raise ValueError(f"the field {shortened(twice)} stands there twice; which one counts?")
    return fields


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON, and no field of an event takes it.")


def _check_header(number: int, fields: Json) -> None:
    kind, version = fields["dateline"], fields.get("version")
    if kind != "log":
        raise Refused(f"line {number}: this is a Dateline file of another kind, {shortened(kind)}; a log begins with {_shown()}.")
    if isinstance(version, int) and version > FORMAT_VERSION:
        raise Refused(
            f"line {number}: this log was exported by a newer Dateline (version {version}); "
            f"this release reads version {FORMAT_VERSION}: upgrade Dateline."
        )
    if version != FORMAT_VERSION or isinstance(version, bool):
        raise Refused(f"line {number}: there is no version {shortened(version)} of exported logs; one begins with {_shown()}.")


def _shown() -> str:
    return json.dumps(HEADER)


def _of_story(fields: Json, story: str) -> Json:
    given = fields.get("story")
    if given is None:
        return {**fields, "story": story}
    if not isinstance(given, str) or normal_name(given) != story:
        raise Refused(f"story {shortened(given)}: with --story, only events of {story!r} and those that name no story are taken.")
    return fields
