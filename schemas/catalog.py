"""The catalog: which schema ids there are, which type and version each one is, and which one is written today."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

from schemas.families import topic_of

NAMESPACE = "dateline"


@dataclass(frozen=True)
class Schema:
    """The Avro schema of one version of one event type.

    Attributes:
        id: Its number in the framing of a record, the same in a schema registry.
        type: The event's name, which is the Avro record's.
        version: 1, 2, 3 … within the type.
        read: Returns the schema as JSON text; called at most once.
    """

    id: int
    type: str
    version: int
    read: Callable[[], str] = field(repr=False, compare=False)

    @classmethod
    def of(cls, id: int, version: int, schema: Mapping[str, Any]) -> Schema:  # Any: whatever JSON holds
        """Return a schema that is not read from a file."""
        return cls(id=id, type=schema["name"], version=version, read=lambda: json.dumps(schema))

    @cached_property
    def text(self) -> str:
        """The schema as JSON text."""
        return self.read()

    @cached_property
    def json(self) -> dict[str, Any]:  # Any: whatever JSON holds
        """The schema as the objects of its JSON."""
        schema: dict[str, Any] = json.loads(self.text)
        return schema

    @cached_property
    def parsed(self) -> Any:  # Any: fastavro's own form
        """The schema as fastavro takes it; made on first use, since parsing all of them would slow every start."""
        from fastavro import parse_schema

        return parse_schema(self.json)

    @property
    def topic(self) -> str:
        """The topic in which its records lie."""
        return topic_of(self.type)

    @property
    def subject(self) -> str:
        """Its subject in a schema registry, by TopicRecordNameStrategy."""
        return f"{self.topic}-{NAMESPACE}.{self.type}"


class Catalog:
    """Schemas by id and by type. It never changes; the schemas in it are read and parsed when they are first used."""

    def __init__(self, schemas: Iterable[Schema], *, current: Mapping[str, int] | None = None) -> None:
        """Hold `schemas`.

        Args:
            schemas: In the order in which they are listed.
            current: The version to write of a type; without it, the newest.
        """
        self._schemas = tuple(schemas)
        self._by_id = {schema.id: schema for schema in self._schemas}
        self._current: dict[str, Schema] = {}
        for schema in sorted(self._schemas, key=lambda schema: schema.version):
            if schema.version == (current or {}).get(schema.type, schema.version):
                self._current[schema.type] = schema

    def __iter__(self) -> Iterator[Schema]:
        return iter(self._schemas)

    def by_id(self, id: int) -> Schema | None:
        """Return the schema with this id, None where there is none."""
        return self._by_id.get(id)

    def current(self, type: str) -> Schema | None:
        """Return the schema that events of `type` are written with, None for an unknown type."""
        return self._current.get(type)

    def versions(self, type: str) -> list[Schema]:
        """Return the schemas of `type`, the oldest first."""
        return sorted((schema for schema in self._schemas if schema.type == type), key=lambda schema: schema.version)

    @property
    def types(self) -> list[str]:
        """The event types, in the order in which they are listed."""
        return list(dict.fromkeys(schema.type for schema in self._schemas))


@cache
def committed() -> Catalog:
    """Return the catalog of this release, as `schemas/ids.json` and `schemas/avro/` have it."""
    pairs = json.loads(_packaged("ids.json"), object_pairs_hook=list)  # a list keeps an id that was given twice
    return Catalog(_committed_schema(int(id), **dict(entry)) for id, entry in pairs)


def _committed_schema(id: int, *, type: str, version: int) -> Schema:
    return Schema(id=id, type=type, version=version, read=lambda: _packaged(f"avro/{type}.{version}.avsc"))


def _packaged(path: str) -> str:
    from importlib.resources import files  # slow to import; not every command reads a schema

    return files("schemas").joinpath(path).read_text(encoding="utf-8")
