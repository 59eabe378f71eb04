"""`dateline hooks`: who is told of what, by webhook or as a message to people."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from dateline.cli.common import emit_json, json_option, notice, with_deployment
from dateline.cli.deliveries import deliveries_command, redrive_command
from dateline.deployment import Deployment
from dateline.errors import DatelineError
from schemas.events import VERIFICATIONS
from schemas.names import check_name
from schemas.subscriptions import CHANGE_KINDS

if TYPE_CHECKING:
    from consumers.notifications.subscriptions import Subscription
    from dateline.hooks import Hooks

Json = dict[str, Any]  # Any: what JSON holds


@click.group(name="hooks", epilog="Example: dateline hooks add https://example.org/hook --story apollo-13")
def hooks_command() -> None:
    """Tell services and people what happens, from now on: what is published, and above all what was wrong.

    A webhook is signed by Standard Webhooks. What was recorded before it was added is never sent.
    """


@hooks_command.command(
    name="add",
    short_help="Tell a service or a person from now on.",
    epilog="Example: dateline hooks add https://example.org/hook --story apollo-13 --min-urgency 3",
)
@click.argument("url")
@click.option("--story", "stories", multiple=True, metavar="S", help="Only this story; may be given again. [default: all]")
@click.option("--query", "question", default="", metavar="Q", help="Only updates that this search finds.")
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice(CHANGE_KINDS),
    metavar="K",
    help="Only this kind of change, such as corrected; again for more.",
)
@click.option("--min-urgency", "minimum_urgency", type=click.IntRange(1, 9), default=9, metavar="N", help="1 (a flash) to 9.")
@click.option("--corrections-only", is_flag=True, help="Only what puts an error right or takes it away.")
@click.option("--key-events", is_flag=True, help="Only key events.")
@click.option("--source", metavar="NAME", help="Only with this source.")
@click.option("--tag", metavar="T", help="Only with this tag.")
@click.option("--place", metavar="P", help="Only with this place.")
@click.option("--verification", type=click.Choice(VERIFICATIONS), metavar="V", help="Only what is marked so.")
@click.option("--label", default="", metavar="TEXT", help="What you call it.")
@click.option("--language", default="", metavar="L", help="Of messages to people. [default: the story's]")
@json_option
@with_deployment
def add_command(
    deployment: Deployment, /, url: str, stories: Sequence[str], as_json: bool, **fields: Any
) -> None:  # Any: options
    """Tell URL of changes: a webhook (https://…), or people by an address in Apprise's form (mailtos://…, slack://…).

    Prints the signing secret of a webhook, once: give it to the receiver.
    """
    hooks = _hooks(deployment)
    fields["kinds"] = tuple(dict.fromkeys(fields["kinds"]))
    named = tuple(dict.fromkeys(check_name("story", story) for story in stories))
    added = asyncio.run(hooks.add(url, stories=named, **fields))
    secret = hooks.secret(added)
    if as_json:
        emit_json({"id": added.id, "target": url, "secret": secret})
        return
    click.echo(f"{added.id}: {added.target} is told {_of_what(added)} from now on.")
    _say_secret(secret)


@hooks_command.command(name="list", short_help="List who is told.", epilog="Example: dateline hooks list --json")
@click.option("--all", "ended_too", is_flag=True, help="Those that have ended too.")
@json_option
@with_deployment
def list_command(deployment: Deployment, ended_too: bool, as_json: bool) -> None:
    """List who is told of what, the oldest first."""
    from dateline.hooks import Hooks, shown

    found = [one for one in Hooks(deployment).all() if ended_too or one.ended_at is None]
    if as_json:
        emit_json([shown(one) for one in found])
        return
    if not found:
        click.echo("Nobody is told anything. Begin with: dateline hooks add https://…")
    for one in found:
        label = f" ({one.label})" if one.label else ""
        click.echo(f"{one.id}  {one.status:<6}  {one.target}{label}: {_of_what(one)}")


@hooks_command.command(name="remove", short_help="Tell somebody nothing more.", epilog="Example: dateline hooks remove sub-…")
@click.argument("subscription", metavar="ID")
@click.option("--note", metavar="N", help="Why.")
@json_option
@with_deployment
def remove_command(deployment: Deployment, subscription: str, note: str | None, as_json: bool) -> None:
    """Tell a subscription nothing more, for good."""
    _hooks(deployment).remove(subscription, note=note)
    _say({"id": subscription, "status": "ended"}, f"{subscription}: removed.", as_json=as_json)


@hooks_command.command(name="pause", short_help="Send nothing for now.", epilog="Example: dateline hooks pause sub-…")
@click.argument("subscription", metavar="ID")
@click.option("--note", metavar="N", help="Why.")
@json_option
@with_deployment
def pause_command(deployment: Deployment, subscription: str, note: str | None, as_json: bool) -> None:
    """Send a subscription nothing for now."""
    paused = _hooks(deployment).pause(subscription, note=note)
    _say({"id": paused.id, "status": paused.status}, f"{paused.id}: paused.", as_json=as_json)


@hooks_command.command(name="resume", short_help="Send again.", epilog="Example: dateline hooks resume sub-…")
@click.argument("subscription", metavar="ID")
@click.option("--note", metavar="N", help="Why.")
@json_option
@with_deployment
def resume_command(deployment: Deployment, subscription: str, note: str | None, as_json: bool) -> None:
    """Send a subscription that was paused its messages again."""
    resumed = _hooks(deployment).resume(subscription, note=note)
    _say({"id": resumed.id, "status": resumed.status}, f"{resumed.id}: active.", as_json=as_json)


@hooks_command.command(name="rotate", short_help="Give a webhook a new secret.", epilog="Example: dateline hooks rotate sub-…")
@click.argument("subscription", metavar="ID")
@json_option
@with_deployment
def rotate_command(deployment: Deployment, subscription: str, as_json: bool) -> None:
    """Give a webhook a new signing secret, and print it, once. For a day messages are signed with both."""
    hooks = _hooks(deployment)
    rotated = hooks.rotate(subscription)
    secret = hooks.secret(rotated)
    if as_json:
        emit_json({"id": rotated.id, "target": rotated.target, "secret": secret, "rotation": rotated.rotation})
        return
    click.echo(f"{rotated.id}: the secret is another one from now on; the old one holds for a day more.")
    _say_secret(secret)


@hooks_command.command(name="test", short_help="Send one test message now.", epilog="Example: dateline hooks test sub-…")
@click.argument("subscription", metavar="ID")
@json_option
@with_deployment
def test_command(deployment: Deployment, subscription: str, as_json: bool) -> int:
    """Send one test message now, and say how that went. Exit code 1 if it did not arrive."""
    attempt = asyncio.run(_hooks(deployment).test(subscription))
    latency_ms = round(attempt.latency_s * 1000)
    if as_json:
        told = {"id": subscription, "delivered": attempt.is_success, "status": attempt.status or None, "latency_ms": latency_ms}
        emit_json({**told, "problem": attempt.problem})
        return 0 if attempt.is_success else 1
    if not attempt.is_success:
        raise DatelineError(f"The test message did not arrive. {attempt.in_words}")
    answer = f" with {attempt.status}" if attempt.status else ""
    click.echo(f"{subscription}: the test message arrived{answer}, after {latency_ms} ms.")
    return 0


def _hooks(deployment: Deployment) -> Hooks:
    """Return what acts on subscriptions, having said what is out of the ordinary."""
    from dateline.hooks import Hooks

    hooks = Hooks(deployment)
    if deployment.settings.hooks_allow_loopback == "1":
        notice(f"dateline: {hooks.guard.notice}")
    return hooks


def _of_what(one: Subscription) -> str:
    """Return what a subscription is told of, in words."""
    what = "corrections and withdrawals" if one.corrections_only else ", ".join(sorted(one.kinds)) or "all changes"
    where = f" of {', '.join(sorted(one.stories))}" if one.stories else ""
    query = f" that match {one.question.text!r}" if one.question.text else ""
    filters = one.question.filters
    given = [name.replace("_", " ") for name in filters.__struct_fields__ if getattr(filters, name)]
    narrowed = f" with {', '.join(given)}" if given else ""
    return f"{what}{where}{query}{narrowed}" + (f" up to urgency {one.minimum_urgency}" if one.minimum_urgency < 9 else "")


def _say_secret(secret: str | None) -> None:
    if secret is not None:
        click.echo(f"The signing secret, which is shown this once: {secret}")


def _say(told: Json, text: str, *, as_json: bool) -> None:
    if as_json:
        emit_json(told)
    else:
        click.echo(text)


hooks_command.add_command(deliveries_command)
hooks_command.add_command(redrive_command)
