"""`dateline replay` and `dateline generations`: a view built anew from the log, and the builds that stand side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import click

from dateline.cli.alone import PATIENCE, alone, names_of
from dateline.cli.common import emit_json, json_option, notice, with_deployment
from dateline.cli.importing import counted, told_if_stopped
from dateline.cli.progress import meter
from dateline.cli.room import check_room
from dateline.deployment import Deployment
from dateline.errors import DatelineError, OtherVersion, Refused, StoreFull, StoreUnavailable
from schemas.topics import EVENTS_TOPIC

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consumers.generations import Generations, Pointer
    from dateline.replay import Replayed

_SHOWN = 10
accept_loss_option = click.option(
    "--accept-loss", is_flag=True, help="Switch although readers lose what a run without it has named."
)

VIEWS = ("timeline", "all")


@click.command(
    name="replay",
    epilog="\b\nExamples:\n  dateline replay timeline\n  dateline replay timeline --as-of 1970-04-14T03:30:00Z",
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

    With --as-of it is built in memory as readers had it then, without what is killed or under embargo today, and compared with
    what they are told of that moment (exit code 1 if that differs). It is never switched to.
    """
    if as_of is not None:
        return _as_of(deployment, as_of, story, file, join=join, as_json=as_json)
    if file is not None:
        raise click.UsageError("--out goes with --as-of: a view that is built to be read is kept in Redis.")
    if story is not None and (no_switch or join or accept_loss):
        raise click.UsageError("--story builds one story in place; leave --no-switch, --accept-loss and --join out.")
    if no_switch and accept_loss:
        raise click.UsageError("--no-switch takes nothing from readers; leave --accept-loss out.")
    deployment.warm_up()
    if story is not None:
        from dateline.cli.replay_story import replay_story

        replay_story(deployment, story, as_json=as_json)
        return 0
    if join:
        _help(deployment, alone=not (no_switch or accept_loss), as_json=as_json)
        return 0
    with told_if_stopped("Run the same command again; it goes on where it stopped."):
        replayed = _replay(deployment, switch=not no_switch, accept_loss=accept_loss)
    _say(replayed, switched=not no_switch, as_json=as_json)
    return 0


@click.group(name="generations", invoke_without_command=True, epilog="Example: dateline generations")
@json_option
@click.pass_context
def generations_command(context: click.Context, as_json: bool) -> None:
    """List a view's generations: which one readers have, which is being built, which is kept to go back to."""
    if context.invoked_subcommand is None:
        context.invoke(_list_command, as_json=as_json)


@click.command(name="list")
@json_option
@with_deployment
def _list_command(deployment: Deployment, as_json: bool) -> None:
    from dateline.cli.generations import listed, table

    deployment.warm_up()
    found = listed(deployment.generations(), deployment.log.end_offsets(EVENTS_TOPIC))
    if as_json:
        emit_json(found)
    else:
        click.echo(table(found, partitions=deployment.partitions))


@generations_command.command(name="drop", epilog="Example: dateline generations drop previous")
@click.argument("which", type=click.Choice(("previous", "shadow", "leftovers")))
@json_option
@with_deployment
def drop_command(deployment: Deployment, which: str, as_json: bool) -> None:
    """Take the previous generation away, one whose build was given up, or what is left of others, and give its memory back.

    Leftovers are keys of generations that nothing names any more; dateline verify finds them.
    """
    deployment.warm_up()
    generations = deployment.generations()
    names: list[str] = []
    if which == "leftovers":
        with alone(deployment):
            dropped = _drop_leftovers(deployment, generations)
        told = f"Dropped {counted(dropped, 'key')} that nothing names." if dropped else "Nothing was left over."
    else:
        pointer: Pointer = "previous" if which == "previous" else "shadow"
        names = sorted({one.name for one in generations.standing(pointer).values()})
        if not names:
            raise Refused(f"There is no {which} generation. See: dateline generations")
        with alone(deployment):
            dropped = generations.drop(pointer)
        told = f"Dropped {', '.join(names)}: {counted(dropped, 'key')}."
    if as_json:
        emit_json({"view": "timeline", "which": which, "generations": names, "keys": dropped})
    else:
        click.echo(told)


def _as_of(deployment: Deployment, as_of: str, story: str | None, file: str | None, *, join: bool, as_json: bool) -> int:
    if join:
        raise click.UsageError("--as-of builds in memory, alone; leave --join out.")
    from dateline.cli.replay_as_of import replay_as_of

    return replay_as_of(deployment, as_of, story=story, file=file, as_json=as_json)


