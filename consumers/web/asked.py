"""What a request asks for: the parameters of each address, how each is read from text, and how OpenAPI describes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from msgspec import Struct

from consumers.web.problems import Problem
from schemas.names import name_problem, normal_name, shortened
from schemas.times import FURTHEST_SEQ, parse_moment, parse_time

Schema = dict[str, Any]  # Any: JSON Schema

_LONGEST: Final = 4096


class Parameter(Struct, frozen=True):
    """A parameter of a query.

    Attributes:
        schema: What OpenAPI says of its values.
        read: Returns its value; raises `ValueError` whose text is for who asks.
        default: Its value where it is not given.
    """

    name: str
    meaning: str
    schema: Schema
    read: Callable[[str], Any]  # Any: each parameter's own
    default: object = None


def read_query(parameters: Sequence[Parameter], given: Sequence[tuple[str, str]]) -> Mapping[str, Any]:  # Any: values by name
    """Return the values of `parameters`, by name with `_` for `-`.

    Raises:
        Problem: A value cannot be, or is given twice, or there is no such parameter (400).
    """
    known = {one.name: one for one in parameters}
    values = {one.name: one.default for one in parameters}
    seen = set()
    for name, text in given:
        if name not in known:
            raise Problem(400, f"There is no parameter {shortened(name)} here; there are: {', '.join(known) or 'none'}.")
        if name in seen:
            raise Problem(400, f"The parameter {name!r} is given more than once.")
        seen.add(name)
        try:
            values[name] = known[name].read(text)
        except ValueError as error:
            raise Problem(400, f"{name}: {error}") from None
    return values


def whole(*, least: int, most: int) -> Callable[[str], int]:
    """Return what reads a whole number between two bounds."""

    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) <= len(str(most)) and least <= int(text) <= most):
            raise ValueError(f"{shortened(text)} is no whole number from {least} to {most}.")
        return int(text)

    return read


def moment(text: str) -> datetime | int:
    """Return the time or the seq that `as_of` names."""
    if len(text) > _LONGEST and not (text.isascii() and text.isdigit()):
        raise ValueError("too long for a time.")
    return parse_moment(text.replace(" ", "+"))  # a plus in a query that nobody escaped


def time(text: str) -> datetime:
    """Return the time that a bound names."""
    if len(text) > _LONGEST:
        raise ValueError("too long for a time.")
    return parse_time(text.replace(" ", "+"))  # as above


def boolean(text: str) -> bool:
    """Return whether a parameter is set; its bare name sets it."""
    if text not in ("true", "false", "1", "0", ""):
        raise ValueError(f"{shortened(text)} is neither true nor false.")
    return text not in ("false", "0")


def one_of(*values: str) -> Callable[[str], str]:
    """Return what reads one of a few words."""

    def read(text: str) -> str:
        if text not in values:
            raise ValueError(f"{shortened(text)} is none of: {', '.join(values)}.")
        return text

    return read


def text(given: str) -> str:
    if len(given) > _LONGEST:
        raise ValueError("too long.")
    return given


def name(given: str) -> str:
    """Return the name of a story or an update in its normal form."""
    found = normal_name(given)
    if problem := name_problem(found):
        raise ValueError(f"the name {shortened(found)} {problem}.")
    return found


def name_of_story(given: str) -> str:
    """Return the name of a story in its normal form; what may be no name names no story that there is.

    Raises:
        Problem: It may be no name (404).
    """
    try:
        return name(given)
    except ValueError as error:
        raise Problem(404, f"No story of that name: {error}") from None


SINCE = Parameter(
    "since",
    "The `seq` that you have: only what changed after it.",
    {"type": "integer", "minimum": 0, "maximum": FURTHEST_SEQ},
    whole(least=0, most=FURTHEST_SEQ),
    0,
)
HEALTH = Parameter(
    "health",
    "Also tell, as `event: lost` and `event: regained`, when the view cannot be followed and when it can again.",
    {"enum": ["true", "false", "1", "0", ""]},
    boolean,
    False,
)
CURSOR = Parameter("cursor", "The `next` of the page before.", {"type": "string", "pattern": "^p[0-9]{1,16}$"}, text)
LIST_CURSOR = Parameter("cursor", "The `next` of the page before.", {"type": "string", "format": "cursor"}, text)
AS_OF = Parameter(
    "as_of",
    "What readers had then: a time with its zone, or a `seq`.",
    {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "integer", "minimum": 0}]},
    moment,
)
KEY_EVENTS = Parameter(
    "key_events",
    "Only the key events.",
    {"type": "string", "enum": ["true", "false", "1", "0", ""], "default": "false"},
    boolean,
    False,
)
STORY = Parameter("story", "Only of this story.", {"type": "string", "minLength": 1}, name_of_story)


def limit(*, default: int, most: int) -> Parameter:
    """Return the parameter that says how many at most."""
    schema = {"type": "integer", "minimum": 1, "maximum": most, "default": default}
    return Parameter("limit", "How many at most.", schema, whole(least=1, most=most), default)
