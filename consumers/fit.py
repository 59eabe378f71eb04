"""Whether a view fits a log: one that does not is left alone, for a view must never skip silently."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from msgspec import Struct

from consumers.story import FOLD_VERSION
from dateline.errors import HalfWritten, LogChanged, LogShortened, OtherVersion, RetentionGap
from dateline.log.base import Log, how_changed


class Place(Protocol):
    """Where one partition of a generation stands: a cursor, a claim, or what a reader found."""

    @property
    def partition(self) -> int: ...

    @property
    def offset(self) -> int: ...

    @property
    def log_id(self) -> str: ...

    @property
    def fold_version(self) -> int: ...

    @property
    def torn(self) -> str: ...


class WholePlace(Place, Protocol):
    """One that knows the first offset that it was built from too."""

    @property
    def first(self) -> int: ...


class Extent(Struct, frozen=True):
    """What the log is and where its partitions begin and end, at one moment."""

    url: str
    log_id: str
    begins: Mapping[int, int]
    ends: Mapping[int, int]

    @classmethod
    def of(cls, log: Log, topic: str) -> Extent:
        return cls(log.url, log.id(topic), log.begin_offsets(topic), log.end_offsets(topic))


def check_fit(view: str, at: Place, extent: Extent) -> None:
    """Refuse a view, by its name, that is not this log's, or not this release's, or damaged.

    Raises:
        LogChanged, RetentionGap, OtherVersion, HalfWritten: It is; nothing was written.
    """
    which, where = f"the {view} view (partition {at.partition})", extent.url
    built = view.partition("-")[0]  # of a shadow, what it is to become
    if at.log_id != extent.log_id:
        raise LogChanged(
            f"LOG_CHANGED: {which} was built from log {at.log_id}, and {where} is log {extent.log_id}. "
            f"{how_changed(at.log_id, extent.log_id, view=built)}",
            view=built,
        )
    begin, end = extent.begins[at.partition], extent.ends[at.partition]
    if at.offset > end:
        raise LogShortened(
            f"LOG_CHANGED: {which} has seen offset {at.offset}, past the end of {where}, which is {end}. Bring the whole log "
            f"back; if it is lost: dateline replay {built}",
            view=built,
        )
    if at.offset < begin:
        raise RetentionGap(
            f"RETENTION_GAP: {which} needs the log from offset {at.offset} on (it needs partition {at.partition} from offset "
            f"{at.offset}, and {where} begins at {begin}). Bring the missing records back; they are kept for ever by default. "
            f"If they are lost: dateline replay {built}"
        )
    if at.fold_version != FOLD_VERSION:
        raise OtherVersion(
            f"The live {view} view was made by fold version {at.fold_version}, and this release has {FOLD_VERSION}. "
            "Run dateline replay to build it anew."
        )
    if at.torn:
        raise HalfWritten(half_written(at.partition, at.torn, view=built))


def check_whole(view: str, at: WholePlace, extent: Extent) -> None:
    """Refuse to compare a view with a log that does not hold any more what the view was built from.

    Raises:
        LogChanged, RetentionGap, OtherVersion, HalfWritten: As `check_fit`.
    """
    check_fit(view, at, extent)
    check_begins(extent, at.partition, first=at.first)


def check_begins(extent: Extent, partition: int, *, first: int = 0) -> None:
    """Refuse to fold a partition's log that does not hold all records from an offset on.

    Raises:
        RetentionGap: It does not.
    """
    begin = extent.begins[partition]
    if begin > first:
        raise RetentionGap(
            f"RETENTION_GAP: partition {partition} of {extent.url} begins at offset {begin}, so what "
            "came before cannot be folded. Bring the missing records back; they are kept for ever by default."
        )


def mixed_versions(found: Iterable[Place], *, view: str = "timeline") -> str | None:
    """Return in words that a view was made by several versions of the fold, and what to do; None if it was not."""
    by_version: dict[int, list[str]] = {}
    for at in found:
        by_version.setdefault(at.fold_version, []).append(str(at.partition))
    if len(by_version) < 2:
        return None
    told = "; ".join(f"version {version} in partition {', '.join(mine)}" for version, mine in sorted(by_version.items()))
    return (
        f"The live {view} view was made by two fold versions ({told}): a replay or a rollback is between two flips, or was "
        "stopped there. Nobody writes to it until that has gone on. With the release that has fold version "
        f"{max(by_version)}, run: dateline replay {view}"
    )


def half_written(partition: int, error: str, *, view: str = "timeline") -> str:
    """Return in words that a partition's batch was written in part, and what to do."""
    return (
        f"A batch of partition {partition} was written in part: Redis refused the rest ({error.rstrip('.')}). Nothing more is "
        f"written there. Mend the cause, then run: dateline replay {view}"
    )
