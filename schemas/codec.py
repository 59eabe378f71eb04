"""The codecs: a fact as the bytes of a record's value, and back (Confluent's framing around an Avro body); one a family."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cache
from io import BytesIO
from typing import Any, Generic, TypeVar

from msgspec import ValidationError, convert, to_builtins

from dateline.errors import Refused, Undecodable
from schemas.catalog import Catalog, Schema, committed
from schemas.deliveries import DeliveryEvent
from schemas.events import Event, UpdateEvent
from schemas.fact import Fact
from schemas.families import DELIVERY_EVENTS, STORY_EVENTS, SUBSCRIPTION_EVENTS, Family
from schemas.names import is_name, shortened
from schemas.shape import build_shape, misfit
from schemas.subscriptions import SubscriptionEvent
from schemas.times import EARLIEST, LATEST

MAGIC = 0
FRAME_SIZE = 5  # the magic byte and four of the schema id, the highest first

_KEPT = (datetime,)

F = TypeVar("F", bound=Fact)

Encoder = Callable[[Fact], bytes]


class FamilyCodec(Generic[F]):
    """Encodes the facts of one family with the catalog's current schemas and decodes what any schema of theirs has written."""

    def __init__(self, catalog: Catalog, family: Family[F]) -> None:
        self._catalog = catalog
        self._family = family
        self._encoders: dict[type[F], Encoder] = {}
        self._decoders: dict[bytes, Callable[[bytes], F]] = {}

    def encode(self, event: F) -> bytes:
        """Return the value of `event`'s record: 0x00, the schema id, the Avro body.

        Raises:
            Refused: The event holds what its schema cannot say, such as half a character or no text where text is due.
        """
        encode = self._encoders.get(type(event))
        if encode is None:
            encode = self._encoders[type(event)] = _encoder(self._catalog, self._family, type(event).__name__)
        return encode(event)

    def decode(self, value: bytes | None) -> F:
        """Return the event in a record's value; a fact of another family is none.

        Raises:
            Undecodable: There is no event in it that this release can read. Nothing else is raised, whatever the bytes.
        """
        frame = value[:FRAME_SIZE] if value else b""
        decode = self._decoders.get(frame)
        if decode is None:
            decode = _decoder(self._catalog, self._family, frame)
            self._decoders[frame] = decode
        return decode(value)  # type: ignore[arg-type]  # a frame that has a decoder came from a value


class Codec(FamilyCodec[Event]):
    """The codec of the stories' events."""

    def __init__(self, catalog: Catalog) -> None:
        super().__init__(catalog, STORY_EVENTS)


@cache
def committed_codec() -> Codec:
    """Return the codec of the stories' events with this release's committed schemas."""
    return Codec(committed())


@cache
def subscription_codec() -> FamilyCodec[SubscriptionEvent]:
    """Return the codec of the subscriptions' events with this release's committed schemas."""
    return FamilyCodec(committed(), SUBSCRIPTION_EVENTS)


@cache
def delivery_codec() -> FamilyCodec[DeliveryEvent]:
    """Return the codec of the ledger's entries with this release's committed schemas."""
    return FamilyCodec(committed(), DELIVERY_EVENTS)


def _encoder(catalog: Catalog, family: Family[F], name: str) -> Encoder:
    """Return the encoder of one event type, everything it needs bound once."""
    from fastavro import schemaless_writer

    schema = catalog.current(name) if name in family.types else None
    if schema is None:
        known = ", ".join(type for type in catalog.types if type in family.types)
        raise Refused(f"There is no schema for the event type {name!r}. The event types of {family.topic} are {known}.")
    parsed, frame = schema.parsed, bytes([MAGIC]) + schema.id.to_bytes(4, "big")

    def encode(event: Fact) -> bytes:
        body = BytesIO()
        body.write(frame)
        try:
            schemaless_writer(body, parsed, to_builtins(event, builtin_types=_KEPT))
        except Exception as error:  # the drivers raise whatever they stumble over
            raise Refused(f"The {name} {shortened(event.event_id)} cannot be written as Avro: {_words(error)}.") from error
        return body.getvalue()

    return encode


def _decoder(catalog: Catalog, family: Family[F], frame: bytes) -> Callable[[bytes], F]:
    """Return the decoder of the values that begin with `frame`, everything it needs bound once."""
    from fastavro import schemaless_reader

    writer = _writer(catalog, frame)
    if writer.topic != family.topic:
        raise Undecodable(f"A {writer.type} (schema id {writer.id}) belongs into {writer.topic}, not into {family.topic}.")
    kind, reader = family.types.get(writer.type), catalog.current(writer.type)
    if kind is None or reader is None:
        raise Undecodable(
            f"The event type {writer.type!r} (schema id {writer.id}) is not in this release: a newer Dateline wrote it."
        )
    build_shape(kind)
    what = f"{writer.type} (schema id {writer.id})"
    times = tuple(name for name in ("occurred_at", "embargo_until", "since", "until") if name in kind.__dataclass_fields__)
    written = writer.parsed
    wanted = None if reader.json == writer.json else reader.parsed

    def decode(value: bytes) -> F:
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
        impossible = _impossible(event, times)
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


def _impossible(event: Fact, times: tuple[str, ...]) -> str | None:
    """Return what would break whoever handles `event`: identities that are none, `times` that are in no calendar."""
    if not event.event_id:
        return "event_id is empty"
    if isinstance(event, UpdateEvent) and not is_name(event.update):
        return f"update {shortened(event.update)} is no name of an update"
    if isinstance(event, SubscriptionEvent | DeliveryEvent) and not is_name(event.subscription):
        return f"subscription {shortened(event.subscription)} is no name of a subscription"
    for name in times:
        when = getattr(event, name)
        if when is not None and not EARLIEST <= when <= LATEST:
            return f"{name} {when} lies outside the calendar"
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
