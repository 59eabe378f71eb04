"""What the OpenAPI document says is what is answered: schemathesis asks a running server, and each document is validated."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from httpx_sse import connect_sse
from jsonschema import Draft202012Validator
from jsonschema.protocols import Validator
from prometheus_client.parser import text_string_to_metric_families
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from dateline.metrics import METRICS
from producers.keys import ACTS
from tests.support.servers import eventually
from tests.support.site_server import KILLED, STORY, UPDATE, restore_coverage, site
from tests.support.write_site import new_key

ROOT = Path(__file__).parents[2]
CONFIGURATION = ROOT / "tests" / "support" / "schemathesis.toml"
SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")

KEYED = "^/v1/subscriptions|/deliveries$"
"""What is read with a key alone."""

LAST = 60
"""The coverage's last `seq`."""

Json = dict[str, Any]  # Any: whatever JSON holds

READ = {
    f"/v1/stories/{STORY}": "ListedStory",
    "/v1/stories": "Stories",
    f"/v1/stories/{STORY}/updates": "Timeline",
    f"/v1/stories/{STORY}/updates?limit=100": "Timeline",
    f"/v1/stories/{STORY}/updates?key_events": "Timeline",
    f"/v1/stories/{STORY}/updates?as_of=30": "Timeline",
    f"/v1/stories/{STORY}/updates?as_of=1970-04-14T05:00:00Z": "Timeline",
    f"/v1/stories/{STORY}/updates/{UPDATE}": "Update",
    f"/v1/stories/{STORY}/changes?limit=500": "Changes",
    f"/v1/stories/{STORY}/changes?limit=1": "Changes",
    "/v1/corrections": "Corrections",
    f"/v1/corrections?story={STORY}&limit=1": "Corrections",
    "/v1/search?q=oxygen": "Found",
    "/v1/search?q=oxigen": "Found",
    f"/v1/search?story={STORY}&corrected&sort=newest&limit=1": "Found",
}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    data = tmp_path_factory.mktemp("site") / "data"
    restore_coverage(data)
    with site(data) as running:
        yield running


@pytest.fixture(scope="module")
def client(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, timeout=20.0) as asking:
        yield asking


@pytest.fixture(scope="module")
def described(client: httpx.Client) -> Json:
    document: Json = client.get("/openapi.json").raise_for_status().json()
    return document


@pytest.fixture(scope="module")
def documents(described: Json) -> Registry[Any]:  # Any: as the library has it
    registry: Registry[Any] = Registry().with_resource("openapi", DRAFT202012.create_resource(described))  # Any: as above
    return registry


def validator(documents: Registry[Any], name: str) -> Validator:  # Any: as above
    schema = {"$ref": f"openapi#/components/schemas/{name}"}
    checks = Draft202012Validator.FORMAT_CHECKER
    return Draft202012Validator(schema, registry=documents, format_checker=checks)


def test_schemathesis_finds_no_failure(address: str, tmp_path: Path) -> None:
    done = schemathesis(address, tmp_path, "--include-method", "GET", "--exclude-path-regex", KEYED)

    assert done.returncode == 0, done.stdout + done.stderr


def test_schemathesis_finds_no_failure_where_a_key_writes(tmp_path: Path) -> None:
    restore_coverage(tmp_path / "data")
    header = f"Authorization: Bearer {new_key(tmp_path / 'data', acts=ACTS)}"
    written = ["--include-method", "POST", "--include-method", "DELETE", "--exclude-path", "/v1/events"]

    with site(tmp_path / "data") as address:
        done = schemathesis(address, tmp_path, "-H", header, *written, "--phases", "examples,coverage,fuzzing")

    assert done.returncode == 0, done.stdout + done.stderr


