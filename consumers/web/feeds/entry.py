"""An update as every feed shows it: its notices, pictures, text and sources as HTML, and a line that sums it up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from markupsafe import Markup

from consumers.state import Correction
from consumers.timeline.shown import Shown
from consumers.web.coverage import Coverage
from consumers.web.links import Links
from consumers.web.markup import (
    blocks_html,
    clean,
    cut_at_word,
    escaped,
    figure_html,
    lines_html,
    link_html,
    one_line,
    plain_text,
)
from schemas.content import Source

NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""When a feed was last changed that never held anything."""

_SUMMARY_LENGTH: Final = 280

VERIFICATION_NOTES: Final = {
    "unverified": "Not verified.",
    "verified": "Verified.",
    "disputed": "Disputed: others say otherwise.",
    "debunked": "Debunked: this was found to be false.",
}


def last_changed_first(updates: Iterable[Shown]) -> Sequence[Shown]:
    """Return updates in the order in which a feed shows them, so that what was corrected late is seen."""
    return sorted(updates, key=lambda update: -update.seq)


def changed_at(coverage: Coverage) -> datetime:
    """Return when anything in it was last changed; where it holds nothing, when the story began, if anybody said so.

    It follows from what the coverage holds, so that an archive that holds nothing stays as it is too.
    """
    times = [update.updated_at for update in coverage.updates] + [gone.at for gone in coverage.gone]
    return max(times, default=coverage.story.heading.opened_at or NEVER)


def title_of(update: Shown) -> str:
    """Return the headline on one line."""
    return one_line(update.headline)


def content_html(update: Shown, links: Links) -> Markup:
    """Return the whole of an update below its headline, its corrections first."""
    parts = (
        _verification(update),
        *(correction_html(told) for told in reversed(update.corrections)),
        *map(figure_html, update.media),
        blocks_html(update.body),
        _sources(update.sources),
        _from_story(update, links),
    )
    return Markup("\n").join(part for part in parts if part)


def correction_html(told: Correction) -> Markup:
    """Return the notice that tells of a correction: what was wrong, and when it was put right."""
    when = f'<time datetime="{told.corrected_at.isoformat()}">{readable_time(told.corrected_at)}</time>'
    words = "Correction" if told.severity == "substantive" else "Minor correction"
    return Markup(f'<div class="correction"><p><strong>{words}</strong> ({when}): {lines_html(told.note)}</p></div>')


def correction_text(told: Correction) -> str:
    words = "Correction" if told.severity == "substantive" else "Minor correction"
    return f"{words} ({readable_time(told.corrected_at)}): {clean(told.note)}"


def summary_text(update: Shown) -> str:
    """Return the beginning of an update in a line or two, without markup; the last correction comes first."""
    said = (plain_text(block.text) for block in update.body if block.type in ("paragraph", "quote"))
    first = one_line(next((text for text in said if text.strip()), ""))
    if len(first) > _SUMMARY_LENGTH:
        first = cut_at_word(first, length=_SUMMARY_LENGTH)
    noted = [one_line(correction_text(update.corrections[-1]))] if update.corrections else []
    return " ".join(part for part in (*noted, first) if part)


def readable_time(when: datetime) -> str:
    return f"{when.day} {_MONTHS[when.month - 1]} {when.year}, {when:%H:%M} UTC"


def _verification(update: Shown) -> Markup:
    note = VERIFICATION_NOTES.get(update.verification or "")
    return Markup('<p class="verification"><strong>{}</strong></p>').format(note) if note else Markup()


def _sources(sources: Sequence[Source]) -> Markup:
    names = Markup(", ").join(link_html(source.uri, source.name) for source in sources if source.name.strip())
    return Markup('<p class="sources">Sources: {}</p>').format(names) if names else Markup()


def _from_story(update: Shown, links: Links) -> Markup:
    if not update.from_story:
        return Markup()
    link = link_html(links.story(update.from_story), update.from_story) or escaped(update.from_story)
    return Markup('<p class="from-story">From the story {}</p>').format(link)


_MONTHS: Final = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
