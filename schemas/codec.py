"""The codec: an event as the bytes of a record's value, and back (Confluent's framing around an Avro body)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cache
from io import BytesIO
from typing import Any

from msgspec import ValidationError, convert, to_builtins

from dateline.errors import Refused, Undecodable
from schemas.catalog import Catalog, Schema, committed
from schemas.events import EVENT_TYPES, Event, UpdateEvent
from schemas.names import is_name, shortened
from schemas.shape import build_shape, misfit
from schemas.times import EARLIEST, LATEST

MAGIC = 0
FRAME_SIZE = 5  # the magic byte and four of the schema id, the highest first

_KEPT = (datetime,)

Encoder = Callable[[Event], bytes]
Decoder = Callable[[bytes], Event]


class Codec:
    """Encodes events with the catalog's current schemas and decodes what any schema in it has written."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._encoders: dict[type[Event], Encoder] = {}
        self._decoders: dict[bytes, Decoder] = {}

    def encode(self, event: Event) -> bytes:
        """Return the value of `event`'s record: 0x00, the schema id, the Avro body.

        Raises:
            Refused: The event holds what its schema cannot say, such as half a character or no text where text is due.
        """
        encode = self._encoders.get(type(event))
        if encode is None:
            encode = self._encoders[type(event)] = _encoder(self._catalog, type(event).__name__)
        return encode(event)

    def decode(self, value: bytes | None) -> Event:
        """Return the event in a record's value.

        Raises:
            Undecodable: There is no event in it that this release can read. Nothing else is raised, whatever the bytes.
        """
        frame = value[:FRAME_SIZE] if value else b""
        decode = self._decoders.get(frame)
        if decode is None:
            decode = _decoder(self._catalog, frame)
            self._decoders[frame] = decode
        return decode(value)  # type: ignore[arg-type]  # a frame that has a decoder came from a value


@cache
def committed_codec() -> Codec:
    """Return the codec of this release's committed schemas."""
    return Codec(committed())


def _encoder(catalog: Catalog, name: str) -> Encoder:
    """Return the encoder of one event type, everything it needs bound once."""
    from fastavro import schemaless_writer

    schema = catalog.current(name)
    if schema is None:
        raise Refused(f"There is no schema for the event type {name!r}. The event types are {', '.join(catalog.types)}.")
    parsed, frame = schema.parsed, bytes([MAGIC]) + schema.id.to_bytes(4, "big")

    def encode(event: Event) -> bytes:
        body = BytesIO()
        body.write(frame)
        try:
            schemaless_writer(body, parsed, to_builtins(event, builtin_types=_KEPT))
        except Exception as error:  # the drivers raise whatever they stumble over
            raise Refused(f"The {name} {shortened(event.event_id)} cannot be written as Avro: {_words(error)}.") from error
        return body.getvalue()

    return encode


def _decoder(catalog: Catalog, frame: bytes) -> Decoder:
    """Return the decoder of the values that begin with `frame`, everything it needs bound once."""
    from fastavro import schemaless_reader

    writer = _writer(catalog, frame)
    kind, reader = EVENT_TYPES.get(writer.type), catalog.current(writer.type)
    if kind is None or reader is None:
        raise Undecodable(
            f"The event type {writer.type!r} (schema id {writer.id}) is not in this release: a newer Dateline wrote it."
        )
    build_shape(kind)
    what = f"{writer.type} (schema id {writer.id})"
    written = writer.parsed
    wanted = None if reader.json == writer.json else reader.parsed

    def decode(value: bytes) -> Event:
        body = BytesIO(value)
        body.seek(FRAME_SIZE)
        try:
            fields: Any = schemaless_reader(body, written, wanted)  # Any: an Avro record is a dict, and nothing says so
        except Exception as error:  # fastavro raises whatever it stumbles over
            raise Undecodable(f"The bytes are no {what}: {_words(error)}.") from error
        left_over = len(value) - body.tell()
        if left_over:
            raise Undecodable(f"After the {what}, bytes are left over: {left_over}.")
        try:
            event = convert(fields, kind)
        except ValidationError as error:
            raise Undecodable(f"The {what} holds what no event may: {_misfit(error, fields)}.") from error
        impossible = _impossible(event)
        if impossible:
            raise Undecodable(f"The {what} holds what no event may: {impossible}.")
        return event

    return decode


def _writer(catalog: Catalog, frame: bytes) -> Schema:
    """Return the schema that a value beginning with `frame` was written with."""
    if not frame:
        raise Undecodable("There is no value (a tombstone, or an empty one), so there is no event.")
    if frame[0] != MAGIC:
        raise Undecodable(f"The value begins with 0x{frame[0]:02x}, not 0x00: it is not in Confluent's wire format.")
    if len(frame) < FRAME_SIZE:
        raise Undecodable(f"The value ends after {len(frame)} bytes; an event begins with {FRAME_SIZE} bytes of framing.")
    id = int.from_bytes(frame[1:], "big")
    schema = catalog.by_id(id)
    if schema is None:
        raise Undecodable(f"The schema id {id} is not in this release: a newer Dateline or a foreign producer wrote it.")
    return schema


def _impossible(event: Event) -> str | None:
    """Return what would break whoever handles `event`: identities that are none, times that are in no calendar."""
    if not event.event_id:
        return "event_id is empty"
    if isinstance(event, UpdateEvent) and not is_name(event.update):
        return f"update {shortened(event.update)} is no name of an update"
    if not EARLIEST <= event.occurred_at <= LATEST:
        return f"occurred_at {event.occurred_at} lies outside the calendar"
    embargo_until = getattr(event, "embargo_until", None)
    if embargo_until is not None and not EARLIEST <= embargo_until <= LATEST:
        return f"embargo_until {embargo_until} lies outside the calendar"
    return None


def _misfit(error: ValidationError, fields: object) -> str:
    path, value, wanted = misfit(error, fields)
    return f"{path} {shortened(value)}: {wanted}"


def _words(error: object) -> str:
    """Return a driver's error in a few words on one line."""
    if isinstance(error, UnicodeError):
        return "a text is not UTF-8"
    if isinstance(error, (EOFError, IndexError)):
        return "they end too early or hold an impossible length"
    if isinstance(error, OverflowError):
        return "a number or a time is out of range"
    text = " ".join(str(error).replace("`", "").split()).rstrip(".") or type(error).__name__
    return text[:1].lower() + text[1:200]
