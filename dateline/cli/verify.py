"""`dateline verify`: the live view against the log."""

from __future__ import annotations

import click

from dateline.cli.common import emit_json, json_option, notice, with_deployment
from dateline.deployment import Deployment
from schemas.topics import EVENTS_TOPIC

_SHOWN = 50


@click.command(name="verify", epilog="Example: dateline verify")
@json_option
@with_deployment
def verify_command(deployment: Deployment, as_json: bool) -> int:
    """Fold the whole log anew, in memory, and compare with the live timeline, key by key.

    Every difference is named; the exit code is 1 if there is any. The digest is the same for the same history on any backend.
    """
    deployment.warm_up()
    from consumers.timeline.audit import Auditor
    from schemas.codec import committed_codec

    deployment.confirm()
    found = Auditor(deployment.log, deployment.store, topic=EVENTS_TOPIC, codec=committed_codec()).audit()
    if as_json:
        emit_json({name: getattr(found, name) for name in found.__struct_fields__})
    else:
        click.echo(f"{found.records:,} records, {found.stories:,} stories, {found.updates:,} public updates.")
        click.echo(f"digest {found.digest}")
    if found.differences:
        for difference in found.differences[:_SHOWN]:
            notice(f"dateline: {difference}")
        notice(f"dateline: the live view differs from the log in {len(found.differences):,} places.")
        return 1
    if not as_json:
        click.echo("The live view is what the log says.")
    return 0
