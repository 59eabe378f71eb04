"""ninjs 1.x and 2.x in the words of ninjs 3, so that one reader reads all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from producers.wires.ninjs_dialects import in_ninjs_words

Json = dict[str, Any]  # Any: whatever JSON holds

_CAMEL: Final = {
    name.lower(): name
    for name in [
        "representationType",
        "firstCreated",
        "versionCreated",
        "contentCreated",
        "embargoedUntil",
        "pubStatus",
        "copyrightHolder",
        "copyrightNotice",
        "usageTerms",
        "edNote",
        "eventDetails",
        "plannedCoverage",
        "infoSources",
        "altIds",
        "trustIndicators",
        "rightsInfo",
        "digitalSourceType",
        "contentType",
        "charCount",
        "wordCount",
        "sizeInBytes",
        "aspectRatio",
        "videoCodec",
        "frameRate",
        "transportProtocol",
        "scanType",
        "geoJSON",
        "contactInfo",
        "linkedRights",
        "encodedRights",
        "langId",
        "startDate",
        "endDate",
    ]
}
_RENAMED: Final = {
    "person": "people",
    "organisation": "organisations",
    "organization": "organisations",
    "place": "places",
    "subject": "subjects",
    "event": "events",
    "object": "objects",
    "infosource": "infoSources",
    "genre": "genres",
    "trustindicator": "trustIndicators",
    "byline": "by",
    "embargoed": "embargoedUntil",
    "mimetype": "contentType",
    "$standard": "standard",
}
_TEXTS: Final = {"headline": "headlines", "description": "descriptions", "body": "bodies"}
_TYPES: Final = {
    "nitf": "application/nitf+xml",
    "text": "text/plain",
    "xhtml": "application/xhtml+xml",
    "html": "text/html",
    "richtext": "application/xhtml+xml",
}
_NAMED: Final = ("people", "organisations", "places", "subjects", "events", "objects", "infoSources", "genres")
_DEEPEST: Final = 4


def as_version_3(item: Mapping[str, Any], depth: int = 0) -> Json:  # Any: whatever JSON holds
    """Return an item of any version as one of version 3; what no version knows stays as it is."""
    new: Json = {}
    for name, value in in_ninjs_words(item).items():
        _put(new, name, value)
    for name in _NAMED:
        if isinstance(new.get(name), list):
            new[name] = [_concept(one) if isinstance(one, dict) else {"name": str(one)} for one in new[name]]
    if "associations" in new:
        new["associations"] = [as_version_3(one, depth + 1) for one in _listed(new["associations"]) if depth < _DEEPEST]
    if "renditions" in new:
        new["renditions"] = [_rendition(one) for one in _listed(new["renditions"])]
    if "altIds" in new:
        new["altIds"] = _alt_ids(new["altIds"])
    return new


def _put(new: Json, name: str, value: Any) -> None:  # Any: whatever JSON holds
    stem, _, role = name.partition("_")
    if name == "headline" or (role and stem in _TEXTS and isinstance(value, str)):
        new.setdefault(_TEXTS[stem], [])
        if isinstance(new[_TEXTS[stem]], list):
            new[_TEXTS[stem]].append(_text(stem, role, value))
        return
    target = _RENAMED.get(name) or _CAMEL.get(name.lower(), name)
    if name in _TEXTS.values() and isinstance(value, list):
        new[name] = [*new.get(name, []), *(_camel(one) for one in value if isinstance(one, dict))]
    elif target in _NAMED and isinstance(value, dict):
        new[target] = [value]
    else:
        new[target] = value


def _text(stem: str, role: str, value: object) -> Json:
    if stem == "headline":
        return {"role": role or "main", "value": value}
    kind = _TYPES.get(role)
    return {"role": "main" if kind and role != "richtext" else role, **({"contentType": kind} if kind else {}), "value": value}


def _camel(fields: Json) -> Json:
    return {_RENAMED.get(name) or _CAMEL.get(name.lower(), name): value for name, value in fields.items()}


def _rendition(fields: Json) -> Json:
    new = _camel(fields)
    return {"href": new.pop("url"), **new} if "url" in new and "href" not in new else new


def _concept(one: Json) -> Json:
    """Return a person, place, subject … with its scheme and code as the URI and literal of version 3."""
    new = _camel({name: value for name, value in one.items() if name not in ("scheme", "code")})
    scheme, code = one.get("scheme"), one.get("code")
    if isinstance(code, str) and code and "uri" not in new and "literal" not in new:
        is_uri = code.startswith(("http://", "https://"))
        whole = code if is_uri else f"{scheme}{code}" if isinstance(scheme, str) and scheme.endswith(("/", "#", ":")) else ""
        new["uri" if whole else "literal"] = whole or code
    return new


def _listed(value: object) -> list[Json]:
    """Return what was an object by names (1.x, 2.x) or is a list of named ones (3) as such a list."""
    if isinstance(value, dict):
        return [{"name": name, **one} for name, one in value.items() if isinstance(one, dict)]
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _alt_ids(value: object) -> list[Json]:
    if isinstance(value, dict):
        return [{"role": role, "value": str(one)} for role, one in value.items()]
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
