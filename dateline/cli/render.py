"""A timeline for the terminal, as one wants to read it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from rich.text import Text

from consumers.local_time import LocalTime
from consumers.state import Correction, Heading, Story
from consumers.timeline.answers import Page
from consumers.timeline.shown import Shown, read_document
from dateline.cli.prose import markdown, one_line, plain
from dateline.cli.sheet import Sheet
from schemas.content import Block, Media, Source

_HASTE = {1: ("FLASH", "bold white on red"), 2: ("URGENT", "bold red")}
_TRUTH = {"unverified": "yellow", "verified": "green", "disputed": "magenta", "debunked": "bold magenta"}
_MEDIA = {"image": "Picture", "video": "Video", "audio": "Sound"}
_KINDS = {"own": "own reporting", "social": "social media"}
_BAR = "│ "
QUIET = "dim"
WRONG = "yellow"


def show_timeline(sheet: Sheet, page: Page, *, as_of: str | None, more: Sequence[str]) -> None:
    """Print a page: the story, then its updates by day, newest first, then how to go on.

    Args:
        as_of: The words for the moment that is shown, where it is not now.
        more: The command that shows the page after this one, without its cursor.
    """
    clock = LocalTime(page.story.heading.time_zone)
    show_heading(sheet, page.story, clock)
    if as_of is not None:
        sheet.put(f"As readers had it {as_of}. What was killed or put under embargo since is left out.", style=WRONG)
    sheet.gap()
    shown_day = None
    for document in map(read_document, page.documents):
        day = clock.day(document.published_at)
        if day != shown_day:
            sheet.rule(day)
            sheet.gap()
            shown_day = day
        show_update(sheet, document, clock)
        sheet.gap()
    _show_foot(sheet, page, more)
    sheet.flush()


def show_heading(sheet: Sheet, story: Story, clock: LocalTime) -> None:
    heading = story.heading
    sheet.put(one_line(heading.title), style="bold")
    if heading.summary:
        sheet.put(markdown(heading.summary))
    sheet.put(_coverage(heading, clock), style=QUIET)
    sheet.put(f"Language {one_line(heading.language)} · times of {clock.name}", style=QUIET)


def show_update(sheet: Sheet, update: Shown, clock: LocalTime) -> None:
    """Print one update: the hour and its marks, headline, body, media, who says so, what was wrong, its name."""
    season, marks = clock.season(update.published_at), marks_of(update)
    if season:
        marks = Text(" · ").join([Text(season, QUIET), *([marks] if marks else [])])
    headline = Text(one_line(update.headline), "bold")
    _show_hour(sheet, clock.hour(update.published_at), marks or headline)
    indent = sheet.margin
    if marks:
        sheet.put(headline, indent=indent)
    show_words(sheet, update)
    for told in update.corrections:
        when = clock.moment(told.corrected_at, near=update.published_at)
        show_correction(sheet, told, when=when, indent=indent)
    sheet.put(" · ".join(_small_print(update, clock)), style=QUIET, indent=indent)


def show_words(sheet: Sheet, update: Shown) -> None:
    """Print what an update says under its headline."""
    for block in update.body:
        sheet.gap()
        _show_block(sheet, block, sheet.margin)
    for media in update.media:
        sheet.gap()
        _show_media(sheet, media, sheet.margin)
    sheet.gap()
    if update.sources:
        sheet.put(_sources(update.sources), indent=sheet.margin)


def show_correction(sheet: Sheet, told: Correction, *, when: str, indent: int) -> None:
    kind = "Minor correction" if told.severity == "minor" else "Correction"
    note = Text.assemble((f"{kind}, {when}: ", f"bold {WRONG}"), (plain(told.note), WRONG))
    sheet.put(note, indent=indent, first=_BAR, rest=_BAR, mark=WRONG)


def show_small_print(sheet: Sheet, update: Shown, clock: LocalTime) -> None:
    sheet.put(" · ".join(_small_print(update, clock)), style=QUIET, indent=sheet.margin)


def marks_of(update: Shown) -> Text:
    """Return what stands out about an update, in one line; empty if nothing does."""
    marks = []
    if update.urgency in _HASTE:
        marks.append(Text(*_HASTE[update.urgency]))
    if update.key_event:
        marks.append(Text("Key event", "bold cyan"))
    if update.pinned:
        marks.append(Text("Pinned", "cyan"))
    if update.verification:
        marks.append(Text(one_line(update.verification).capitalize(), _TRUTH.get(update.verification, "bold")))
    if update.corrections:
        marks.append(Text("Corrected", WRONG))
    if update.from_story:
        marks.append(Text(f"From another story: {one_line(update.from_story)}", "italic"))
    return Text(" · ").join(marks)


def _coverage(heading: Heading, clock: LocalTime) -> str:
    if heading.closed_at is not None:
        return f"Coverage ended on {clock.day(heading.closed_at)} at {clock.hour(heading.closed_at)}"
    if heading.opened_at is not None:
        return f"Open since {clock.day(heading.opened_at)}, {clock.hour(heading.opened_at)}"
    return "Open"


def _show_hour(sheet: Sheet, hour: str, text: Text) -> None:
    start = f"{hour}  "
    sheet.put(text, first=start, rest=" " * sheet.margin, mark="cyan")


def _show_block(sheet: Sheet, block: Block, indent: int) -> None:
    if block.type == "quote":
        sheet.put(markdown(block.text), indent=indent, first=_BAR, rest=_BAR, mark=QUIET)
        if block.speaker:
            sheet.put(f"— {one_line(block.speaker)}", indent=indent, first=_BAR, rest=f"{_BAR}  ", mark=QUIET)
    elif block.type == "heading":
        sheet.put(markdown(block.text), style="bold", indent=indent)
    else:
        if block.text:
            sheet.put(markdown(block.text), indent=indent)
        for item in block.items:
            sheet.put(markdown(item), indent=indent, first="• ", rest="  ")
        if block.uri:
            sheet.put(one_line(block.uri), style=QUIET, indent=indent)


def _show_media(sheet: Sheet, media: Media, indent: int) -> None:
    kind = _MEDIA.get(media.type, one_line(media.type).capitalize())
    said = plain(media.caption) or plain(media.alt) or "no caption"
    credit = f" ({one_line(media.credit)})" if media.credit else ""
    sheet.put(Text.assemble((f"{kind}: ", "bold"), said, credit), indent=indent)
    sheet.put(one_line(media.uri), style=QUIET, indent=indent)


def _sources(sources: Sequence[Source]) -> Text:
    shown = Text.assemble(("Sources: " if len(sources) > 1 else "Source: ", "bold"))
    for at, source in enumerate(sources):
        kind = f" ({_KINDS.get(source.kind, one_line(source.kind))})" if source.kind else ""
        shown.append(f"{'; ' if at else ''}{one_line(source.name)}{kind}")
        if source.uri:
            shown.append(f" {one_line(source.uri)}", QUIET)
    return shown


def _small_print(update: Shown, clock: LocalTime) -> Iterator[str]:
    if update.places:
        yield ", ".join(map(one_line, update.places))
    yield update.id
    if update.revision > 1:
        yield f"revision {update.revision}"
    if update.updated_at != update.published_at:
        yield f"updated {clock.moment(update.updated_at, near=update.published_at)}"


def _show_foot(sheet: Sheet, page: Page, more: Sequence[str]) -> None:
    if page.next is not None:
        sheet.put("Earlier updates:", style=QUIET)
        sheet.put_whole(shlex.join((*more, "--cursor", page.next)), indent=2)
    elif not page.documents:
        sheet.put("Nothing here yet." if more[-1] != "--key-events" else "No key events.", style=QUIET)
    else:
        sheet.put("There is nothing earlier.", style=QUIET)
