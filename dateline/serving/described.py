"""What is written, as OpenAPI has it: made from `producers.api.WRITES` and the events themselves."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from pydantic import TypeAdapter

from consumers.web.answers import JSON
from consumers.web.components import SCHEMAS
from consumers.web.problems import PROBLEM_JSON
from dateline.serving.batch import NDJSON_TYPES
from dateline.serving.operating import DELIVERIES, SUBSCRIPTION, SUBSCRIPTIONS
from dateline.serving.writing import BATCH_PATH
from producers.api import LONGEST_KEY, WRITES, Write
from schemas.events import StoryClosed, StoryReopened, UpdateReleased

Json = dict[str, Any]  # Any: what JSON holds

SECURITY: Final[Json] = {"desk key": {"type": "http", "scheme": "bearer", "description": "Of `dateline desks add`."}}

_WITHOUT_BODY: Final = (StoryClosed, StoryReopened, UpdateReleased)
"""Events of which everything may be left out."""

_NOT_GIVEN: Final = ("story", "desk", "caused_by", "extra")
_NAME: Final[Json] = {"type": "string", "minLength": 1, "maxLength": 200, "description": "Its name, which never changes."}
_TEXT: Final[Json] = {"type": "string"}
_REPEAT: Final[Json] = {
    "name": "idempotency-key",
    "in": "header",
    "description": "The same key again is the same event, and has the same answer.",
    "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY},
}
_MEANINGS: Final[Mapping[int, str]] = {
    401: "There is no key, or none that holds.",
    403: "The key is for less.",
    409: "It was rejected: `outcome` says what became of it.",
    413: "The body is too long.",
    415: "The body is of another type.",
    422: "A field is missing, unknown or breaks a rule; `detail` names it. Nothing was written.",
    429: "There were too many requests, or wrong keys.",
}


def written_paths() -> Json:
    """Return what can be done with a key: an operation by its method, by path."""
    paths: Json = {one.path: {"post": _writing(one)} for one in WRITES}
    paths[BATCH_PATH] = {"post": _publishing()}
    told, one = _answered("The subscription.", {"type": "object"}), {"type": "object"}
    listed = _answered("Those that have not ended.", {"type": "object"})
    added = _operation("subscribe", "Have somebody told from now on.", {"201": told}, body=_body(JSON, _WANTED))
    paths[SUBSCRIPTIONS] = {"get": _operation("subscriptions", "Who is to be told of what.", {"200": listed}), "post": added}
    paths[SUBSCRIPTION] = {
        "get": _operation("subscription", "One subscription.", {"200": told}, 404, path=SUBSCRIPTION),
        "delete": _operation(
            "unsubscribe", "End it, for good.", {"204": {"description": "It has ended."}}, 404, path=SUBSCRIPTION
        ),
    }
    proof = _answered("Who was told what, revision by revision.", one)
    paths[DELIVERIES] = {"get": _operation("deliveries", "Who was told what of an update.", {"200": proof}, path=DELIVERIES)}
    return paths


def written_schemas() -> Json:
    """Return the components that the operations refer to."""
    found: Json = {"Receipt": _RECEIPT, "Rejected": _rejected()}
    for write in WRITES:
        schema, parts = _schema(write)
        found[f"Given{write.event.__name__}"] = schema
        found |= parts
    return found


def written_responses() -> Json:
    return {
        f"Problem{status}": {
            "description": meaning,
            "content": {PROBLEM_JSON: {"schema": {"$ref": f"#/components/schemas/{'Rejected' if status == 409 else 'Problem'}"}}},
        }
        for status, meaning in _MEANINGS.items()
    }


def _rejected() -> Json:
    problem: Json = SCHEMAS["Problem"]
    more = {
        "outcome": {"type": "object", "description": "What became of the event, as a writing command says it."},
        "expects": {"type": ["integer", "null"], "description": "The revision that was expected."},
        "revision": {"type": ["integer", "null"], "description": "The revision that there is."},
        "current": {"type": ["object", "null"], "description": "What stands there now."},
        "sent": {"type": ["object", "null"], "description": "What was to be written."},
    }
    return {**problem, "description": "Why an event was rejected.", "properties": {**problem["properties"], **more}}


def _writing(write: Write) -> Json:
    receipt = {"$ref": "#/components/schemas/Receipt"}
    answers = {
        "201": _answered("It is durable, and readers see what it says.", receipt),
        "202": _answered("It is written, or may be, and no consumer has seen it yet.", receipt),
    }
    body = _body(JSON, {"$ref": f"#/components/schemas/Given{write.event.__name__}"})
    body["required"] = write.event not in _WITHOUT_BODY
    made = _operation(write.name, write.meaning, answers, 404, 409, body=body, path=write.path)
    return {**made, "parameters": [*made["parameters"], _REPEAT]}


def _publishing() -> Json:
    lines = {"description": "A verdict a line.", "content": {NDJSON_TYPES[0]: {"schema": _TEXT}}}
    body = {"content": {one: {"schema": _TEXT} for one in NDJSON_TYPES}}
    return _operation("publish_many", "Append many events: one JSON object a line.", {"200": lines}, body=body)


def _operation(name: str, meaning: str, answers: Json, *problems: int, body: Json | None = None, path: str = "") -> Json:
    statuses = {400, 401, 403, 408, 429, 431, 500, 503, *problems, *((413, 415, 422) if body else ())}
    refused = {str(one): {"$ref": f"#/components/responses/Problem{one}"} for one in sorted(statuses)}
    return {
        "operationId": name,
        "summary": meaning,
        "security": [{"desk key": []}],
        "parameters": [_parameter(one) for one in re.findall(r"\{(\w+)\}", path)],
        **({"requestBody": body} if body else {}),
        "responses": answers | refused,
    }


def _parameter(name: str) -> Json:
    if name == "subscription":
        return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
    return {"$ref": f"#/components/parameters/{name}"}


def _body(media_type: str, schema: Json) -> Json:
    return {"required": True, "content": {media_type: {"schema": schema}}}


def _answered(meaning: str, schema: Json) -> Json:
    return {"description": meaning, "content": {JSON: {"schema": schema}}}


def _schema(write: Write) -> tuple[Json, Json]:
    """Return the schema of an address's body, and of what it is made of."""
    found = TypeAdapter(write.event).json_schema(ref_template="#/components/schemas/Given{model}")
    fields = {name: schema for name, schema in found["properties"].items() if name not in (*_NOT_GIVEN, "update")}
    for name in ("event_id", "occurred_at"):
        fields[name] = {one: value for one, value in fields[name].items() if one != "default"}
    if write.gives_name:
        fields["id"] = _NAME
    parts = {f"Given{name}": {**schema, "additionalProperties": False} for name, schema in found.get("$defs", {}).items()}
    if "GivenContent" in parts:
        sources = {"type": "array", "items": {"anyOf": [{"$ref": "#/components/schemas/GivenSource"}, _TEXT]}}
        parts["GivenContent"] = {
            **parts["GivenContent"],
            "properties": {**parts["GivenContent"]["properties"], "sources": sources},
        }
    required = ["id"] if write.gives_name == "story" else []
    return {"type": "object", "properties": fields, "required": required, "additionalProperties": False}, parts


