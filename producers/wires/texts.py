"""Texts, addresses, times and numbers of a wire, brought into the form that events have."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from producers.wires.item import Unusable
from schemas.content import Media
from schemas.fields import rules_of
from schemas.names import shortened
from schemas.times import EARLIEST, LATEST

LARGEST_VERSION: Final = 2**31 - 1

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_BREAKS = re.compile(r"\r\n?|\u2028|\u2029")
_OF_WINDOWS: Final = {code: bytes([code]).decode("cp1252", "ignore") for code in range(0x80, 0xA0)}
"""What stands where Latin-1 has controls: quotes, dashes, the euro. Who declares Latin-1 nearly always means Windows-1252."""

_ZONES: Final = {
    **dict.fromkeys(("UTC", "UCT", "GMT", "WET"), "+0000"),
    **dict.fromkeys(("BST", "WEST", "CET", "MEZ"), "+0100"),
    **dict.fromkeys(("CEST", "MESZ", "EET", "SAST"), "+0200"),
    **dict.fromkeys(("EEST", "MSK"), "+0300"),
    **dict.fromkeys(("HKT", "SGT", "AWST"), "+0800"),
    **dict.fromkeys(("JST", "KST"), "+0900"),
    **{"AEST": "+1000", "AEDT": "+1100", "NZST": "+1200", "NZDT": "+1300", "BRT": "-0300", "ART": "-0300"},
    **{"AKDT": "-0800", "AKST": "-0900", "HST": "-1000"},
}
"""Names that feeds write and mean one thing by, beside those of RFC 822."""

_ZONE_NAME = re.compile(r"\s(?P<name>[A-Za-z]{3,4})$|\s(?:UTC|GMT)(?P<offset>[+-]\d{2}:?\d{2})$")
_URI_RULES = rules_of(Media, "uri")
_HEADLINE_LENGTH = 120
_VERSION_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_DEEPEST_EXTRA = 12


def prose(text: str | None) -> str:
    """Return a text of several lines, without what no text may hold and without blanks around it."""
    if not text or (text.isascii() and text.isprintable()):
        return (text or "").strip()  # nearly all text is so
    return _CONTROL.sub("", _BREAKS.sub("\n", text.translate(_OF_WINDOWS))).strip()


def line(text: str | None) -> str:
    """Return a text on one line."""
    return " ".join(prose(text).split())


def headline_from(text: str) -> str:
    """Return the beginning of a text, to stand for a headline that the wire left out."""
    words = line(text)
    if len(words) <= _HEADLINE_LENGTH:
        return words
    cut = words[:_HEADLINE_LENGTH]
    return f"{cut.rpartition(' ')[0] or cut} …"


def lines(texts: Iterable[str | None]) -> tuple[str, ...]:
    """Return texts on one line each: none that is blank, none twice."""
    return tuple(dict.fromkeys(found for text in texts if (found := line(text))))


def web_address(text: object) -> str | None:
    """Return `text` if it is an address on the web, else None: a path on the wire's own server leads readers nowhere."""
    address = prose(text).replace(" ", "%20") if isinstance(text, str) else ""
    return address if address and not any(rule(address) for rule in _URI_RULES) else None


def moment(name: str, text: object) -> datetime | None:
    """Return the moment that a field names, in UTC; None where it is empty. A time without a zone is taken as UTC.

    Raises:
        Unusable: It is no time.
    """
    if text is None or (isinstance(text, str) and not text.strip()):
        return None
    when = _read_time(text.strip()) if isinstance(text, str) else None
    if when is None or not EARLIEST <= when <= LATEST:
        raise Unusable(f"{name} {shortened(text)}: this is no time; a wire writes one like 2026-04-13T21:08:20Z.")
    return when


def _read_time(text: str) -> datetime | None:
    text = _ZONE_NAME.sub(lambda zone: f" {zone['offset'] or _ZONES.get(zone['name'].upper(), zone['name'])}", text)
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        try:
            when = parsedate_to_datetime(text)
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
    try:
        return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    except (OverflowError, ValueError):
        return None


def version_number(text: object, at: datetime | None) -> int | None:
    """Return the number of a version: the wire's own, else the seconds from 2000 to `at`, else None.

    A number that an event cannot hold, as a date in digits is, gives way to the time, which grows in the same order.
    """
    digits = str(text).strip() if isinstance(text, str | int) and not isinstance(text, bool) else ""
    if digits.isascii() and digits.isdigit() and len(digits) <= 10 and int(digits) <= LARGEST_VERSION:
        return int(digits)
    if at is None:
        return None
    return min(max(int((at - _VERSION_EPOCH).total_seconds()), 0), LARGEST_VERSION)


def urgency_of(value: object) -> int:
    """Return an urgency of 1 to 9; 5 where the wire's is none."""
    text = str(value).strip()
    return int(text) if len(text) == 1 and text in "123456789" else 5


def pixels(value: object) -> int | None:
    text = str(value).strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None


def plain(value: Any, depth: int = 0) -> Any:  # Any: what JSON holds
    """Return what JSON holds with its texts cleaned, and without what lies too deep to be of use."""
    if isinstance(value, str):
        return prose(value)
    if depth > _DEEPEST_EXTRA:
        return None
    if isinstance(value, dict):
        return {prose(str(name)): plain(inner, depth + 1) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner, depth + 1) for inner in value]
    return value


def given(fields: dict[str, Any]) -> dict[str, Any]:  # Any: what JSON holds
    """Return the fields that say something."""
    return {name: value for name, value in fields.items() if value not in (None, "", [], {}, ())}
