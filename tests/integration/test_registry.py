"""The schema registry: loaded under the committed ids, looked at once at the start, never needed to write or to read."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import fastavro
import pytest
from confluent_kafka.schema_registry import Schema as PlainSchema
from confluent_kafka.schema_registry import SchemaRegistryClient

from dateline.errors import Refused, RegistryUnavailable
from dateline.log import open_log
from dateline.registry import check_at_start, check_registered, register
from dateline.registry_client import open_registry
from schemas.catalog import Catalog, Schema, committed
from schemas.codec import committed_codec
from schemas.events import UpdateKilled
from schemas.topics import EVENTS_TOPIC
from tests.integration.cli import Result, json_of, run
from tests.support.memory_registry import MemoryRegistry
from tests.support.registry_server import Served, memory_registry, real_registry
from tests.support.servers import free_port

FOREIGN = '{"type": "record", "name": "Foreign", "fields": []}'
KILLED = UpdateKilled(event_id="e", story="s", desk="d", update="u", reason="false")
OPENED = {"type": "StoryOpened", "story": "apollo-13", "title": "Apollo 13", "occurred_at": "1970-04-11T19:13:00Z"}
WRITES = 3 * 22 + 25  # two modes and a compatibility for each subject, and the schemas


class Careless(MemoryRegistry):
    """Says yes to IMPORT mode and gives ids of its own all the same, as Apicurio 3.3 does."""

    def register(self, subject: str, body: Any) -> Any:  # Any: what JSON holds
        self.set_mode(subject, {"mode": "READWRITE"}, force=False)
        return super().register(subject, {"schema": body["schema"]})


@pytest.fixture
def served() -> Iterator[Served]:
    with memory_registry() as registry:
        yield registry


@pytest.fixture(scope="module")
def real_url() -> Iterator[str]:
    """The URL of a real registry that holds the schemas; one without IMPORT mode gave the same ids, asked in their order."""
    with real_registry() as url:
        try:
            with open_registry(url) as registry:
                register(committed(), registry)
        except Refused:
            with SchemaRegistryClient({"url": url}) as plain:
                for schema in committed():
                    plain.register_schema(schema.subject, PlainSchema(schema.text))
        yield url


def registered(served: Served, catalog: Catalog | None = None) -> list[str]:
    """Register `catalog`, the committed one if none is given, and return the outcomes."""
    with open_registry(served.url) as registry:
        return [one.outcome for one in register(catalog or committed(), registry)]


def command(data: Path, url: str, *args: str) -> Result:
    return run(data, *args, env={"DATELINE_REGISTRY": url})


def with_second_version() -> Catalog:
    """Return the catalog of a later release, where UpdateKilled has one field more."""
    first = committed().current("UpdateKilled")
    assert first is not None
    fields = [*first.json["fields"], {"name": "severity", "type": "string", "default": "final"}]
    return Catalog([*committed(), Schema.of(26, 2, {**first.json, "fields": fields})])


def test_register_fills_an_empty_registry_under_the_committed_ids(served: Served, tmp_path: Path) -> None:
    result = command(tmp_path, served.url, "schemas", "register", "--json")

    assert result.code == 0, result.err
    assert [(one["id"], one["type"], one["version"], one["outcome"]) for one in json_of(result)] == [
        (schema.id, schema.type, schema.version, "registered") for schema in committed()
    ]
    for schema in committed():
        there = served.content.version(schema.subject, str(schema.version))
        assert (there["id"], json.loads(there["schema"])) == (schema.id, schema.json)
        assert served.content.level(schema.subject) == {"compatibilityLevel": "FULL_TRANSITIVE"}
        assert served.content.mode(schema.subject) == {"mode": "READONLY"}
    assert served.content.mode(None) == {"mode": "READWRITE"}


def test_registering_again_writes_nothing(served: Served) -> None:
    registered(served)
    before = served.content.dump()
    served.asked.clear()

    outcomes = registered(served)

    assert outcomes == ["kept"] * 25
    assert served.content.dump() == before
    assert {asked.split()[0] for asked in served.asked} == {"GET"}


def test_the_table_says_what_became_of_each_schema(served: Served, tmp_path: Path) -> None:
    command(tmp_path, served.url, "schemas", "register")

    result = command(tmp_path, served.url, "schemas", "register")

    lines = result.out.splitlines()
    assert lines[0].split() == ["id", "type", "version", "outcome", "subject"]
    assert lines[1].split() == ["1", "StoryOpened", "1", "kept", "dateline.events-dateline.StoryOpened"]
    assert len(lines) == 26


def test_a_later_release_adds_its_version_beside_the_older_one(served: Served) -> None:
    registered(served)

    outcomes = registered(served, with_second_version())

    assert outcomes == ["kept"] * 25 + ["registered"]
    assert served.content.versions("dateline.events-dateline.UpdateKilled") == [1, 2]
    assert registered(served) == ["kept"] * 25  # the earlier release leaves alone what it does not know


def test_an_id_that_is_taken_is_refused_and_nothing_changes(served: Served, tmp_path: Path) -> None:
    served.content.set_mode("orders-value", {"mode": "IMPORT"}, force=False)
    served.content.register("orders-value", {"schema": FOREIGN, "id": 22, "version": 4})
    before = served.content.dump()

    result = command(tmp_path, served.url, "schemas", "register")

    assert result.code == 1
    assert "the id 22 is that of orders-value version 4" in result.err
    assert served.content.dump() == before


@pytest.mark.parametrize(
    ("there", "reason"),
    [
        ({"schema": FOREIGN, "id": 500, "version": 1}, "has the id 500 and not 10"),
        ({"schema": FOREIGN, "id": 10, "version": 1}, "is another schema than the one committed"),
    ],
)
def test_a_version_that_is_taken_is_refused_and_nothing_changes(served: Served, there: Any, reason: str) -> None:
    subject = "dateline.events-dateline.UpdateKilled"
    served.content.set_mode(subject, {"mode": "IMPORT"}, force=False)
    served.content.register(subject, there)
    before = served.content.dump()

    with pytest.raises(Refused, match=f"UpdateKilled version 1 {reason}"):
        registered(served)

    assert served.content.dump() == before


def test_a_schema_that_is_spelled_in_another_way_is_the_same(served: Served) -> None:
    for schema in committed():
        served.content.set_mode(schema.subject, {"mode": "IMPORT"}, force=False)
        served.content.register(schema.subject, {"schema": _respelled(schema), "id": schema.id, "version": schema.version})

    outcomes = registered(served)

    assert outcomes == ["mended"] * 25


@pytest.mark.parametrize(("old", "new"), [('"name": "reason"', '"name": "why"'), ('"default": ""', '"default": "x"')])
def test_a_schema_that_says_something_else_is_not_the_same(served: Served, old: str, new: str) -> None:
    schema = committed().current("UpdateKilled")
    assert schema is not None
    other = json.dumps(schema.json).replace(old, new)
    served.content.set_mode(schema.subject, {"mode": "IMPORT"}, force=False)
    served.content.register(schema.subject, {"schema": other, "id": schema.id, "version": schema.version})

    with pytest.raises(Refused, match="is another schema than the one committed"):
        registered(served)


def test_a_registry_that_gives_ids_of_its_own_is_found_out() -> None:
    careless = Careless()
    with memory_registry(careless) as served:
        careless.set_mode("orders-value", {"mode": "IMPORT"}, force=False)
        MemoryRegistry.register(careless, "orders-value", {"schema": FOREIGN, "id": 50, "version": 1})

        with pytest.raises(Refused, match="StoryOpened version 1 under the id 1 and has it under 51"):
            registered(served)


def test_a_schema_that_was_deleted_there_is_refused_and_not_forgotten(served: Served) -> None:
    registered(served)
    subject = "dateline.events-dateline.UpdateKilled"
    served.content.set_mode(subject, {"mode": "READWRITE"}, force=False)
    served.content.delete(subject)
    before = served.content.dump()

    with pytest.raises(Refused, match="UpdateKilled version 1 is marked as deleted"):
        registered(served)

    assert served.content.dump() == before


@pytest.mark.parametrize("writes", [0, 1, 2, 3, 4, 17, 18, 19, 20, WRITES - 1])
def test_a_registering_that_was_cut_off_is_taken_up_again(served: Served, writes: int) -> None:
    served.writes_left = writes
    with pytest.raises(RegistryUnavailable):
        registered(served)
    served.writes_left = None

    registered(served)

    with memory_registry() as whole:
        registered(whole)
        assert served.content.dump() == whole.content.dump()


def test_the_cuts_above_reach_every_write(served: Served) -> None:
    registered(served)

    assert sum(not asked.startswith("GET") for asked in served.asked) == WRITES


def test_a_subject_whose_mode_or_compatibility_was_changed_is_mended(served: Served) -> None:
    registered(served)
    before = served.content.dump()
    first, second = "dateline.events-dateline.StoryOpened", "dateline.events-dateline.StoryRevised"
    served.content.set_mode(first, {"mode": "IMPORT"}, force=True)
    served.content.set_mode(second, {"mode": "READWRITE"}, force=False)
    served.content.set_level(second, {"compatibility": "NONE"})
    served.content.set_mode(second, {"mode": "READONLY"}, force=False)

    outcomes = registered(served)

    assert outcomes == ["mended"] * 2 + ["kept"] * 23
    assert served.content.dump() == before


def test_what_was_published_is_read_by_a_plain_client_from_the_registry(served: Served) -> None:
    registered(served)
    value = committed_codec().encode(KILLED)

    event = _read_as_anybody_would(value, served.url)

    assert (event["update"], event["reason"]) == ("u", "false")


def test_publishing_goes_on_where_the_registry_agrees(served: Served, tmp_path: Path) -> None:
    registered(served)

    opened = command(tmp_path, served.url, "story", "open", "apollo-13", "--title", "Apollo 13", "--json")
    published = command(tmp_path, served.url, "publish", "apollo-13", "--headline", "Lift-off", "--json")

    assert (json_of(opened)["status"], json_of(published)["status"]) == ("accepted", "accepted")
    assert opened.err == ""


@pytest.mark.parametrize("args", [("story", "open", "apollo-13", "--title", "Apollo 13"), ("import", "-")])
def test_where_the_registry_lacks_the_schemas_nothing_is_written(served: Served, tmp_path: Path, args: tuple[str, ...]) -> None:
    result = run(tmp_path, *args, stdin=json.dumps(OPENED).encode(), env={"DATELINE_REGISTRY": served.url})

    assert result.code == 1
    assert "StoryOpened (id 1)" in result.err
    assert "Load it with: dateline schemas register" in result.err
    with open_log(f"sqlite:///{tmp_path}/log.db") as log:
        assert set(log.end_offsets(EVENTS_TOPIC).values()) == {0}


def test_where_the_registry_lacks_the_schemas_nobody_consumes(served: Served, tmp_path: Path) -> None:
    result = command(tmp_path, served.url, "consume", "timeline")

    assert result.code == 1
    assert "dateline schemas register" in result.err


def test_a_registry_with_another_schema_under_an_id_is_refused(served: Served) -> None:
    subject = "dateline.events-dateline.UpdateKilled"
    served.content.set_mode(subject, {"mode": "IMPORT"}, force=False)
    served.content.register(subject, {"schema": FOREIGN, "id": 10, "version": 1})
    one = Catalog([schema for schema in committed() if schema.type == "UpdateKilled"])

    with open_registry(served.url) as registry, pytest.raises(Refused, match=r"UpdateKilled \(id 10\)"):
        check_registered(one, registry)


def test_a_registry_with_the_same_schema_under_another_id_is_refused(served: Served) -> None:
    one = Catalog([schema for schema in committed() if schema.type == "UpdateKilled"])
    for schema in one:
        served.content.set_mode(schema.subject, {"mode": "IMPORT"}, force=False)
        served.content.register(schema.subject, {"schema": schema.text, "id": 500, "version": 1})

    with open_registry(served.url) as registry, pytest.raises(Refused, match=r"UpdateKilled \(id 10\)"):
        check_registered(one, registry)


def test_a_registry_that_cannot_be_reached_holds_nobody_up(tmp_path: Path) -> None:
    url = f"http://desk:s3cret@127.0.0.1:{free_port()}"

    result = command(tmp_path, url, "story", "open", "apollo-13", "--title", "Apollo 13", "--json")

    assert json_of(result)["status"] == "accepted"
    assert f"Cannot reach the schema registry at {urlsplit(url).netloc.rpartition('@')[2]}" in result.err
    assert "s3cret" not in result.err


def test_a_registry_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dateline.registry_client.TIMEOUT", 0.2)
    said: list[str] = []

    with socket.create_server(("127.0.0.1", 0)) as mute:
        check_at_start(f"http://127.0.0.1:{mute.getsockname()[1]}", notify=said.append)

    assert "timed out" in said[0]


def test_an_address_with_another_api_behind_it_is_refused(served: Served) -> None:
    with open_registry(f"{served.url}/nowhere") as registry, pytest.raises(Refused, match="name its whole address"):
        register(committed(), registry)


def test_registering_where_nothing_answers_says_so(tmp_path: Path) -> None:
    result = command(tmp_path, f"http://desk:s3cret@127.0.0.1:{free_port()}", "schemas", "register")

    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("dateline: Cannot reach the schema registry at 127.0.0.1:")
    assert "s3cret" not in result.err


def test_the_password_in_the_url_is_used_and_never_shown(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with memory_registry(credentials="desk:s%26cret%40home") as served, caplog.at_level("DEBUG"):
        outcomes = registered(served)
        refused = command(tmp_path, served.url.replace("home", "work"), "schemas", "register")

    assert outcomes == ["registered"] * 25
    assert "refuses the user or password in DATELINE_REGISTRY (401)" in refused.err
    for said in (refused.err, caplog.text):
        assert "cret" not in said


@pytest.mark.parametrize("url", ["desk:s3cret@registry:8081", "registry", "http://desk:s3cret@", "kafka://desk:s3cret@host:1"])
def test_what_is_no_address_is_refused_without_being_repeated(tmp_path: Path, url: str) -> None:
    result = command(tmp_path, url, "schemas", "register")

    assert result.code == 1
    assert "is no address of a schema registry" in result.err
    assert "s3cret" not in result.err


def test_without_a_registry_the_command_says_how_to_name_one(tmp_path: Path) -> None:
    result = run(tmp_path, "schemas", "register")

    assert result.code == 1
    assert "DATELINE_REGISTRY=http://host:8081" in result.err


def test_without_the_client_the_command_says_how_to_get_it() -> None:
    program = "import sys; sys.modules['confluent_kafka'] = None; from dateline.cli.main import run; sys.exit(run(sys.argv[1:]))"
    words = [sys.executable, "-c", program, "schemas", "register"]

    done = subprocess.run(words, env={"DATELINE_REGISTRY": "http://127.0.0.1:9"}, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "pip install 'dateline[registry]'" in done.stderr


def test_a_real_registry_that_gave_the_same_ids_is_agreed_with(real_url: str) -> None:
    with open_registry(real_url) as registry:
        check_registered(committed(), registry)


def test_what_was_published_is_read_by_a_plain_client_from_a_real_registry(real_url: str) -> None:
    event = _read_as_anybody_would(committed_codec().encode(KILLED), real_url)

    assert (event["update"], event["reason"]) == ("u", "false")


def test_a_real_registry_takes_a_later_version_under_its_id_or_is_left_as_it_was(real_url: str) -> None:
    later = with_second_version()
    with open_registry(real_url) as registry:
        with pytest.raises(Refused, match=r"for UpdateKilled \(id 26\), so"):
            check_registered(later, registry)
        try:
            register(later, registry)
        except Refused:
            assert registry.versions("dateline.events-dateline.UpdateKilled") == [1]
        else:
            check_registered(later, registry)


def _read_as_anybody_would(value: bytes, url: str) -> Any:  # Any: an Avro record
    """Return the record in `value`, read with nothing of ours: the schema by the framing's id, and Avro."""
    with SchemaRegistryClient({"url": url}) as plain:
        text = plain.get_schema(int.from_bytes(value[1:5], "big")).schema_str
    assert text is not None
    return fastavro.schemaless_reader(BytesIO(value[5:]), json.loads(text), None)


def _respelled(schema: Schema) -> str:
    """Return a schema with its whole name in one, its attributes in another order, strings wrapped, and no comments."""

    def respell(part: Any) -> Any:  # Any: what JSON holds
        if isinstance(part, list):
            return [respell(one) for one in part]
        if not isinstance(part, dict):
            return part
        turned = {name: respell(value) for name, value in reversed(part.items()) if name != "doc"}
        return turned | ({"type": {"type": "string"}} if turned.get("type") == "string" else {})

    text = respell(schema.json)
    return json.dumps({**text, "name": f"{text.pop('namespace')}.{text['name']}"})
