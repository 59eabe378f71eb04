"""Changes for the terminal, each as it comes: what was said, and what was wrong or taken back."""

from __future__ import annotations

from rich.text import Text

from consumers.local_time import LocalTime
from consumers.state import Change, Story
from consumers.timeline.answers import Page, PublicChange
from consumers.timeline.shown import Shown, read_document
from dateline.cli.prose import markdown, one_line, plain
from dateline.cli.render import (
    QUIET,
    WRONG,
    marks_of,
    show_heading,
    show_small_print,
    show_update,
    show_words,
)
from dateline.cli.sheet import Sheet

_SAID = {"released": "Back on the page"}
_GONE = {
    "withheld": ("Taken off the page", f"bold {WRONG}"),
    "killed": ("KILLED: not to be used, in any version", "bold white on red"),
}
_STORY = {
    "story_opened": "Coverage begins",
    "story_revised": "The story has new words",
    "story_closed": "Coverage has ended",
    "story_reopened": "Coverage goes on",
}


class ChangeSheet:
    """Prints a story's changes, with a line across whenever another day begins."""

    def __init__(self, sheet: Sheet, story: Story) -> None:
        self._sheet = sheet
        self._clock = LocalTime(story.heading.time_zone)
        self._day = ""

    def begin(self, page: Page) -> None:
        """Print the story and the updates of `page`, the newest last, where the next one will stand."""
        show_heading(self._sheet, page.story, self._clock)
        for document in map(read_document, reversed(page.documents)):
            self._turn_day(self._clock.day(document.published_at))
            show_update(self._sheet, document, self._clock)
        self._sheet.gap()
        self._sheet.flush()

    def show(self, story: Story, public: PublicChange) -> None:
        """Print one change; the words of its update only if it is the last of that update, as no others were said then."""
        self._clock = LocalTime(story.heading.time_zone)
        change = public.change
        self._turn_day(self._clock.day(change.occurred_at))
        if change.update is None:
            self._show_story(story, change)
        elif public.document is None or change.kind in _GONE:
            self._show_gone(change)
        else:
            self._show_said(change, read_document(public.document))
        self._sheet.gap()
        self._sheet.flush()

    def _turn_day(self, day: str) -> None:
        self._sheet.gap()
        if day != self._day:
            self._day = day
            self._sheet.rule(day)
            self._sheet.gap()

    def _show_said(self, change: Change, update: Shown) -> None:
        is_last = update.seq == change.seq
        if change.kind == "published" and is_last:
            show_update(self._sheet, update, self._clock)
            return
        wrong = change.kind == "corrected"
        done = Text(_SAID.get(change.kind, change.kind.capitalize()), f"bold {WRONG if wrong else ''}")
        if not is_last:
            done.append(f": {change.update}", "not bold")
        elif change.kind == "marked":
            done = Text("Marked: ", "bold") + (marks_of(update) or Text("nothing stands out any more"))
        self._line(change, done)
        if change.note:
            note = Text.assemble(("What was wrong: ", "bold") if wrong else "", plain(change.note))
            self._sheet.put(note, style=WRONG if wrong else "", indent=self._sheet.margin)
        if is_last:
            self._show_as_it_is(update, with_words=change.kind != "marked")

    def _show_as_it_is(self, update: Shown, *, with_words: bool) -> None:
        self._sheet.put(one_line(update.headline), style="bold", indent=self._sheet.margin)
        if with_words:
            show_words(self._sheet, update)
        show_small_print(self._sheet, update, self._clock)

    def _show_gone(self, change: Change) -> None:
        words, style = _GONE.get(change.kind, (f"{change.kind.capitalize()}, and taken back since", QUIET))
        self._line(change, Text.assemble((words, style), f": {change.update}"))

    def _show_story(self, story: Story, change: Change) -> None:
        self._line(change, Text(_STORY.get(change.kind, change.kind), "bold cyan"))
        if change.note:
            self._sheet.put(plain(change.note), indent=self._sheet.margin)
        gave = story.heading_change
        if change.kind in ("story_opened", "story_revised") and gave is not None and gave.seq == change.seq:
            self._sheet.put(one_line(story.heading.title), style="bold", indent=self._sheet.margin)
            self._sheet.put(markdown(story.heading.summary), indent=self._sheet.margin)

    def _line(self, change: Change, text: Text) -> None:
        hour = self._clock.hour(change.occurred_at)
        self._sheet.put(text, first=f"{hour}  ", rest=" " * self._sheet.margin, mark="cyan")
