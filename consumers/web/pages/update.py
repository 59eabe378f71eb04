"""The page of one update, with all that readers were told of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from markupsafe import Markup
from msgspec import Struct

from consumers.state import Story
from consumers.timeline.answers import HistoryEntry
from consumers.timeline.shown import Shown, read_document
from consumers.web.markup import one_line
from consumers.web.pages.changes import changes_html, correction_changes
from consumers.web.pages.json_ld import posting
from consumers.web.pages.plain import described, plain_body
from consumers.web.pages.publisher import Publisher, render, voice_of
from consumers.web.pages.story import Entry, first_picture, script_texts
from consumers.web.pages.texts import Texts


class Step(Struct, frozen=True):
    """One entry of an update's history as the page says it.

    Attributes:
        kind: As in `Change.kind`, or `late`.
        marks: How the update's marks changed, in words.
        changed: How its words changed.
        same_words: Whether a new revision says the same.
    """

    kind: str
    revision: int
    severity: str | None
    note: str | None
    at: datetime
    marks: Sequence[Markup] = ()
    changed: Markup = Markup()
    same_words: bool = False


def update_page(update: Shown, *, story: Story, history: Sequence[HistoryEntry], publisher: Publisher) -> str:
    """Return the page of one public update, as it is now, and below it what became of it."""
    voice = voice_of(story)
    steps = list(_steps(history, voice.texts))
    return render(
        "update.html",
        publisher=publisher,
        voice=voice,
        story=story,
        entry=Entry(update, changes=correction_changes(history)),
        steps=steps[::-1] if len(steps) > 1 else [],
        title=one_line(update.headline) or update.id,
        description=described(plain_body(update.body)),
        picture=first_picture([update]),
        json_ld=posting(update, publisher=publisher),
        script_texts=script_texts(voice.texts),
    )


def _steps(history: Sequence[HistoryEntry], texts: Texts) -> Iterator[Step]:
    before: bytes | None = None
    for one in history:
        about, shown = one.about, one.document if one.about.kind != "late" else None
        step = Step(about.kind, about.revision, about.severity, about.note, about.occurred_at)
        if shown is not None and before is not None:
            step = _compared(step, before, shown, texts)
        yield step
        before = shown or before


def _compared(step: Step, before: bytes, after: bytes, texts: Texts) -> Step:
    old, new = read_document(before), read_document(after)
    changed = changes_html(before, after)
    marks = list(_marks(old, new, texts))
    same = old.revision != new.revision and _words(old) == _words(new)
    return Step(step.kind, step.revision, step.severity, step.note, step.at, marks, changed, same)


def _words(shown: Shown) -> tuple[object, ...]:
    return shown.headline, shown.body, shown.media, shown.sources, shown.places, shown.tags


def _marks(old: Shown, new: Shown, texts: Texts) -> Iterator[Markup]:
    if old.pinned != new.pinned:
        yield texts("now_pinned" if new.pinned else "not_pinned")
    if old.key_event != new.key_event:
        yield texts("now_key_event" if new.key_event else "not_key_event")
    if old.verification != new.verification:
        yield texts("now_marked", mark=texts.mark(new.verification)) if new.verification else texts("not_marked")
