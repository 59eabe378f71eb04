"""`/docs`: the OpenAPI document as a page for a person. It holds everything it needs, and asks nobody for anything."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any, Final

from jinja2 import Environment, PackageLoader
from markupsafe import Markup, escape

from consumers.web.answers import FRESH, HTML, JSON, Answer, content_tag
from consumers.web.openapi import Json

_STYLE: Final = """\
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 54rem; margin: 2rem auto; padding: 0 1rem }
h2 { margin-top: 3rem; border-bottom: 1px solid #8888 }
h3 { margin: 2rem 0 .25rem; font-size: 1rem }
code, pre { font: .875rem/1.5 ui-monospace, monospace; overflow-wrap: anywhere }
pre { white-space: pre-wrap; background: #8881; padding: .75rem; border-radius: .25rem }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1rem }
th { text-align: left; font-weight: 600 }
th, td { padding: .25rem .75rem .25rem 0; vertical-align: top; border-bottom: 1px solid #8883 }
td:first-child { white-space: nowrap }
"""

_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{b64encode(sha256(_STYLE.encode()).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_EVERYWHERE: Final = frozenset({"400", "408", "414", "431", "500"})
"""What any request may be answered with: told once, not at each endpoint."""


def openapi_answer(document: Json) -> Answer:
    """Return the document itself."""
    from msgspec import json

    body = json.encode(document)
    return Answer(body, JSON, etag=content_tag(body), caching=FRESH)


def reference_answer(document: Json) -> Answer:
    """Return the page that shows the document."""
    templates = Environment(loader=PackageLoader("consumers.web", "."), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    templates.filters["marked"] = _marked
    page = templates.get_template("reference.html").render(
        info=document["info"],
        base=document["servers"][0]["url"].rstrip("/"),
        operations=list(_operations(document)),
        everywhere=sorted((status, _resolved(document, _component(status))) for status in _EVERYWHERE),
        schemas=document["components"]["schemas"],
        kind=_kind,
        style=_STYLE,
    )
    body = page.encode()
    headers = {"content-security-policy": _POLICY, "referrer-policy": "no-referrer"}
    return Answer(body, HTML, etag=content_tag(body), caching=FRESH, headers=headers)


def _marked(text: str) -> Markup:
    """Return a text with what stands between backticks as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def _component(status: str) -> Json:
    return {"$ref": f"#/components/responses/Problem{status}"}


def _operations(document: Json) -> Iterator[Json]:
    """Yield each operation with what it refers to put in, and without what holds for all."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            responses = {
                status: _resolved(document, one) for status, one in operation["responses"].items() if status not in _EVERYWHERE
            }
            parameters = [_resolved(document, one) for one in operation.get("parameters", ())]
            more = {"method": method.upper(), "path": path, "parameters": parameters, "responses": responses}
            yield {"description": "", **operation, **more, "takes": _taken(operation)}


def _taken(operation: Json) -> Mapping[str, str]:
    """Return what a body may be: its schema in few words, by its media type."""
    content = operation.get("requestBody", {}).get("content", {})
    return {media_type: _kind(one["schema"]) for media_type, one in content.items()}


def _resolved(document: Json, found: Json) -> Json:
    if "$ref" not in found:
        return found
    place: Any = document  # Any: on the way down it holds whatever JSON holds
    for part in found["$ref"].removeprefix("#/").split("/"):
        place = place[part]
    resolved: Json = place
    return resolved


def _kind(schema: Json) -> str:
    """Return in few words what a schema allows."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(_kind(one) for one in schema["anyOf"])
    if "const" in schema:
        return repr(schema["const"])
    if "enum" in schema:
        return ", ".join(schema["enum"])
    kinds = schema.get("type", "anything")
    text = " or ".join(kinds) if isinstance(kinds, list) else str(kinds)
    if "items" in schema:
        return f"{text} of {_kind(schema['items'])}"
    return f"{text} ({schema['format']})" if "format" in schema else text
