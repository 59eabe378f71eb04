"""One event as JSON, both ways: what `import`, `log export` and `POST /v1/events` take and give.

This module needs pydantic, which is slow to import; nothing that every command imports may import it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import fields, replace
from datetime import datetime
from functools import cache
from typing import Any

from msgspec import to_builtins
from pydantic import TypeAdapter, ValidationError

from dateline.errors import Refused
from schemas.content import Block, Content, Media, Source
from schemas.events import EVENT_TYPES, Event, UpdatePublished
from schemas.fact import Fact
from schemas.families import FACT_TYPES
from schemas.identity import event_id_of, update_id_for
from schemas.names import did_you_mean, normal_name, shortened
from schemas.rules import Problem, one_line
from schemas.sources import parse_source
from schemas.times import parse_time, rfc3339

IGNORED = ("recorded_at", "seq", "digest", "raw")
"""What `log export` adds to an event, and what publishing it anew leaves out."""

Json = dict[str, Any]  # Any: whatever JSON holds

_TIMES = ("occurred_at", "embargo_until")
_NAMES = ("story", "desk", "update", "substitute", "from_story")
_ONLY_IF_GIVEN = ("caused_by", "from_story", "extra")
_NEEDED = ("story", "desk", "occurred_at", "update")
_FIRST = ("event_id", "story", "desk", "author", "occurred_at", "update", "expects", "caused_by")
_LAST = ("content", "extra")
_USED = {
    "paragraph": ("text",),
    "heading": ("text",),
    "quote": ("text", "speaker"),
    "list": ("items",),
    "embed": ("uri", "text"),
}
_PARTS: dict[str, type] = {"body": Block, "media": Media, "sources": Source}
_WANTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dataclass_type": "an object",
    "datetime_type": "a time",
}


def _order(kind: type) -> tuple[str, ...]:
    """Return the names of a class's fields in the order in which they are shown."""
    names = [field.name for field in fields(kind)]
    first = [name for name in _FIRST if name in names]
    return (*first, *(name for name in names if name not in (*first, *_LAST)), *(name for name in _LAST if name in names))


_ORDER: dict[type, tuple[str, ...]] = {kind: _order(kind) for kind in (*FACT_TYPES.values(), Content, Block, Media, Source)}


def to_json(event: Fact) -> Json:
    """Return `event`, of any family, as JSON objects, its keys in the order in which they are documented.

    A block shows what its type uses, and what else it holds. `caused_by`, `from_story` and `extra` are there only if given.
    """
    plain = to_builtins(event, builtin_types=(datetime,))
    shown: Json = {"type": type(event).__name__}
    for name in _ORDER[type(event)]:
        value = plain[name]
        if not value and name in _ONLY_IF_GIVEN:
            continue
        shown[name] = _plain(value)
    if "content" in shown:
        content = {name: _plain(value) for name, value in plain["content"].items()}
        shown["content"] = {**content, "body": [_block(block) for block in content["body"]]}
    return shown


def from_json(obj: object, *, default_desk: str | None = None, now: datetime | None = None) -> Event:
    """Return the event that a JSON object describes.

    What it says is not yet held to the rules (`schemas.rules.check`), only to the names and types of the fields.

    Args:
        obj: The object, as `json.loads` returns it. A source may be a text like `NASA:official`.
        default_desk: Who says it, where the object does not say.
        now: When it happened, where the object has an `event_id` and does not say.

    Raises:
        Refused: It describes no event; the message is one line with the field, its value and what to do.
    """
    if not isinstance(obj, dict):
        raise Refused(f"An event is a JSON object, not {shortened(obj)}.")
    given = {name: value for name, value in obj.items() if name not in IGNORED}
    kind = _kind(given.pop("type", None))
    _refuse_others(given, _ORDER[kind], "")
    given = {name: value for name, value in given.items() if value is not None or name not in _NEEDED}
    if default_desk is not None:
        given.setdefault("desk", default_desk)
    if isinstance(given.get("content"), dict):
        given["content"] = _content(given["content"])
    times = _normalise(given)
    _give_identity(given, kind, times=times, now=now)
    for name in _NEEDED:
        if name in _ORDER[kind] and name not in given and name not in times:
            raise Refused(f"{name}: missing. Every {kind.__name__} has one.")
    return replace(_validated(given, kind), **times)


def _kind(name: object) -> type[Event]:
    kind = EVENT_TYPES.get(name) if isinstance(name, str) else None
    if kind is None:
        problem = (
            "type: missing" if name is None else f"type {shortened(name)}: no such event{did_you_mean(str(name), EVENT_TYPES)}"
        )
        raise Refused(f"{problem}. Use one of {', '.join(EVENT_TYPES)}.")
    return kind


