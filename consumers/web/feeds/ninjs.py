"""A story as IPTC's ninjs 3: one composite item whose associations are its updates.

So the whole document is one valid ninjs item, and each update in it too, with what was killed as `canceled` and what is
withheld as `withheld`.
"""

from __future__ import annotations

from mimetypes import guess_type
from typing import Any, Final
from urllib.parse import quote, urlsplit

from msgspec import json

from consumers.timeline.shown import Shown
from consumers.web.coverage import Coverage, Gone
from consumers.web.feeds.entry import (
    VERIFICATION_NOTES,
    changed_at,
    correction_text,
    last_changed_first,
    summary_text,
    title_of,
)
from consumers.web.feeds.ids import media_id, story_id, update_id
from consumers.web.links import Links
from consumers.web.markup import blocks_html, clean, one_line, plain_text, web_address
from schemas.content import Media, Source
from schemas.times import rfc3339

CONTENT_TYPE: Final = "application/json"

_STANDARD: Final = {"name": "ninjs", "version": "3.1", "schema": "http://www.iptc.org/std/ninjs/ninjs-schema_3.1.json"}
_MEDIA_TYPES: Final = {"image": "picture", "video": "video", "audio": "audio"}
_GONE: Final = {
    "killed": ("canceled", "Killed: not to be used in any version."),
    "withheld": ("withheld", "Held back for now: not to be used until it is released."),
}

Json = dict[str, Any]  # Any: what JSON holds


def ninjs_feed(coverage: Coverage, links: Links) -> bytes:
    """Return a story and a part of its updates as one composite item, the last changed first."""
    story, heading = coverage.story, coverage.story.heading
    title = one_line(heading.title)
    parts = [_part(ninjs_item(update, links)) for update in last_changed_first(coverage.updates)]
    parts += [_part(gone_ninjs(story.id, gone)) for gone in coverage.gone]
    item = {
        "uri": story_id(story.id),
        "standard": _STANDARD,
        "type": "composite",
        "representationType": "partial" if coverage.next is not None else "full",
        "profile": "live-coverage",
        "version": str(coverage.seq),
        "firstCreated": rfc3339(heading.opened_at) if heading.opened_at is not None else None,
        "versionCreated": rfc3339(changed_at(coverage)),
        "pubStatus": "usable",
        "language": clean(heading.language),
        "title": title,
        "headlines": [{"role": "main", "value": title}],
        "descriptions": [{"role": "summary", "value": summary}] if (summary := plain_text(heading.summary).strip()) else None,
        "subjects": [{"name": clean(topic), "rel": "about"} for topic in heading.topics],
        "altIds": [{"role": "story", "value": clean(story.id)}],
        "renditions": [{"name": "web", "href": _ascii(links.story(story.id)), "contentType": "text/html"}],
        "associations": parts,
    }
    return json.encode(_given(item))


def ninjs_item(update: Shown, links: Links) -> Json:
    """Return an update as a ninjs item of its own; its version is its revision."""
    return _given(
        {
            "uri": update_id(update.story, update.id),
            "type": "text",
            "representationType": "full",
            "profile": "live-update",
            "version": str(update.revision),
            "firstCreated": rfc3339(update.published_at),
            "versionCreated": rfc3339(update.updated_at),
            "pubStatus": "usable",
            "urgency": min(max(update.urgency, 1), 9),
            "edNote": _editors_note(update),
            "headlines": [{"role": "main", "value": title_of(update)}],
            "descriptions": _descriptions(update),
            "bodies": [{"role": "main", "contentType": "text/html", "value": str(blocks_html(update.body))}],
            "subjects": [{"name": clean(tag), "rel": "about"} for tag in update.tags],
            "places": [{"name": clean(place), "rel": "mentions"} for place in update.places],
            "infoSources": [_source(source) for source in update.sources],
            "altIds": [{"role": "story", "value": clean(update.story)}, {"role": "update", "value": clean(update.id)}],
            "renditions": [{"name": "web", "href": _ascii(links.update(update.story, update.id)), "contentType": "text/html"}],
            "associations": [_media(update, number, media) for number, media in enumerate(update.media, start=1)],
        }
    )


def gone_ninjs(story: str, gone: Gone) -> Json:
    """Return an update that was taken off as an item that says so, and nothing else."""
    status, note = _GONE.get(gone.kind, _GONE["withheld"])
    return {
        "uri": update_id(story, gone.update),
        "type": "text",
        "versionCreated": rfc3339(gone.at),
        "pubStatus": status,
        "edNote": note,
        "altIds": [{"role": "story", "value": clean(story)}, {"role": "update", "value": clean(gone.update)}],
    }


def _part(item: Json) -> Json:
    """Return an item as it stands in another, where it has a name."""
    return {"name": item["altIds"][1]["value"], "rel": "part", **item}


def _editors_note(update: Shown) -> str | None:
    """Return what the receiving desk should know: each correction, the last first, and doubts."""
    notes = [f"{correction_text(told)} [revision {told.revision}]" for told in reversed(update.corrections)]
    if note := VERIFICATION_NOTES.get(update.verification or ""):
        notes.append(note)
    return "\n".join(notes) or None


def _descriptions(update: Shown) -> list[Json] | None:
    summary = [{"role": "summary", "value": text}] if (text := summary_text(update)) else []
    corrections = [{"role": "correction", "value": correction_text(told)} for told in update.corrections]
    return summary + corrections or None


def _source(source: Source) -> Json:
    address = web_address(source.uri)
    kind = clean(source.kind) or None
    return _given({"name": clean(source.name), "role": kind, "uri": _ascii(address) if address else None})


def _media(update: Shown, number: int, media: Media) -> Json:
    descriptions = (("caption", media.caption), ("creditline", media.credit), ("alttext", media.alt))
    return _given(
        {
            "name": f"media-{number}",
            "rel": "media",
            "uri": media_id(update.story, update.id, media.uri),
            "type": _MEDIA_TYPES.get(media.type, "component"),
            "descriptions": [{"role": role, "value": clean(text)} for role, text in descriptions if text.strip()],
            "renditions": [_rendition(media, address)] if (address := web_address(media.uri)) else None,
        }
    )


def _rendition(media: Media, address: str) -> Json:
    kind, _ = guess_type(urlsplit(address).path, strict=True)
    return _given({"name": "main", "href": _ascii(address), "contentType": kind, "width": media.width, "height": media.height})


def _ascii(address: str) -> str:
    """Return an address as a URI of RFC 3986: a host in another script in its ASCII form, the rest percent-encoded."""
    parts = urlsplit(address)
    try:
        host = parts.netloc.encode("ascii").decode()
    except UnicodeError:
        host = _ascii_host(parts.netloc)
    path, query, fragment = (quote(part, safe="/?:@!$&'()*+,;=-._~%") for part in (parts.path, parts.query, parts.fragment))
    return parts._replace(netloc=host, path=path, query=query, fragment=fragment).geturl()


def _ascii_host(host: str) -> str:
    try:
        return host.encode("idna").decode()
    except UnicodeError:
        return quote(host, safe="@:")


def _given(fields: Json) -> Json:
    return {name: value for name, value in fields.items() if value is not None}
