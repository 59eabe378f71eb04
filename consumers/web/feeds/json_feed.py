"""A story as JSON Feed 1.1. What the format has no word for is under `_dateline`, as it provides."""

from __future__ import annotations

from typing import Any, Final

from msgspec import json

from consumers.timeline.shown import Shown
from consumers.web.coverage import Coverage, Gone
from consumers.web.feeds.entry import content_html, last_changed_first, summary_text, title_of
from consumers.web.feeds.ids import update_id
from consumers.web.links import Links
from consumers.web.markup import clean, one_line, plain_text, web_address

CONTENT_TYPE: Final = "application/feed+json"

_VERSION: Final = "https://jsonfeed.org/version/1.1"

Json = dict[str, Any]  # Any: what JSON holds


def json_feed(coverage: Coverage, links: Links, *, cursor: str | None = None, publication: str | None = None) -> bytes:
    """Return a story's feed, the last changed first.

    Args:
        cursor: Of the part that is shown, None for the newest; `next_url` leads to the part below it.
        publication: Who publishes; the story's title stands for it where there is none.
    """
    story, heading = coverage.story, coverage.story.heading
    below = links.feed(story.id, "json", cursor=coverage.next) if coverage.next is not None else None
    feed = {
        "version": _VERSION,
        "title": one_line(heading.title),
        "home_page_url": links.story(story.id),
        "feed_url": links.feed(story.id, "json", cursor=cursor),
        "next_url": below,
        "description": plain_text(heading.summary).strip() or None,
        "language": clean(heading.language),
        "authors": [{"name": one_line(publication or heading.title)}],
        "items": [_item(update, links) for update in last_changed_first(coverage.updates)],
        "_dateline": {
            "seq": coverage.seq,
            "status": "closed" if story.is_closed else "open",
            "gone": [_gone(story.id, gone) for gone in coverage.gone],
        },
    }
    return json.encode(_given(feed))


def _item(update: Shown, links: Links) -> Json:
    images = (web_address(media.uri) for media in update.media if media.type == "image")
    return _given(
        {
            "id": update_id(update.story, update.id),
            "url": links.update(update.story, update.id),
            "title": title_of(update),
            "content_html": str(content_html(update, links)),
            "summary": summary_text(update) or None,
            "image": next((address for address in images if address), None),
            "date_published": update.published_at,
            "date_modified": update.updated_at,
            "tags": [clean(tag) for tag in update.tags] or None,
            "_dateline": _facts(update),
        }
    )


def _facts(update: Shown) -> Json:
    return {
        "update": clean(update.id),
        "seq": update.seq,
        "revision": update.revision,
        "verification": clean(update.verification) if update.verification else None,
        "key_event": update.key_event,
        "places": [clean(place) for place in update.places],
        "corrections": [
            {
                "revision": told.revision,
                "note": clean(told.note),
                "severity": clean(told.severity),
                "corrected_at": told.corrected_at,
            }
            for told in update.corrections
        ],
    }


def _gone(story: str, gone: Gone) -> Json:
    return {
        "id": update_id(story, gone.update),
        "update": clean(gone.update),
        "kind": clean(gone.kind),
        "seq": gone.seq,
        "at": gone.at,
    }


def _given(fields: Json) -> Json:
    return {name: value for name, value in fields.items() if value is not None}
