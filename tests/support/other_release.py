"""`dateline` as another release would be: `python -m tests.support.other_release FOLD SCHEMA ARGS…`.

Its fold has version FOLD. Its catalog holds `UpdatePublished` as it is for SCHEMA 1, and for 2 a version more, with a field more.
"""

from __future__ import annotations

import sys
from functools import cache

from schemas import catalog

NEW_ID = 9_001
CHANGED = "UpdatePublished"


def release(fold: int, schema: int) -> None:
    """Make this process one of another release. What reads the version or the catalog must not be imported yet."""
    committed = list(catalog.committed())
    *_, first = (one for one in committed if one.type == CHANGED)
    field = {"name": "written_by_other", "type": "string", "default": ""}
    second = catalog.Schema.of(NEW_ID, first.version + 1, {**first.json, "fields": [*first.json["fields"], field]})
    other = catalog.Catalog([*committed, second] if schema > 1 else committed)
    catalog.committed = cache(lambda: other)

    from consumers import story

    story.FOLD_VERSION = fold


def main() -> None:
    fold, schema, *arguments = sys.argv[1:]
    release(int(fold), int(schema))
    from dateline.cli.main import main as dateline

    sys.argv = ["dateline", *arguments]
    dateline()


if __name__ == "__main__":
    main()
