"""`dateline publish`, `correct` and `revise`: what an update says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack, cast

import click

from dateline.cli.common import with_deployment
from dateline.cli.content import PARTS, ContentCommand, ContentGiven, Draft, content_options, draft_of
from dateline.cli.writing import AboutGiven, Writer, about_options, moment, shown_time, whole_number
from dateline.deployment import Deployment
from dateline.errors import Refused

if TYPE_CHECKING:
    from datetime import datetime

    from consumers.state import Update
    from dateline.verdicts import Told
    from producers.options import PublishOptions, RewriteOptions
    from schemas.content import Content

_STOPS = (".", "!", "?", "…", "。", "！", "？", "।", "؟", "۔")
"""What may end a sentence, in some script."""

version_option = click.option("--version", callback=whole_number(0), metavar="N", help="The wire's number of this copy.")


class PublishGiven(ContentGiven, AboutGiven):
    """The options of `publish`."""

    name: str | None
    urgency: int | None
    key_event: bool
    pin: bool
    embargo_until: datetime | None
    version: int | None
    from_story: str | None


class RewriteGiven(ContentGiven, AboutGiven):
    """The options of `correct` and `revise`."""

    without: tuple[str, ...]
    expects: int | None
    version: int | None


@click.command(
    "publish",
    cls=ContentCommand,
    epilog="\b\nExample:\n  dateline publish apollo-13 --headline 'Lift-off' --body-file - < liftoff.txt",
)
@click.argument("story")
@click.option("--headline", metavar="TEXT", required=True, help="What happened, in a line.")
@content_options
@click.option("--id", "name", metavar="UPDATE", help="The update's name; made up if not given.")
@click.option("--urgency", callback=whole_number(1, 9), metavar="1-9", help="1 is a flash, 9 can wait; 5 if not given.")
@click.option("--key-event", is_flag=True, help="Who has one minute should see it.")
@click.option("--pin", is_flag=True, help="Show it on top of the page.")
@click.option("--embargo-until", metavar="TIME", callback=moment, help="Not to be shown before.")
@click.option("--from-story", metavar="STORY", help="The neighbouring story it is taken from.")
@version_option
@about_options
@with_deployment
def publish_command(deployment: Deployment, story: str, **given: Unpack[PublishGiven]) -> int:
    """Publish an update. Times are like 1970-04-14T03:08:20Z."""
    from schemas.content import NO_CONTENT

    draft = draft_of(given)
    if draft.picture and given["image"] is None:
        raise click.UsageError(f"--{min(draft.picture)} says something about a picture. Give it with --image.")
    _refuse_past(given["embargo_until"])
    writer = Writer(deployment, given)
    if writer.look():
        writer.find_story(story)
    options = _publish_options(writer, draft.onto(NO_CONTENT), given)
    return writer.send(
        lambda desk: desk.publish(story, **options),
        lambda told: f"Published {told.update}, revision {told.revision} (seq {told.seq}).{writer.standing(told)}",
    )


@click.command(
    "correct",
    cls=ContentCommand,
    epilog="\b\nExample:\n  dateline correct apollo-13 liftoff --note 'The time was wrong.' --body '…'",
)
@click.argument("story")
@click.argument("update")
@click.option("--note", metavar="TEXT", help="What was wrong; readers see it. Needed.")
@click.option("--minor", is_flag=True, help="A slip that misled nobody.")
@click.option("--headline", metavar="TEXT", help="The right headline.")
@content_options
@click.option("--without", type=click.Choice(PARTS), metavar="PART", multiple=True, help=f"Leave out: {', '.join(PARTS)}.")
@click.option("--expects", callback=whole_number(0), metavar="R", help="The revision that you looked at.")
@version_option
@about_options
@with_deployment
def correct_command(
    deployment: Deployment, story: str, update: str, note: str | None, minor: bool, **given: Unpack[RewriteGiven]
) -> int:
    """Put an error right, and say what was wrong. What is not given stays as it is."""
    if note is None:
        raise click.UsageError("A correction needs --note: say what was wrong.")
    said = note
    draft = draft_of(given, without=given["without"])
    writer = Writer(deployment, given)
    options = _rewritten(writer, draft, story, update, given)
    severity = "minor" if minor else "substantive"
    return writer.send(
        lambda desk: desk.correct(story, update, note=said, severity=severity, **options),
        lambda told: f"Corrected {told.update}, {_now(told, said, writer.standing(told))}",
    )


@click.command(
    "revise",
    cls=ContentCommand,
    epilog="\b\nExample:\n  dateline revise apollo-13 liftoff --body-file b.txt --source NASA:official",
)
@click.argument("story")
@click.argument("update")
@click.option("--note", metavar="TEXT", help="What is new; readers see it.")
@click.option("--headline", metavar="TEXT", help="The new headline.")
@content_options
@click.option("--without", type=click.Choice(PARTS), metavar="PART", multiple=True, help=f"Leave out: {', '.join(PARTS)}.")
@click.option("--expects", callback=whole_number(0), metavar="R", help="The revision that you looked at.")
@version_option
@about_options
@with_deployment
def revise_command(deployment: Deployment, story: str, update: str, note: str | None, **given: Unpack[RewriteGiven]) -> int:
    """Add new information to an update. What is not given stays as it is."""
    draft = draft_of(given, without=given["without"])
    if draft.is_empty:
        raise click.UsageError("Say what is new: give --headline, --body or another part of the content.")
    writer = Writer(deployment, given)
    options = _rewritten(writer, draft, story, update, given)
    return writer.send(
        lambda desk: desk.revise(story, update, note=note, **options),
        lambda told: f"Revised {told.update}, {_now(told, note, writer.standing(told))}",
    )


def _now(told: Told, note: str | None, standing: str) -> str:
    """Return the revision that an update has now, the note, and what keeps readers from seeing it, as whole sentences."""
    revision = f"now revision {told.revision} (seq {told.seq})"
    if not note:
        return f"{revision}.{standing}"
    stop = "." if standing and not note.rstrip().endswith(_STOPS) else ""
    return f"{revision}: {note.rstrip()}{stop}{standing}"


def _publish_options(writer: Writer, content: Content, given: PublishGiven) -> PublishOptions:
    from dateline.merging import as_said

    options = cast("PublishOptions", {**as_said(content), **writer.about})
    options["key_event"], options["pinned"] = given["key_event"], given["pin"]
    if given["name"] is not None:
        options["update"] = given["name"]
    if given["urgency"] is not None:
        options["urgency"] = given["urgency"]
    if given["embargo_until"] is not None:
        options["embargo_until"] = given["embargo_until"]
    if given["version"] is not None:
        options["version"] = given["version"]
    if given["from_story"] is not None:
        options["from_story"] = given["from_story"]
    return options


def _refuse_past(embargo_until: datetime | None) -> None:
    """Stop copy whose embargo is over: the fold would show it at once, and that is not what was meant."""
    from dateline.clock import now

    if embargo_until is not None and embargo_until <= now():
        raise Refused(f"--embargo-until {shown_time(embargo_until)} has passed. Give a later time, or leave it out.")


def _rewritten(writer: Writer, draft: Draft, story: str, update: str, given: RewriteGiven) -> RewriteOptions:
    """Return the whole new content and what goes with it: the draft on what is there now."""
    writer.must_look()
    current = writer.find_update(story, update)
    _refuse_killed(current)
    content = draft.onto(current.content)
    if not content.headline and "headline" not in draft.said:
        raise Refused(f"Update {current.id!r} has no content yet. Give --headline, or publish it with: dateline publish")
    if content == current.content:
        writer.remark("the content is the same as before; readers get a new revision all the same.")
    from dateline.merging import as_said

    options = cast("RewriteOptions", {**as_said(content), **writer.about})
    options["expects"] = current.revision if given["expects"] is None else given["expects"]
    if given["version"] is not None:
        options["version"] = given["version"]
    return options


def _refuse_killed(update: Update) -> None:
    """Stop copy for a killed update before it reaches the log: there it would stay."""
    if update.killed_at is not None:
        when = shown_time(update.killed_at)
        raise Refused(f"Update {update.id!r} was killed on {when}, never to be used again. Publish a new update instead.")
