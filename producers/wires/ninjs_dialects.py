"""JSON that is nearly ninjs, as agencies' APIs give it: wrapped in objects of the API, and with names of their own.

AP wraps each item, dpa names it by `urn` and its text `article_html`, Superdesk (ANSA, Belga, NTB, STT) names it by `guid`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from producers.wires.codes import code_in

Json = dict[str, Any]  # Any: whatever JSON holds

_GUIDS: Final = ("uri", "guid", "urn")
_WRAPPERS: Final = (
    *("items", "_items", "entries", "newsItems", "articles", "stories", "documents", "docs", "results", "hits", "data"),
    *("item", "entry", "newsItem", "_source", "attributes"),
)
_DEEPEST: Final = 6
_OWN_NAMES: Final = (
    ("guid", "uri"),
    ("urn", "uri"),
    ("version_created", "versioncreated"),
    ("updated", "versioncreated"),
    ("modified", "versioncreated"),
    ("first_created", "firstcreated"),
    ("created", "firstcreated"),
    ("published", "firstcreated"),
    ("pub_status", "pubstatus"),
    ("ednotes", "ednote"),
    ("bylines", "byline"),
    ("article_html", "body_html"),
    ("content_html", "body_html"),
    ("article", "body_text"),
    ("teaser", "description_summary"),
    ("caption", "description_caption"),
    ("creditline", "description_creditline"),
)
"""What agencies call a field of ninjs that the item does not have itself; the first of several counts."""

_ALSO_CALLED: Final = {"embargoeduntil": "embargoed", "by": "byline"}
_SIGNALS: Final = ("signals", "signal", "editorialtypes")
_WORDS: Final = ("by", "byline", "name", "value", "text")
_CODES: Final = ("code", "qcode", "uri", "literal", "name")


def items_in(whole: Any, depth: int = 0) -> Iterator[Any]:  # Any: whatever JSON holds
    """Yield what stands where items should, out of the lists and objects that an API wraps them in."""
    inner = _wrapped(whole) if isinstance(whole, dict) else whole
    if depth < _DEEPEST and isinstance(inner, list):
        for one in inner:
            yield from items_in(one, depth + 1)
    elif depth < _DEEPEST and inner is not None and inner is not whole:
        yield from items_in(inner, depth + 1)
    else:
        yield whole


def in_ninjs_words(fields: Mapping[str, Any]) -> Json:  # Any: whatever JSON holds
    """Return an item with an agency's own names of fields put as ninjs 1 has them; a field of ninjs itself is left as it is."""
    new = dict(fields)
    there = {_ALSO_CALLED.get(name, name) for name in map(str.lower, fields)}
    for own, name in _OWN_NAMES:
        value = _text(new[own], "\n" if name == "ednote" else ", ") if own in new and name not in there else ""
        if value:
            del new[own]
            new[name] = value
            there.add(name)
    return new


def signals_of(fields: Mapping[str, Any]) -> frozenset[str]:  # Any: whatever JSON holds
    """Return what an item is sent as, in an agency's words: `correction` of `sig:correction`."""
    found = (one for name in _SIGNALS for one in _listed(fields.get(name)))
    return frozenset(code_in(code).lower() for one in found for code in _codes(one))


def _wrapped(fields: Json) -> Any:  # Any: whatever JSON holds
    """Return what an object wraps; None of an item."""
    if any(isinstance(fields.get(name), str) for name in _GUIDS):
        return None
    return next((fields[name] for name in _WRAPPERS if isinstance(fields.get(name), list | dict)), None)


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _codes(one: object) -> Iterator[str]:
    if isinstance(one, str):
        yield one
    elif isinstance(one, dict):
        yield from (code for name in _CODES if isinstance(code := one.get(name), str))


def _text(value: object, between: str) -> str:
    """Return a text, or several as one."""
    return between.join(text for one in _listed(value) if (text := next(_said(one), "")))


def _said(one: object) -> Iterator[str]:
    if isinstance(one, str):
        yield one
    elif isinstance(one, dict):
        yield from (text for name in _WORDS if isinstance(text := one.get(name), str))
