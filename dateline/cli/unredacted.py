"""`dateline timeline --unredacted`: a page and, from the log, what is killed or under embargo today. For the desk's eyes only."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from msgspec import Raw, json
from rich.text import Text

from consumers.fit import Extent, check_begins
from consumers.local_time import LocalTime
from consumers.timeline.answers import place_below
from consumers.timeline.past import Gone, GoneUpdate, Past, StoryPast, Unredacted
from consumers.timeline.shown import Shown, read_document
from dateline.cli.common import unknown_story
from dateline.cli.prose import one_line
from dateline.cli.render import (
    QUIET,
    WRONG,
    show_foot,
    show_heading,
    show_hour,
    show_update,
    show_words,
)
from dateline.cli.sheet import Sheet
from dateline.deployment import Deployment
from dateline.errors import DatelineError, Refused
from dateline.log.partitioner import partition_of
from schemas.codec import committed_codec
from schemas.topics import EVENTS_TOPIC

_PATIENCE = 10.0
_ALARM = "bold white on red"


def unredacted_page(
    deployment: Deployment, story: str, moment: datetime | int | None, *, limit: int, cursor: str | None, key_events: bool
) -> Unredacted | None:
    """Return a page of `story` at a moment, folded from the log; None if readers had nothing of it then.

    Raises:
        Refused: The log has no such story, or one of its records cannot be folded.
    """
    below = place_below(cursor)
    past = _past_of(deployment, story, moment)
    return past.unredacted(limit=limit, below=below, key_events=key_events)


def unredacted_json(found: Unredacted) -> bytes:
    """Return the page as the document of the contract, and after its updates `"gone"`, newest first.

    Each entry of it has `id`, `status` (`killed` or `embargoed`), `seq` (of the record that says so), `published_at`, `killed_at`
    or `embargoed_at`, `embargo_until`, `reason`, `substitute`, `shown_then` (whether readers had it at that moment) and
    `document`, the last that they had of it by then.
    """
    return found.page.json()[:-1] + b',"gone":' + json.encode([_gone_json(one) for one in found.gone]) + b"}"


def show_unredacted(sheet: Sheet, found: Unredacted, *, as_of: str | None, more: Sequence[str]) -> None:
    """Print the page, what is gone in its place among the rest.

    Args:
        as_of: The words for the moment that is shown, where it is not now.
        more: The command that shows the page after this one, without its cursor.
    """
    page = found.page
    clock = LocalTime(page.story.heading.time_zone)
    show_heading(sheet, page.story, clock)
    what = "what is killed or under embargo today, with its words from the log: for the desk's eyes only."
    sheet.put(f"As readers {'have it' if as_of is None else f'had it {as_of}'}, and {what}", style=WRONG)
    sheet.gap()
    listed: list[tuple[int, Shown, GoneUpdate | None]] = [
        *((place, read_document(document), None) for place, document in zip(found.places, page.documents, strict=True)),
        *((one.had.place, read_document(one.had.document), one) for one in found.gone),
    ]
    shown_day = None
    for _, update, gone in sorted(listed, key=lambda each: -each[0]):
        day = clock.day(update.published_at)
        if day != shown_day:
            sheet.rule(day)
            sheet.gap()
            shown_day = day
        if gone is None:
            show_update(sheet, update, clock)
        else:
            _show_gone(sheet, gone, update, clock, is_now=as_of is None)
        sheet.gap()
    show_foot(sheet, page.next, more, is_empty=not listed)
    sheet.flush()


def _past_of(deployment: Deployment, story: str, moment: datetime | int | None) -> StoryPast:
    """Read the story's records and fold them, up to the moment and on to the end of the log."""
    with suppress(DatelineError):  # the log can be read all the same
        deployment.timeline.catch_up(timeout=_PATIENCE)  # so that embargoes are lifted that are over
    log = deployment.log
    partition = partition_of(story.encode(), log.partitions(EVENTS_TOPIC))
    check_begins(Extent.of(log, EVENTS_TOPIC), partition)
    past = Past(log, EVENTS_TOPIC, partition, committed_codec(), moment=moment, stories=(story,))
    past.fold_to(log.end_offsets(EVENTS_TOPIC)[partition])
    if story in past.failed:
        raise Refused(f"Story {story!r}: one of its records cannot be folded: {past.failed[story]}")
    if story not in past.stories:
        raise unknown_story(deployment, story)
    return past.stories[story]


def _gone_json(one: GoneUpdate) -> dict[str, Any]:  # Any: what JSON holds
    gone, had = one.gone, one.had
    is_killed = gone.status == "killed"
    return {
        "id": one.id,
        "status": gone.status,
        "seq": gone.seq,
        "published_at": had.published_at,
        "killed_at": gone.at if is_killed else None,
        "embargoed_at": None if is_killed else gone.at,
        "embargo_until": gone.until,
        "reason": gone.reason,
        "substitute": gone.substitute,
        "shown_then": had.stands,
        "document": Raw(had.document.encode()),
    }


def _show_gone(sheet: Sheet, one: GoneUpdate, update: Shown, clock: LocalTime, *, is_now: bool) -> None:
    tombstone = Text(_tombstone(one.gone, clock), _ALARM)
    show_hour(sheet, clock.hour(update.published_at), tombstone)
    what = "readers had this:" if one.had.stands else "readers had this until it was taken away:"
    when = "" if is_now or not one.had.stands else "At that moment "
    said = f"{when}{what}"
    sheet.put(f"For the desk's eyes only. {said[0].upper()}{said[1:]}", style=WRONG, indent=sheet.margin)
    sheet.gap()
    sheet.put(one_line(update.headline), style="bold", indent=sheet.margin)
    show_words(sheet, update)
    small = f"{one.id} · revision {update.revision} · {_STATUS[one.gone.status]}: for the desk's eyes only"
    sheet.put(small, style=QUIET, indent=sheet.margin)


_STATUS = {"killed": "killed", "embargoed": "under embargo"}


def _tombstone(gone: Gone, clock: LocalTime) -> str:
    if gone.status != "killed":
        until = clock.moment(gone.until) if gone.until is not None else ""
        return f"Under embargo since {clock.moment(gone.at)} (seq {gone.seq}), until {until}."
    reason = f": {one_line(gone.reason)}" if gone.reason else "."
    instead = f" (Use instead: {one_line(gone.substitute)})" if gone.substitute else ""
    return f"Killed on {clock.moment(gone.at)} (seq {gone.seq}){reason}{instead}"
