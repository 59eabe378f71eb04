"""XML as the feeds write it: elements whose text and attributes are cleaned first, so that any text may be given."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from lxml import etree

from consumers.web.markup import clean
from schemas.times import rfc3339

Element = etree._Element

ATOM: Final = "http://www.w3.org/2005/Atom"
DATELINE: Final = "urn:dateline:feed:1"
"""Our own words, for what no feed format has a word for: corrections, revisions, verification."""

XML_LANG: Final = "{http://www.w3.org/XML/1998/namespace}lang"


def root(namespace: str | None, name: str, *, prefixes: Mapping[str | None, str]) -> Element:
    nsmap: Any = dict(prefixes)  # Any: lxml takes the prefix None for no prefix, its stubs do not
    return etree.Element(_qualified(namespace, name), nsmap=nsmap)


def add(
    parent: Element, namespace: str | None, name: str, text: str | datetime | None = None, **attributes: str | None
) -> Element:
    """Add an element to `parent` and return it; an attribute that is None is left out."""
    element = etree.SubElement(parent, _qualified(namespace, name))
    for key, value in attributes.items():
        if value is not None:
            element.set(key, clean(value))
    if text is not None:
        element.text = rfc3339(text) if isinstance(text, datetime) else clean(text)
    return element


def document(element: Element) -> bytes:
    return etree.tostring(element, encoding="UTF-8", xml_declaration=True)


def _qualified(namespace: str | None, name: str) -> str:
    return name if namespace is None else f"{{{namespace}}}{name}"
