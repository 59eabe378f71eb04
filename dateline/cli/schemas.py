"""`dateline schemas`: the event schemas of this release."""

from __future__ import annotations

import os
from dataclasses import asdict

import click

from dateline.cli.common import emit_json, json_option, notice
from dateline.errors import Refused
from dateline.settings import read_settings

NO_REGISTRY = (
    "No schema registry is set, and none is needed: ids are committed. To load one, set DATELINE_REGISTRY=http://host:8081"
)


@click.group(name="schemas", epilog="Example: dateline schemas list")
def schemas_command() -> None:
    """List and check the event schemas; load a schema registry with them."""


@schemas_command.command(name="list", epilog="Example: dateline schemas list --json")
@json_option
def list_command(as_json: bool) -> None:
    """List every schema: its id in a record's framing, type, version, and subject in a schema registry.

    Events are written with the newest version of their type; older ones are read for ever.
    """
    from schemas.catalog import committed
    from schemas.compatibility import listing

    listed = listing(committed())
    if as_json:
        emit_json([asdict(one) for one in listed])
        return
    widest = max(len(one.type) for one in listed)
    click.echo(f"{'id':>4}  {'type':<{widest}}  version  subject")
    for one in listed:
        click.echo(f"{one.id:>4}  {one.type:<{widest}}  {one.version:>7}  {one.subject}")


@schemas_command.command(name="check", epilog="Example: dateline schemas check")
@json_option
def check_command(as_json: bool) -> int:
    """Check that every version of a schema reads what every other one wrote (FULL_TRANSITIVE). Exit code 1 if not."""
    from schemas.catalog import committed
    from schemas.compatibility import check

    catalog = committed()
    problems, count = check(catalog), len(list(catalog))
    if as_json:
        emit_json({"schemas": count, "types": len(catalog.types), "problems": problems})
        return int(bool(problems))
    for problem in problems[:-1]:
        notice(f"dateline: {problem}")
    if problems:
        raise Refused(problems[-1])
    click.echo(f"{count} schemas of {len(catalog.types)} event types, all compatible: every version reads every other.")
    return 0


@schemas_command.command(name="register", epilog="Example: DATELINE_REGISTRY=http://localhost:8081 dateline schemas register")
@json_option
def register_command(as_json: bool) -> None:
    """Write the schemas into the schema registry that DATELINE_REGISTRY names, under their committed ids.

    Each lands in its subject by IMPORT mode. Afterwards the subjects are FULL_TRANSITIVE and READONLY: this command alone
    writes there. Where an id or a version is taken by another schema, nothing is changed. Doing it again does no harm.
    """
    from dateline.registry import register
    from dateline.registry_client import open_registry
    from schemas.catalog import committed

    url = read_settings(os.environ).registry
    if not url:
        raise Refused(NO_REGISTRY)
    with open_registry(url) as registry:
        done = register(committed(), registry)
    if as_json:
        emit_json([asdict(one) for one in done])
        return
    widest, what = max(len(one.type) for one in done), max(len(one.outcome) for one in done)
    click.echo(f"{'id':>4}  {'type':<{widest}}  version  {'outcome':<{what}}  subject")
    for one in done:
        click.echo(f"{one.id:>4}  {one.type:<{widest}}  {one.version:>7}  {one.outcome:<{what}}  {one.subject}")
