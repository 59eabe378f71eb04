"""Tells what happens in the demo, a screen or two, and proves it at the end."""

from __future__ import annotations

import textwrap
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
from msgspec.json import decode

from consumers.runner import Runner
from consumers.timeline.audit import Auditor
from consumers.timeline.view import TimelineView
from dateline.demo.archive import STORY, Archived, read_archive, restore
from dateline.deployment import Deployment
from dateline.errors import DatelineError
from dateline.private_redis import PrivateRedis
from dateline.redis_store import Store
from schemas.codec import committed_codec
from schemas.events import Event, UpdateCorrected
from schemas.topics import EVENTS_TOPIC

_WIDTH = 92


def narrate(deployment: Deployment, *, command: str) -> None:
    """Restore the archive into an empty deployment, show what readers saw and when, and prove that the view is what the log says.

    Args:
        command: How to call `dateline` on this deployment, for what to try next.
    """
    archive = read_archive()
    _restore(deployment, archive)
    _correction(deployment, archive)
    _withdrawals(deployment)
    _desks_disagree(deployment, archive)
    _live(deployment, archive)
    _proof(deployment)
    _next(command)


def _restore(deployment: Deployment, archive: Sequence[Archived]) -> None:
    desks = sorted({one.event.desk for one in archive})
    _title("Apollo 13, 11–17 April 1970, as it was told")
    positions = restore(deployment.log, archive[:-1])
    start = time.perf_counter()
    deployment.timeline.catch_up()
    seconds = time.perf_counter() - start
    page = deployment.reader.page(STORY, limit=100)
    assert page is not None
    _say(
        f"{len(positions)} events of the desks {', '.join(desks)} went into the log (one SQLite file), with the times at "
        f"which they could have been reported. The consumer folded them into a timeline in Redis in {seconds * 1000:.0f} ms: "
        f"{len(page.documents)} updates, newest first. Nothing in the log is ever changed."
    )


def _correction(deployment: Deployment, archive: Sequence[Archived]) -> None:
    _title("A correction is an event, and what stood there before is not forgotten")
    for moment in (datetime(1970, 4, 14, 4, 20, tzinfo=UTC), datetime(1970, 4, 14, 4, 30, tzinfo=UTC)):
        document = _document_at(deployment, "a-problem", moment)
        quote = next(block for block in document["body"] if block["type"] == "quote")
        click.echo(f"  readers at {moment:%H:%M} UTC  {document['headline']}")
        click.echo(f"                        “{quote['text']}” — {quote['speaker']}")
    corrected = next(one.event for one in archive if isinstance(one.event, UpdateCorrected) and one.event.update == "a-problem")
    _say(f"Correction by {corrected.desk}: {corrected.note}", indent=4)


def _withdrawals(deployment: Deployment) -> None:
    _title("What is in doubt is held back; what is killed is gone, in every version and also in the past")
    verification = _document_at(deployment, "meteorite", None)["verification"]
    for update, moment, about in (
        ("meteorite", datetime(1970, 4, 14, 6, 0, tzinfo=UTC), "held back until somebody was named for it"),
        ("meteorite", None, f"released, attributed, and marked as {verification}"),
        (
            "fifteen-minutes-of-air",
            datetime(1970, 4, 14, 4, 56, tzinfo=UTC),
            "published 04:54, killed 05:00: in no version, ever",
        ),
        ("how-they-come-home", datetime(1970, 4, 17, 5, 0, tzinfo=UTC), "under an embargo, which was moved"),
        ("how-they-come-home", None, "lifted by the clock on 17 April at 11:00"),
    ):
        when = f"{moment:%d %b %H:%M}" if moment is not None else "now"
        shown = "shown" if _document_at(deployment, update, moment) else "not shown"
        click.echo(f"  {update:23} {when:13} {shown:10} {about}")


def _desks_disagree(deployment: Deployment, archive: Sequence[Archived]) -> None:
    _title("Copy comes late, twice, and too late: the log's order decides, and each desk is told")
    seen: set[str] = set()
    counted: Counter[str] = Counter()
    for one in archive[:-1]:
        event = one.event
        status, reason = _verdict(deployment, event, again=event.event_id in seen)
        seen.add(event.event_id)
        counted[status] += 1
        if status != "accepted":
            about = getattr(event, "update", "")
            click.echo(f"  {one.recorded_at:%d %b %H:%M}  {event.desk:8} {status:9} {about}: {reason}")
    click.echo(f"  {', '.join(f'{count} {status}' for status, count in counted.most_common())}")


