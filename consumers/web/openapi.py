"""The OpenAPI document: made from the table of endpoints, so that what is described is what is there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from consumers.web.answers import HTML, JSON
from consumers.web.asked import HEALTH, SINCE, Parameter, Schema
from consumers.web.components import SCHEMAS
from consumers.web.endpoints import Endpoint
from consumers.web.problems import PROBLEM_JSON
from dateline import __version__

Json = dict[str, Any]  # Any: whatever JSON holds

_ABOUT: Final = """\
What a newsroom's live coverage looks like to readers: stories, their updates newest first, and what was put right.

`seq` is the one position: a story's records counted 1, 2, 3 … Whoever has read up to a `seq` asks for what changed after it
(`changes`), or listens (`stream`); both tell the same changes in the same order. A change whose `document` is null takes its
update off the page. Updates that are withheld, under embargo or killed are in no answer.

Each address that can be read with GET can be read with HEAD. Answers are short-lived: ask again with `If-None-Match`, no sooner
than `next-poll` says. What goes wrong is told as `application/problem+json` (RFC 9457)."""

_MEANINGS: Final[Mapping[int, str]] = {
    400: "The request cannot be understood; `detail` says why.",
    404: "There is no such thing; `detail` names the nearest that there is.",
    408: "The request's head was not there in time.",
    410: "It was recalled: nothing of it may be used.",
    414: "The query is too long.",
    431: "The request's head is too long.",
    500: "Something is wrong on this side.",
    503: "The view cannot be read for now; it comes back by itself.",
}
_BY_EVERYONE: Final = (400, 408, 414, 431, 500)
"""What a request for anything may be answered with."""

_OF_THE_SERVER: Final = (408, 431)
"""Answered before it is known what was asked for, so in plain words; so is a 400 for what is no HTTP."""


def openapi_document(endpoints: Sequence[Endpoint], *, base: str) -> Json:
    """Return the document that describes `endpoints`, the stream of changes, and what the site tells of itself.

    Args:
        base: Where readers find the site.
    """
    paths = {_path(one.path): {"get": _operation(one)} for one in endpoints}
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "Dateline",
            "version": __version__,
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": base or "/"}],
        "paths": {**paths, _STREAM: {"get": _stream()}, **{path: {"get": one} for path, one in _ABOUT_ITSELF.items()}},
        "components": {
            "schemas": dict(SCHEMAS),
            "headers": dict(_HEADERS),
            "parameters": dict(_PATH_PARAMETERS),
            "responses": {f"Problem{status}": _problem(status) for status in _MEANINGS},
        },
    }


def _path(path: str) -> str:
    """Return a route's path without its converters."""
    return re.sub(r"\{(\w+):\w+\}", r"{\1}", path)


def _operation(endpoint: Endpoint) -> Json:
    media_type = endpoint.media_type.partition(";")[0]
    fresh = _header_refs("cache-control", "etag", "next-poll")
    answers: Json = {
        "200": {"description": endpoint.meaning, "headers": fresh, "content": {media_type: {"schema": _schema(endpoint)}}},
        "304": {"description": "It is still what you have.", "headers": fresh},
    }
    if endpoint.moves:
        answers["302"] = {"description": endpoint.moves, "headers": _header_refs("cache-control", "location")}
    if endpoint.media_type == HTML:
        problems = {str(one): _shown_problem(one) for one in sorted({*_BY_EVERYONE, 503, *endpoint.problems})}
    else:
        problems = _problems(503, *endpoint.problems)
    return {
        "operationId": endpoint.name,
        "summary": endpoint.meaning,
        "parameters": [*_in_path(endpoint.path), *map(_in_query, endpoint.parameters)],
        "responses": answers | problems,
    }


def _schema(endpoint: Endpoint) -> Schema:
    """Return the schema of what an endpoint answers.

    Raises:
        KeyError: Its document is described nowhere.
    """
    if endpoint.document:
        return {"$ref": f"#/components/schemas/{_known(endpoint.document)}"}
    return {"type": "object"} if "json" in endpoint.media_type else {"type": "string"}


def _known(name: str) -> str:
    if name not in SCHEMAS:
        raise KeyError(f"{name} is described in no schema of consumers.web.components")
    return name


