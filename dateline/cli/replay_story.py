"""`dateline replay timeline --story S`: one story built anew, in place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dateline.cli.common import emit_json, notice, unknown_story
from dateline.cli.importing import counted, told_if_stopped
from dateline.deployment import Deployment
from dateline.errors import DatelineError
from schemas.topics import EVENTS_TOPIC

if TYPE_CHECKING:
    from consumers.timeline.rebuild import Rebuilt

_SHOWN = 10
_PATIENCE = 8.0


def replay_story(deployment: Deployment, story: str, *, as_json: bool) -> None:
    """Build a story anew, and say what differed.

    Raises:
        Refused: There is no such story, in the log or in the view.
    """
    from consumers.timeline.rebuild import rebuild_story
    from dateline.turn import only_one
    from schemas.codec import committed_codec
    from schemas.names import check_name

    check_name("story", story)
    what = "replay of a story"
    with (
        told_if_stopped("Readers have the story as it was, or as it is now. Run the same command again."),
        only_one(deployment.log, "replay-story", what=what, notify=deployment.notify, patience=_PATIENCE),
    ):
        try:
            deployment.timeline.catch_up()
        except DatelineError as error:  # the story may be unusable, which is why it is built anew
            notice(f"dateline: The live timeline could not be brought up to date: {error}")
        rebuilt = rebuild_story(deployment.log, deployment.store, topic=EVENTS_TOPIC, codec=committed_codec(), story=story)
    if rebuilt is None:
        raise unknown_story(deployment, story)
    if as_json:
        emit_json({"view": "timeline", **{name: getattr(rebuilt, name) for name in rebuilt.__struct_fields__}})
    else:
        _say(rebuilt)


def _say(rebuilt: Rebuilt) -> None:
    records, updates = counted(rebuilt.records, "record"), counted(rebuilt.updates, "public update")
    click.echo(f"Built {rebuilt.story} in {rebuilt.generation} from {records}: {updates}.")
    if not rebuilt.differences:
        click.echo("It is as it was.")
        return
    click.echo("It is no longer parked:" if rebuilt.was_parked else "What differed is put right:")
    for line in rebuilt.differences[:_SHOWN]:
        click.echo(f"  {line}")
    if len(rebuilt.differences) > _SHOWN:
        click.echo(f"  … and {len(rebuilt.differences) - _SHOWN:,} more")
    seen = "open pages begin anew" if rebuilt.is_seen else "readers see the same"
    click.echo(f"{counted(rebuilt.keys, 'key')} put in place in {rebuilt.blocked_seconds * 1000:.1f} ms; {seen}.")
