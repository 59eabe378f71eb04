"""The history of an update and the corrections, for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, zip_longest

from rich.text import Text

from consumers.local_time import LocalTime
from consumers.state import Change, Story
from consumers.timeline.answers import HistoryEntry, ListedCorrection
from consumers.timeline.diff import changed_words
from consumers.timeline.past import with_diffs
from consumers.timeline.shown import Shown, read_document
from consumers.words import content_of
from dateline.cli.prose import one_line, plain
from dateline.cli.render import QUIET, WRONG, show_correction, show_words
from dateline.cli.sheet import Sheet
from schemas.times import from_ms

_DONE = {
    "published": "Published",
    "revised": "Revised",
    "corrected": "Corrected",
    "withheld": "Taken off the page",
    "released": "Back on the page",
    "marked": "Marked",
    "late": "Late copy came in: kept here, never shown",
}
_SIDES = {"-": "red", "+": "green", "@": "cyan"}


def show_history(sheet: Sheet, story: Story, update: str, told: Sequence[HistoryEntry]) -> None:
    """Print what readers were told of an update, the oldest first; then the digest of its story's whole record."""
    clock = LocalTime(story.heading.time_zone)
    now = next(read_document(one.document) for one in reversed(told) if one.document and one.about.kind != "late")
    sheet.put(one_line(now.headline), style="bold")
    sheet.put(f"{update} in {story.id}, revision {now.revision} · times of {clock.name}", style=QUIET)
    before: Shown | None = None
    day = ""
    for one, changed in with_diffs(told, context=1):
        if clock.day(one.about.occurred_at) != day:
            day = clock.day(one.about.occurred_at)
            sheet.gap()
            sheet.rule(day)
        sheet.gap()
        _show_entry(sheet, one, clock)
        if one.about.kind == "late":
            _show_late(sheet, one)
        elif one.document is not None:
            after = read_document(one.document)
            _show_what_changed(sheet, before, after, changed)
            before = after
    sheet.gap()
    sheet.put_whole(f"record: seq {story.seq}, sha256 {story.digest.hex()}")  # one line, to be copied
    sheet.flush()


def show_corrections(sheet: Sheet, found: Sequence[ListedCorrection], stories: Mapping[str, Story]) -> None:
    """Print corrections, the newest first, each in the time of its story."""
    for one in found:
        story = stories[one.story]
        clock = LocalTime(story.heading.time_zone)
        when = clock.moment(one.told.corrected_at, zoned=True)
        sheet.put(one_line(content_of(one.document).headline), style="bold")
        show_correction(sheet, one.told, when=when, indent=2)
        where = f"{one.story} · {one.update} · revision {one.told.revision} · {one_line(story.heading.title)}"
        sheet.put(where, style=QUIET, indent=2)
        sheet.gap()
    if not found:
        sheet.put("Nothing has been corrected.", style=QUIET)
    sheet.flush()


def marks_changed(before: Shown, after: Shown) -> Iterator[str]:
    """Yield in words how the marks of an update differ."""
    if before.pinned != after.pinned:
        yield "now pinned" if after.pinned else "no longer pinned"
    if before.key_event != after.key_event:
        yield "now a key event" if after.key_event else "no longer a key event"
    if before.verification != after.verification:
        yield f"now {one_line(after.verification)}" if after.verification else "no longer marked for its truth"
    if before.urgency != after.urgency:
        yield f"now of urgency {after.urgency}"


def _show_entry(sheet: Sheet, told: HistoryEntry, clock: LocalTime) -> None:
    about = told.about
    done = Text(_DONE.get(about.kind, about.kind), "bold")
    if about.kind in ("published", "revised", "corrected"):
        done.append(f": revision {about.revision}")
    if about.kind == "corrected" and about.severity == "minor":
        done.append(" (minor)")
    sheet.put(done, first=f"{clock.hour(about.occurred_at)}  ", rest=" " * sheet.margin, mark="cyan")
    if about.note:
        wrong = about.kind == "corrected"
        note = Text.assemble(("What was wrong: ", "bold") if wrong else "", plain(about.note))
        sheet.put(note, style=WRONG if wrong else "", indent=sheet.margin)
    sheet.put(_recorded(about, clock), style=QUIET, indent=sheet.margin)


def _recorded(about: Change, clock: LocalTime) -> str:
    recorded = clock.local(from_ms(about.recorded_at))
    return f"seq {about.seq}, recorded {clock.moment(recorded, near=about.occurred_at)}:{recorded:%S}"


def _show_late(sheet: Sheet, told: HistoryEntry) -> None:
    if told.document is not None:
        sheet.put(one_line(content_of(told.document).headline), indent=sheet.margin, style="italic")


def _show_what_changed(sheet: Sheet, before: Shown | None, after: Shown, changed: Sequence[str]) -> None:
    if before is None:
        sheet.gap()
        sheet.put(one_line(after.headline), style="bold", indent=sheet.margin)
        show_words(sheet, after)
        return
    marks = "; ".join(marks_changed(before, after))
    if marks:
        sheet.put(f"{marks[0].upper()}{marks[1:]}.", indent=sheet.margin)
    if changed:
        _show_diff(sheet, changed)
    elif before.revision != after.revision:
        sheet.put("The words are the same.", style=QUIET, indent=sheet.margin)


def _show_diff(sheet: Sheet, changed: Sequence[str]) -> None:
    """Print a unified diff; of lines that stand against each other, the words that differ are set off."""
    sheet.gap()
    runs = [(sign, [plain(line[1:]) for line in run]) for sign, run in groupby(changed, key=lambda line: line[:1])]
    for at, (sign, lines) in enumerate(runs):
        against = _against(runs, at)
        for line, other in zip_longest(lines, against[: len(lines)]):
            if line.strip():
                _show_side(sheet, sign, line, changed_words(line, other) if other else ())


def _against(runs: Sequence[tuple[str, list[str]]], at: int) -> list[str]:
    """Return the lines that stand against a run: those that replace it, or that it replaces."""
    beside, wanted = {"-": (at + 1, "+"), "+": (at - 1, "-")}.get(runs[at][0], (-1, ""))
    return runs[beside][1] if 0 <= beside < len(runs) and runs[beside][0] == wanted else []


def _show_side(sheet: Sheet, sign: str, line: str, parts: Sequence[tuple[int, int]]) -> None:
    text, style = Text(line), _SIDES.get(sign, QUIET)
    for start, end in parts:
        text.stylize("bold reverse", start, end)
    first = "@" if sign == "@" else f"{sign} "
    sheet.put(text, style=style, indent=sheet.margin, first=first, rest="" if sign == "@" else "  ", mark=style)