def _content(given: Json) -> Json:
    """Return the content with its sources written out, and all of its fields known."""
    _refuse_others(given, _ORDER[Content], "content.")
    sources = given.get("sources")
    if isinstance(sources, list):
        given = {**given, "sources": [_source(source) if isinstance(source, str) else source for source in sources]}
    for part, kind in _PARTS.items():
        entries = given.get(part)
        for at, entry in enumerate(entries if isinstance(entries, list) else ()):
            if isinstance(entry, dict):
                _refuse_others(entry, _ORDER[kind], f"content.{part}[{at}].")
    return given


def _source(text: str) -> Json:
    source = parse_source(text)
    return {"name": source.name, "kind": source.kind}


def _refuse_others(given: Json, known: tuple[str, ...], prefix: str) -> None:
    for name in given:
        if name not in known:
            hint = did_you_mean(str(name), known)
            raise Refused(f"{prefix}{name}: no such field{hint}. The fields are {', '.join(known)}.")


def _normalise(given: Json) -> Json:
    """Bring names and times into their one form; return the times, which are taken out."""
    for name in _NAMES:
        if isinstance(given.get(name), str):
            given[name] = normal_name(given[name])
    return {name: _time(name, given.pop(name)) for name in _TIMES if given.get(name) is not None}


def _time(name: str, value: object) -> datetime:
    if not isinstance(value, str):
        raise Refused(f"{name} {shortened(value)}: this must be text like 1970-04-14T03:08:20Z.")
    try:
        return parse_time(value)
    except ValueError as error:
        raise Refused(f"{name}: {error}") from None


def _give_identity(given: Json, kind: type[Event], *, times: Json, now: datetime | None) -> None:
    """Put in what was left out of an event's identity; it derives from what was given, so the same line is the same event."""
    if given.get("event_id") is None:
        if "occurred_at" not in times:
            raise Refused("occurred_at: missing. An event without an event_id gets one from its time and content; give its time.")
        said = {name: value for name, value in given.items() if value is not None}
        given["event_id"] = event_id_of({"type": kind.__name__, **said, **{name: rfc3339(time) for name, time in times.items()}})
    elif now is not None:
        times.setdefault("occurred_at", now)
    if kind is UpdatePublished and isinstance(given["event_id"], str):
        given.setdefault("update", update_id_for(given["event_id"]))


def _validated(given: Json, kind: type[Event]) -> Event:
    try:
        event: Event = _adapter(kind.__name__).validate_json(json.dumps(given), strict=True)
        return event
    except ValidationError as error:
        raise Refused(_in_words(error, given)) from None
    except (ValueError, TypeError, RecursionError) as error:
        raise Refused(f"The {kind.__name__} cannot be read as JSON: {error}.") from error


@cache
def _adapter(name: str) -> TypeAdapter[Any]:  # Any: the events of this type
    return TypeAdapter(EVENT_TYPES[name])


def _in_words(error: ValidationError, given: Json) -> str:
    """Return what pydantic found, as one line of the form that the rules have."""
    found = []
    for detail in error.errors(include_url=False, include_context=False):
        if detail["type"] == "json_invalid":
            return f"{_half_character(given, '')}: half a character (a lone surrogate) may not be in a text; take it out."
        path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in detail["loc"]).lstrip(".")
        found.append(Problem(path, shortened(detail["input"]), f"this must be {_WANTED.get(detail['type'], 'something else')}"))
    return one_line(found)


def _half_character(value: object, path: str) -> str | None:
    """Return the path of the first text that cannot be written as UTF-8."""
    if isinstance(value, str):
        return path if any("\ud800" <= character <= "\udfff" for character in value) else None
    entries: Iterable[tuple[str, object]] = ()
    if isinstance(value, dict):
        entries = ((f"{path}.{name}".lstrip("."), entry) for name, entry in value.items())
    elif isinstance(value, list):
        entries = ((f"{path}[{at}]", entry) for at, entry in enumerate(value))
    return next((found for name, entry in entries if (found := _half_character(entry, name))), None)


def _block(plain: Json) -> Json:
    used = _USED.get(plain["type"], ())
    extra = tuple(name for name in ("text", "speaker", "items", "uri") if name not in used and plain[name])
    return {name: _plain(plain[name]) for name in ("type", *used, *extra)}


def _plain(value: Any) -> Any:  # Any: one field's value, and what stands for it in JSON
    if isinstance(value, tuple):
        return list(value)
    return rfc3339(value) if isinstance(value, datetime) else value
