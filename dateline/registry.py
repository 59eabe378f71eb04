"""The schema registry: the committed schemas under their committed ids, for whoever else reads the topic.

Dateline itself writes and reads by the committed files alone (docs/decisions/0007-what-a-schema-registry-changes.md).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from typing_extensions import override

from dateline.errors import Refused, RegistryUnavailable
from dateline.log.base import Batch, Log, Member, NewRecord, Position
from dateline.registry_client import Found, Registry, open_registry
from schemas.catalog import Catalog, Schema, committed

IMPORT, READWRITE, READONLY = "IMPORT", "READWRITE", "READONLY"
COMPATIBILITY = "FULL_TRANSITIVE"

_MOST_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one schema.

    Attributes:
        id: Its number in the framing of a record.
        type: The event type.
        version: Its version within the type, and within the subject.
        subject: Its subject in the registry.
        outcome: `registered`; `kept`, as it was there; `mended`, where only the subject's mode or compatibility was put right.
    """

    id: int
    type: str
    version: int
    subject: str
    outcome: str


def check_at_start(url: str, *, notify: Callable[[str], None]) -> None:
    """Check that the registry holds what is about to be written. One that cannot be reached holds nobody up: that is said only.

    Raises:
        Refused: It holds something else.
    """
    try:
        with open_registry(url) as registry:
            check_registered(committed(), registry)
    except RegistryUnavailable as error:
        notify(f"{error} Events have their committed schema ids all the same.")


def check_registered(catalog: Catalog, registry: Registry) -> None:
    """Check that the registry holds every schema that events are written with under the id that they carry.

    Raises:
        Refused: It does not.
    """
    current = [schema for schema in map(catalog.current, catalog.types) if schema is not None]
    with ThreadPoolExecutor(len(current)) as pool:
        found = list(pool.map(lambda schema: registry.version(schema.subject, schema.version), current))
    wrong = [f"{one.type} (id {one.id})" for one, there in zip(current, found, strict=True) if not _holds(there, one)]
    if wrong:
        raise Refused(
            f"The schema registry at {registry.shown} has no schema, or another, or another id for {', '.join(wrong)}, so who "
            "asks it could not read what is written here. Load it with: dateline schemas register"
        )


def _holds(found: Found | None, schema: Schema) -> bool:
    return found is not None and found.id == schema.id and _same(found.text, schema)


