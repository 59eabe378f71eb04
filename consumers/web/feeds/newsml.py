"""A story as IPTC's NewsML-G2: one news message whose items are its updates, with what was taken off as `stat:canceled` or
`stat:withheld`."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from lxml import etree
from msgspec import Struct

from consumers.timeline.shown import Shown
from consumers.web.coverage import Coverage, Gone
from consumers.web.feeds.entry import VERIFICATION_NOTES, changed_at, correction_text, last_changed_first, summary_text, title_of
from consumers.web.feeds.ids import update_id
from consumers.web.feeds.xml import XML_LANG, Element, add, document, root
from consumers.web.links import Links
from consumers.web.markup import blocks_html, clean, figure_html, one_line
from schemas.times import rfc3339

CONTENT_TYPE: Final = "application/vnd.iptc.g2.newsmessage+xml"
NEWSML: Final = "http://iptc.org/std/nar/2006-10-01/"
XHTML: Final = "http://www.w3.org/1999/xhtml"

_LANGUAGE = re.compile(r"[a-zA-Z]{1,8}(?:-[a-zA-Z0-9]{1,8})*")
_CATALOG: Final = "http://www.iptc.org/std/catalog/catalog.IPTC-G2-Standards_40.xml"
_GONE: Final = {
    "killed": ("canceled", "Killed: not to be used in any version."),
    "withheld": ("withheld", "Withheld while in doubt: not to be used until it is released."),
}


class Stated(Struct, frozen=True):
    """What the item says about itself, where it is not what the view says.

    Attributes:
        guid: The wire's own, where the update came from one.
        version: The item's; the update's revision without it.
        signal: `correction` or `update`; by its corrections without it.
    """

    guid: str | None = None
    version: int | None = None
    embargo_until: datetime | None = None
    signal: str | None = None


_NOTHING: Final = Stated()


def newsml_feed(coverage: Coverage, links: Links) -> bytes:
    """Return a story and a part of its updates as one news message, the last changed first."""
    message = root(NEWSML, "newsMessage", prefixes={None: NEWSML})
    header = add(message, NEWSML, "header")
    add(header, NEWSML, "sent", rfc3339(changed_at(coverage)))
    add(header, NEWSML, "catalogRef", href=_CATALOG)
    items = add(message, NEWSML, "itemSet")
    for gone in coverage.gone:
        items.append(gone_item(coverage.story.id, gone))
    for update in last_changed_first(coverage.updates):
        items.append(newsml_item(update, links, language=coverage.story.heading.language))
    if not len(items):
        items.append(_empty_package(coverage))
    return document(message)


def newsml_item(update: Shown, links: Links, *, language: str = "en", stated: Stated = _NOTHING) -> Element:
    """Return an update as a news item; its version is its revision."""
    guid = stated.guid or update_id(update.story, update.id)
    item = _item(guid, stated.version or update.revision, language=language)
    meta = _meta(item, update.updated_at, first=update.published_at, status="usable", embargo=stated.embargo_until)
    add(meta, NEWSML, "title", title_of(update))
    if note := _editors_note(update):
        add(meta, NEWSML, "edNote", note)
    signal = stated.signal or ("correction" if _is_corrected(update) else "update" if update.revision > 1 else None)
    if signal is not None:
        add(meta, NEWSML, "signal", qcode=f"sig:{signal}")
    if links.base:
        add(meta, NEWSML, "link", rel="irel:seeAlso", href=links.update(update.story, update.id))
    _own_names(meta, update.story, update.id)
    _about(item, update)
    contents = add(item, NEWSML, "contentSet")
    inline = add(contents, NEWSML, "inlineXML", contenttype="application/xhtml+xml")
    inline.append(_page(update))
    return item


def gone_item(story: str, gone: Gone, *, stated: Stated = _NOTHING) -> Element:
    """Return an update that was taken off: it says that, and nothing else."""
    status, note = _GONE.get(gone.kind, _GONE["withheld"])
    item = _item(stated.guid or update_id(story, gone.update), stated.version or max(gone.seq, 1), language="en")
    meta = _meta(item, gone.at, status=status)
    add(meta, NEWSML, "edNote", note)
    add(meta, NEWSML, "signal", qcode="sig:update")
    _own_names(meta, story, gone.update)
    return item


def _item(guid: str, version: int, *, language: str) -> Element:
    item = root(NEWSML, "newsItem", prefixes={None: NEWSML})
    item.set("guid", clean(guid))
    item.set("version", str(max(version, 1)))
    item.set("standard", "NewsML-G2")
    item.set("standardversion", "2.35")
    item.set("conformance", "power")
    if _LANGUAGE.fullmatch(language):
        item.set(XML_LANG, language)
    add(item, NEWSML, "catalogRef", href=_CATALOG)
    return item


def _meta(
    item: Element, made: datetime, *, status: str, first: datetime | None = None, embargo: datetime | None = None
) -> Element:
    meta = add(item, NEWSML, "itemMeta")
    add(meta, NEWSML, "itemClass", qcode="ninat:text")
    add(meta, NEWSML, "provider", literal="Dateline")
    add(meta, NEWSML, "versionCreated", rfc3339(made))
    if first is not None:
        add(meta, NEWSML, "firstCreated", rfc3339(first))
    if embargo is not None:
        add(meta, NEWSML, "embargoed", rfc3339(embargo))
    add(meta, NEWSML, "pubStatus", qcode=f"stat:{status}")
    return meta


def _own_names(meta: Element, story: str, update: str) -> None:
    """Add what the story and the update are called here, so that another Dateline calls them the same."""
    add(meta, NEWSML, "itemMetaExtProperty", rel="dateline:story", value=story)
    add(meta, NEWSML, "itemMetaExtProperty", rel="dateline:update", value=update)


def _about(item: Element, update: Shown) -> None:
    about = add(item, NEWSML, "contentMeta")
    add(about, NEWSML, "urgency", str(min(max(update.urgency, 1), 9)))
    for source in update.sources:
        if source.name.strip():
            add(add(about, NEWSML, "infoSource", literal=one_line(source.name)), NEWSML, "name", one_line(source.name))
    for place in update.places:
        add(add(about, NEWSML, "subject", type="cpnat:geoArea", literal=one_line(place)), NEWSML, "name", one_line(place))
    for tag in update.tags:
        add(add(about, NEWSML, "subject", type="cpnat:abstract", literal=one_line(tag)), NEWSML, "name", one_line(tag))
    add(about, NEWSML, "slugline", one_line(update.story))
    add(about, NEWSML, "headline", title_of(update))
    if summary := summary_text(update):
        add(about, NEWSML, "description", summary, role="drol:summary")


def _page(update: Shown) -> Element:
    """Return the body and its pictures as a page of XHTML."""
    parts = "\n".join([*(str(figure_html(media)) for media in update.media), str(blocks_html(update.body))])
    page = root(XHTML, "html", prefixes={None: XHTML})
    add(add(page, XHTML, "head"), XHTML, "title", title_of(update))
    page.append(etree.fromstring(f'<body xmlns="{XHTML}">{parts}</body>'))  # of our own making: escaped and well formed
    return page


def _is_corrected(update: Shown) -> bool:
    """Tell whether the present revision is a correction."""
    return any(told.revision == update.revision for told in update.corrections)


def _editors_note(update: Shown) -> str:
    notes = [correction_text(told) for told in reversed(update.corrections)]
    return "\n".join([*notes, VERIFICATION_NOTES.get(update.verification or "", "")]).strip()


def _empty_package(coverage: Coverage) -> Element:
    """Return an item that stands for a story without updates, since a message holds at least one."""
    item = root(NEWSML, "packageItem", prefixes={None: NEWSML})
    for name, value in (("guid", update_id(coverage.story.id, "")), ("version", str(max(coverage.seq, 1)))):
        item.set(name, value)
    for name, value in (("standard", "NewsML-G2"), ("standardversion", "2.35"), ("conformance", "power")):
        item.set(name, value)
    add(item, NEWSML, "catalogRef", href=_CATALOG)
    meta = add(item, NEWSML, "itemMeta")
    add(meta, NEWSML, "itemClass", qcode="ninat:composite")
    add(meta, NEWSML, "provider", literal="Dateline")
    add(meta, NEWSML, "versionCreated", rfc3339(changed_at(coverage)))
    add(meta, NEWSML, "pubStatus", qcode="stat:usable")
    add(meta, NEWSML, "title", one_line(coverage.story.heading.title))
    add(add(item, NEWSML, "groupSet", root="G1"), NEWSML, "group", id="G1", role="group:main")
    return item
