"""`dateline hooks deliveries` and `redrive`: the proof of who was told what, and sending it once more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from dateline.cli.common import emit_json, json_option, with_deployment
from dateline.deployment import Deployment
from dateline.ndjson import printable

if TYPE_CHECKING:
    from consumers.notifications.proof import Told

_MOST_REASONS = 5


@click.command(
    name="deliveries",
    short_help="Who was told what of an update.",
    epilog="Example: dateline hooks deliveries apollo-13 a-problem",
)
@click.argument("story")
@click.argument("update")
@json_option
@with_deployment
def deliveries_command(deployment: Deployment, story: str, update: str, as_json: bool) -> None:
    """Prove who was told what of an update, and when: from the ledger, which is part of the log."""
    from dateline.deliveries import deliveries, deliveries_json

    if as_json:
        emit_json(deliveries_json(deployment, story, update))
        return
    found = deliveries(deployment, story, update)
    if not found:
        click.echo(f"Nobody was told anything of {story}/{update}.")
    for one in found:
        click.echo(in_words(one))


@click.command(
    name="redrive",
    short_help="Send the last message about an update once more.",
    epilog="Example: dateline hooks redrive apollo-13 a-problem --by jim --reason 'Their server was moved'",
)
@click.argument("story")
@click.argument("update")
@click.option("--by", required=True, metavar="NAME", help="Who wants it; stays in the ledger.")
@click.option("--reason", required=True, metavar="R", help="Why; stays in the ledger.")
@click.option("--subscription", "subscriptions", multiple=True, metavar="ID", help="To this one; again for more.")
@json_option
@with_deployment
def redrive_command(
    deployment: Deployment, /, story: str, update: str, by: str, reason: str, subscriptions: Sequence[str], as_json: bool
) -> None:
    """Send the last message about an update once more, as it is now: to everyone for whom it was given up, unless some are named.

    It goes out under the same id. A killed update's words are not sent, whatever the message was.
    """
    from dateline.deliveries import redrive

    said = redrive(deployment, story, update, by=by, reason=reason, subscriptions=subscriptions)
    if as_json:
        emit_json({"story": story, "update": update, "redriven": [one.subscription for one in said]})
        return
    click.echo(f"Sent once more to {len(said)}, as soon as the notifier runs: {', '.join(one.subscription for one in said)}.")


def in_words(one: Told) -> str:
    """Return what became of a message in one sentence or two."""
    said = f"{one.kind.capitalize()}, revision {one.revision}: sent to {len(one.delivered):,} of {len(one.subscribers):,}"
    if one.last_after_s is not None:
        said += f"; last after {one.last_after_s:,.1f} s"
    if one.waiting:
        said += f"; {len(one.waiting):,} still to come"
    if one.gave_up:
        some = list(one.gave_up.items())[:_MOST_REASONS]
        said += f"; {len(one.gave_up):,} gave up: " + "; ".join(f"{name} ({printable(why).rstrip('.')})" for name, why in some)
    return f"{said}."
