"""The rules that every border holds events to: what a desk may say, field by field."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from msgspec import ValidationError, convert, to_builtins

from dateline.errors import Refused
from schemas.content import Block, Content, Media, Source
from schemas.events import UpdateKilled, UpdateMarked
from schemas.fact import Fact
from schemas.fields import Rule, rules_of
from schemas.names import shortened
from schemas.shape import build_shape, misfit
from schemas.subscriptions import SubscriptionAdded

MOST_TEXT_BYTES = 262_144
FURTHEST_AHEAD = timedelta(hours=1)
_MOST_SHOWN = 3
_LACKS = {"alt": "alternative text, so those who cannot see it learn nothing", "credit": "credit"}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that an event may not say.

    Attributes:
        path: The field, such as `content.body[2].text`.
        value: What stands there, quoted and shortened.
        message: What is wrong with it and what to do.
    """

    path: str
    value: str
    message: str

    def __str__(self) -> str:
        return f"{self.path} {self.value}: {self.message}"


def check(event: Fact, *, now: datetime | None = None) -> None:
    """Let an event pass that keeps the rules.

    Args:
        event: What a desk wants to say.
        now: The time to hold `occurred_at` against; without it, it may lie ahead.

    Raises:
        Refused: It breaks them; the message is one line that names up to three problems.
    """
    found = problems(event, now=now)
    if found:
        raise Refused(one_line(found))


def one_line(found: list[Problem]) -> str:
    """Return the first of these problems as one line, with a count of the rest."""
    shown = "; ".join(str(problem) for problem in found[:_MOST_SHOWN])
    rest = len(found) - _MOST_SHOWN
    return f"{shown}; and {rest} more" if rest > 0 else f"{shown}."


def problems(event: Fact, *, now: datetime | None = None) -> list[Problem]:
    """Return what is wrong with `event`, in the order of its fields; see `check`."""
    build_shape(type(event))
    try:
        plain = to_builtins(event, builtin_types=(datetime,))
        same = convert(plain, type(event)) == event
    except ValidationError as error:
        path, value, wanted = misfit(error, plain)
        return [Problem(path, _shown(value), wanted)]
    except TypeError as error:
        return [Problem("event", type(event).__name__, f"holds a value that no event has ({error})")]
    if not same:
        return [Problem("event", type(event).__name__, "give lists as tuples, times as datetimes, content as Content")]
    found = list(_inside(event, ""))
    found += _too_far_ahead(event, now)
    found += _too_much_text(plain)
    return found


def warnings(event: Fact) -> list[str]:
    """Return what a desk may say, but would better not: pictures without alternative text or credit."""
    content = getattr(event, "content", None)
    if not isinstance(content, Content):
        return []
    images = [(at, media) for at, media in enumerate(content.media) if media.type == "image"]
    lacking = [(at, media, lack) for at, media in images for lack in ("alt", "credit") if not getattr(media, lack).strip()]
    return [f"content.media[{at}] {shortened(media.uri)}: the image has no {_LACKS[lack]}." for at, media, lack in lacking]


_NEEDED = {"paragraph": "text", "quote": "text", "heading": "text", "list": "items", "embed": "uri"}


def _block(block: Block) -> Iterator[tuple[str, str]]:
    needed = _NEEDED.get(block.type)
    if needed and (not getattr(block, needed) or (needed == "text" and not block.text.strip())):
        yield needed, f"a block of type {block.type} needs {needed}"


def _marks(event: UpdateMarked) -> Iterator[tuple[str, str]]:
    if event.pinned is None and event.key_event is None and event.verification is None:
        yield "verification", "give at least one mark: pinned, key_event or verification"


def _substitute(event: UpdateKilled) -> Iterator[tuple[str, str]]:
    if event.substitute == event.update:
        yield "substitute", "an update cannot stand in for itself; name another or none"


def _span(event: SubscriptionAdded) -> Iterator[tuple[str, str]]:
    if event.since is not None and event.until is not None and event.until <= event.since:
        yield "until", "lies before since or at it, so nothing would ever match"


_NESTED = (tuple, Content, Block, Media, Source)
_TOGETHER: dict[type, Callable[[Any], Iterator[tuple[str, str]]]] = {  # Any: each is asked only about its own class
    Block: _block,
    UpdateMarked: _marks,
    UpdateKilled: _substitute,
    SubscriptionAdded: _span,
}


def _inside(thing: Any, prefix: str) -> Iterator[Problem]:  # Any: an event or a dataclass within it
    kind: Any = type(thing)
    for name, rules in _plan(kind):
        value = getattr(thing, name)
        if isinstance(value, _NESTED):
            yield from _nested(value, prefix + name, rules)
        elif value is not None and rules and (message := _first_broken(value, rules)):
            yield Problem(prefix + name, _shown(value), message)
    if kind in _TOGETHER:
        for name, message in _TOGETHER[kind](thing):
            yield Problem(prefix + name, _shown(getattr(thing, name)), message)


def _nested(value: object, path: str, rules: tuple[Rule, ...]) -> Iterator[Problem]:
    if not isinstance(value, tuple):
        yield from _inside(value, path + ".")
        return
    for at, entry in enumerate(value):
        if isinstance(entry, _NESTED):
            yield from _nested(entry, f"{path}[{at}]", rules)
        elif message := _first_broken(entry, rules):
            yield Problem(f"{path}[{at}]", _shown(entry), message)


def _first_broken(value: object, rules: tuple[Rule, ...]) -> str | None:
    for rule in rules:
        message = rule(value)
        if message:
            return message
    return None


@cache
def _plan(kind: Any) -> tuple[tuple[str, tuple[Rule, ...]], ...]:  # Any: a dataclass
    """Return the fields of a class, each with what it is held to."""
    return tuple((field.name, rules_of(kind, field.name)) for field in fields(kind))


def _shown(value: object) -> str:
    """Return what stands in a field, for a message: a time as RFC 3339 (without a zone if it has none), all else quoted."""
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else shortened(value)


def _too_far_ahead(event: Fact, now: datetime | None) -> Iterator[Problem]:
    if now is None or event.occurred_at.utcoffset() is None or event.occurred_at <= now + FURTHEST_AHEAD:
        return
    message = f"an impossible time, more than an hour ahead of now ({_shown(now.replace(microsecond=0))}); say when it happened"
    yield Problem("occurred_at", _shown(event.occurred_at), message)


def _too_much_text(plain: object) -> Iterator[Problem]:
    size_bytes = _text_bytes(plain)
    if size_bytes > MOST_TEXT_BYTES:
        message = f"all text together may have {MOST_TEXT_BYTES:,} bytes; shorten it or split it"
        yield Problem("text", f"of {size_bytes:,} bytes", message)


def _text_bytes(plain: object) -> int:
    """Return the bytes of all texts in the values of dicts and lists, as UTF-8."""
    if isinstance(plain, str):
        return len(plain.encode("utf-8", "surrogatepass"))
    if isinstance(plain, dict):
        return sum(map(_text_bytes, plain.values()))
    if isinstance(plain, (list, tuple)):
        return sum(map(_text_bytes, plain))
    return 0
