"""What one field may hold: each rule returns what is wrong with a value and what to do, or None."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any

from schemas.content import BLOCK_TYPES, MEDIA_TYPES, SOURCE_KINDS
from schemas.events import EPOCH, SEVERITIES, VERIFICATIONS
from schemas.names import did_you_mean, name_problem
from schemas.subscriptions import CHANGE_KINDS, LONGEST_TARGET
from schemas.times import EARLIEST, LATEST

LONGEST_ID = 200
LONGEST_URI = 4096
LONGEST_QUESTION = 1000

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_CONTROL_IN_PROSE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_LANGUAGE = re.compile(r"(?:[a-z]{2,8}|[xi](?=-))(?:-[a-z0-9]{1,8})*", re.IGNORECASE)
_URI = re.compile(r"https?://[^\s/?#\\<>\"]+[^\s\\<>\"]*", re.IGNORECASE)

Rule = Callable[[Any], str | None]  # Any: each rule is asked only about values of its field's type


def rules_of(kind: type, name: str) -> tuple[Rule, ...]:
    """Return what the field `name` of a class is held to, in the order in which to ask."""
    return _FIELDS.get(f"{kind.__name__}.{name}", _FIELDS.get(name, ()))


def _name(value: str) -> str | None:
    return name_problem(value)


def _id(value: str) -> str | None:
    if not value.strip():
        return "an id is needed"
    if len(value) > LONGEST_ID:
        return f"an id has at most {LONGEST_ID} characters; this one has {len(value)}"
    return None if value.isprintable() else "an id has printable characters only"


def _written(value: str) -> str | None:
    return None if value.strip() else "this may not be blank"


def _no_control(value: str) -> str | None:
    return _named_control(_CONTROL.search(value))


def _no_control_in_prose(value: str) -> str | None:
    return _named_control(_CONTROL_IN_PROSE.search(value))


def _named_control(found: re.Match[str] | None) -> str | None:
    return f"the character U+{ord(found[0]):04X} may not be in a text; take it out" if found else None


def _json_object(value: str) -> str | None:
    if not value:
        return None
    try:
        is_object = isinstance(json.loads(value), dict)
    except (ValueError, RecursionError):
        is_object = False
    return None if is_object else "this must be a JSON object, written as text"


def _one_of(what: str, known: Iterable[str]) -> Rule:
    words = tuple(known)

    def rule(value: str) -> str | None:
        if value in words:
            return None
        return f"no such {what}{did_you_mean(value, words)}; use {', '.join(word for word in words if word)}"

    return rule


def _uri(value: str) -> str | None:
    if len(value) > LONGEST_URI:
        return f"an address has at most {LONGEST_URI} characters; this one has {len(value)}"
    if _URI.fullmatch(value):
        return None
    return "this is no web address; begin with https:// or http:// and leave no spaces in it"


def _language(value: str) -> str | None:
    return None if _LANGUAGE.fullmatch(value) else "this is no language tag of BCP 47; write one like en or pt-BR"


def _language_or_none(value: str) -> str | None:
    return _language(value) if value else None


def _at_most(limit: int) -> Rule:
    def rule(value: str) -> str | None:
        return f"this has {len(value)} characters; at most {limit} are kept" if len(value) > limit else None

    return rule


def _time_zone(value: str) -> str | None:
    if _zone_exists(value):
        return None
    from zoneinfo import available_timezones  # reads a folder; only a mistake needs it

    return f"no such time zone{did_you_mean(value, available_timezones())}; write one like America/Chicago"


@lru_cache(maxsize=1024)
def _zone_exists(name: str) -> bool:
    from zoneinfo import ZoneInfo, available_timezones

    if name == "UTC":
        return True
    try:
        ZoneInfo(name)
    except (ValueError, LookupError, OSError):
        return not available_timezones()  # a machine without a time zone database can check nothing
    return True


def _time(value: datetime) -> str | None:
    if value.utcoffset() is None:
        return "a time needs a zone; write it like 1970-04-14T03:08:20Z"
    if value.utcoffset():
        return "a time is in UTC here; convert it first"
    return None if EARLIEST <= value <= LATEST else "this lies outside the calendar (the years 1 to 9999)"


def _time_given(value: datetime) -> str | None:
    return "the time of the embargo is needed" if value == EPOCH else _time(value)


_FIELDS: dict[str, tuple[Rule, ...]] = {
    "event_id": (_id,),
    "story": (_name,),
    "desk": (_name,),
    "author": (_no_control,),
    "occurred_at": (_time,),
    "caused_by": (_id,),
    "update": (_name,),
    "title": (_written, _no_control),
    "summary": (_no_control_in_prose,),
    "language": (_language,),
    "time_zone": (_time_zone,),
    "topics": (_written, _no_control),
    "note": (_no_control_in_prose,),
    "reason": (_written, _no_control_in_prose),
    "severity": (_one_of("severity", SEVERITIES),),
    "verification": (_one_of("verification", VERIFICATIONS),),
    "substitute": (_name,),
    "from_story": (_name,),
    "extra": (_json_object,),
    "embargo_until": (_time,),
    "subscription": (_name,),
    "target": (_written, _no_control, _at_most(LONGEST_TARGET)),
    "label": (_no_control, _at_most(LONGEST_ID)),
    "stories": (_name,),
    "question": (_no_control, _at_most(LONGEST_QUESTION)),
    "since": (_time,),
    "until": (_time,),
    "source": (_written, _no_control),
    "tag": (_written, _no_control),
    "place": (_written, _no_control),
    "kinds": (_one_of("kind of change", CHANGE_KINDS),),
    "notification": (_id,),
    "kind": (_one_of("kind of change", CHANGE_KINDS),),
    "by": (_written, _no_control),
    "NotificationSent.update": (_no_control,),
    "NotificationGaveUp.update": (_no_control,),
    "NotificationRedriven.update": (_no_control,),
    "SubscriptionAdded.language": (_language_or_none,),
    "UpdateCorrected.note": (_written, _no_control_in_prose),
    "EmbargoSet.embargo_until": (_time_given,),
    "EmbargoLifted.embargo_until": (_time_given,),
    "Content.headline": (_written, _no_control),
    "Content.places": (_written, _no_control),
    "Content.tags": (_written, _no_control),
    "Block.type": (_one_of("type of block", BLOCK_TYPES),),
    "Block.text": (_no_control_in_prose,),
    "Block.speaker": (_no_control,),
    "Block.items": (_written, _no_control_in_prose),
    "Block.uri": (_uri,),
    "Media.type": (_one_of("type of media", MEDIA_TYPES),),
    "Media.uri": (_uri,),
    "Media.caption": (_no_control_in_prose,),
    "Media.credit": (_no_control,),
    "Media.alt": (_no_control_in_prose,),
    "Source.name": (_written, _no_control),
    "Source.kind": (_one_of("kind of source", ("", *SOURCE_KINDS)),),
    "Source.uri": (_uri,),
}
"""What each field is held to, by its name or by its class and name; ranges of numbers stand in the classes."""
