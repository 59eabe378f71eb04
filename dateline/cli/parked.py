"""`dateline parked`: stories that wait because an event of theirs could not be applied, and the try to let them catch up."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

import click

from dateline.cli.common import emit_json, json_option, notice, with_deployment
from dateline.cli.importing import counted
from dateline.deployment import Deployment
from dateline.errors import DatelineError, Refused, Unconfirmed
from dateline.kept_view import PATIENCE, KeptView
from schemas.times import from_ms, rfc3339
from schemas.topics import EVENTS_TOPIC

if TYPE_CHECKING:
    from consumers.generations import Pointer
    from consumers.view import Parked
    from dateline.log.base import Record

Json = dict[str, Any]  # Any: what JSON holds

_BUILDS: Final[Mapping[str, Pointer]] = {"live": "live", "being built": "shadow"}


@click.group(name="parked", epilog="Example: dateline parked retry apollo-13")
def parked_command() -> None:
    """Stories that wait because an event of theirs could not be applied, by a fault of ours or as the view was damaged.

    All other stories go on, and nothing is lost: the log has what waits. After the cause is mended, retry lets them catch up.
    """


@parked_command.command(name="list", short_help="List the parked stories.", epilog="Example: dateline parked list --json")
@json_option
@with_deployment
def list_command(deployment: Deployment, as_json: bool) -> None:
    """List the parked stories of each view: since when, from which record on, and why; those of a build under way too."""
    found = []
    for kept in _views(deployment):
        _catch_up(kept)
        generations = kept.generations()
        for build, pointer in _BUILDS.items():
            stories = generations.parked(pointer)
            found += [_listed(kept, story, parked, build=build) for story, parked in sorted(stories.items())]
    if as_json:
        emit_json(found)
    elif not found:
        click.echo("No story is parked.")
    for one in () if as_json else found:
        where = "" if one["view"] == "timeline" else f" in the {one['view']} index"
        where += "" if one["build"] == "live" else f" in the generation that is {one['build']}"
        click.echo(f"{one['story']}: parked{where} since {_moment(one)}{_at(one['seq'])}: {one['error']}")


@parked_command.command(name="show", short_help="Show what waits of a story.", epilog="Example: dateline parked show apollo-13")
@click.argument("story")
@json_option
@with_deployment
def show_command(deployment: Deployment, story: str, as_json: bool) -> None:
    """Show why a story is parked, the event that could not be applied, and how many records wait."""
    story = _checked(story)
    views = _views(deployment)
    for kept in views:
        _catch_up(kept)
    found = [(kept, parked) for kept in views if (parked := _parked(kept).get(story)) is not None]
    if not found:
        raise _not_parked(views, story)
    kept, parked = found[0]
    seq, first, waiting = _waiting(deployment, kept, story, parked)
    told = _listed(kept, story, parked, build="live") | {"seq": seq, "waiting": waiting}
    told["record"] = _record(kept, first) if first is not None else None
    told["also_in"] = [other.name for other, _ in found[1:]]
    if as_json:
        emit_json(told)
        return
    wait = f"{counted(waiting, 'record')} of it {'waits' if waiting == 1 else 'wait'}"
    where = "" if kept is deployment.timeline else f" in the {kept.noun}"
    where += "".join(f", and in the {name} index too" for name in told["also_in"])
    click.echo(f"{story} is parked{where} since {_moment(told)}{_at(told['seq'])}; {wait}.")
    click.echo(f"The error: {told['error']}")
    if told["record"] is not None:
        click.echo("The record that could not be applied:")
        click.echo(json.dumps(told["record"], ensure_ascii=False, indent=2))
    click.echo(f"Once the cause is mended: dateline parked retry {story}")


@parked_command.command(name="retry", short_help="Let stories catch up.", epilog="Example: dateline parked retry apollo-13")
@click.argument("stories", metavar="[STORY]…", nargs=-1)
@json_option
@with_deployment
def retry_command(deployment: Deployment, stories: Sequence[str], as_json: bool) -> int:
    """Let parked stories catch up, all of them if none is named, and say what became of each.

    Where consumers run, one of them does it. Exit code 1 if a story is parked still, 4 if no consumer did it in time.
    """
    stories = [_checked(story) for story in stories]
    views = _views(deployment)
    for kept in views:
        _catch_up(kept)
    before = {kept.name: _parked(kept) for kept in views}
    for story in stories:
        if not any(story in parked for parked in before.values()):
            raise _not_parked(views, story)
    told = [one for kept in views for one in _retry(deployment, kept, stories, before[kept.name])]
    if as_json:
        emit_json(told)
    elif not told:
        click.echo("No story is parked.")
    for one in () if as_json else told:
        where = "" if one["view"] == "timeline" else f" in the {one['view']} index"
        is_parked = one["status"] == "parked"
        parked_still = f"parked still{where}{_at(one['seq'])}: {one['error']}"
        click.echo(f"{one['story']}: {parked_still if is_parked else f'caught up{where}.'}")
    return 1 if any(one["status"] == "parked" for one in told) else 0


def _retry(deployment: Deployment, kept: KeptView, stories: Sequence[str], before: Mapping[str, Parked]) -> list[Json]:
    """Have the parked stories of one view tried again, all of them if none is named; return what became of each."""
    chosen = [story for story in dict.fromkeys(stories) if story in before] or ([] if stories else sorted(before))
    if not chosen:
        return []
    generations = kept.generations()
    for story in chosen:
        generations.retry("live", story)
    try:
        _wait(deployment, kept, chosen)
    except Unconfirmed:
        raise
    except DatelineError as error:  # a later story may fail now; what became of these is known all the same
        notice(f"dateline: {error}")
    found = _parked(kept)
    return [_retried(kept, story, found.get(story)) for story in chosen]


def _views(deployment: Deployment) -> Sequence[KeptView]:
    """Return the views that there are; one that cannot be read keeps nobody from the timeline."""
    deployment.warm_up()
    views: list[KeptView] = [deployment.timeline]
    for kept in deployment.named("all")[1:]:
        try:
            kept.positions()
            views.append(kept)
        except DatelineError as error:
            notice(f"dateline: {error}")
    return views


def _catch_up(kept: KeptView) -> None:
    """Bring the view up to date as far as it goes: what keeps it from that is what one is here to look at."""
    try:
        kept.catch_up()
    except DatelineError as error:
        notice(f"dateline: {error}")


def _wait(deployment: Deployment, kept: KeptView, stories: Sequence[str]) -> None:
    """Wait until each story has caught up or failed again, or, where commands feed the view, see to it.

    Raises:
        Unconfirmed: Nobody did it in time; it is still asked for.
    """

    if deployment.feeds_itself:
        with closing(kept.runner()) as runner:
            is_done = runner.run_until(deployment.log.end_offsets(EVENTS_TOPIC), deadline=time.monotonic() + PATIENCE)
        if not is_done:
            raise Unconfirmed(
                f"The process that holds the {kept.noun} did not do it within {PATIENCE:.0f} s. See: dateline status"
            )
        return
    kept.wait_until(
        lambda: not any(parked.retry for story, parked in _parked(kept).items() if story in stories), timeout=PATIENCE
    )


def _checked(story: str) -> str:
    from schemas.names import check_name

    return check_name("story", story)


def _parked(kept: KeptView) -> Mapping[str, Parked]:
    return kept.generations().parked("live")


def _not_parked(views: Sequence[KeptView], story: str) -> Refused:
    from schemas.names import did_you_mean, shortened  # only a mistake needs it

    hint = did_you_mean(story, sorted({known for kept in views for known in _parked(kept)}))
    return Refused(f"Story {shortened(story)} is not parked{hint}. See: dateline parked list")


def _listed(kept: KeptView, story: str, parked: Parked, *, build: str) -> Json:
    return {
        "view": kept.name,
        "story": story,
        "build": build,
        "partition": kept.home(story),
        "offset": parked.offset,
        "seq": parked.seq,
        "since": rfc3339(from_ms(parked.at)),
        "error": parked.error,
        "retry": parked.retry,
    }


def _retried(kept: KeptView, story: str, parked: Parked | None) -> Json:
    told = {"view": kept.name, "story": story}
    if parked is None:
        return {**told, "status": "caught up", "seq": None, "error": None}
    return {**told, "status": "parked", "seq": parked.seq, "error": parked.error}


def _moment(listed: Json) -> str:
    return f"{listed['since'][:10]} {listed['since'][11:19]} UTC"


def _at(seq: int | None) -> str:
    return f" at seq {seq}" if seq is not None else ""


def _waiting(deployment: Deployment, kept: KeptView, story: str, parked: Parked) -> tuple[int, Record | None, int]:
    """Return the place of the first record that waits, that record, and how many wait."""
    from dateline.archive import Span, records_between

    log, partition = deployment.log, kept.home(story)
    start = parked.offset if parked.seq is not None else log.begin_offsets(EVENTS_TOPIC)[partition]
    first, before, count = None, (parked.seq or 1) - 1, 0
    for record in records_between(log, EVENTS_TOPIC, Span(partition, start, log.end_offsets(EVENTS_TOPIC)[partition])):
        if record.key != story.encode():
            continue
        if record.offset < parked.offset:
            before += 1
            continue
        first, count = first or record, count + 1
    return before + 1, first, count


def _record(kept: KeptView, record: Record) -> Json:
    """Return a record as far as it can be read."""
    from consumers.intake import Homeless, Intake
    from consumers.parking import in_words
    from schemas.codec import committed_codec
    from schemas.jsonform import to_json

    event, problem = None, None
    try:
        read = Intake(committed_codec(), partitions=kept.partitions).read(record)
        problem = read.problem
        if not isinstance(read, Homeless) and read.event is not None:
            event = to_json(read.event)
    except Exception as error:  # that may be why it is parked
        problem = in_words(error)
    size_bytes = len(record.value or b"")
    recorded_at = rfc3339(from_ms(record.timestamp))
    return {"offset": record.offset, "recorded_at": recorded_at, "size_bytes": size_bytes, "problem": problem, "event": event}
