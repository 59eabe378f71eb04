"""What a search found, for the terminal."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from rich.text import Text

from consumers.local_time import LocalTime
from consumers.search.answers import Found, Hit, Total
from consumers.search.question import Question
from consumers.search.snippets import Segments
from consumers.search.told import snippets_of
from consumers.timeline.shown import read_document
from dateline.cli.prose import one_line, plain
from dateline.cli.render import QUIET, marks_of, show_correction
from dateline.cli.sheet import Sheet

_HIT = "black on bright_yellow"
_MARGIN = 2


def show_found(sheet: Sheet, question: Question, found: Found, *, zones: Mapping[str, str], more: Sequence[str]) -> None:
    """Print a page of what was found: how much that is, each update, what may have been meant, how to go on.

    Args:
        zones: The time zone of each story.
        more: The command that asks the same, without its text.
    """
    if found.total.value:
        sheet.put(total_in_words(found.total), style="bold")
    else:
        sheet.put(_nothing(question))
    if found.did_you_mean is not None:
        sheet.put_whole(f"Did you mean: {_command(more, found.did_you_mean)}")
    if found.hits:
        sheet.gap()
    for hit in found.hits:
        _show_hit(sheet, question, hit, LocalTime(zones.get(hit.story, "UTC")))
        sheet.gap()
    if found.next is not None:
        sheet.put("More:", style=QUIET)
        sheet.put_whole(_command((*more, "--cursor", found.next), question.text), indent=2)
    sheet.flush()


def total_in_words(total: Total) -> str:
    """Return how many updates there are: `12 updates`, `more than 10,000 updates`."""
    count = f"{total.value:,} {'update' if total.value == 1 else 'updates'}"
    return count if total.exact else f"More than {count}"


def _nothing(question: Question) -> str:
    text = one_line(question.text)
    return f"No update holds “{text}”." if text else "No update is like that."


def _command(command: Sequence[str], text: str) -> str:
    """Return a command as it can be typed; a text that begins like an option stands behind all of them."""
    asked = (*(("--",) if text.startswith("-") else ()), text) if text.strip() else ()
    return plain(shlex.join((*command, *asked)))


def _show_hit(sheet: Sheet, question: Question, hit: Hit, clock: LocalTime) -> None:
    update, shown = read_document(hit.document), snippets_of(question, hit)
    sheet.put(_marked(shown.headline, "bold"))
    when = clock.moment(update.published_at, zoned=True)
    about = Text.assemble((f"{one_line(hit.story_title)} · {when}", QUIET))
    marks = marks_of(update)
    sheet.put(Text(" · ", QUIET).join((about, marks)) if marks else about, indent=_MARGIN)
    if any(text.strip() for text, _ in shown.body):
        sheet.put(_marked(shown.body), indent=_MARGIN)
    for told in update.corrections[-1:]:
        show_correction(sheet, told, when=clock.moment(told.corrected_at, near=update.published_at), indent=_MARGIN)
    sheet.put(f"{one_line(hit.story)} {one_line(hit.update)}", style=QUIET, indent=_MARGIN)


def _marked(segments: Segments, style: str = "") -> Text:
    shown = Text(style=style)
    for text, is_hit in segments:
        shown.append(plain(text), _HIT if is_hit else None)
    return shown
