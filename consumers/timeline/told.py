"""The history of an update and the corrections, as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Raw, json

from consumers.state import Story
from consumers.timeline.answers import HistoryEntry, ListedCorrection
from consumers.timeline.diff import diff
from consumers.words import content_of
from schemas.times import from_ms


def with_diffs(told: Sequence[HistoryEntry], *, context: int = 3) -> Iterator[tuple[HistoryEntry, list[str]]]:
    """Yield each entry with how its words differ from those that readers had before; late copy was never theirs."""
    shown: bytes | None = None
    for one in told:
        changed: list[str] = []
        if one.document is not None and one.about.kind != "late":
            changed = diff(shown, one.document, context=context) if shown is not None else []
            shown = one.document
        yield one, changed


def history_json(story: Story, update: str, told: Sequence[HistoryEntry]) -> bytes:
    """Return `{"story", "update", "revision", "history": […], "record": {"seq", "digest"}}`, the oldest first.

    Each entry has `seq`, `kind`, `revision`, `note`, `severity`, `occurred_at`, `recorded_at` and `document`, which is null where
    the update was taken off; `diff` (the lines of a unified diff) where its words changed. Late copy, which was never
    shown, has no revision, and what it said is its `copy`. `record` is the whole story's, up to its last record.
    """
    entries = [_entry(one, changed) for one, changed in with_diffs(told)]
    revision = max(one.about.revision for one in told)
    record = {"seq": story.seq, "digest": story.digest.hex()}
    return json.encode({"story": story.id, "update": update, "revision": revision, "history": entries, "record": record})


def corrections_json(found: Sequence[ListedCorrection]) -> bytes:
    """Return `{"corrections": […]}`, the newest first; `headline` is the update's as it is now."""
    return json.encode({"corrections": [_correction(one) for one in found]})


def _entry(told: HistoryEntry, changed: list[str]) -> dict[str, Any]:  # Any: what JSON holds
    about, is_late = told.about, told.about.kind == "late"
    document = Raw(told.document) if told.document is not None else None
    entry = {
        "seq": about.seq,
        "kind": about.kind,
        "revision": None if is_late else about.revision,
        "note": about.note,
        "severity": about.severity,
        "occurred_at": about.occurred_at,
        "recorded_at": from_ms(about.recorded_at),
        "document": None if is_late else document,
    }
    return entry | ({"copy": document} if is_late else {}) | ({"diff": changed} if changed else {})


def _correction(one: ListedCorrection) -> dict[str, Any]:  # Any: what JSON holds
    told = one.told
    return {
        "story": one.story,
        "update": one.update,
        "headline": content_of(one.document).headline,
        "revision": told.revision,
        "note": told.note,
        "severity": told.severity,
        "corrected_at": told.corrected_at,
    }
