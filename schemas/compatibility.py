"""Whether every schema of a type reads what every other one wrote, for ever (FULL_TRANSITIVE)."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Any

from schemas.catalog import NAMESPACE, Catalog, Schema
from schemas.families import FACT_TYPES

NO_CHECKER = "The package 'avro', which compares the versions, is not installed. Get it with: pip install 'avro>=1.12'"

Avro = Any  # Any: a schema's JSON is a text, a list or an object, nested


@dataclass(frozen=True, slots=True)
class Listed:
    """One schema as it is listed.

    Attributes:
        id: Its number in the framing of a record.
        type: The event type.
        version: Its version within the type.
        current: Whether events are written with it.
        subject: Its subject in a schema registry (TopicRecordNameStrategy).
        fingerprint: The Rabin fingerprint of its canonical form, in hex.
    """

    id: int
    type: str
    version: int
    current: bool
    subject: str
    fingerprint: str


def listing(catalog: Catalog) -> list[Listed]:
    """Return every schema of `catalog` in the catalog's order."""
    return [
        Listed(
            id=schema.id,
            type=schema.type,
            version=schema.version,
            current=catalog.current(schema.type) is schema,
            subject=schema.subject,
            fingerprint=_fingerprint(schema),
        )
        for schema in catalog
    ]


def check(catalog: Catalog) -> list[str]:
    """Return what is wrong with the schemas, one line each, nothing where all is well.

    Without the package `avro`, the last line is `NO_CHECKER`: the versions were not compared with each other.
    """
    broken = [*_double(catalog), *itertools.chain.from_iterable(_unparsed(schema) for schema in catalog)]
    if broken:
        return broken  # what cannot be read cannot be compared
    shapes = itertools.chain.from_iterable(_shape(schema) for schema in catalog)
    return [*shapes, *_unlike_classes(catalog), *_incompatible(catalog)]


def _double(catalog: Catalog) -> Iterator[str]:
    for id, count in Counter(schema.id for schema in catalog).items():
        if count > 1:
            yield f"The schema id {id} is given {count} times. An id means one schema for ever."
    for (type, version), count in Counter((schema.type, schema.version) for schema in catalog).items():
        if count > 1:
            yield f"{type} version {version} has {count} ids. A version has one."


def _unparsed(schema: Schema) -> Iterator[str]:
    try:
        schema.parsed  # noqa: B018  # parsing is what is tried
    except Exception as error:  # the file is missing, no JSON or no Avro
        yield f"{_called(schema)} cannot be read: {error}"


def _shape(schema: Schema) -> Iterator[str]:
    """Yield what keeps a schema from growing: fields without a default, enums, unions other than with null."""
    name = f"{schema.json.get('namespace')}.{schema.json.get('name')}"
    if name != f"{NAMESPACE}.{schema.type}":
        yield f"{_called(schema)} is named {name!r}. Its name must be {f'{NAMESPACE}.{schema.type}'!r}."
    for path, field in _fields(schema.json):
        if "default" not in field:
            yield f"{_called(schema)}: the field {path} has no default. Every field has one, so that any version reads any other."
    for kind in _types(schema.json):
        if isinstance(kind, dict) and kind["type"] == "enum":
            yield f"{_called(schema)}: {kind['name']} is an enum, which cannot grow. Use a string."
        if isinstance(kind, list) and (len(kind) != 2 or kind[0] != "null"):
            yield f"{_called(schema)}: {kind} is a union. Only null and one other type may be one, null first."
        if isinstance(kind, dict) and kind["type"] == "array" and _is_empty(kind["items"]):
            yield f"{_called(schema)}: {kind} has items of no size, so a few bytes could claim billions of them."


def _unlike_classes(catalog: Catalog) -> Iterator[str]:
    """Yield how the schemas that are written today differ from the classes of the events."""
    for missing in FACT_TYPES.keys() - set(catalog.types):
        yield f"{missing} has no schema. Add schemas/avro/{missing}.1.avsc and an id."
    for type in catalog.types:
        schema = catalog.current(type)
        if schema is None or type not in FACT_TYPES:
            yield f"{type} is no event of this release. Add its class, or remove its schemas."
            continue
        written = [field["name"] for field in schema.json["fields"]]
        known = [field.name for field in fields(FACT_TYPES[type])]
        if written != known:
            differing = ", ".join(sorted(set(written) ^ set(known))) or "their order"
            yield f"{_called(schema)} and the class {type} differ in: {differing}. The newest schema has the class's fields."


def _incompatible(catalog: Catalog) -> Iterator[str]:
    try:
        from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
        from avro.schema import parse
    except ImportError:
        yield NO_CHECKER
        return
    checker = ReaderWriterCompatibilityChecker()  # type: ignore[no-untyped-call]  # avro leaves its constructor unannotated
    for type in catalog.types:
        versions = [(schema, parse(schema.text)) for schema in catalog.versions(type)]
        for (reader, read_as), (writer, written_as) in itertools.permutations(versions, 2):
            result = checker.get_compatibility(read_as, written_as)
            if result.compatibility is not SchemaCompatibilityType.compatible:
                yield f"{_called(reader)} cannot read what version {writer.version} wrote: {_reasons(result.messages)}."


def _reasons(messages: Iterable[str]) -> str:
    return "; ".join(sorted(message.rstrip(".") for message in messages))


def _fields(kind: Avro, prefix: str = "") -> Iterator[tuple[str, dict[str, Avro]]]:
    """Yield every field of a record and of the records within it, with its path."""
    if isinstance(kind, list):
        for part in kind:
            yield from _fields(part, prefix)
    elif isinstance(kind, dict) and kind["type"] == "array":
        yield from _fields(kind["items"], prefix)
    elif isinstance(kind, dict):
        for field in kind.get("fields", ()):
            yield prefix + field["name"], field
            yield from _fields(field["type"], f"{prefix}{field['name']}.")


def _types(kind: Avro) -> Iterator[Avro]:
    """Yield a type and every type within it."""
    yield kind
    inner: list[Avro] = []
    if isinstance(kind, list):
        inner = kind
    elif isinstance(kind, dict):
        inner = [field["type"] for field in kind.get("fields", ())]
        inner += [kind[part] for part in ("items", "values") if part in kind]
    for part in inner:
        yield from _types(part)


def _is_empty(items: Avro) -> bool:
    return items == "null" or (isinstance(items, dict) and items["type"] == "record" and not items["fields"])


def _called(schema: Schema) -> str:
    return f"{schema.type} version {schema.version} (id {schema.id})"


def _fingerprint(schema: Schema) -> str:
    from fastavro.schema import fingerprint, to_parsing_canonical_form

    value: str = fingerprint(to_parsing_canonical_form(schema.json), "CRC-64-AVRO")
    return value