def _live(deployment: Deployment, archive: Sequence[Archived]) -> None:
    _title("The newest of the timeline, after the last event")
    start = time.perf_counter()
    restore(deployment.log, archive[-1:])
    deployment.timeline.catch_up()
    milliseconds = (time.perf_counter() - start) * 1000
    page = deployment.reader.page(STORY, limit=4)
    assert page is not None
    for document in page.documents:
        shown: Any = decode(document)  # Any: a document
        mark = "★ " if shown["key_event"] else "  "
        noted = f"  (corrected: {shown['corrections'][-1]['note'][:38]}…)" if shown["corrections"] else ""
        click.echo(f"  {shown['updated_at'][5:16].replace('T', ' ')} {mark}{shown['headline']}{noted}")
    click.echo(f"  {archive[-1].event.desk} closed the story: durable in the log and seen by readers after {milliseconds:.1f} ms")


def _proof(deployment: Deployment) -> None:
    _title("Proof")
    found = Auditor(deployment.log, deployment.store, topic=EVENTS_TOPIC, codec=committed_codec()).audit()
    if found.differences:
        raise DatelineError(
            f"The view differs from the fold of the log: {found.differences[0]}. This is our error: please report it."
        )
    click.echo(
        f"  the live view equals the fold of the log, key by key  ✓  ({found.records} records, {found.updates} public updates)"
    )
    with TemporaryDirectory(prefix="dateline-demo-") as folder:
        private = PrivateRedis(Path(folder))
        with private:
            rebuilt = Store(private.url)
            runner = Runner(deployment.log, TimelineView(rebuilt), topic=EVENTS_TOPIC, codec=committed_codec())
            runner.run_until(deployment.log.end_offsets(EVENTS_TOPIC), deadline=time.monotonic() + 30)
            runner.close()
            before, after = _bytes(deployment.store), _bytes(rebuilt)
            runner.reset()
            rebuilt.close()
        private.wait_gone()
    if before != after:
        raise DatelineError("A view rebuilt from zero has other bytes than the live one. This is our error: please report it.")
    size = sum(len(field) + len(str(value)) for content in after.values() for field, value in content.items())
    click.echo(f"  rebuilt from zero in a second Redis: the same {len(after)} keys and {size:,} bytes  ✓")
    click.echo(f"  digest {found.digest}")


def _next(command: str) -> None:
    _title("Try next")
    for arguments, does in (
        (f"timeline {STORY}", "read it"),
        (f"timeline {STORY} --as-of 1970-04-14T04:20Z", "as readers saw it then"),
        (f"history {STORY} a-problem", "what was put right, as a diff"),
        (f"correct {STORY} launch --note '…' --headline '…'", "put something right yourself"),
        ("status", "how far the view is"),
    ):
        click.echo(f"  {command} {arguments:52} {does}")


def _bytes(store: Store) -> dict[str, dict[str, str | float]]:
    """Everything that readers read and the fold keeps; not who writes it and when, nor when servers were woken."""
    from consumers.timeline.audit import UNCOMPARED

    found = {key: content for key, content in store.contents("{tl:") if not key.endswith((":live", ":wake"))}
    for key, content in found.items():
        for name in UNCOMPARED if key.endswith(":meta") else ():
            content.pop(name, None)
    return found


def _document_at(deployment: Deployment, update: str, moment: datetime | None) -> Any:  # Any: a document
    reader = deployment.reader
    page = reader.page(STORY, limit=100) if moment is None else reader.page_as_of(STORY, moment, limit=100)
    documents = [decode(document) for document in page.documents] if page is not None else []
    return next((document for document in documents if document["id"] == update), None)


def _verdict(deployment: Deployment, event: Event, *, again: bool) -> tuple[str, str]:
    entry = deployment.reader.verdict(event.story, event.event_id)
    assert entry is not None
    verdict = entry.verdict
    if again:
        return "duplicate", f"the same event again; nothing new (seq {verdict.seq})"
    if verdict.late:
        return "late", "an older version than the one that is shown; kept in its history"
    return verdict.status, (verdict.reason or "").partition(". ")[0]


def _title(text: str) -> None:
    click.echo()
    click.secho(text, bold=True)


def _say(text: str, *, indent: int = 2) -> None:
    click.echo(textwrap.fill(text, _WIDTH, initial_indent=" " * indent, subsequent_indent=" " * indent))
