"""`dateline replay timeline --as-of T`: the view as it was, built anew from the log and held to what readers are told of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from hashlib import sha256

import click
from msgspec import Struct, field

from consumers.timeline.past_check import Built, PastCheck
from dateline.cli.as_of import moment_of
from dateline.cli.common import emit_json, notice, unknown_story
from dateline.cli.importing import counted, told_if_stopped
from dateline.cli.output import Write, output
from dateline.cli.progress import meter
from dateline.deployment import Deployment
from schemas.codec import committed_codec
from schemas.names import check_name
from schemas.times import rfc3339
from schemas.topics import EVENTS_TOPIC

_SHOWN = 10


class _Summary(Struct):
    """What was built and compared; of each story that differs, how."""

    stories: int = 0
    updates: int = 0
    left_out: int = 0
    compared: int = 0
    records: int = 0
    different: dict[str, list[str]] = field(default_factory=dict)
    digests: dict[str, bytes] = field(default_factory=dict)

    def add(self, built: Built) -> None:
        self.compared += built.differences is not None
        if built.differences:
            self.different[built.story] = built.differences
        if built.page is not None:
            self.stories += 1
            self.updates += len(built.page.documents)
            self.left_out += built.left_out
            self.digests[built.story] = sha256(built.page.json()).digest()

    @property
    def digest(self) -> str:
        """SHA-256 over what was built: the same on any backend, for any partition count, until something is killed."""
        whole = sha256()
        for story in sorted(self.digests):
            whole.update(story.encode() + b"\n" + self.digests[story])
        return whole.hexdigest()


def replay_as_of(deployment: Deployment, as_of: str, *, story: str | None, file: str | None, as_json: bool) -> int:
    """Build, compare, say what differs, and return the exit code: 1 if anything does.

    Raises:
        Refused: There is no such story, or it is no time.
        UsageError: The options do not go together.
    """
    moment = moment_of(as_of)
    if isinstance(moment, int) and story is None:
        raise click.UsageError(f"--as-of {as_of} is a seq, which only a story has: add --story S, or give a time with its zone.")
    if as_json and file == "-":
        raise click.UsageError("--json and --out - both write to stdout; give --out a file.")
    story = check_name("story", story) if story is not None else None
    deployment.warm_up()
    deployment.timeline.confirm()
    summary = _Summary()
    with told_if_stopped("Nothing was changed."), _opened(file) as write, _told(deployment, story) as advance:
        check = PastCheck(deployment.log, deployment.store, topic=EVENTS_TOPIC, codec=committed_codec(), moment=moment)
        for built in check.build(story, progress=lambda records: advance(summary, records)):
            summary.add(built)
            if built.page is not None:
                write(built.page.json() + b"\n")
        if story is not None and not summary.records:
            raise unknown_story(deployment, story)
    if as_json:
        emit_json(_summary_json(summary, moment, story))
    else:
        for line in _lines(summary, moment, story, file):
            click.echo(line, err=file == "-")
    if summary.different:
        stories = counted(len(summary.different), "story", "stories")
        notice(f"dateline: what --as-of answers is not what the log says, of {stories}. See: dateline verify")
    return 1 if summary.different else 0


@contextmanager
def _opened(file: str | None) -> Iterator[Write]:
    if file is None:
        yield lambda line: None
        return
    with output(file) as write:
        yield write


@contextmanager
def _told(deployment: Deployment, story: str | None) -> Iterator[Callable[[_Summary, int], None]]:
    """Show how far it has come, and keep count."""
    log = deployment.log
    total = sum(log.end_offsets(EVENTS_TOPIC).values()) - sum(log.begin_offsets(EVENTS_TOPIC).values())
    with meter("Replaying", unit="events") as show:

        def advance(summary: _Summary, records: int) -> None:
            summary.records += records
            if story is None:
                show(summary.records, max(total, summary.records))

        yield advance


def _summary_json(summary: _Summary, moment: datetime | int, story: str | None) -> Mapping[str, object]:
    names = ("records", "stories", "updates", "left_out", "compared", "digest")
    told = {name: getattr(summary, name) for name in names}
    different = [{"story": name, "differences": lines} for name, lines in summary.different.items()]
    as_of = {"as_of": moment if isinstance(moment, int) else rfc3339(moment), "story": story}
    return {"view": "timeline", **as_of, **told, "different": different}


def _lines(summary: _Summary, moment: datetime | int, story: str | None, file: str | None) -> Iterator[str]:
    then = f"seq {moment}" if isinstance(moment, int) else f"{moment:%Y-%m-%d %H:%M:%S} UTC"
    what = f"{story} as of {then}" if story is not None else f"the timeline as of {then}"
    stories = "" if story is not None else f"{counted(summary.stories, 'story', 'stories')}, "
    yield f"Built {what} from {counted(summary.records, 'record')}: {stories}{counted(summary.updates, 'update')}."
    if summary.left_out:
        is_or_are = "is" if summary.left_out == 1 else "are"
        yield f"Left out: {counted(summary.left_out, 'update')} that {is_or_are} killed or under embargo today."
    yield f"digest {summary.digest}"
    compared = counted(summary.compared, "story", "stories")
    if not summary.different:
        yield f"Compared {compared}: dateline timeline --as-of answers the same."
    else:
        yield f"Readers who ask for that moment get {len(summary.different):,} of {compared} otherwise:"
        for lines in list(summary.different.values())[:_SHOWN]:
            more = f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""
            yield f"  {lines[0]}{more}"
        if len(summary.different) > _SHOWN:
            yield f"  … and {len(summary.different) - _SHOWN:,} more stories"
    kept = f"It is written to {file}" if file not in (None, "-") else "Nothing of it is kept"
    yield f"{kept}, and the live timeline is as it was."