class CheckedLog(Log):
    """A log that nothing is appended to before a check has passed, by whichever way it comes."""

    def __init__(self, log: Log, check: Callable[[], None]) -> None:
        self._log = log
        self._check = check

    @property
    @override
    def url(self) -> str:
        return self._log.url

    @override
    def id(self, topic: str) -> str:
        return self._log.id(topic)

    @override
    def partitions(self, topic: str) -> int:
        return self._log.partitions(topic)

    @override
    def append(self, topic: str, records: Sequence[NewRecord]) -> Sequence[Position]:
        self._check()
        return self._log.append(topic, records)

    @override
    def begin_offsets(self, topic: str) -> Mapping[int, int]:
        return self._log.begin_offsets(topic)

    @override
    def end_offsets(self, topic: str) -> Mapping[int, int]:
        return self._log.end_offsets(topic)

    @override
    def size_bytes(self, topic: str) -> int | None:
        return self._log.size_bytes(topic)

    @override
    def read(self, topic: str, partition: int, offset: int, *, limit: int = 1000) -> Batch:
        return self._log.read(topic, partition, offset, limit=limit)

    @override
    def join(self, topic: str, *, group: str) -> Member:
        return self._log.join(topic, group=group)

    @override
    def close(self) -> None:
        self._log.close()


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is to be done to one subject."""

    subject: str
    schemas: list[Schema]
    missing: list[Schema]
    mode: str | None
    problems: list[str]
    settled: bool


def register(catalog: Catalog, registry: Registry) -> list[Outcome]:
    """Write every schema that is not there yet under its id and version, and return what became of each.

    Done again, it changes nothing; stopped half-way, it goes on where it was. Afterwards only it writes to these subjects:
    they are READONLY, and FULL_TRANSITIVE for whoever opens them.

    Raises:
        Refused: An id or a version is taken by another schema; nothing was changed.
        RegistryUnavailable: No answer; what was done until then stays.
    """
    plans = [_plan(registry, catalog.versions(type)) for type in catalog.types]
    problems = [problem for plan in plans for problem in plan.problems]
    if problems:
        more = f" and {len(problems) - _MOST_SHOWN} more" if len(problems) > _MOST_SHOWN else ""
        raise Refused(
            f"The schema registry at {registry.shown} holds something else: {'; '.join(problems[:_MOST_SHOWN])}{more}. "
            "Nothing was changed. The ids must be free: take another registry, or a context of this one (…/contexts/.dateline)."
        )
    done = [one for plan in plans for one in _carry_out(registry, plan)]
    order = {schema.id: place for place, schema in enumerate(catalog)}
    return sorted(done, key=lambda one: order[one.id])


def _plan(registry: Registry, schemas: list[Schema]) -> _Plan:
    subject = schemas[0].subject
    there, mode = registry.versions(subject), registry.mode(subject)
    found = {schema.version: registry.version(subject, schema.version, deleted=True) for schema in schemas}
    missing = [schema for schema in schemas if found[schema.version] is None]
    settled = not missing and mode == READONLY and registry.compatibility(subject) == COMPATIBILITY
    problems = [problem for schema in schemas if (problem := _problem(registry, schema, found[schema.version], there))]
    return _Plan(subject, schemas, missing, mode, problems, settled)


def _problem(registry: Registry, schema: Schema, found: Found | None, there: list[int]) -> str | None:
    """Return what keeps `schema` from its place, None if it is there or can be put there."""
    if found is None:
        text = registry.schema(schema.id)
        if text is None or _same(text, schema):
            return None
        return f"the id {schema.id} is that of {' and '.join(registry.owners(schema.id)) or 'another schema'}"
    called = f"{schema.subject} version {schema.version}"
    if found.id != schema.id:
        return f"{called} has the id {found.id} and not {schema.id}"
    if not _same(found.text, schema):
        return f"{called} is another schema than the one committed"
    return None if schema.version in there else f"{called} is marked as deleted"


def _carry_out(registry: Registry, plan: _Plan) -> Iterator[Outcome]:
    if plan.missing:
        registry.set_mode(plan.subject, IMPORT)
        for schema in plan.missing:
            registry.add(schema)
    elif not plan.settled and plan.mode == READONLY:
        registry.set_mode(plan.subject, READWRITE)  # a compatibility cannot be set under READONLY
    if not plan.settled:
        registry.set_compatibility(plan.subject, COMPATIBILITY)
        registry.set_mode(plan.subject, READONLY)
    for one in plan.schemas:
        outcome = "registered" if one in plan.missing else "kept" if plan.missing or plan.settled else "mended"
        yield Outcome(one.id, one.type, one.version, one.subject, outcome)


def _same(text: str | None, schema: Schema) -> bool:
    """Whether a registry's text says what `schema` says; registries spell the same schema in their own ways."""
    from fastavro import parse_schema

    if text is None:
        return False
    try:
        return bool(_bare(parse_schema(json.loads(text))) == _bare(parse_schema(schema.json)))
    except Exception:  # no JSON or no Avro: fastavro raises whatever it stumbles over
        return False


def _bare(part: object) -> object:
    """Return a parsed schema without what means nothing to readers and writers: comments, and a type wrapped for no reason."""
    if isinstance(part, list):
        return [_bare(one) for one in part]
    if not isinstance(part, Mapping):
        return part
    kept = {name: _bare(value) for name, value in part.items() if name not in ("doc", "order") and not name.startswith("__")}
    return kept["type"] if kept.keys() == {"type"} else kept
