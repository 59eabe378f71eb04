"""What readers get, in the terminal: a story's timeline, an update's history, and what was put right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from dateline.cli.as_of import moment_of
from dateline.cli.common import json_option, notice, unknown_story, unknown_update, with_deployment
from dateline.deployment import Deployment
from dateline.errors import OtherVersion, Refused, Unconfirmed
from schemas.names import check_name, shortened

if TYPE_CHECKING:
    from consumers.state import Update
    from consumers.timeline.answers import Page

_PATIENCE = 10.0
"""Seconds after which a reader gets what the view has."""


@click.command(name="timeline", epilog="Example: dateline timeline apollo-13 --as-of 1970-04-14T03:30:00Z")
@click.argument("story", metavar="STORY")
@click.option("--limit", type=click.IntRange(1, 500), default=20, show_default=True, metavar="N", help="Updates on a page.")
@click.option("--cursor", metavar="C", help="Go on where a page ended.")
@click.option("--key-events", is_flag=True, help="Only the key events.")
@click.option("--as-of", metavar="T|SEQ", help="What readers had then: a time with its zone, or a seq.")
@click.option("--unredacted", is_flag=True, help="For desks: with what is killed or under embargo today, from the log.")
@json_option
@with_deployment
def timeline_command(
    deployment: Deployment,
    *,
    story: str,
    limit: int,
    cursor: str | None,
    key_events: bool,
    as_of: str | None,
    unredacted: bool,
    as_json: bool,
) -> int:
    """Show a story's updates, newest first, as readers have them or had them.

    What is killed or under embargo today is left out, whenever that is. --unredacted shows to whoever may read the log that it
    was there, why it is gone and what readers had of it; what they never had stays out.
    """
    deployment.warm_up()
    story = check_name("story", story)
    then = moment_of(as_of) if as_of is not None else None
    ask: dict[str, Any] = {"limit": limit, "cursor": cursor, "key_events": key_events}  # Any: the page's options
    if unredacted:
        _show_unredacted(deployment, story, as_of, ask, as_json=as_json)
        return 0
    if not as_json:
        import_module("dateline.cli.render")  # while the private Redis starts
    behind = look(deployment)
    reader = deployment.reader
    page = reader.page(story, **ask) if then is None else reader.page_as_of(story, then, **ask)
    if page is None:
        raise behind or _no_page(deployment, story, as_of)
    if as_json:
        click.echo(page.json())
        return exit_code(behind)
    _show_timeline(page, then, _more(story, as_of, ask))
    return exit_code(behind)


@click.command(name="history", epilog="Example: dateline history apollo-13 a-problem")
@click.argument("story", metavar="STORY")
@click.argument("update", metavar="UPDATE")
@json_option
@with_deployment
def history_command(deployment: Deployment, *, story: str, update: str, as_json: bool) -> int:
    """Show what readers were told of an update, revision by revision, and what changed."""
    deployment.warm_up()
    story, update = check_name("story", story), check_name("update", update)
    from consumers.timeline.told import history_json

    behind = look(deployment)
    kept, told = deployment.reader.story(story), deployment.reader.history(story, update)
    if kept is None:
        raise behind or unknown_story(deployment, story)
    if told is None:
        raise _killed(deployment.reader.update(story, update)) or behind or unknown_update(deployment, story, update)
    if as_json:
        click.echo(history_json(kept, update, told))
        return exit_code(behind)
    from dateline.cli.render_past import show_history
    from dateline.cli.sheet import Sheet

    show_history(Sheet(), kept, update, told)
    return exit_code(behind)


@click.command(name="corrections", epilog="Example: dateline corrections apollo-13")
@click.argument("story", metavar="[STORY]", required=False)
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, metavar="N", help="How many at most.")
@json_option
@with_deployment
def corrections_command(deployment: Deployment, *, story: str | None, limit: int, as_json: bool) -> int:
    """Show what was put right, newest first: of one story, or of all."""
    deployment.warm_up()
    story = check_name("story", story) if story is not None else None
    from consumers.timeline.told import corrections_json

    behind = look(deployment)
    if story is not None and deployment.reader.story(story) is None:
        raise behind or unknown_story(deployment, story)
    found = deployment.reader.corrections(story, limit=limit)
    if as_json:
        click.echo(corrections_json(found))
        return exit_code(behind)
    from dateline.cli.render_past import show_corrections
    from dateline.cli.sheet import Sheet

    stories = {one.story: deployment.reader.story(one.story) for one in found}
    show_corrections(Sheet(), found, {name: kept for name, kept in stories.items() if kept is not None})
    return exit_code(behind)


def look(deployment: Deployment, view: str = "timeline") -> Unconfirmed | None:
    """Bring a view up to the end of the log; where its holder does not move, warn, and return that it may be behind.

    A view of another release is read as it is: only a replay, or that release, brings it on.
    """
    try:
        deployment.views[view].catch_up(timeout=_PATIENCE)
    except OtherVersion as other:
        notice(f"dateline: warning: {other} Until then this shows what it held.")
        return None
    except Unconfirmed as behind:
        notice(f"dateline: warning: {behind}")
        return behind
    return None


def exit_code(behind: Unconfirmed | None) -> int:
    """Return what a command exits with that has shown what a view has."""
    return behind.exit_code if behind is not None else 0


def _no_page(deployment: Deployment, story: str, as_of: str | None) -> Refused:
    if as_of is None or deployment.reader.story(story) is None:
        return unknown_story(deployment, story)
    return _nothing_then(story, as_of)


def _nothing_then(story: str, as_of: str | None) -> Refused:
    return Refused(f"As of {as_of}, readers had nothing of story {story!r}. Its beginning: dateline timeline {story} --as-of 1")


def _killed(update: Update | None) -> Refused | None:
    """Return the error for an update that was killed, None if it was not, or if readers never had it."""
    if update is None or update.killed_at is None or not update.place:
        return None
    from dateline.cli.writing import shown_time

    return Refused(f"Update {shortened(update.id)} was killed on {shown_time(update.killed_at)}; nothing of it is shown.")


def _more(story: str, as_of: str | None, ask: Mapping[str, Any], *options: str) -> list[str]:
    """Return the command that shows the same, to which a cursor is added."""
    limit = ask["limit"]
    more = ["dateline", *asked_data(), "timeline", story, *(("--limit", str(limit)) if limit != 20 else ())]
    return [*more, *(("--as-of", as_of) if as_of else ()), *options, *(("--key-events",) if ask["key_events"] else ())]


def asked_data() -> Sequence[str]:
    data = click.get_current_context().find_root().obj
    return ("--data", data) if isinstance(data, str) else ()


def _show_unredacted(deployment: Deployment, story: str, as_of: str | None, ask: Mapping[str, Any], *, as_json: bool) -> None:
    from dateline.cli.unredacted import show_unredacted, unredacted_json, unredacted_page

    then = moment_of(as_of) if as_of is not None else None
    found = unredacted_page(deployment, story, then, **ask)
    if found is None:
        raise _nothing_then(story, as_of)
    if as_json:
        click.echo(unredacted_json(found))
        return
    from dateline.cli.sheet import Sheet

    show_unredacted(Sheet(), found, as_of=_in_words(found.page, then), more=_more(story, as_of, ask, "--unredacted"))


def _show_timeline(page: Page, then: datetime | int | None, more: Sequence[str]) -> None:
    from dateline.cli.render import show_timeline
    from dateline.cli.sheet import Sheet

    show_timeline(Sheet(), page, as_of=_in_words(page, then), more=more)


def _in_words(page: Page, then: datetime | int | None) -> str | None:
    """Return the words for the moment that a page shows; None for now."""
    from consumers.local_time import LocalTime

    if isinstance(then, datetime):
        return f"on {LocalTime(page.story.heading.time_zone).moment(then)} (seq {page.seq})"
    return f"at seq {page.seq}" if then is not None else None
