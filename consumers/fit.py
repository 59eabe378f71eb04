"""Whether a view fits a log: one that does not is left alone, for a view must never skip silently."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from consumers.story import FOLD_VERSION
from consumers.view import Cursor
from dateline.errors import LogChanged, LogShortened, OtherVersion, RetentionGap
from dateline.log.base import Log, how_changed


class Extent(Struct, frozen=True):
    """What the log is and where its partitions begin and end, at one moment."""

    url: str
    log_id: str
    begins: Mapping[int, int]
    ends: Mapping[int, int]

    @classmethod
    def of(cls, log: Log, topic: str) -> Extent:
        return cls(log.url, log.id(topic), log.begin_offsets(topic), log.end_offsets(topic))


def check_fit(view: str, cursor: Cursor, extent: Extent) -> None:
    """Refuse a view, by its name, that is not this log's, or not this release's.

    Raises:
        LogChanged, RetentionGap, OtherVersion: It is not; nothing was written.
    """
    partition, where = cursor.partition, extent.url
    if cursor.log_id != extent.log_id:
        raise LogChanged(
            f"LOG_CHANGED: the {view} view (partition {partition}) was built from log {cursor.log_id}, and "
            f"{where} is log {extent.log_id}. {how_changed(cursor.log_id, extent.log_id)}"
        )
    begin, end = extent.begins[partition], extent.ends[partition]
    if cursor.offset > end:
        raise LogShortened(
            f"LOG_CHANGED: the {view} view has seen partition {partition} up to offset {cursor.offset}, and "
            f"{where} ends at {end}. Bring the whole log back, or empty the view to build it anew."
        )
    if cursor.offset < begin:
        raise RetentionGap(
            f"RETENTION_GAP: the {view} view needs partition {partition} from offset {cursor.offset}, and "
            f"{where} begins at {begin}. Bring the missing records back; they are kept for ever by default."
        )
    if cursor.fold_version != FOLD_VERSION:
        raise OtherVersion(
            f"The live {view} view was made by fold version {cursor.fold_version}, and this release has "
            f"{FOLD_VERSION}. Run dateline replay to build it anew."
        )
