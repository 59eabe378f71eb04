"""Where the partitions of a generation stand."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

from msgspec import json

from consumers.generations import Pointer
from consumers.search.fts5.files import Files, Named, open_generation
from consumers.timeline.answers import Json, ViewPosition
from dateline.errors import ContentDamaged

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
    return _standing(named) if named is not None and named.path.exists() else []


def is_readable(named: Named) -> bool:
    """Whether a generation can be opened as what it is, and says where it stands."""
    if not named.path.exists():
        return False
    try:
        _standing(named)
    except ContentDamaged:
        return False
    return True


def _standing(named: Named) -> Sequence[ViewPosition]:
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
