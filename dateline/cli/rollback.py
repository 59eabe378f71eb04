"""`dateline rollback`: back to the build that readers had before."""

from __future__ import annotations

import click

from dateline.cli.alone import alone
from dateline.cli.common import emit_json, json_option, with_deployment
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

    deployment.warm_up()
    generations = deployment.generations()
    with alone(deployment):
        done = roll_back(deployment.log, generations, codec=committed_codec(), patience=_PATIENCE, accept_loss=accept_loss)
    if as_json:
        names = sorted(set(done.generations.values()))
        told = {"generation": names[0] if len(names) == 1 else None, "generations": done.generations}
        emit_json({"view": "timeline", **told, "was_behind": done.behind, "parked": done.parked})
        return
    click.echo(f"Readers have {named(done.generations)} again; it was {counted(done.behind, 'record')} behind and has caught up.")
    say_parked(done.parked)
