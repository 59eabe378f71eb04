"""What a news item of NewsML-G2 carries and an event does not, in the words of ninjs 3."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from producers.wires.codes import code_in, uri_of
from producers.wires.newsml_content import author_of, is_place, name_of
from producers.wires.texts import given, line, pixels, plain, prose
from producers.wires.xml import XML_LANG, Element, child, children, text_in, text_of

Json = dict[str, Any]  # Any: what JSON holds

_TYPES: Final = frozenset(["text", "picture", "graphic", "audio", "video", "composite"])
_CARRIED_NOTES: Final = 4000


def extra_of(item: Element, meta: Element | None, about: Element | None) -> Json:
    """Return the fields, those that say nothing left out."""
    language = item.get(XML_LANG)
    subjects = list(children(about, "subject"))
    kinds = {id(one): code_in(one.get("type") or "") for one in subjects}
    return plain_fields(
        {
            "uri": line(item.get("guid")),
            "type": _type(meta),
            "language": language,
            "firstCreated": line(text_in(meta, "firstCreated")),
            "title": line(text_in(meta, "title")),
            "edNote": "\n".join(prose(text_of(one)) for one in children(meta, "edNote"))[:_CARRIED_NOTES],
            "profile": line(text_in(meta, "profile")),
            "slugline": line(text_in(about, "slugline")),
            "by": author_of(about),
            "located": ", ".join(name_of(one, language) for one in children(about, "located")),
            **_rights(child(item, "rightsInfo")),
            "subjects": _concepts((one for one in subjects if kinds[id(one)] in ("abstract", "event", "")), language),
            "places": _concepts((one for one in subjects if is_place(one)), language),
            "people": _concepts((one for one in subjects if kinds[id(one)] == "person"), language),
            "organisations": _concepts((one for one in subjects if kinds[id(one)] == "organisation"), language),
            "objects": _concepts((one for one in subjects if kinds[id(one)] in ("object", "species")), language),
            "genres": _concepts(children(about, "genre"), language),
            "infoSources": _concepts(children(meta, "provider"), language),
            "altIds": _alt_ids(item, meta, about),
            "renditions": [_rendition(one) for one in children(child(item, "contentSet"), "remoteContent")],
        }
    )


def plain_fields(fields: Json) -> Json:
    cleaned: Json = plain(given(fields))
    return cleaned


def _type(meta: Element | None) -> str | None:
    element = child(meta, "itemClass")
    name = code_in(element.get("qcode") or element.get("uri") or "") if element is not None else ""
    return name if name in _TYPES else None


def _rights(element: Element | None) -> Json:
    holder = child(element, "copyrightHolder")
    name = (name_of(holder, None) or line(holder.get("literal"))) if holder is not None else ""
    notice, terms = text_in(element, "copyrightNotice"), text_in(element, "usageTerms")
    return {"copyrightHolder": name, "copyrightNotice": line(notice), "usageTerms": line(terms)}


def _concepts(elements: Iterable[Element], language: str | None) -> list[Json]:
    found = (_concept(one, language) for one in elements)
    return [one for one in found if one]


def _concept(element: Element, language: str | None) -> Json:
    code = element.get("qcode") or ""
    uri = element.get("uri") or uri_of(code)
    return given({"name": name_of(element, language), "uri": uri, "literal": None if uri else code or element.get("literal")})


def _alt_ids(item: Element, meta: Element | None, about: Element | None) -> list[Json]:
    """Return the other names of an item, its services and its signals, which ninjs has no field for."""
    named = [("altId", text_of(one)) for one in (*children(item, "altId"), *children(about, "altId"))]
    named += [("service", one.get("qcode") or one.get("uri") or "") for one in children(meta, "service")]
    named += [("signal", one.get("qcode") or one.get("uri") or "") for one in children(meta, "signal")]
    return [{"role": role, "value": line(value)} for role, value in named if line(value)]


def _rendition(element: Element) -> Json:
    return given(
        {
            "name": code_in(element.get("rendition") or "") or "main",
            "href": element.get("href"),
            "contentType": element.get("contenttype"),
            "width": pixels(element.get("width")),
            "height": pixels(element.get("height")),
            "sizeInBytes": pixels(element.get("size")),
        }
    )
