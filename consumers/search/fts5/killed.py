"""What was killed, taken out of all files: of other generations, and of what lies beside the files until a checkpoint."""

from __future__ import annotations

from contextlib import closing, suppress
from typing import Final

from consumers.generations import POINTERS
from consumers.search.fts5.content import Content
from consumers.search.fts5.database import Database
from consumers.search.fts5.files import Files, Named, open_generation, remove
from dateline.errors import ContentDamaged, StoreUnavailable

_PATIENCE: Final = 0.5
"""Seconds to wait for readers that keep what lies beside a file from being emptied."""


def pay(files: Files, database: Database) -> bool:
    """Take the words of the killed updates that `database` names out of every file; return whether nothing is owed any more.

    What a reader or another writer keeps it from is owed still, and tried again with the next batch or claim.
    """
    owed = [(story, name) for story, name in database.rows("SELECT story, name FROM owed")]
    if not owed:
        return True
    try:
        is_done = _pay_elsewhere(files, database, owed)
    except StoreUnavailable:
        return False
    if not (database.checkpoint(patience=_PATIENCE) and is_done):
        return False
    with database.writing():
        database.run_all("DELETE FROM owed WHERE story = ? AND name = ?", owed)
    return True


def _pay_elsewhere(files: Files, database: Database, owed: list[tuple[str, str]]) -> bool:
    is_done = True
    with files.moving() as pointers:
        for path in files.leftovers(pointers):
            remove(path)
        for pointer in POINTERS:
            named = files.read(pointers).get(pointer)
            if named is None or named.path == database.path:
                continue
            try:
                is_done &= _blank(named, owed)
            except ContentDamaged:  # nobody can go on with it or back to it, and its words cannot be taken out
                if pointer == "live":
                    continue
                files.point(pointers, pointer, None)
                remove(named.path)
    return is_done


def _blank(named: Named, owed: list[tuple[str, str]]) -> bool:
    with suppress(FileNotFoundError):
        if named.path.stat().st_size:
            with closing(open_generation(named.path)) as other:
                content = Content(other)
                with other.writing():
                    for story, name in owed:
                        content.blank(story, name)
                return other.checkpoint(patience=_PATIENCE)
    return True
