"""`dateline verify`: the live views against the log, or an exported log against its digests (`dateline.cli.verify_export`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from dateline.cli.common import emit_json, emit_views, json_option, notice, unknown_story, with_deployment
from dateline.cli.importing import counted
from dateline.cli.replay import VIEWS
from dateline.deployment import Deployment
from dateline.errors import StoreBroken
from dateline.kept_view import KeptView
from schemas.topics import EVENTS_TOPIC

if TYPE_CHECKING:
    from consumers.search.index import IndexAudit
    from consumers.timeline.audit import Audit

_SHOWN = 50


@click.command(
    name="verify",
    epilog="\b\nExamples:\n  dateline verify\n  dateline verify search\n  dateline verify --story apollo-13\n"
    "  dateline verify --export coverage.ndjson --digest 9f86d081…",
)
@click.argument("view", required=False, type=click.Choice(VIEWS))
@click.option("--story", metavar="S", help="Fold and compare this story alone.")
@click.option("--watch", is_flag=True, help="Compare story after story, at under 2 % of a core, until interrupted.")
@click.option("--export", "file", metavar="FILE|-", help="Check an exported log instead; needs neither log nor Redis.")
@click.option("--digest", metavar="D", help="With --export: a digest that was published, of a story or of the log.")
@json_option
@with_deployment
def verify_command(
    deployment: Deployment,
    view: str | None,
    story: str | None,
    watch: bool,
    file: str | None,
    digest: str | None,
    as_json: bool,
) -> int:  # each an option
    """Fold the whole log anew, in memory, and compare with the live timeline and the search index, key by key.

    Without VIEW, each view that there is. Every difference is named; the exit code is 1 if there is any. The digest (of what
    readers may see) and the record (of all that was ever recorded) are the same for the same history on any backend. What an
    export proves: docs/the-record.md
    """
    if sum((story is not None, watch, file is not None)) > 1:
        raise click.UsageError("--story, --watch and --export are three ways to verify; choose one.")
    if file is not None and view is not None:
        raise click.UsageError(f"--export checks a file, not a view; leave {view} out.")
    if file is not None:
        from dateline.cli.verify_export import verify_export

        return verify_export(file, digest=digest, as_json=as_json)
    if digest is not None:
        raise click.UsageError("--digest goes with --export FILE. Export the log first: dateline log export FILE")
    if view == "search" and (watch or story is not None):
        raise click.UsageError("--story and --watch are the timeline's; compare the whole search index: dateline verify search")
    if watch or story is not None or view != "search":
        deployment.warm_up()
    if watch:
        from dateline.cli.verify_watch import verify_watch

        verify_watch(deployment, as_json=as_json)
    if story is not None:
        return _verify_story(deployment, story, as_json=as_json)
    return _verify_views(deployment, deployment.named(view or "all"), as_json=as_json)


def _verify_views(deployment: Deployment, views: Sequence[KeptView], *, as_json: bool) -> int:
    documents, code = {}, 0
    for kept in views:
        kept.confirm()
        found = _audit(deployment, kept)
        documents[kept.name] = {name: getattr(found, name) for name in found.__struct_fields__}
        if not as_json:
            _show(found, before=kept.before())
        code |= _told(found.differences, f"the live {kept.before()}view", as_json=as_json)
    if as_json:
        emit_views(documents)
    return code


def _audit(deployment: Deployment, kept: KeptView) -> Audit | IndexAudit:
    from schemas.codec import committed_codec

    if kept is deployment.search:
        return deployment.search_index.audit(deployment.log, topic=EVENTS_TOPIC, codec=committed_codec())
    from consumers.timeline.audit import Auditor

    return Auditor(deployment.log, deployment.store, topic=EVENTS_TOPIC, codec=committed_codec(), keep=False).audit()


def _show(found: Audit | IndexAudit, *, before: str) -> None:
    stories, updates = counted(found.stories, "story", "stories"), counted(found.updates, "public update")
    click.echo(f"{f'{before.strip().capitalize()}: ' if before else ''}{counted(found.records, 'record')}, {stories}, {updates}.")
    for name in ("digest", "record"):
        if hasattr(found, name):
            click.echo(f"{name} {getattr(found, name)}")


def _verify_story(deployment: Deployment, story: str, *, as_json: bool) -> int:
    from consumers.timeline.story_check import StoryCheck
    from schemas.codec import committed_codec
    from schemas.names import check_name

    check_name("story", story)
    try:
        deployment.timeline.confirm()
    except StoreBroken as error:  # what is damaged is named below
        notice(f"dateline: The live timeline could not be brought up to date: {error}")
    check = StoryCheck(deployment.log, deployment.store, topic=EVENTS_TOPIC, codec=committed_codec(), story=story)
    found = check.compare()
    if not found.is_known:
        raise unknown_story(deployment, story)
    updates = len(found.expected.get(f"docs/{story}", ()))
    if as_json:
        emit_json({"story": story, "records": found.records, "updates": updates, "differences": found.differences})
    else:
        click.echo(f"{story}: {counted(found.records, 'record')}, {counted(updates, 'public update')}.")
    return _told(found.differences, f"story {story}", as_json=as_json)


def _told(differences: Sequence[str], what: str, *, as_json: bool) -> int:
    """Name what differs, and return the exit code."""
    if differences:
        for difference in differences[:_SHOWN]:
            notice(f"dateline: {difference}")
        notice(f"dateline: {what} differs from the log in {counted(len(differences), 'place')}.")
        return 1
    if not as_json:
        click.echo(f"{what[0].upper()}{what[1:]} is what the log says.")
    return 0
