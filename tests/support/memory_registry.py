"""A schema registry in memory with Confluent's HTTP API, as far as Avro goes: a small real implementation, as strict as theirs.

It stands in because no registry that can be had here keeps the ids it is given (docs/decisions/0007). What it does in each mode
was read in Confluent's source: an id or a version may be given under IMPORT only, and must be; READONLY refuses schemas,
compatibility levels and deletions, not modes; IMPORT is refused to a subject with schemas unless it is forced, and unforced it
forgets deleted ones; an id means one schema; a version that is given again is overwritten, which is why a caller must look first.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
from avro.errors import AvroException
from avro.schema import parse

MODES = ("READWRITE", "READONLY", "IMPORT")
LEVELS = ("NONE", *(f"{level}{reach}" for level in ("BACKWARD", "FORWARD", "FULL") for reach in ("", "_TRANSITIVE")))

Json = Any  # Any: what JSON holds


class Refusal(Exception):
    """What the registry answers instead: an HTTP status, an error code and words."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


@dataclass(slots=True)
class Entry:
    """One version of a subject."""

    subject: str
    version: int
    id: int
    text: str
    deleted: bool = False

    def document(self) -> Json:
        return {"subject": self.subject, "version": self.version, "id": self.id, "schemaType": "AVRO", "schema": self.text}


