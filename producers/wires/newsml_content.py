"""What a news item of NewsML-G2 says to readers: its inline XHTML, NITF or text, its pictures, places, subjects and sources."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from producers.wires.blocks import blocks_from_html, blocks_from_text, blocks_from_xml, without_headline
from producers.wires.codes import code_in
from producers.wires.texts import headline_from, line, lines, pixels, prose, web_address
from producers.wires.xml import XML_LANG, Element, child, children, local, text_in, text_of
from schemas.content import Block, Content, Media, Source

_BODIES: Final = ("body.content", "body")
_PLACES: Final = frozenset(("geoArea", "poi"))
_WIDEST: Final = 2048
_MEDIA: Final = {"picture": "image", "graphic": "image", "image": "image", "video": "video", "audio": "audio"}
_ABOUT_WHO: Final = frozenset(("person", "organisation"))


def content_of(item: Element, meta: Element | None, about: Element | None, *, headline: str) -> Content:
    """Return what readers get of an item."""
    body, media = _body(child(item, "contentSet"))
    own = _remote(item, meta, about)
    if not body and (caption := _description(about)) and not (own and own.caption):
        body = blocks_from_text(caption)
    language = item.get(XML_LANG)
    return Content(
        headline=headline or headline_from(body[0].text if body else _description(about)),
        body=without_headline(body, headline),
        media=(own, *media) if own is not None else media,
        sources=tuple(_sources(meta, about)),
        places=lines([*_located(about, language), *(name_of(one, language) for one in _subjects(about) if is_place(one))]),
        tags=lines([*(name_of(one, language) for one in _subjects(about) if not is_place(one)), *_keywords(about)]),
    )


def author_of(about: Element | None) -> str:
    """Return the byline: `by` as it is to be printed, else the names of the creators."""
    printed = ", ".join(filter(None, (line(text_of(one)) for one in children(about, "by"))))
    return printed or ", ".join(filter(None, (name_of(one, None) for one in children(about, "creator"))))


def name_of(concept: Element, language: str | None) -> str:
    """Return a concept's name: in the item's language, else the first one, else its literal."""
    names = list(children(concept, "name"))
    spoken = [one for one in names if language and (one.get(XML_LANG) or "").split("-")[0] == language.split("-")[0]]
    return line(text_of((spoken or names)[0])) if names else line(concept.get("literal"))


def is_place(concept: Element) -> bool:
    return code_in(concept.get("type") or "") in _PLACES


def _subjects(about: Element | None) -> Iterator[Element]:
    return (one for one in children(about, "subject") if code_in(one.get("type") or "") not in _ABOUT_WHO)


def _keywords(about: Element | None) -> Iterator[str]:
    return (text_of(one) for one in children(about, "keyword"))


def _located(about: Element | None, language: str | None) -> Iterator[str]:
    for place in children(about, "located"):
        yield name_of(place, language)


def _sources(meta: Element | None, about: Element | None) -> Iterator[Source]:
    seen = set()
    for element in (*children(meta, "provider"), *children(about, "infoSource")):
        name = name_of(element, None) or line(code_in(element.get("qcode") or element.get("literal") or ""))
        if name and name not in seen:
            seen.add(name)
            yield Source(name=name, kind="agency", uri=web_address(element.get("uri")))


def _body(contents: Element | None) -> tuple[tuple[Block, ...], tuple[Media, ...]]:
    """Return the blocks of the first content that is text."""
    for one in children(contents, "inlineXML", "inlineData"):
        blocks, media = _inline(one)
        if blocks:
            return blocks, media
    return (), ()


def _inline(element: Element) -> tuple[tuple[Block, ...], tuple[Media, ...]]:
    if local(element) == "inlineXML":
        return blocks_from_xml(_body_in(element))
    text = text_of(element)
    kind = (element.get("contenttype") or "").lower()
    if element.get("encoding"):
        return (), ()  # base64 of something that is no text
    return blocks_from_html(text) if "html" in kind else (blocks_from_text(text), ())


def _body_in(element: Element) -> Element:
    """Return the body of an inline document; the whole of it where it is only a part of one."""
    found = {local(one): one for one in element.iter() if local(one) in _BODIES}
    return next((found[name] for name in _BODIES if name in found), element)


def _remote(item: Element, meta: Element | None, about: Element | None) -> Media | None:
    """Return the item's own picture, video or sound, in the widest form that is not too wide for a page."""
    item_class = child(meta, "itemClass")
    nature = code_in((item_class.get("qcode") or item_class.get("uri") or "") if item_class is not None else "")
    found = [(one, web_address(one.get("href"))) for one in children(child(item, "contentSet"), "remoteContent")]
    usable = [(one, address) for one, address in found if address is not None]
    if not usable:
        return None
    widths = [(pixels(one.get("width")) or 0, -at) for at, (one, _) in enumerate(usable)]
    element, address = usable[-max([pair for pair in widths if pair[0] <= _WIDEST] or [min(widths)])[1]]
    kind = _MEDIA.get(nature) or _MEDIA.get((element.get("contenttype") or "").partition("/")[0])
    if kind is None:
        return None
    return Media(
        type=kind,
        uri=address,
        caption=_description(about),
        credit=line(text_in(about, "creditline")) or author_of(about),
        alt=_description(about, "alttext"),
        width=pixels(element.get("width")),
        height=pixels(element.get("height")),
    )


def _description(about: Element | None, *roles: str) -> str:
    for role in roles or ("caption", "summary", "abstract", ""):
        for one in children(about, "description"):
            if code_in(one.get("role") or "") == role:
                return "\n".join(" ".join(row.split()) for row in prose(text_of(one)).split("\n\n"))
    return ""
