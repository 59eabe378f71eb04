"""`dateline search`: what says what is asked for, in the terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click
from typing_extensions import override

from dateline.cli.common import json_option, unknown_story, with_deployment
from dateline.cli.read import asked_data, exit_code, look
from dateline.deployment import Deployment
from dateline.errors import Refused
from schemas.events import VERIFICATIONS
from schemas.names import check_name

if TYPE_CHECKING:
    from consumers.search.answers import Found, Sort
    from consumers.search.question import Filters, Question

_LIMIT = 20
_SORTS = ("relevance", "newest")


def _filters(command: Callable[..., int]) -> Callable[..., int]:
    """Give a command the options for what an update has to be besides what it says."""
    options = (
        click.option("--story", metavar="STORY", help="Only of this story."),
        click.option("--since", metavar="T", help="First published then or later: a time with its zone."),
        click.option("--until", metavar="T", help="First published before then."),
        click.option("--source", metavar="NAME", help="Only what this source says."),
        click.option("--tag", metavar="T", help="Only what has this tag."),
        click.option("--place", metavar="P", help="Only what is about this place."),
        click.option("--key-events", is_flag=True, help="Only key events."),
        click.option("--corrected", is_flag=True, help="Only what was corrected."),
        click.option("--verification", type=click.Choice(VERIFICATIONS), metavar="V", help=f"{', '.join(VERIFICATIONS)}."),
    )
    for option in reversed(options):
        command = option(command)
    return command


class _Asking(click.Command):
    """Takes `-word` for part of the question, which leaves out what holds the word; `--word` is an option, or a mistake."""

    @override
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        end = args.index("--") if "--" in args else len(args)
        known = [name for option in self.get_params(ctx) for name in option.opts]
        for name in (arg.partition("=")[0] for arg in args[:end] if arg.startswith("--")):
            if name not in known:
                raise click.NoSuchOption(name, possibilities=get_close_matches(name, known), ctx=ctx)
        return super().parse_args(ctx, ["--help" if arg == "-h" else arg for arg in args[:end]] + args[end:])


@click.command(
    name="search",
    cls=_Asking,
    context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]},
    epilog="Example: dateline search '\"oxygen tank\" -meteorite' --story apollo-13",
)
@click.argument("query", metavar="QUERY", nargs=-1)
@_filters
@click.option(
    "--sort", type=click.Choice(["relevance", "newest"]), default="relevance", show_default=True, help="What comes first."
)
@click.option("--limit", type=click.IntRange(1, 500), default=_LIMIT, show_default=True, metavar="N", help="Updates on a page.")
@click.option("--cursor", metavar="C", help="Go on where a page ended.")
@json_option
@with_deployment
def search_command(
    deployment: Deployment,
    /,
    *,
    query: Sequence[str],
    sort: Sort,
    limit: int,
    cursor: str | None,
    as_json: bool,
    **filters: Any,  # Any: each option's own
) -> int:
    """Find updates by words, "phrases", begin*, -without, this OR that, and source:name.

    Fields: headline, body, source, credit, place, tag, caption, speaker, note. Any text will do. What is withheld, killed or
    under embargo is never found.
    """
    deployment.warm_up()
    question = _question(" ".join(query), filters)
    if not as_json:
        import_module("dateline.cli.render_search")  # while the private Redis starts
    behind = look(deployment) or look(deployment, "search")  # the timeline lifts the embargoes that are over
    found = deployment.search_reader.search(question, sort=sort, limit=limit, cursor=cursor)
    story = question.filters.story
    if story is not None and not found.total.value and deployment.reader.story(story) is None:
        raise behind or unknown_story(deployment, story)
    if as_json:
        from consumers.search.told import found_json

        click.echo(found_json(question, found))
        return exit_code(behind)
    _show(deployment, question, found, _more(question, sort, limit))
    return exit_code(behind)


def _question(text: str, given: dict[str, Any]) -> Question:  # Any: each option's own
    """Return what is asked for.

    Raises:
        Refused: There is nothing to look for, or a time or a name is none.
    """
    from consumers.search.question import Filters, Question

    if given["story"] is not None:
        given["story"] = check_name("story", given["story"])
    times = {name: _time(name, given[name]) for name in ("since", "until")}
    texts = {name: _utf8(value) for name, value in given.items() if isinstance(value, str)}
    filters = Filters(**(given | texts | times))
    if not text.strip() and not filters.is_any:
        raise click.UsageError("Say what to look for, or narrow it with an option such as --corrected.")
    return Question(_utf8(text), filters)


def _utf8(text: str) -> str:
    """Return an argument as text: a shell may give bytes that are none."""
    return text.encode(errors="replace").decode()


def _time(name: str, text: str | None) -> datetime | None:
    from schemas.times import parse_time

    try:
        return parse_time(text) if text is not None else None
    except ValueError as error:
        raise Refused(f"--{name}: {error}") from None


def _show(deployment: Deployment, question: Question, found: Found, more: Sequence[str]) -> None:
    from dateline.cli.render_search import show_found
    from dateline.cli.sheet import Sheet

    stories = {name: deployment.reader.story(name) for name in {hit.story for hit in found.hits}}
    zones = {name: story.heading.time_zone for name, story in stories.items() if story is not None}
    show_found(Sheet(), question, found, zones=zones, more=more)


def _more(question: Question, sort: Sort, limit: int) -> list[str]:
    """Return the command that asks the same of another text, which goes to its end, after a cursor."""
    options = ["--sort", sort] if sort != "relevance" else []
    options += ["--limit", str(limit)] if limit != _LIMIT else []
    return ["dateline", *asked_data(), "search", *_as_options(question.filters), *options]


def _as_options(filters: Filters) -> list[str]:
    from msgspec import structs

    from schemas.times import rfc3339

    options: list[str] = []
    for name, value in structs.asdict(filters).items():
        if value is True:
            options.append(f"--{name.replace('_', '-')}")
        elif value:
            options += [f"--{name}", rfc3339(value) if isinstance(value, datetime) else value]
    return options