_COUNT: Final[Json] = {"type": ["integer", "null"], "minimum": 0}
_RECEIPT: Final[Json] = {
    "type": "object",
    "description": "What became of an event.",
    "properties": {
        "status": {"type": "string", "enum": ["accepted", "duplicate", "unconfirmed"]},
        "story": _TEXT,
        "update": {"type": ["string", "null"]},
        "event_id": _TEXT,
        "seq": _COUNT,
        "revision": _COUNT,
        "partition": _COUNT,
        "offset": _COUNT,
        "reason": _TEXT,
        "late": {"type": "boolean"},
    },
    "required": ["status", "story", "update", "event_id", "seq", "revision", "partition", "offset"],
    "additionalProperties": False,
}
_TEXTS: Final[Json] = {"type": "array", "items": _TEXT}
_TEXT_OR_NULL: Final[Json] = {"type": ["string", "null"]}
_WANTED: Final[Json] = {
    "type": "object",
    "properties": {
        "target": {"type": "string", "description": "A webhook's https URL, or a person's address in Apprise's form."},
        "label": _TEXT,
        "stories": _TEXTS,
        "query": {"type": "string", "description": "A saved search, in the words of /v1/search."},
        "kinds": _TEXTS,
        "min_urgency": {"type": "integer", "minimum": 1, "maximum": 9},
        "corrections_only": {"type": "boolean"},
        "key_events": {"type": "boolean"},
        "source": _TEXT_OR_NULL,
        "tag": _TEXT_OR_NULL,
        "place": _TEXT_OR_NULL,
        "verification": _TEXT_OR_NULL,
        "language": _TEXT,
    },
    "required": ["target"],
    "additionalProperties": False,
}
