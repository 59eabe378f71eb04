"""`dateline verify --export`: an exported log against itself and against a digest that was published."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from dateline.cli.common import emit_json, notice
from dateline.cli.importing import counted
from dateline.ndjson import read_framed
from dateline.record_check import Checked, check_record, digest_of

_MOST_STORIES = 20


def verify_export(file: str, *, digest: str | None, as_json: bool) -> int:
    """Check a file, say what it proves, and return the exit code: 0 if it proves what was asked."""
    published = digest_of(digest) if digest is not None else None
    found = check_record(read_framed(file), published=published)
    problem = _problem(found, published)
    if as_json:
        emit_json(_json(found, published, problem))
    else:
        for line in _in_words(found):
            click.echo(line)
    for fault in found.faults:
        where = [
            f"line {fault.line}",
            *([f"story {fault.story}"] if fault.story else []),
            *([f"seq {fault.seq}"] if fault.seq else []),
        ]
        notice(f"dateline: {', '.join(where)}: {fault.problem}")
    if found.fault_count > len(found.faults):
        notice(f"dateline: … and {counted(found.fault_count - len(found.faults), 'fault')} more.")
    if problem is not None:
        notice(f"dateline: {'stdin' if file == '-' else file}: {problem}")
        return 1
    if not as_json:
        click.echo(_proof(found, published))
    return 0


def _problem(found: Checked, published: bytes | None) -> str | None:
    """Return why the file does not prove what was asked, None if it does."""
    if published is not None and found.proven is None:
        if found.claimed is not None:
            return (
                f"the digest stands beside seq {found.claimed.seq} of {found.claimed.story}, but the records up to there do not "
                "give it: something was changed or taken out."
            )
        return (
            "no story had this digest at any seq, and the whole log does not have it: something was changed or taken out, or the "
            "digest is of records that this file does not have."
        )
    if found.fault_count:
        proven = f"{_place(found)} is as it was when this digest was published, but " if found.proven is not None else ""
        return f"{proven}the file was changed: {counted(found.fault_count, 'fault')}."
    if not found.records and not found.of_no_story:
        return "there is no record in it, so nothing is proven."
    if published is None and found.bare:
        return f"{counted(found.bare, 'record')} without a digest: nothing is proven of them. Export anew, or give --digest D."
    return None


def _place(found: Checked) -> str:
    assert found.proven is not None
    if found.proven.story is None:
        return "The whole log"
    return f"{found.proven.story} up to seq {found.proven.seq}"


def _proof(found: Checked, published: bytes | None) -> str:
    if published is None:
        return "Each record gives the digest beside it. Whether all was written anew, a published digest tells: --digest D"
    later = f"; {counted(found.later, 'record')} came later" if found.later else ""
    return f"{_place(found)} is as it was when this digest was published{later}."


def _in_words(found: Checked) -> Iterator[str]:
    left_out = f"; {counted(found.of_no_story, 'record')} of no story, which no digest covers" if found.of_no_story else ""
    stories = "1 story" if len(found.stories) == 1 else f"{len(found.stories):,} stories"
    yield f"{counted(found.records, 'record')}, {stories}{left_out}."
    for story, one in list(found.stories.items())[:_MOST_STORIES]:
        yield f"{story}: seq {one.seq}, {f'sha256 {one.digest.hex()}' if one.digest is not None else 'not whole'}"
    if len(found.stories) > _MOST_STORIES:
        yield f"… and {len(found.stories) - _MOST_STORIES:,} stories more: --json gives all."
    if found.record is not None:
        yield f"record {found.record.hex()}"


def _json(found: Checked, published: bytes | None, problem: str | None) -> dict[str, Any]:  # Any: what JSON holds
    proven, record = found.proven, found.record
    return {
        "records": found.records,
        "stories": [
            {"story": story, "seq": one.seq, "digest": one.digest.hex() if one.digest is not None else None}
            for story, one in found.stories.items()
        ],
        "of_no_story": found.of_no_story,
        "record": record.hex() if record is not None else None,
        "published": published.hex() if published is not None else None,
        "proven": {"story": proven.story, "seq": proven.seq or None, "later": found.later} if proven is not None else None,
        "faults": [{name: getattr(fault, name) for name in fault.__struct_fields__} for fault in found.faults],
        "fault_count": found.fault_count,
        "problem": problem,
    }