class MemoryRegistry:
    """Subjects with their versions, modes and compatibility levels. The key None stands for the global setting."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, int], Entry] = {}
        self._modes: dict[str | None, str] = {None: "READWRITE"}
        self._levels: dict[str | None, str] = {None: "BACKWARD"}

    def dump(self) -> Json:
        """Return everything that it holds, a copy."""
        entries = [(entry.document(), entry.deleted) for _, entry in sorted(self._entries.items())]
        return [entries, dict(self._modes), dict(self._levels)]

    def subjects(self, *, deleted: bool = False) -> list[str]:
        return sorted({entry.subject for entry in self._entries.values() if deleted or not entry.deleted})

    def versions(self, subject: str, *, deleted: bool = False) -> list[int]:
        found = [entry.version for entry in self._of(subject, deleted=deleted)]
        if not found:
            raise self._no_subject(subject)
        return found

    def version(self, subject: str, version: str, *, deleted: bool = False) -> Json:
        entries = {entry.version: entry for entry in self._of(subject, deleted=deleted)}
        if not entries:
            raise self._no_subject(subject)
        if version != "latest" and not version.isdecimal():
            raise Refusal(422, 42202, f"The specified version '{version}' is not a valid version id.")
        number = max(entries) if version == "latest" else int(version)
        if number not in entries:
            raise Refusal(404, 40402, f"Version {version} not found.")
        return entries[number].document()

    def schema(self, id: int) -> Json:
        return {"schema": self._with_id(id)[0].text}

    def schema_versions(self, id: int, *, deleted: bool = False) -> Json:
        found = [entry for entry in self._with_id(id) if deleted or not entry.deleted]
        return [{"subject": entry.subject, "version": entry.version} for entry in found]

    def register(self, subject: str, body: Json) -> Json:
        text, id, version = _canonical(body.get("schema")), body.get("id") or -1, body.get("version") or -1
        here = self._of(subject, deleted=False)
        for entry in here:
            if entry.text == text and id in (-1, entry.id):
                return {"id": entry.id}
        mode = self._mode_in_scope(subject)
        self._refuse_read_only(subject)
        if (mode == "IMPORT") != (id > 0 or version > 0):
            wanted = "import" if mode != "IMPORT" else "read-write"
            raise Refusal(422, 42205, f"Subject {subject} is not in {wanted} mode")
        if id <= 0:
            self._refuse_incompatible(subject, text, here)
        holders = [entry for entry in self._entries.values() if entry.id == id]
        if holders and holders[0].text != text:
            raise Refusal(422, 42205, f"Overwrite new schema with id {id} is not permitted.")
        same = [entry.id for entry in self._entries.values() if entry.text == text]
        id = id if id > 0 else same[0] if same else max((entry.id for entry in self._entries.values()), default=0) + 1
        last = max((entry.version for entry in self._of(subject, deleted=True)), default=0)
        version = version if version > 0 else last + 1
        self._entries[subject, version] = Entry(subject, version, id, text)
        return {"id": id}

    def delete(self, subject: str) -> Json:
        """Mark every version of `subject` as deleted."""
        versions = self.versions(subject)
        self._refuse_read_only(subject)
        for entry in self._of(subject, deleted=False):
            entry.deleted = True
        self._modes.pop(subject, None)
        self._levels.pop(subject, None)
        return versions

    def mode(self, subject: str | None) -> Json:
        if subject not in self._modes:
            raise Refusal(404, 40409, f"Subject '{subject}' does not have subject-level mode configured")
        return {"mode": self._modes[subject]}

    def set_mode(self, subject: str | None, body: Json, *, force: bool) -> Json:
        mode = body.get("mode")
        if mode not in MODES:
            raise Refusal(422, 42204, "Invalid mode. Valid values are READWRITE, READONLY and IMPORT.")
        if mode == "IMPORT" and self._mode_in_scope(subject) != "IMPORT" and not force:
            if any(subject in (None, entry.subject) and not entry.deleted for entry in self._entries.values()):
                raise Refusal(422, 42205, "Cannot import since found existing subjects")
            self._entries = {key: entry for key, entry in self._entries.items() if subject not in (None, entry.subject)}
        self._modes[subject] = mode
        return {"mode": mode}

    def level(self, subject: str | None) -> Json:
        if subject not in self._levels:
            raise Refusal(404, 40408, f"Subject '{subject}' does not have subject-level compatibility configured")
        return {"compatibilityLevel": self._levels[subject]}

    def set_level(self, subject: str | None, body: Json) -> Json:
        self._refuse_read_only(subject)
        if body.get("compatibility") not in LEVELS:
            raise Refusal(422, 42203, f"Invalid compatibility level. Valid values are {', '.join(LEVELS)}")
        self._levels[subject] = body["compatibility"]
        return {"compatibility": self._levels[subject]}

    def _of(self, subject: str, *, deleted: bool) -> list[Entry]:
        found = (entry for (name, _), entry in sorted(self._entries.items()) if name == subject)
        return [entry for entry in found if deleted or not entry.deleted]

    def _with_id(self, id: int) -> list[Entry]:
        found = [entry for _, entry in sorted(self._entries.items()) if entry.id == id]
        if not found:
            raise Refusal(404, 40403, f"Schema {id} not found")
        return found

    def _no_subject(self, subject: str) -> Refusal:
        if self._of(subject, deleted=True):
            return Refusal(404, 40404, f"Subject '{subject}' was soft deleted.")
        return Refusal(404, 40401, f"Subject '{subject}' not found.")

    def _mode_in_scope(self, subject: str | None) -> str:
        return self._modes.get(subject, self._modes[None])

    def _refuse_read_only(self, subject: str | None) -> None:
        if self._mode_in_scope(subject) == "READONLY":
            raise Refusal(422, 42205, f"Subject {subject} is in read-only mode")

    def _refuse_incompatible(self, subject: str, text: str, older: list[Entry]) -> None:
        level = self._levels.get(subject, self._levels[None])
        compared = older if level.endswith("_TRANSITIVE") else older[-1:]
        if level != "NONE" and not all(_fits(level, text, entry.text) for entry in compared):
            raise Refusal(409, 409, "Schema being registered is incompatible with an earlier schema")


def _fits(level: str, new: str, old: str) -> bool:
    checker = ReaderWriterCompatibilityChecker()  # type: ignore[no-untyped-call]  # avro has no types
    found = (checker.get_compatibility(parse(reader), parse(writer)) for reader, writer in _pairs(level, new, old))
    return all(one.compatibility is SchemaCompatibilityType.compatible for one in found)


def _pairs(level: str, new: str, old: str) -> Iterator[tuple[str, str]]:
    if not level.startswith("FORWARD"):
        yield new, old
    if not level.startswith("BACKWARD"):
        yield old, new


def _canonical(text: Json) -> str:
    """Return a schema as it is kept: on one line, so not with the bytes that were sent."""
    try:
        parse(text)
        return json.dumps(json.loads(text), separators=(",", ":"))
    except (AvroException, ValueError, TypeError) as error:
        raise Refusal(422, 42201, f"Invalid schema: {error}") from error
