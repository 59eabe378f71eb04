"""`dateline rollback`: back to the build that readers had before."""

from __future__ import annotations

import click

from dateline.cli.alone import alone
from dateline.cli.common import emit_views, json_option, notice, with_deployment
from dateline.cli.importing import counted
from dateline.cli.replay import VIEWS, accept_loss_option, say_parked
from dateline.deployment import Deployment

_PATIENCE = 600.0


@click.command(name="rollback", epilog="Example: dateline rollback timeline")
@click.argument("view", type=click.Choice(VIEWS))
@accept_loss_option
@json_option
@with_deployment
def rollback_command(deployment: Deployment, view: str, accept_loss: bool, as_json: bool) -> None:
    """Go back to the generation that was live before the last replay. It catches up first, so no reader misses anything.

    Each partition goes back to what was live there: another generation than elsewhere, where it had lost its own before that
    replay and begun anew. A partition that has nothing to go back to keeps all of them from it.

    Its parked stories are tried once more. It is refused where one stands still in it that goes on in the live one.
    """
    from dateline.cli.generations import named
    from dateline.rollback import roll_back
    from schemas.codec import committed_codec

    told: dict[str, dict[str, object]] = {}
    for kept in deployment.named(view):
        kept.warm_up()
        generations = kept.generations()
        if told and not generations.standing("previous"):
            notice(f"dateline: The {kept.noun} has no previous generation to go back to; it stays as it is.")
            continue
        with alone(deployment, kept):
            done = roll_back(deployment.log, generations, codec=committed_codec(), patience=_PATIENCE, accept_loss=accept_loss)
        names = sorted(set(done.generations.values()))
        what = {"generation": names[0] if len(names) == 1 else None, "generations": done.generations}
        told[kept.name] = {"view": kept.name, **what, "was_behind": done.behind, "parked": done.parked}
        if not as_json:
            behind = counted(done.behind, "record")
            click.echo(f"Readers have {kept.before()}{named(done.generations)} again; it was {behind} behind and has caught up.")
            say_parked(done.parked)
    if as_json:
        emit_views(told)
