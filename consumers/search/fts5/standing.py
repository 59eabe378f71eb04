"""Where the partitions of a generation stand."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

from msgspec import json

from consumers.generations import Pointer
from consumers.search.fts5.files import Files, open_generation
from consumers.timeline.answers import Json, ViewPosition

_ASKED = """SELECT p.partition, p.next, p.log, p.fold, p.homeless, p.undecodable, (SELECT at FROM made),
    (SELECT count(*) FROM stories AS s WHERE s.partition = p.partition),
    (SELECT count(*) FROM parked AS a WHERE a.partition = p.partition), p.first, p.token
    FROM partitions AS p ORDER BY p.partition"""


def standing(files: Files, pointer: Pointer) -> Sequence[ViewPosition]:
    """Return where each partition stands that there is of what `pointer` names.

    Raises:
        StoreUnavailable, ContentDamaged: It cannot be read.
    """
    named = files.named(pointer)
    if named is None or not named.path.exists():
        return []
    with closing(open_generation(named.path)) as database, database.reading():
        problems: dict[int, list[Json]] = {}
        for partition, told in database.rows("SELECT partition, told FROM problems ORDER BY partition, offset"):
            problems.setdefault(partition, []).append(json.decode(told))
        return [
            ViewPosition(
                partition,
                named.name,
                offset,
                log,
                fold,
                homeless,
                undecodable,
                made,
                stories,
                problems.get(partition, []),
                parked,
                first,
                "",
                token,
            )
            for partition, offset, log, fold, homeless, undecodable, made, stories, parked, first, token in database.rows(_ASKED)
        ]
