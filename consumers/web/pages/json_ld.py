"""The coverage for search engines: schema.org's LiveBlogPosting as JSON-LD."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from markupsafe import Markup

from consumers.state import Correction
from consumers.timeline.shown import Shown
from consumers.web.coverage import Coverage
from consumers.web.markup import clean, one_line, web_address
from consumers.web.pages.languages import language_tag
from consumers.web.pages.plain import plain_body, plain_line
from consumers.web.pages.publisher import Publisher
from consumers.web.pages.times import short_rfc3339

Json = dict[str, Any]  # Any: what JSON holds

_HARMLESS = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}


def live_blog(coverage: Coverage, *, publisher: Publisher) -> Markup:
    """Return the JSON of a `LiveBlogPosting` with the updates of `coverage`, safe within a script element.

    `coverageEndTime` is there once the story is closed only; what was killed or withheld is not among the updates.
    """
    story, heading = coverage.story, coverage.story.heading
    url = publisher.links.story(story.id)
    found: Json = {
        "@context": "https://schema.org",
        "@type": "LiveBlogPosting",
        "@id": url,
        "url": url,
        "mainEntityOfPage": url,
        "headline": one_line(heading.title),
        "description": plain_line(heading.summary),
        "inLanguage": language_tag(heading.language),
        "keywords": [clean(topic) for topic in heading.topics],
        "publisher": {"@type": "NewsMediaOrganization", "name": publisher.name, "url": publisher.links.front()},
        "liveBlogUpdate": [_posting(update, publisher=publisher) for update in coverage.updates],
    }
    return _json(found | dict(_coverage_times(coverage)))


def posting(update: Shown, *, publisher: Publisher) -> Markup:
    """Return the JSON of one update, for its own page."""
    found = _posting(update, publisher=publisher) | {"mainEntityOfPage": publisher.links.update(update.story, update.id)}
    return _json({"@context": "https://schema.org"} | found)


def _coverage_times(coverage: Coverage) -> Iterator[tuple[str, str]]:
    heading = coverage.story.heading
    began = heading.opened_at or min((one.published_at for one in coverage.updates), default=None)
    if began is not None:
        yield "datePublished", short_rfc3339(began)
        yield "coverageStartTime", short_rfc3339(began)
    if heading.closed_at is not None:
        yield "coverageEndTime", short_rfc3339(heading.closed_at)
    if coverage.updates:
        yield "dateModified", short_rfc3339(max(one.updated_at for one in coverage.updates))


def _posting(update: Shown, *, publisher: Publisher) -> Json:
    url = publisher.links.anchor(update.story, update.id)
    found: Json = {
        "@type": "BlogPosting",
        "@id": url,
        "url": url,
        "headline": one_line(update.headline),
        "datePublished": short_rfc3339(update.published_at),
        "dateModified": short_rfc3339(update.updated_at),
        "articleBody": plain_body(update.body),
    }
    pictures = [clean(one.uri) for one in update.media if one.type == "image" and web_address(one.uri)]
    corrections = list(_corrections(update.corrections))
    return found | ({"image": pictures} if pictures else {}) | ({"correction": corrections} if corrections else {})


def _corrections(told: Iterable[Correction]) -> Iterator[Json]:
    for one in told:
        yield {"@type": "CorrectionComment", "text": clean(one.note), "datePublished": short_rfc3339(one.corrected_at)}


def _json(value: Json) -> Markup:
    """Return JSON in which no sign can end the element that holds it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return Markup(text.translate(_HARMLESS))  # what HTML would obey is escaped just above
