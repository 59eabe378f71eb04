"""The OpenAPI document is made from the table of endpoints, and is itself as OpenAPI has it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from msgspec import json

from consumers.state import Change
from consumers.timeline.shown import Shown
from consumers.web.answers import HTML, Answer
from consumers.web.asked import limit
from consumers.web.components import SCHEMAS
from consumers.web.endpoints import Asked, Endpoint
from consumers.web.openapi import Json, openapi_document
from consumers.web.reference import openapi_answer, reference_answer
from dateline.app import ENDPOINTS

ITSELF = {"/healthz", "/readyz", "/metrics", "/openapi.json", "/docs"}
DOCUMENT = openapi_document(ENDPOINTS, base="https://live.example.org")


def references(found: Any) -> Iterator[str]:  # Any: whatever JSON holds
    """Yield what a document refers to."""
    for value in found.values() if isinstance(found, dict) else found:
        if isinstance(value, (dict, list)):
            yield from references(value)
    if isinstance(found, dict) and "$ref" in found:
        yield found["$ref"]


def resolve(reference: str) -> Json:
    found: Any = DOCUMENT  # Any: on the way down it holds whatever JSON holds
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    resolved: Json = found
    return resolved


def nothing(asked: Asked) -> Answer:
    return Answer(b"")


def test_every_endpoint_is_described_and_nothing_else_is() -> None:
    described = {path for path, item in DOCUMENT["paths"].items() if "get" in item}

    assert described == {one.path for one in ENDPOINTS} | {"/v1/stories/{story}/stream"} | ITSELF


def test_every_parameter_of_an_endpoint_is_described() -> None:
    for one in ENDPOINTS:
        told = DOCUMENT["paths"][one.path]["get"]["parameters"]
        described = [given["name"] for given in (resolve(given["$ref"]) if "$ref" in given else given for given in told)]

        assert described == [*re.findall(r"\{(\w+)\}", one.path), *(each.name for each in one.parameters)], one.path


def test_every_problem_of_an_endpoint_is_described() -> None:
    for one in ENDPOINTS:
        described = {int(status) for status in DOCUMENT["paths"][one.path]["get"]["responses"]}

        assert described == {200, 304, 400, 408, 414, 431, 500, 503, *one.problems, *([302] if one.moves else [])}, one.path


def test_what_is_referred_to_is_there() -> None:
    found = set(references(DOCUMENT))

    assert found
    for reference in found:
        assert resolve(reference)


def test_each_operation_has_a_name_of_its_own() -> None:
    names = [item["get"]["operationId"] for item in DOCUMENT["paths"].values()]

    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_documents_schema_is_one(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_document_holds_nothing_that_is_not_described(name: str) -> None:
    assert SCHEMAS[name]["additionalProperties"] is False


def test_an_update_is_described_as_it_is_read() -> None:
    assert SCHEMAS["Update"]["required"] == list(Shown.__struct_fields__)


def test_a_change_is_described_as_the_fold_tells_it() -> None:
    kept_back = {"severity", "occurred_at", "recorded_at"}

    assert set(SCHEMAS["Change"]["required"]) == {*Change.__struct_fields__, "document"} - kept_back


def test_any_endpoint_can_be_described() -> None:
    page = Endpoint("/stories/{story}", "page", "A page.", nothing, media_type=HTML, problems=(404, 410), is_strict=False)
    feed = Endpoint(
        "/v1/{story:str}/feed.atom", "atom", "A feed.", nothing, (limit(default=5, most=9),), media_type="application/atom+xml"
    )

    paths = openapi_document((page, feed), base="")["paths"]

    assert paths["/v1/{story}/feed.atom"]["get"]["responses"]["200"]["content"] == {
        "application/atom+xml": {"schema": {"type": "string"}}
    }
    assert "text/html" in paths["/stories/{story}"]["get"]["responses"]["410"]["content"]


def test_a_document_that_is_described_nowhere_is_noticed() -> None:
    endpoint = Endpoint("/v1/x", "x", "X.", nothing, document="Unknown")

    with pytest.raises(KeyError, match="Unknown"):
        openapi_document((endpoint,), base="")


def test_the_document_is_what_is_sent() -> None:
    answer = openapi_answer(DOCUMENT)

    assert json.decode(answer.body) == DOCUMENT
    assert answer.etag


class _Page(HTMLParser):
    """What a page asks others for, and where it leads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.asks: list[str] = []
        self.leads: list[str] = []
        self.places: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.places.add(given.get("id") or "")
        self.leads += [given["href"] or ""] if tag == "a" and "href" in given else []
        self.asks += [tag] if tag in ("script", "link", "img", "iframe") or "src" in given else []


def test_the_page_for_people_names_everything_and_asks_nobody_for_anything() -> None:
    answer = reference_answer(DOCUMENT)
    text = answer.body.decode()
    page = _Page(text)

    assert all(path in text for path in DOCUMENT["paths"])
    assert {*SCHEMAS, *(item["get"]["operationId"] for item in DOCUMENT["paths"].values())} <= page.places
    assert page.asks == []
    assert {one.removeprefix("#") for one in page.leads if one.startswith("#")} <= page.places
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]
