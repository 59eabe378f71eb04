"""The page of a story, and the parts of it that an open page asks for when something changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from markupsafe import Markup
from msgspec import Struct, field, json

from consumers.state import Story
from consumers.timeline.answers import HistoryEntry
from consumers.timeline.shown import Shown
from consumers.web.coverage import Coverage
from consumers.web.markup import one_line, web_address
from consumers.web.pages.changes import correction_changes
from consumers.web.pages.json_ld import live_blog
from consumers.web.pages.plain import described
from consumers.web.pages.publisher import Publisher, Voice, render, voice_of
from consumers.web.pages.texts import Texts
from consumers.web.pages.times import short_rfc3339

KEY_EVENTS_IN_SIGHT = 5
_SCRIPT_TEXTS = ("live", "reconnecting", "offline", "last_news", "withdrawn", "copied", "loading", "load_failed", "your_times")


class StoryView(Struct, frozen=True):
    """What the page of a story shows.

    Attributes:
        coverage: The story and the part of its updates that the page has.
        key_events, pinned: Of the whole story, the newest first.
        histories: Of updates that were corrected, by their ids, what readers were told; without it a link leads there.
        cursor: Where the part begins; None at the head.
        as_of: The time or the `seq` whose page this is; None for now.
    """

    coverage: Coverage
    key_events: Sequence[Shown] = ()
    pinned: Sequence[Shown] = ()
    histories: Mapping[str, Sequence[HistoryEntry]] = field(default_factory=dict)
    cursor: str | None = None
    as_of: datetime | int | None = None


class Entry(Struct, frozen=True):
    """An update in its place on the page.

    Attributes:
        place: What orders the page; nothing for one that is pinned on top.
        day: The heading above it, where a day begins.
        changes: What each correction changed, by its revision.
        is_elsewhere: Whether the update stands on top, so that its place only says so.
    """

    update: Shown
    place: int | None = None
    day: Markup | None = None
    changes: Mapping[int, Markup] = field(default_factory=dict)
    is_elsewhere: bool = False


def story_page(view: StoryView, *, publisher: Publisher) -> str:
    """Return the page of a story: its head, the part of it that begins at the cursor, or the page as readers had it once."""
    story, voice = view.coverage.story, voice_of(view.coverage.story)
    return render(
        "story.html",
        publisher=publisher,
        voice=voice,
        entries=list(_entries(view, voice)),
        title=one_line(story.heading.title),
        description=described(story.heading.summary),
        picture=first_picture(view.coverage.updates),
        json_ld=live_blog(view.coverage, publisher=publisher) if view.cursor is None and view.as_of is None else None,
        script_texts=script_texts(voice.texts),
        as_of_is_time=isinstance(view.as_of, datetime),
        **_head(view, on_page={one.id for one in view.coverage.updates}),
    )


def head_fragment(view: StoryView, *, publisher: Publisher) -> str:
    """Return the story's title, state, key events and pinned updates, for a page that is open; its updates are not looked at."""
    return render("head.html", publisher=publisher, voice=voice_of(view.coverage.story), **_head(view, on_page=set()))


def entry_fragment(update: Shown, *, place: int, story: Story, history: Sequence[HistoryEntry] = (), publisher: Publisher) -> str:
    """Return one update as it stands on its story's page, for a page that is open.

    Args:
        place: The `seq` of the change that first showed it.
        history: What readers were told of it, if it was corrected.
    """
    entry = Entry(update, place, changes=correction_changes(history), is_elsewhere=update.pinned)
    return render("entry_fragment.html", publisher=publisher, voice=voice_of(story), story=story, entry=entry)


def script_texts(texts: Texts) -> Markup:
    """Return what the script says, as JSON that is safe within a script element."""
    said: dict[str, object] = {key: texts.mark(key) for key in _SCRIPT_TEXTS}
    text = json.encode(said | {"new_updates": texts.forms("new_updates")}).decode()
    return Markup(text.replace("<", "\\u003c"))


def _head(view: StoryView, *, on_page: set[str]) -> dict[str, object]:
    """Return what the head shows; a key event leads to its place on the page where it has one there."""
    pinned = [Entry(one, changes=_changes(view, one)) for one in view.pinned]
    return {
        "view": view,
        "story": view.coverage.story,
        "seq": view.coverage.seq,
        "pinned": pinned,
        "on_page": on_page | {one.id for one in view.pinned},
        "as_of_words": _as_of_words(view.as_of),
        "in_sight": KEY_EVENTS_IN_SIGHT,
    }


def _as_of_words(as_of: datetime | int | None) -> str | int | None:
    return short_rfc3339(as_of) if isinstance(as_of, datetime) else as_of


def _entries(view: StoryView, voice: Voice) -> Iterator[Entry]:
    pinned = {one.id for one in view.pinned}
    shown_day = None
    for update, place in zip(view.coverage.updates, view.coverage.places, strict=True):
        day = voice.times.day(update.published_at)
        heading = voice.times.day_heading(update.published_at) if day != shown_day else None
        shown_day = day
        elsewhere = update.id in pinned
        yield Entry(update, place, heading, {} if elsewhere else _changes(view, update), elsewhere)


def _changes(view: StoryView, update: Shown) -> Mapping[int, Markup]:
    return correction_changes(view.histories.get(update.id, ())) if update.corrections else {}


def first_picture(updates: Sequence[Shown]) -> str | None:
    """Return the address of the first picture that a page can show, for those who share it."""
    pictures = (one.uri for update in updates for one in update.media if one.type == "image" and web_address(one.uri))
    return next(pictures, None)
