"""The shape of an event: what the types and ranges of its fields allow, put into words."""

from __future__ import annotations

import re
from contextlib import suppress
from threading import Lock
from typing import Any

from msgspec import ValidationError, convert

from schemas.content import LONGEST_LIST

_FOUND = re.compile(r"(?P<rule>.*?)(?: - at `\$\.?(?P<path>.*)`)?", re.DOTALL)
_STEP = re.compile(r"\w+")
_EXPECTED = re.compile(r"Expected `(?P<kind>\w+)(?: \| null)?`")
_KINDS = {
    "str": "text",
    "int": "a whole number",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "datetime": "a time",
}
_RANGES = {"urgency": "use 1 (a flash) to 9"}


_building = Lock()
_built: set[type] = set()


def build_shape(kind: type) -> None:
    """Have msgspec look at the fields of `kind`, before anything is converted to it.

    It does so at the first conversion, and crashes where several threads come first at once; so one does it for all.
    """
    if kind not in _built:
        with _building, suppress(ValidationError, TypeError):
            convert({}, kind)
        _built.add(kind)


def misfit(error: ValidationError, fields: object) -> tuple[str, object, str]:
    """Return which field does not fit, its value, and what is wanted instead.

    Args:
        error: What msgspec found.
        fields: The dicts and lists in which it found it.
    """
    found = _FOUND.fullmatch(str(error))
    path, rule = (found["path"] or "", found["rule"]) if found else ("", str(error))
    return path, _value_at(fields, path), _wanted(rule, path)


def _wanted(rule: str, path: str) -> str:
    if "of length" in rule:
        return f"use at most {LONGEST_LIST:,} entries"
    if ">=" in rule or "<=" in rule or "out of range" in rule:
        return _RANGES.get(path, "use 0 to 2147483647")
    expected = _EXPECTED.match(rule)
    kind = expected["kind"] if expected else ""
    return f"this must be {_KINDS[kind]}" if kind in _KINDS else rule.replace("`", "")


def _value_at(fields: Any, path: str) -> object:  # Any: dicts and lists of whatever was given
    for step in _STEP.findall(path):
        try:
            fields = fields[int(step) if step.isdigit() else step]
        except (LookupError, TypeError):
            return None
    value: object = fields
    return value