def _drop_leftovers(deployment: Deployment, generations: Generations) -> int:
    """Take away what nothing names, and what is left of stories whose rebuilding was stopped; return how many keys that were."""
    from consumers.timeline.leftovers import drop_rebuilds
    from dateline.turn import only_one

    dropped = generations.drop()
    with only_one(deployment.log, "replay-story", what="replay of a story", notify=deployment.notify, patience=PATIENCE):
        dropped += drop_rebuilds(deployment.store, partitions=deployment.partitions)
    return dropped


def _replay(deployment: Deployment, *, switch: bool, accept_loss: bool) -> Replayed:
    from dateline.replay import Replay
    from schemas.codec import committed_codec

    generations = deployment.generations()
    with alone(deployment) as stay:
        try:
            deployment.catch_up()
        except OtherVersion:
            pass  # to replace what another release made is what a replay is for
        except DatelineError as error:  # the live one may be unusable, which is why it is built anew
            notice(f"dateline: The live timeline could not be brought up to date: {error}")
        replay = Replay(deployment.log, generations, codec=committed_codec())
        if switch and not accept_loss:
            replay.check_log()
        replay.begin(check_room=lambda: _before_a_new_one(deployment, generations))
        with _told_to_go_on(deployment):
            with meter("Replaying", unit="events") as show:
                replay.build(progress=show, stay=stay)
            with replay.following() as check:
                replay.compare(check=partial(_both, check, stay))
                if switch:
                    replay.flip(home=deployment.home, check=check, accept_loss=accept_loss)
    return replay.result


@contextmanager
def _told_to_go_on(deployment: Deployment) -> Iterator[None]:
    """Say that nothing of a build is lost where Redis or the log went away under it."""
    go_on = "then run the same command again: it goes on where it stopped, and readers keep what they have."
    try:
        yield
    except StoreFull as error:
        used_bytes, _ = deployment.store.memory()
        most_bytes = used_bytes + (deployment.store.room_bytes() or 0)
        told = f"it uses {used_bytes / 1e6:,.1f} MB, and its maxmemory is {most_bytes / 1e6:,.1f} MB"
        raise StoreFull(f"Redis at {deployment.store.shown} is full: {told}. Raise that, {go_on}") from error
    except StoreUnavailable as error:
        raise StoreUnavailable(f"{error} Have it run, {go_on}") from error


def _before_a_new_one(deployment: Deployment, generations: Generations) -> None:
    """See that there is room, and say so where what is dropped for it is the last generation that is one everywhere."""
    check_room(deployment, generations)
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


def _help(deployment: Deployment, *, alone: bool, as_json: bool) -> None:
    from dateline.replay import help_build
    from schemas.codec import committed_codec

    if deployment.feeds_itself:
        raise Refused("--join shares a replay out by Kafka's groups; an SQLite log is read by one process. Leave --join out.")
    if not alone:
        raise Refused("--no-switch and --accept-loss are for the process that is joined: who joins only builds. Leave them out.")
    with meter("Helping", unit="events") as show:
        name, is_live = help_build(deployment.log, deployment.generations(), codec=committed_codec(), progress=show)
    if as_json:
        emit_json({"view": "timeline", "generation": name, "live": is_live})
    else:
        click.echo(f"{name} is live." if is_live else f"{name} is not being built any more. See: dateline generations")


def _say(replayed: Replayed, *, switched: bool, as_json: bool) -> None:
    if as_json:
        names = ("generation", "records", "read", "seconds", "compared", "uncompared", "parked", "flipped", "flip_seconds")
        told = {name: getattr(replayed, name) for name in names}
        different = [
            {"story": one.story, "differences": list(one.differences), "lost": one.is_lost} for one in replayed.different
        ]
        emit_json({"view": "timeline", **told, "different": different, "switched": switched})
        return
    rate = f", {replayed.read / replayed.seconds:,.0f} a second" if replayed.seconds and replayed.read else ""
    click.echo(f"Built {replayed.generation} from {counted(replayed.records, 'record')} in {replayed.seconds:.1f} s{rate}.")
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
        click.echo(f"Readers have {replayed.generation} now (the flip took {replayed.flip_seconds * 1000:.0f} ms).")
        say_parked(replayed.parked)
    else:
        click.echo(f"Not switched: {replayed.generation} is kept. The next dateline replay goes on from it.")


def say_parked(stories: Sequence[str]) -> None:
    """Name the stories that stand still in what readers have now."""
    if stories:
        names = ", ".join(stories[:_SHOWN]) + (" …" if len(stories) > _SHOWN else "")
        told = "1 story stands" if len(stories) == 1 else f"{len(stories):,} stories stand"
        click.echo(f"{told} still in it: {names}. See: dateline parked list")
