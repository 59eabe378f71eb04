"""`dateline story`: open, revise, close, reopen and list stories."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from textwrap import indent
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar, Unpack, cast

import click

from dateline.cli.common import emit_json, json_option, notice, unknown_story, with_deployment
from dateline.cli.read import exit_code, look
from dateline.cli.writing import AboutGiven, Writer, WritingCommand, about_options
from dateline.deployment import Deployment
from schemas.names import check_name
from schemas.times import rfc3339

if TYPE_CHECKING:
    from consumers.state import Update
    from consumers.timeline.answers import Listed
    from producers.options import StoryOptions

F = TypeVar("F", bound=Callable[..., Any])  # Any: a command takes options of every type


class Words(TypedDict):
    """The options that give a story's own words."""

    title: str | None
    summary: str | None
    language: str | None
    time_zone: str | None
    topic: tuple[str, ...]


class WordsGiven(Words, AboutGiven):
    """The options of `open` and `revise`."""


def words_options(function: F) -> F:
    """Give a command the options that give a story's own words, the title aside."""
    for option in (
        click.option("--topic", metavar="T", multiple=True, help="What it is about; repeatable."),
        click.option("--time-zone", metavar="Z", help="Where it happens, like America/Chicago; else UTC."),
        click.option("--language", metavar="TAG", help="Of its text, like pt-BR; else en."),
        click.option("--summary", metavar="TEXT", help="What it is about, in a sentence or two."),
    ):
        function = option(function)
    return function


@click.group("story", epilog="\b\nExample:\n  dateline story open apollo-13 --title 'Apollo 13'")
def story_command() -> None:
    """Open, revise, close, reopen and list stories; see what of one is held back."""


@story_command.command(
    "open",
    cls=WritingCommand,
    epilog="\b\nExample:\n  dateline story open apollo-13 --title 'Apollo 13' --language en",
)
@click.argument("story")
@click.option("--title", metavar="TEXT", required=True, help="What readers see it under.")
@words_options
@about_options
@with_deployment
def open_story(deployment: Deployment, story: str, **given: Unpack[WordsGiven]) -> int:
    """Begin the coverage of a story. Its name stays; its words can be revised."""
    writer = Writer(deployment, given)
    words = cast("StoryOptions", {**_words(given), **writer.about})
    writer.look()
    return writer.send(
        lambda desk: desk.open_story(story, **words),
        lambda told: f"Opened {told.story} (seq {told.seq}): {words['title']}",
    )


@story_command.command(
    "revise", cls=WritingCommand, epilog="\b\nExample:\n  dateline story revise apollo-13 --title 'Apollo 13: the way home'"
)
@click.argument("story")
@click.option("--title", metavar="TEXT", help="What readers see it under.")
@words_options
@about_options
@with_deployment
def revise_story(deployment: Deployment, story: str, **given: Unpack[WordsGiven]) -> int:
    """Change a story's own words. What is not given stays as it is."""
    words = _words(given)
    if not words:
        raise click.UsageError("Say what changes: --title, --summary, --language, --time-zone or --topic.")
    writer = Writer(deployment, given)
    writer.must_look()
    heading = writer.find_story(story).heading
    from dateline.merging import merged_heading

    whole = cast("StoryOptions", {**merged_heading(heading, words), **writer.about})
    return writer.send(
        lambda desk: desk.revise_story(story, **whole),
        lambda told: f"Revised {told.story} (seq {told.seq}): {whole['title']}",
    )


@story_command.command(
    "close", cls=WritingCommand, epilog="\b\nExample:\n  dateline story close apollo-13 --note 'The crew is home.'"
)
@click.argument("story")
@click.option("--note", metavar="TEXT", help="For those who follow it: in watch and the change stream; not on the timeline.")
@about_options
@with_deployment
def close_story(deployment: Deployment, story: str, note: str | None, **given: Unpack[AboutGiven]) -> int:
    """End the coverage of a story; what is there can still be corrected."""
    writer = _looked(deployment, given, story)
    return writer.send(
        lambda desk: desk.close_story(story, note=note, **writer.about),
        lambda told: f"Closed {told.story} (seq {told.seq}).",
    )


