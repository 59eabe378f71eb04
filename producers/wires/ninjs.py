"""ninjs 1.x, 2.x and 3: one item, a list of items, one item a line, or a composite whose parts are items."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from dateline.errors import Refused
from producers.wires.blocks import blocks_from_html, blocks_from_text, text_from_html, without_headline
from producers.wires.habits import is_correction, status_of, steady_guid
from producers.wires.item import BadItem, Found, Item, PassedOver, Unusable
from producers.wires.ninjs_dialects import items_in, signals_of
from producers.wires.ninjs_versions import as_version_3
from producers.wires.texts import (
    headline_from,
    line,
    lines,
    moment,
    pixels,
    plain,
    prose,
    urgency_of,
    version_number,
    web_address,
)
from producers.wires.xml import refuse_too_large
from schemas.content import Block, Content, Media, Source
from schemas.names import shortened

Json = Mapping[str, Any]  # Any: whatever JSON holds

_CARRIED: Final = frozenset(["version", "versionCreated", "pubStatus", "urgency", "embargoedUntil", "headlines", "bodies"])
"""What an event carries whole; all else is kept in `extra` as well."""

_OF_THE_BODY: Final = frozenset(["contentType", "charCount", "wordCount"])
"""What ninjs 1 and 2 say at the item of the body as it was sent; ninjs 3 has no such fields, and the body is written anew."""

_MEDIA: Final = {"picture": "image", "graphic": "image", "image": "image", "video": "video", "audio": "audio"}
_KINDS: Final = frozenset(("agency", "official", "broadcaster", "eyewitness", "social", "own"))
_RICHEST: Final = ("html", "nitf")
_WIDEST: Final = 2048
_DEEPEST_PARTS: Final = 3


def read_ninjs(data: bytes) -> Iterator[Found]:
    """Yield the items of a document.

    Raises:
        Refused: It is no JSON that could hold items.
    """
    refuse_too_large(data)
    data = _in_utf_8(data)
    rows = data.strip().split(b"\n")
    if len(rows) > 1 and rows[0].rstrip().endswith(b"}"):
        yield from _in_lines(rows)
        return
    for number, one in enumerate(items_in(_parsed(data)), start=1):
        yield from _of_object(one, f"item {number}")


def _in_lines(rows: list[bytes]) -> Iterator[Found]:
    """Yield the items of a document that has one a line."""
    for number, row in enumerate(rows, start=1):
        if not row.strip():
            continue
        place = f"line {number}"
        try:
            one = _parsed(row)
        except Refused as error:
            yield BadItem(place, str(error).partition(": ")[2])
            continue
        found = list(items_in(one))
        for part, inner in enumerate(found, start=1):
            yield from _of_object(inner, place if len(found) == 1 else f"{place}, item {part}")


def _of_object(one: object, place: str) -> Iterator[Found]:
    if isinstance(one, dict):
        yield from items_of(one, place)
    else:
        yield BadItem(place, f"an item is a JSON object, not {shortened(one)}.")


def items_of(fields: Json, place: str, depth: int = 0) -> Iterator[Found]:
    """Yield the item that an object is, or the parts of a composite that has no words of its own."""
    item = as_version_3(fields)
    parts = [part for part in item.get("associations", ()) if _is_item(part)] if item.get("type") == "composite" else []
    if not parts or item.get("bodies"):
        yield _read(item, place)
        return
    yield PassedOver(place, f"a composite: its {len(parts)} items are read, and it says nothing itself.")
    for number, part in enumerate(parts, start=1):
        if depth < _DEEPEST_PARTS:
            yield from items_of({**part, "name": None, "rel": None}, f"{place}, part {number}", depth + 1)


def _in_utf_8(data: bytes) -> bytes:
    """Return a document in UTF-8; a wire on Windows may send UTF-16."""
    coding = json.detect_encoding(data[:4])
    if coding.startswith("utf-8"):
        return data
    try:
        return data.decode(coding).encode()
    except UnicodeError:
        raise Refused(f"line 1: this seems to be {coding.upper()} and is not. Save the file as UTF-8.") from None


def _parsed(data: bytes) -> Any:  # Any: whatever JSON holds
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = data.count(b"\n", 0, error.start) + 1
        raise Refused(f"line {row}: the byte 0x{data[error.start]:02x} is not UTF-8. Save the file as UTF-8.") from None
    try:
        whole = json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise Refused(
            f"line {error.lineno}, column {error.colno}: this is no JSON: {error.msg[:1].lower()}{error.msg[1:]}."
        ) from None
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deep" if isinstance(error, RecursionError) else str(error)[:100]
        raise Refused(f"line 1: this JSON cannot be read: {reason}.") from None
    if not isinstance(whole, dict | list):
        raise Refused(f"line 1: ninjs is a JSON object, not {shortened(whole)}.")
    return whole


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _is_item(part: Json) -> bool:
    return bool(part.get("uri")) and str(part.get("type")) not in _MEDIA and bool(part.get("bodies") or part.get("pubStatus"))


def _read(item: Json, place: str) -> Item | BadItem:
    try:
        return _item(item, place)
    except Unusable as error:
        return BadItem(place, str(error))


def _item(item: Json, place: str) -> Item:
    guid = steady_guid(line(_text(item, "uri")))
    if not guid:
        raise Unusable("uri: missing. It names the item in all its versions.")
    at = moment("versionCreated", item.get("versionCreated") or item.get("firstCreated"))
    note = prose(item["edNote"]) if isinstance(item.get("edNote"), str) else ""
    content = _content(item)
    names = {str(one.get("role")): line(str(one.get("value", ""))) for one in _objects(item, "altIds")}
    is_ours = "story" in names and "update" in names
    until = moment("embargoedUntil", item.get("embargoedUntil"))
    return Item(
        place=place,
        guid=guid,
        version=version_number(item.get("version"), at),
        at=at,
        status=status_of(str(item.get("pubStatus") or ""), embargo_until=until),
        is_correction=is_correction(signals_of(item), note, content.headline),
        note=note,
        author=line(_text(item, "by")) or None,
        urgency=urgency_of(item.get("urgency", 5)),
        embargo_until=until,
        content=content,
        slug=line(_text(item, "slugline")),
        story=names["story"] if is_ours else None,
        update=names["update"] if is_ours else None,
        extra=plain({name: value for name, value in item.items() if name not in _CARRIED | _OF_THE_BODY and value is not None}),
    )


def _content(item: Json) -> Content:
    body, pictures = _body(item)
    headline = line(_main(item, "headlines") or _text(item, "title"))
    media = (_media(item), *map(_media, _objects(item, "associations")))
    shown = tuple(one for one in media if one is not None)
    known = {one.uri for one in shown}
    caption = _described(item, "caption", "text", "main", "summary")
    if not body and caption and not (shown and shown[0].caption == caption):
        body = blocks_from_text(caption)
    first = body[0].text if body else ""
    return Content(
        headline=headline or headline_from(first),
        body=without_headline(body, headline),
        media=(*shown, *(one for one in pictures if one.uri not in known)),
        sources=tuple(_sources(item)),
        places=lines(_names(item, "places")),
        tags=lines([*_names(item, "subjects"), *_names(item, "genres"), *_names(item, "categories"), *_words(item, "keywords")]),
    )


def _body(item: Json) -> tuple[tuple[Block, ...], tuple[Media, ...]]:
    """Return the richest of the bodies; the words are the same in all."""
    bodies = [one for one in _objects(item, "bodies") if isinstance(one.get("value"), str)]
    rich = [one for one in bodies if any(kind in _kind(one) for kind in _RICHEST)]
    for one in rich:
        found = blocks_from_html(one["value"])
        if found[0]:
            return found
    return (blocks_from_text(bodies[0]["value"]), ()) if bodies else ((), ())


def _kind(one: Json) -> str:
    return f"{one.get('contentType') or ''} {one.get('role') or ''}".lower()


def _main(item: Json, name: str) -> str:
    texts = [one for one in _objects(item, name) if isinstance(one.get("value"), str)]
    main = [one for one in texts if one.get("role") in ("main", None, "")]
    return str((main or texts)[0]["value"]) if texts else ""


def _described(item: Json, *roles: str) -> str:
    """Return the description with the first of these roles that there is, as plain text."""
    texts = [one for one in _objects(item, "descriptions") if isinstance(one.get("value"), str)]
    for role in roles:
        for one in texts:
            if one.get("role") in (role, None):
                value: str = one["value"]
                return text_from_html(value) if any(kind in _kind(one) for kind in _RICHEST) else prose(value)
    return ""


def _media(item: Json) -> Media | None:
    """Return an associated item as a picture, video or sound, in the widest form that is not too wide for a page."""
    kind = _MEDIA.get(str(item.get("type")))
    found = [(one, web_address(one.get("href"))) for one in _objects(item, "renditions")]
    usable = [(one, address) for one, address in found if address is not None]
    if kind is None or not usable:
        return None
    widths = [(pixels(one.get("width")) or 0, at) for at, (one, _) in enumerate(usable)]
    fitting = [pair for pair in widths if pair[0] <= _WIDEST] or [min(widths)]
    one, address = usable[max(fitting, key=lambda pair: (pair[0], -pair[1]))[1]]
    return Media(
        type=kind,
        uri=address,
        caption=_described(item, "caption", "text", "main") or line(_main(item, "headlines")),
        credit=line(_described(item, "creditline", "credit") or _text(item, "by") or _text(item, "copyrightHolder")),
        alt=_described(item, "alttext", "alt"),
        width=pixels(one.get("width")),
        height=pixels(one.get("height")),
    )


def _sources(item: Json) -> Iterator[Source]:
    found = False
    for one in _objects(item, "infoSources"):
        if name := line(_text(one, "name")):
            role = _text(one, "role")
            yield Source(name=name, kind=role if role in _KINDS else "agency", uri=web_address(one.get("uri")))
            found = True
    holder = line(_text(item, "copyrightHolder") or _text(item, "source") or _described(item, "creditline"))
    if holder and not found:
        yield Source(name=holder, kind="agency")


def _names(item: Json, name: str) -> list[str]:
    return [_text(one, "name") or _text(one, "literal") for one in _objects(item, name)]


def _words(item: Json, name: str) -> list[str]:
    value = item.get(name)
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _objects(item: Json, name: str) -> list[Json]:
    value = item.get(name)
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _text(item: Json, name: str) -> str:
    value = item.get(name)
    return value if isinstance(value, str) else ""