def _in_path(path: str) -> Iterator[Json]:
    for name in re.findall(r"\{(\w+)", path):
        if name in _PATH_PARAMETERS:
            yield {"$ref": f"#/components/parameters/{name}"}
        else:
            yield {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _in_query(one: Parameter) -> Json:
    schema = one.schema if one.default is None else {"default": one.default, **one.schema}
    return {"name": one.name, "in": "query", "description": one.meaning, "schema": schema}


def _header_refs(*names: str) -> Json:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _problems(*statuses: int) -> Json:
    return {str(one): {"$ref": f"#/components/responses/Problem{one}"} for one in sorted({*_BY_EVERYONE, *statuses})}


def _problem(status: int) -> Json:
    """Return the response that tells a program what went wrong."""
    content: Json = {} if status in _OF_THE_SERVER else {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    if status in (400, *_OF_THE_SERVER):
        content["text/plain"] = {"schema": {"type": "string"}}
    if status == 410:
        content = {JSON: {"schema": {"$ref": "#/components/schemas/Killed"}}}
    return {"description": _MEANINGS[status], **_problem_headers(status), "content": content}


def _shown_problem(status: int) -> Json:
    """Return the response that tells a person what went wrong."""
    kinds = (PROBLEM_JSON, HTML.partition(";")[0], "text/plain")
    content = {kind: {"schema": {} if kind == PROBLEM_JSON else {"type": "string"}} for kind in kinds}
    return {"description": _MEANINGS[status], **_problem_headers(status), "content": content}


def _problem_headers(status: int) -> Json:
    if status in (400, *_OF_THE_SERVER):
        return {}  # what is no HTTP is answered by the server, in few words
    return {"headers": _header_refs("cache-control", *(["retry-after"] if status == 503 else []))}


def _stream() -> Json:
    return {
        "operationId": "stream",
        "summary": "A story's changes as they come, as server-sent events.",
        "description": (
            "Each event has the `seq` as its `id`, the kind as its name, and a `Change` as its `data`. `event: reset` with "
            '`{"seq": …}` says that what you have is not what the story is: read it anew, then go on. The answer never ends; '
            "where there is no room it holds `retry:` alone."
        ),
        "parameters": [
            *_in_path(_STREAM),
            _in_query(SINCE),
            _in_query(HEALTH),
            {
                "name": "last-event-id",
                "in": "header",
                "description": "The last `id` that you have; it wins over `since`. EventSource sends it by itself.",
                "schema": SINCE.schema,
            },
        ],
        "responses": {
            "200": {
                "description": "What changes from now on, or after what you have.",
                "headers": _header_refs("cache-control"),
                "content": {"text/event-stream": {"schema": {"type": "string"}}},
            },
            **_problems(404, 503),
        },
    }


def _itself(name: str, meaning: str, media_type: str, *, schema: Schema | None = None, **others: Json) -> Json:
    """Return the operation of something that the site tells of itself."""
    headers = {"headers": _header_refs("cache-control")}
    content = {"content": {media_type: {"schema": schema or {"type": "string"}}}}
    server = {str(one): {"$ref": f"#/components/responses/Problem{one}"} for one in (400, *_OF_THE_SERVER, 500)}
    return {
        "operationId": name,
        "summary": meaning,
        "responses": {"200": {"description": meaning, **headers, **content}} | others | server,
    }


_STREAM: Final = "/v1/stories/{story}/stream"

_STATUS: Final[Schema] = {"$ref": "#/components/schemas/Status"}
_NOT_READY: Final[Json] = {
    "description": "The view cannot be followed for now, so what comes is not heard of.",
    "headers": _header_refs("cache-control", "retry-after"),
    "content": {JSON: {"schema": _STATUS}},
}
_SAME: Final[Json] = {"description": "It is still what you have.", "headers": _header_refs("cache-control", "etag")}

_ABOUT_ITSELF: Final[Mapping[str, Json]] = {
    "/healthz": _itself("healthz", "Whether this process answers.", JSON, schema=_STATUS),
    "/readyz": _itself("readyz", "Whether the view can be followed.", JSON, schema=_STATUS, **{"503": _NOT_READY}),
    "/metrics": _itself("metrics", "What Prometheus wants to know; docs/operations.md has each figure.", "text/plain"),
    "/openapi.json": _itself("openapi", "This document.", JSON, schema={"type": "object"}, **{"304": _SAME}),
    "/docs": _itself("docs", "This document, for a person.", "text/html", **{"304": _SAME}),
}

_HEADERS: Final[Mapping[str, Json]] = {
    "cache-control": {"description": "For how long it may be kept.", "required": True, "schema": {"type": "string"}},
    "etag": {
        "description": "What this content is known by: give it as `If-None-Match`.",
        "required": True,
        "schema": {"type": "string", "pattern": '^W/"[^"]+"$'},
    },
    "next-poll": {
        "description": "In how many seconds it makes sense to ask again.",
        "schema": {"type": "number", "minimum": 0},
    },
    "location": {"description": "Where it is.", "required": True, "schema": {"type": "string"}},
    "retry-after": {"description": "In how many seconds to try again.", "required": True, "schema": {"type": "integer"}},
}

_PATH_PARAMETERS: Final[Mapping[str, Json]] = {
    "story": {
        "name": "story",
        "in": "path",
        "required": True,
        "description": "The id of a story.",
        "schema": {"type": "string", "minLength": 1},
        "examples": {"one": {"value": "apollo-13"}},
    },
    "update": {
        "name": "update",
        "in": "path",
        "required": True,
        "description": "The id of an update.",
        "schema": {"type": "string", "minLength": 1},
        "examples": {"one": {"value": "a-problem"}, "a killed one": {"value": "fifteen-minutes-of-air"}},
    },
}
