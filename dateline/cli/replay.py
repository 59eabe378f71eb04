"""`dateline replay`: a view built anew from the log while readers go on reading."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from dateline.cli.alone import alone, names_of
from dateline.cli.common import emit_json, emit_views, json_option, notice, with_deployment
from dateline.cli.importing import counted, told_if_stopped
from dateline.cli.progress import meter
from dateline.deployment import Deployment
from dateline.errors import DatelineError, OtherVersion, Refused, StoreFull, StoreUnavailable
from dateline.kept_view import KeptView

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consumers.generations import Generations
    from dateline.replay import Replayed

_SHOWN = 10
accept_loss_option = click.option(
    "--accept-loss", is_flag=True, help="Switch although readers lose what a run without it has named."
)

VIEWS = ("timeline", "search", "all")


@click.command(
    name="replay",
    epilog="\b\nExamples:\n  dateline replay timeline\n  dateline replay search\n"
    "  dateline replay timeline --as-of 1970-04-14T03:30:00Z",
)
@click.argument("view", type=click.Choice(VIEWS))
@click.option("--story", metavar="S", help="Build this story alone, in place; readers have the old one or the new one.")
@click.option("--no-switch", is_flag=True, help="Build and compare only; the next replay goes on from there.")
@accept_loss_option
@click.option("--join", is_flag=True, help="On Kafka: help another process that replays, and end with it.")
@click.option("--as-of", metavar="T|SEQ", help="Build it as it was then (a seq: with --story), compare, keep nothing.")
@click.option("--out", "file", metavar="FILE|-", help="With --as-of: write what was built, a line of JSON a story.")
@json_option
@with_deployment
def replay_command(
    deployment: Deployment,
    view: str,
    story: str | None,
    no_switch: bool,
    accept_loss: bool,
    join: bool,
    as_of: str | None,
    file: str | None,
    as_json: bool,
) -> int:  # each an option
    """Build a view anew from the log while readers go on reading, compare, and put it in the old one's place.

    What readers see differently is listed. The old generation is kept until the next replay: dateline rollback goes back to it.
    A replay that was stopped goes on when it is run again. It is refused where readers would lose stories: the log is another
    one, or has lost its beginning or its end, or a story could not be built.

    With --as-of the timeline is built in memory as readers had it then, without what is killed or under embargo today, and
    compared with what they are told of that moment (exit code 1 if that differs). It is never switched to.
    """
    _check_use(view, story, as_of, file, no_switch=no_switch, accept_loss=accept_loss, join=join)
    if as_of is not None:
        from dateline.cli.replay_as_of import replay_as_of

        return replay_as_of(deployment, as_of, story=story, file=file, as_json=as_json)
    if story is not None:
        from dateline.cli.replay_story import replay_story

        deployment.warm_up()
        replay_story(deployment, story, as_json=as_json)
    elif join:
        _help(deployment, deployment.views[view], alone=not (no_switch or accept_loss), as_json=as_json)
    else:
        _replay_views(deployment.named(view), deployment, switch=not no_switch, accept_loss=accept_loss, as_json=as_json)
    return 0


def _check_use(
    view: str, story: str | None, as_of: str | None, file: str | None, *, no_switch: bool, accept_loss: bool, join: bool
) -> None:
    """Refuse options that do not go together."""
    told = ""
    if view == "search" and (story is not None or as_of is not None):
        told = "--story and --as-of are the timeline's; the search index is built whole: dateline replay search"
    elif as_of is not None:
        told = "--as-of builds in memory, alone; leave --join out." if join else ""
    elif file is not None:
        told = "--out goes with --as-of: a view that is built to be read is kept in Redis."
    elif story is not None and (no_switch or join or accept_loss):
        told = "--story builds one story in place; leave --no-switch, --accept-loss and --join out."
    elif no_switch and accept_loss:
        told = "--no-switch takes nothing from readers; leave --accept-loss out."
    elif join and view == "all":
        told = "--join helps with one view; name it."
    if told:
        raise click.UsageError(told)


def _replay_views(views: Sequence[KeptView], deployment: Deployment, *, switch: bool, accept_loss: bool, as_json: bool) -> None:
    told = {}
    for kept in views:
        kept.warm_up()
        with told_if_stopped("Run the same command again; it goes on where it stopped."):
            replayed = _replay(deployment, kept, switch=switch, accept_loss=accept_loss)
        if not as_json:
            _say(replayed, of=kept.before(), switched=switch)
        told[kept.name] = _json(replayed, kept.name, switched=switch)
    if as_json:
        emit_views(told)


def _replay(deployment: Deployment, kept: KeptView, *, switch: bool, accept_loss: bool) -> Replayed:
    from dateline.replay import Replay
    from schemas.codec import committed_codec

    generations = kept.generations()
    with alone(deployment, kept) as stay:
        try:
            kept.catch_up()
        except OtherVersion:
            pass  # to replace what another release made is what a replay is for
        except DatelineError as error:  # the live one may be unusable, which is why it is built anew
            notice(f"dateline: The live {kept.noun} could not be brought up to date: {error}")
        replay = Replay(deployment.log, generations, codec=committed_codec())
        if switch and not accept_loss:
            replay.check_log()
        replay.begin(check_room=lambda: _before_a_new_one(kept, generations))
        with _told_to_go_on(kept):
            with meter("Replaying", unit="events") as show:
                replay.build(progress=show, stay=stay)
            with replay.following() as check:
                replay.compare(check=partial(_both, check, stay))
                if switch:
                    replay.flip(home=kept.home, check=check, accept_loss=accept_loss)
    return replay.result


@contextmanager
def _told_to_go_on(kept: KeptView) -> Iterator[None]:
    """Say that nothing of a build is lost where the store or the log went away under it."""
    go_on = "then run the same command again: it goes on where it stopped, and readers keep what they have."
    try:
        yield
    except StoreFull as error:
        raise StoreFull(f"{kept.fullness()}, {go_on}") from error
    except StoreUnavailable as error:
        raise StoreUnavailable(f"{error} Have it run, {go_on}") from error


def _before_a_new_one(kept: KeptView, generations: Generations) -> None:
    """See that there is room, and say so where what is dropped for it is the last generation that is one everywhere."""
    kept.check_room(generations)
    live, previous = names_of(generations, "live"), names_of(generations, "previous")
    if len(set(live.values())) > 1 and len(set(previous.values())) == 1 and previous.keys() >= live.keys():
        from dateline.cli.generations import named

        notice(
            f"dateline: The previous generation, {named(previous)}, is dropped now: the last one that is the same build in every "
            f"partition. What can be gone back to afterwards is what readers have: {named(live)}."
        )


def _both(one: Callable[[], None], other: Callable[[], None]) -> None:
    one()
    other()


def _help(deployment: Deployment, kept: KeptView, *, alone: bool, as_json: bool) -> None:
    from dateline.replay import help_build
    from schemas.codec import committed_codec

    if deployment.feeds_itself:
        raise Refused("--join shares a replay out by Kafka's groups; an SQLite log is read by one process. Leave --join out.")
    if kept.is_here:
        raise Refused(f"--join shares a replay out; {kept.file} in the data folder is built by one process. Leave --join out.")
    if not alone:
        raise Refused("--no-switch and --accept-loss are for the process that is joined: who joins only builds. Leave them out.")
    with meter("Helping", unit="events") as show:
        name, is_live = help_build(deployment.log, kept.generations(), codec=committed_codec(), progress=show)
    if as_json:
        emit_json({"view": kept.name, "generation": name, "live": is_live})
    else:
        click.echo(f"{name} is live." if is_live else f"{name} is not being built any more. See: dateline generations")


def _json(replayed: Replayed, view: str, *, switched: bool) -> dict[str, Any]:  # Any: what JSON holds
    names = ("generation", "records", "read", "seconds", "compared", "uncompared", "parked", "flipped", "flip_seconds")
    told = {name: getattr(replayed, name) for name in names}
    different = [{"story": one.story, "differences": list(one.differences), "lost": one.is_lost} for one in replayed.different]
    return {"view": view, **told, "different": different, "switched": switched}


def _say(replayed: Replayed, *, of: str, switched: bool) -> None:
    rate = f", {replayed.read / replayed.seconds:,.0f} a second" if replayed.seconds and replayed.read else ""
    click.echo(f"Built {of}{replayed.generation} from {counted(replayed.records, 'record')} in {replayed.seconds:.1f} s{rate}.")
    if replayed.different:
        click.echo(f"Readers see {counted(len(replayed.different), 'story', 'stories')} of {replayed.compared:,} otherwise now:")
        for one in replayed.different[:_SHOWN]:
            more = f" (and {len(one.differences) - 1} more)" if len(one.differences) > 1 else ""
            click.echo(f"  {one.differences[0]}{more}")
        if len(replayed.different) > _SHOWN:
            click.echo(f"  … and {len(replayed.different) - _SHOWN:,} more stories")
        if lost := sum(one.is_lost for one in replayed.different):
            click.echo(f"Of these {counted(lost, 'is', 'are')} lost, or their end is.")
    elif replayed.compared or not replayed.uncompared:
        click.echo(f"Compared {counted(replayed.compared, 'story', 'stories')}: readers see the same.")
    if replayed.uncompared:
        stories = counted(len(replayed.uncompared), "story", "stories")
        click.echo(f"{stories} could not be compared: the two never stood at one record long enough.")
    if switched:
        click.echo(f"Readers have {of}{replayed.generation} now (the flip took {replayed.flip_seconds * 1000:.0f} ms).")
        say_parked(replayed.parked)
    else:
        click.echo(f"Not switched: {of}{replayed.generation} is kept. The next dateline replay goes on from it.")


def say_parked(stories: Sequence[str]) -> None:
    """Name the stories that stand still in what readers have now."""
    if stories:
        names = ", ".join(stories[:_SHOWN]) + (" …" if len(stories) > _SHOWN else "")
        told = "1 story stands" if len(stories) == 1 else f"{len(stories):,} stories stand"
        click.echo(f"{told} still in it: {names}. See: dateline parked list")
