"""`dateline desks`: the keys with which desks write over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from dateline.cli.common import emit_json, json_option, with_deployment
from dateline.deployment import Deployment
from producers.keys import ACTS, KeyRing

if TYPE_CHECKING:
    from producers.keys import Act, DeskKey


@click.group(name="desks")
def desks_command() -> None:
    """Keys with which desks write over HTTP."""


@desks_command.command("add", epilog="Example: dateline desks add houston --story apollo-13 --may publish --may correct")
@click.argument("name")
@click.option("--story", "stories", metavar="S", multiple=True, help="For this story alone; again for more.")
@click.option(
    "--may",
    "acts",
    type=click.Choice(ACTS),
    metavar="|".join(ACTS),
    multiple=True,
    help="For this alone; again for more. Everything but operate if not given.",
)
@json_option
@with_deployment
def add_command(deployment: Deployment, name: str, stories: Sequence[str], acts: Sequence[Act], as_json: bool) -> None:
    """Make a key for a desk. It is shown once and kept nowhere: what is kept is its hash.

    publish: stories, updates, revisions, marks, embargoes; correct: corrections, withholding, release; kill: kills;
    operate: subscriptions and deliveries.
    """
    key, text = KeyRing(deployment.settings.data_folder).add(name, acts=acts, stories=stories)
    if as_json:
        emit_json({"name": key.desk, "key": text, "id": key.id, "may": list(key.acts), "stories": list(key.stories)})
        return
    click.echo(text)
    click.echo(f"Key {key.id} of desk {key.desk}: may {in_words(key)}. It is shown this once.", err=True)


@desks_command.command("list", epilog="Example: dateline desks list --json")
@json_option
@with_deployment
def list_command(deployment: Deployment, as_json: bool) -> None:
    """List the keys, revoked ones too; not the keys themselves."""
    keys = KeyRing(deployment.settings.data_folder).all()
    if as_json:
        emit_json([shown(one) for one in keys])
        return
    if not keys:
        click.echo("No keys yet. Make one with: dateline desks add NAME")
    for one in keys:
        click.echo(f"{one.id}  {one.desk}  {_standing(one)}: may {in_words(one)}")


@desks_command.command("revoke", epilog="Example: dateline desks revoke 1f3a9c02")
@click.argument("named", metavar="ID|NAME")
@json_option
@with_deployment
def revoke_command(deployment: Deployment, named: str, as_json: bool) -> None:
    """Let a key, or all keys of a desk, open nothing from now on. Servers that run hear of it at once."""
    revoked = KeyRing(deployment.settings.data_folder).revoke(named)
    if as_json:
        emit_json([shown(one) for one in revoked])
        return
    for one in revoked:
        click.echo(f"Revoked key {one.id} of desk {one.desk}.")


def shown(key: DeskKey) -> dict[str, Any]:  # Any: what JSON holds
    """Return what may be shown of a key."""
    return {
        "id": key.id,
        "name": key.desk,
        "may": list(key.acts),
        "stories": list(key.stories),
        "created_at": key.created_at,
        "revoked_at": key.revoked_at,
    }


def in_words(key: DeskKey) -> str:
    where = f" in {', '.join(key.stories)}" if key.stories else ""
    return f"{', '.join(key.acts)}{where}"


def _standing(key: DeskKey) -> str:
    return f"made {key.created_at[:10]}" if key.revoked_at is None else f"revoked {key.revoked_at[:10]}"
