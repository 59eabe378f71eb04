"""NewsML-G2: news items, alone or in a news message. Packages and other items of the standard only speak of news items."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from dateline.errors import Refused
from producers.wires.codes import code_in
from producers.wires.habits import is_correction, status_of
from producers.wires.item import USABLE, WITHHELD, BadItem, Found, Item, PassedOver, Unusable
from producers.wires.newsml_content import author_of, content_of
from producers.wires.newsml_extra import extra_of
from producers.wires.texts import line, moment, prose, urgency_of, version_number
from producers.wires.xml import Element, child, children, local, namespace, parse_xml, text_in, text_of
from schemas.names import shortened

NAMESPACE: Final = "http://iptc.org/std/nar/2006-10-01/"

_NEWS: Final = "newsItem"
_OTHERS: Final = frozenset(["packageItem", "conceptItem", "knowledgeItem", "planningItem", "catalogItem", "hopItem"])


def read_newsml_g2(data: bytes) -> Iterator[Found]:
    """Yield the items of a document.

    Raises:
        Refused: It is no XML, or no NewsML-G2.
    """
    root = parse_xml(data)
    name = local(root)
    if name != "newsMessage" and name != _NEWS and name not in _OTHERS:
        raise Refused(
            f"line {root.sourceline}: the element {shortened(name)} is none of NewsML-G2; a newsItem or newsMessage is."
        )
    if namespace(root) != NAMESPACE:
        what = shortened(namespace(root)) if namespace(root) else "no namespace"
        raise Refused(f"line {root.sourceline}: {name} has {what}; in NewsML-G2 it is {NAMESPACE}.")
    items = [root] if name != "newsMessage" else [one for found in children(root, "itemSet") for one in found]
    if not items:
        raise Refused(f"line {root.sourceline}: the newsMessage holds no item.")
    for number, element in enumerate(items, start=1):
        place = f"line {element.sourceline}" if len(items) == 1 else f"item {number} (line {element.sourceline})"
        yield _read(element, place)


def _read(element: Element, place: str) -> Found:
    name = local(element)
    try:
        if name == _NEWS:
            return _item(element, place)
        if name in _OTHERS:
            return _other(element, name, place)
    except Unusable as error:
        return BadItem(place, str(error))
    return BadItem(place, f"the element {shortened(name)} is no item of NewsML-G2.")


def _other(element: Element, name: str, place: str) -> PassedOver:
    refs = sum(1 for one in element.iter() if local(one) == "itemRef")
    about = f" of {refs} items, which come by themselves" if name == "packageItem" else ""
    return PassedOver(place, f"a {name}{about}: it says nothing itself.")


def _item(element: Element, place: str) -> Item:
    guid = line(element.get("guid"))
    if not guid:
        raise Unusable("guid: missing. It names the item in all its versions.")
    meta, about = child(element, "itemMeta"), child(element, "contentMeta")
    at = moment("versionCreated", text_in(meta, "versionCreated") or text_in(meta, "firstCreated"))
    notes = list(children(meta, "edNote"))
    note = "\n".join(filter(None, (prose(text_of(one)) for one in notes)))
    headline = _headline(about, meta)
    signals = {code_in(_code(one)).lower() for one in children(meta, "signal")} | {
        code_in(one.get("role") or "") for one in notes
    }
    until = moment("embargoed", text_in(meta, "embargoed"))
    return Item(
        place=place,
        guid=guid,
        version=version_number(element.get("version"), at),
        at=at,
        status=_status(meta, until),
        is_correction=is_correction(signals, note, headline),
        note="\n".join(row.strip() for row in note.split("\n")),
        author=author_of(about) or None,
        urgency=urgency_of(text_in(about, "urgency") or 5),
        embargo_until=until,
        content=content_of(element, meta, about, headline=headline),
        slug=line(text_in(about, "slugline")),
        story=_ours(meta, "story"),
        update=_ours(meta, "update"),
        extra=extra_of(element, meta, about),
    )


def _headline(about: Element | None, meta: Element | None) -> str:
    found = list(children(about, "headline"))
    main = [one for one in found if code_in(one.get("role") or "main") == "main"]
    return line(text_of((main or found)[0])) if found else line(text_in(meta, "title"))


def _status(meta: Element | None, until: datetime | None) -> str:
    """Return the status; an item under an embargo without an end, as an empty element says, is held back."""
    element = child(meta, "pubStatus")
    status = status_of(_code(element) if element is not None else "", embargo_until=until)
    is_endless = child(meta, "embargoed") is not None and until is None
    return WITHHELD if is_endless and status == USABLE else status


def _code(element: Element) -> str:
    return element.get("qcode") or element.get("uri") or element.get("literal") or ""


def _ours(meta: Element | None, role: str) -> str | None:
    """Return the name of the story or update that another Dateline gave, as its own export writes it."""
    wanted = f"dateline:{role}"
    found = (one for one in children(meta, "itemMetaExtProperty") if one.get("rel") == wanted)
    return next((line(one.get("value")) for one in found), None)