def schemathesis(address: str, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Have a site asked whatever its description allows, and does not allow."""
    command = [str(SCHEMATHESIS), "--config-file", str(CONFIGURATION), "run", f"{address}/openapi.json"]
    always = ["--checks", "all", "--max-examples", "30", "--max-failures", "10", "--no-color"]
    environment = {**os.environ, "SITE": address, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [*command, *always, *options], cwd=folder, env=environment, capture_output=True, text=True, timeout=180, check=False
    )


@pytest.mark.parametrize("target", READ)
def test_a_document_is_as_its_schema_says(target: str, client: httpx.Client, documents: Registry[Any]) -> None:  # Any: as above
    answer = client.get(target)

    assert answer.status_code == 200, answer.text
    validator(documents, READ[target]).validate(answer.json())


def test_the_history_of_every_update_is_as_its_schema_says(
    client: httpx.Client, documents: Registry[Any]
) -> None:  # Any: as above
    updates = client.get(f"/v1/stories/{STORY}/updates?limit=500").json()["updates"]
    history = validator(documents, "History")

    told = [client.get(f"/v1/stories/{STORY}/updates/{one['id']}/history").json() for one in updates]

    for one in told:
        history.validate(one)
    assert {entry["kind"] for one in told for entry in one["history"]} >= {"published", "corrected", "late", "withheld"}


def test_what_is_left_of_a_killed_update_is_as_its_schema_says(
    client: httpx.Client, documents: Registry[Any]
) -> None:  # Any: as above
    for target in (f"/v1/stories/{STORY}/updates/{KILLED}", f"/v1/stories/{STORY}/updates/{KILLED}/history"):
        answer = client.get(target)

        assert answer.status_code == 410
        validator(documents, "Killed").validate(answer.json())


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/v1/stories/apolo-13", 404),
        (f"/v1/stories/{STORY}/updates/a-problm", 404),
        (f"/v1/stories/{STORY}/changes?since=999", 400),
        (f"/v1/stories/{STORY}/updates?cursor=x", 400),
        (f"/v1/stories?q={'x' * 9000}", 414),
        ("/v1/nothing", 404),
    ],
)
def test_a_problem_is_as_its_schema_says(
    target: str,
    status: int,
    client: httpx.Client,
    documents: Registry[Any],  # Any: as above
) -> None:
    answer = client.get(target)

    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    validator(documents, "Problem").validate(answer.json())


def test_the_stream_tells_changes_as_their_schema_says(address: str, documents: Registry[Any]) -> None:  # Any: as above
    change = validator(documents, "Change")
    target = f"{address}/v1/stories/{STORY}/stream?since=0"
    with httpx.Client(timeout=20.0) as client, connect_sse(client, "GET", target) as source:
        assert source.response.headers["content-type"].startswith("text/event-stream")
        assert source.response.headers["cache-control"] == "no-store"
        for event in source.iter_sse():
            told = event.json()
            change.validate(told)
            assert (event.id, event.event) == (str(told["seq"]), told["kind"])
            if told["seq"] == LAST:
                break


@pytest.mark.parametrize(
    "path", ["/v1/stories/apollo-13", f"/v1/stories/{STORY}/stream", "/healthz", "/metrics", "/openapi.json", "/docs"]
)
def test_who_does_anything_but_read_is_told_what_can_be_done(path: str, client: httpx.Client) -> None:
    refused, told = client.put(path), client.options(path)

    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
    assert (told.status_code, told.headers["allow"]) == (204, "GET, HEAD, OPTIONS")


@pytest.mark.parametrize("path", ["/openapi.json", "/docs"])
def test_who_has_the_description_is_not_sent_it_again(path: str, client: httpx.Client) -> None:
    first = client.get(path)
    again = client.get(path, headers={"if-none-match": first.headers["etag"]})

    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")


def metrics(client: httpx.Client) -> dict[tuple[str, ...], float]:
    """Return each sample by its name and its labels' values."""
    text = client.get("/metrics").raise_for_status().text
    samples = [one for family in text_string_to_metric_families(text) for one in family.samples]
    return {(one.name, *(value for _, value in sorted(one.labels.items()))): one.value for one in samples}


def test_the_metrics_are_those_of_the_list(client: httpx.Client) -> None:
    of_what_went_wrong = {"dateline_view_error_timestamp_seconds", "dateline_notify_circuit_failures"}

    names = {name for name, *_ in metrics(client)}

    assert names == {one.name for one in METRICS} - of_what_went_wrong


def test_the_metrics_count_what_is_asked_for(address: str, client: httpx.Client) -> None:
    eventually(lambda: metrics(client)["dateline_http_streams", "1"] == 0, what="the end of others' streams")
    before = metrics(client)
    client.get(f"/v1/stories/{STORY}?")
    client.get(f"/v1/stories/{STORY}?")
    client.get("/v1/stories/nobody")
    with httpx.Client(timeout=20.0) as other, connect_sse(other, "GET", f"{address}/v1/stories/{STORY}/stream") as source:
        beginning = source.response.iter_raw()  # held, since the connection is closed with it
        assert next(beginning).startswith(b"retry:")
        after = metrics(client)

    def rose(*sample: str) -> float:
        return after[sample] - before[sample]

    assert rose("dateline_http_requests_total", "2xx", "1") >= 2
    assert rose("dateline_http_requests_total", "4xx", "1") == 1
    assert rose("dateline_http_answers_total", "kept", "1") >= 1
    assert rose("dateline_http_streams", "1") == 1
    assert after["dateline_http_following", "1"] == after["dateline_up",] == 1
    eventually(lambda: metrics(client)["dateline_http_streams", "1"] == 0, what="the end of the stream")


def test_any_worker_tells_the_metrics_of_all(tmp_path: Path) -> None:
    restore_coverage(tmp_path / "data")
    with site(tmp_path / "data", "--workers", "3") as address, httpx.Client(base_url=address) as client:
        eventually(lambda: {one[1] for one in metrics(client) if one[0] == "dateline_http_following"} == {"1", "2", "3"})
