"""The committed schemas: every version reads every other, and every version's golden reads as it always did."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dateline.errors import Undecodable
from schemas.catalog import Catalog, Schema, committed
from schemas.codec import Codec
from schemas.compatibility import NO_CHECKER, check, listing
from schemas.events import EVENT_TYPES, UpdateKilled, UpdatePublished
from schemas.families import FACT_TYPES
from schemas.jsonform import from_json, to_json
from schemas.topics import DELIVERIES_TOPIC, EVENTS_TOPIC, SUBSCRIPTIONS_TOPIC
from tests.support.families import codec_of, fact_from_json

GOLDEN = Path(__file__).parents[1] / "golden"
KILLED = UpdateKilled(event_id="e", story="s", desk="d", update="u", reason="false", substitute="v")


def golden(schema: Schema, ending: str) -> Path:
    return GOLDEN / f"{schema.type}.{schema.version}.{ending}"


def killed_schema(*, without: str = "", **more: Any) -> Schema:  # Any: a field's attributes in Avro
    """Return a second version of UpdateKilled, with id 900: without one field, with another."""
    first = committed().current("UpdateKilled")
    assert first is not None
    changed = copy.deepcopy(first.json)
    changed["fields"] = [field for field in changed["fields"] if field["name"] != without]
    if more:
        changed["fields"].append(more)
    return Schema.of(900, 2, changed)


def with_second(second: Schema, *, current: int = 2) -> Catalog:
    return Catalog([*committed(), second], current={"UpdateKilled": current})


def test_the_committed_schemas_are_sound_and_compatible() -> None:
    assert check(committed()) == []


def test_every_fact_has_a_schema_with_an_id_from_1() -> None:
    assert {schema.type for schema in committed()} == set(FACT_TYPES)
    assert [schema.id for schema in committed()] == list(range(1, 26))


def test_the_events_have_the_ids_that_they_always_had() -> None:
    assert [schema.type for schema in committed()][:13] == list(EVENT_TYPES)


def test_every_schema_file_has_an_id() -> None:
    files = {path.name for path in (Path(__file__).parents[2] / "schemas" / "avro").iterdir()}

    assert files == {f"{schema.type}.{schema.version}.avsc" for schema in committed()}


@pytest.mark.parametrize("schema", list(committed()), ids=lambda schema: f"{schema.type}.{schema.version}")
def test_every_golden_reads_as_it_always_did(schema: Schema) -> None:
    value, expected = golden(schema, "bin").read_bytes(), json.loads(golden(schema, "json").read_text(encoding="utf-8"))

    event = codec_of(schema.type).decode(value)

    assert value[:5] == b"\x00" + schema.id.to_bytes(4, "big")
    assert to_json(event) == expected


@pytest.mark.parametrize("schema", list(committed()), ids=lambda schema: f"{schema.type}.{schema.version}")
def test_the_current_version_still_writes_its_golden(schema: Schema) -> None:
    if committed().current(schema.type) is not schema:
        return  # an older version is only read

    fields = json.loads(golden(schema, "json").read_text(encoding="utf-8"))
    event = from_json(fields) if schema.type in EVENT_TYPES else fact_from_json(fields)

    assert codec_of(schema.type).encode(event) == golden(schema, "bin").read_bytes()


def test_a_newer_reader_reads_what_an_older_version_wrote() -> None:
    second = killed_schema(name="severity", type="string", default="final")

    event = Codec(with_second(second)).decode(Codec(committed()).encode(KILLED))

    assert event == KILLED


def test_an_older_reader_reads_what_a_newer_version_wrote() -> None:
    second = killed_schema(without="substitute", name="severity", type="string", default="final")
    value = Codec(with_second(second)).encode(replace(KILLED, substitute=None))

    event = Codec(with_second(second, current=1)).decode(value)

    assert value[:5] == b"\x00\x00\x00\x03\x84"
    assert event == replace(KILLED, substitute=None)


def test_a_field_of_nested_records_has_its_default_where_the_writer_did_not_know_it() -> None:
    second = committed().current("UpdatePublished")
    assert second is not None
    fields = [field for field in second.json["fields"] if field["name"] != "content"]
    first = Schema.of(900, 1, {**second.json, "fields": fields})
    published = UpdatePublished(event_id="e", story="s", update="u")
    value = Codec(Catalog([first])).encode(published)

    event = Codec(Catalog([first, Schema.of(901, 2, second.json)])).decode(value)

    assert event == published


def test_a_version_that_this_release_does_not_have_is_undecodable() -> None:
    value = Codec(with_second(killed_schema())).encode(KILLED)

    with pytest.raises(Undecodable, match="schema id 900 is not in this release"):
        Codec(committed()).decode(value)


def test_an_event_type_that_this_release_does_not_have_is_undecodable() -> None:
    first = killed_schema()
    catalog = Catalog([Schema.of(77, 1, {**first.json, "name": "UpdateSung"})])

    with pytest.raises(Undecodable, match=r"'UpdateSung' .* is not in this release"):
        Codec(catalog).decode(b"\x00\x00\x00\x00\x4d\x00")


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        (killed_schema(name="severity", type="string"), "the field severity has no default"),
        (killed_schema(name="how", type={"type": "enum", "name": "How", "symbols": ["a"]}, default="a"), "How is an enum"),
        (killed_schema(name="how", type=["string", "int"], default=""), "is a union"),
        (killed_schema(without="reason", name="reason", type="int", default=0), "cannot read what version 1 wrote"),
        (killed_schema(without="reason", name="reason", type="int", default=0), "cannot read what version 2 wrote"),
        (killed_schema(name="more", type="string", default=""), "differ in: more"),
        (killed_schema(name="gaps", type={"type": "array", "items": "null"}, default=[]), "items of no size"),
        (killed_schema(name="broken", type="strang", default=""), "cannot be read"),
        (Schema.of(10, 2, killed_schema().json), "The schema id 10 is given 2 times"),
        (
            Schema(id=900, type="UpdateKilled", version=2, read=lambda: '{"type": "record", "name": "Other", "fields": []}'),
            "is named",
        ),
    ],
)
def test_a_change_that_breaks_older_readers_or_writers_is_found(second: Schema, reason: str) -> None:
    found = check(Catalog([*committed(), second]))

    assert any(reason in line for line in found), found


def test_without_the_checker_the_check_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "avro.compatibility", None)

    assert check(committed()) == [NO_CHECKER]


def test_the_listing_names_subjects_by_topic_and_record() -> None:
    first = listing(committed())[0]

    assert (first.id, first.type, first.version, first.current) == (1, "StoryOpened", 1, True)
    assert first.subject == "dateline.events-dateline.StoryOpened"
    assert {one.subject.partition("-")[0] for one in listing(committed())} == {
        EVENTS_TOPIC,
        SUBSCRIPTIONS_TOPIC,
        DELIVERIES_TOPIC,
    }
    assert len({listed.fingerprint for listed in listing(committed())}) == len(list(committed()))


def test_events_can_be_read_without_importing_pydantic() -> None:
    folder = Path(__file__).parents[2] / "schemas"
    modules = ", ".join(f"schemas.{path.stem}" for path in folder.glob("*.py") if path.stem not in {"__init__", "jsonform"})
    program = f"import sys, {modules}; sys.exit('pydantic' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], cwd=folder.parent).returncode == 0