@story_command.command(
    "reopen", cls=WritingCommand, epilog="\b\nExample:\n  dateline story reopen apollo-13 --note 'The findings are out.'"
)
@click.argument("story")
@click.option("--note", metavar="TEXT", help="For those who follow it: in watch and the change stream; not on the timeline.")
@about_options
@with_deployment
def reopen_story(deployment: Deployment, story: str, note: str | None, **given: Unpack[AboutGiven]) -> int:
    """Go on with the coverage of a closed story."""
    writer = _looked(deployment, given, story)
    return writer.send(
        lambda desk: desk.reopen_story(story, note=note, **writer.about),
        lambda told: f"Reopened {told.story} (seq {told.seq}).",
    )


@story_command.command("list", epilog="\b\nExample:\n  dateline story list --json")
@json_option
@with_deployment
def list_stories(deployment: Deployment, as_json: bool) -> int:
    """List the stories, the last changed first."""
    deployment.warm_up()
    behind = look(deployment)
    found = deployment.reader.stories()
    if as_json:
        from msgspec import to_builtins

        from consumers.timeline.answers import listed_json

        emit_json({"stories": [to_builtins(listed_json(one)) for one in found]})
    elif found:
        _print_list(found)
    elif behind is None:
        notice("There is no story yet. Open one with: dateline story open STORY --title …")
    return exit_code(behind)


@story_command.command("held", epilog="\b\nExample:\n  dateline story held apollo-13")
@click.argument("story")
@json_option
@with_deployment
def held(deployment: Deployment, story: str, as_json: bool) -> int:
    """List what is withheld or under embargo, with its words: for desks, since readers see nothing of it."""
    deployment.warm_up()
    story = check_name("story", story)
    behind = look(deployment)
    found = deployment.reader.hidden(story)
    if found is None:
        raise behind or unknown_story(deployment, story)
    if as_json:
        emit_json({"story": story, "held": [_held_json(update) for update in found]})
    elif found:
        _print_held(found)
    else:
        notice(f"Nothing of story {story!r} is withheld or under embargo.")
    return exit_code(behind)


def _print_held(found: Sequence[Update]) -> None:
    from dateline.cli.prose import plain
    from schemas.body import body_text

    for update in found:
        content = update.content
        click.echo(f"{update.id}  revision {update.revision}  {_why_held(update)}")
        click.echo(indent(plain(f"{content.headline}\n\n{body_text(content.body)}").rstrip(), "    "))


def _why_held(update: Update) -> str:
    until = update.embargo_until
    reasons = [*(("withheld",) if update.withheld else ()), *((f"under embargo until {rfc3339(until)}",) if until else ())]
    return " and ".join(reasons)


def _held_json(update: Update) -> dict[str, Any]:
    return {
        "id": update.id,
        "revision": update.revision,
        "withheld": update.withheld,
        "embargo_until": rfc3339(update.embargo_until) if update.embargo_until else None,
        **json.loads(update.words),
    }


def _looked(deployment: Deployment, given: AboutGiven, story: str) -> Writer:
    """Return a writer that has seen that `story` is there, unless there is no view to see it in."""
    writer = Writer(deployment, given)
    if writer.look():
        writer.find_story(story)
    return writer


def _words(given: Words) -> StoryOptions:
    words: StoryOptions = {}
    if given["title"] is not None:
        words["title"] = given["title"]
    if given["summary"] is not None:
        words["summary"] = given["summary"]
    if given["language"] is not None:
        words["language"] = given["language"]
    if given["time_zone"] is not None:
        words["time_zone"] = given["time_zone"]
    if given["topic"]:
        words["topics"] = given["topic"]
    return words


def _print_list(found: Sequence[Listed]) -> None:
    """Print a story a line; the title comes last, as it may be of any length and in any script."""
    from schemas.times import from_ms

    rows = []
    for one in found:
        updates = f"{one.updates:,} update{'' if one.updates == 1 else 's'}"
        status = "closed" if one.story.is_closed else "open"
        rows.append((one.story.id, status, updates, f"{from_ms(one.story.recorded_at):%Y-%m-%d %H:%M} UTC"))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for one, row in zip(found, rows, strict=True):
        cells = [cell.rjust(width) if cell == row[2] else cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        title = "".join(letter for letter in one.story.heading.title if letter.isprintable())
        click.echo(f"{'  '.join(cells)}  {title}")
