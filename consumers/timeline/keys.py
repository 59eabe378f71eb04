"""What lies where in Redis. All keys of a partition share one hash slot, so that one script may touch them.

{tl:p3}:live                  string  the generation that readers read; so shadow (being built) and previous (was live)
{tl:p3}:wake                  stream  which stories changed, to wake servers
{tl:p3}:g8:meta               hash    next (the cursor), token, log, fold, homeless, undecodable, made (milliseconds since 1970),
                                      first (the offset it was built from, if not 0), torn (what was refused in a batch)
                                      and the holder's sign: owner, signer (its token), seen, rate, error, error_at
{tl:p3}:g8:stories            hash    story -> its state
{tl:p3}:g8:recent             zset    story by the time of its last record
{tl:p3}:g8:problems           zset    the newest records that could not be used, by offset
{tl:p3}:g8:parked             hash    story -> from where on its records wait, and why
{tl:p3}:g8:embargoes          zset    story/update by the embargo's end in microseconds
{tl:p3}:g8:corrections        zset    story/update/revision by the time it was recorded; also one a story, by seq: …/STORY
{tl:p3}:g8:docs/STORY         hash    update -> the document that a reader gets; only what is public
{tl:p3}:g8:state/STORY        hash    update -> the rest of what the fold keeps of it
{tl:p3}:g8:events/STORY       hash    event id -> its entry
{tl:p3}:g8:index/STORY        zset    update by place: the public ones; so key/ and pinned/; withheld/, hidden/ (for desks)
{tl:p3}:g8:changes/STORY      stream  SEQ-0 -> change
{tl:p3}:g8:notes/STORY/UPD    hash    seq -> what a change of the update told readers; a kill removes it whole
{tl:p3}:g8:history/STORY/UPD  zset    by seq: what an update was before its last change; with no update, the heading
{tl:p3}:g8:rebuild/…          as its own, of a story that is being built anew; nobody reads it
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from consumers.generations import Pointer
from dateline.redis_store import Script

CHANGE_FIELD: Final = "c"
PROBLEMS_KEPT: Final = 100
WAKE_KEPT: Final = 10_000
"""The newest entries that a wake stream keeps at least; the scripts that add to it say so too."""

LETTERS: Final = "tl"
"""What tells the timeline's keys from those of another view that lies in Redis in the same way."""

BEGINNING: Final = f"{{{LETTERS}:p"
"""What every key begins with."""

_GENERATION: Final = re.compile(r"\{tl:p(\d+)\}:(g\d+):")


def prefix(partition: int, letters: str = LETTERS) -> str:
    """Return what all keys of a partition begin with; the braces hold the hash tag."""
    return f"{{{letters}:p{partition}}}:"


def pointer(partition: int, name: Pointer, letters: str = LETTERS) -> str:
    """Return the key that names a generation."""
    return f"{prefix(partition, letters)}{name}"


def live(partition: int) -> str:
    return pointer(partition, "live")


def wake(partition: int) -> str:
    return f"{prefix(partition)}wake"


def generation_prefix(partition: int, generation: str, letters: str = LETTERS) -> str:
    return f"{prefix(partition, letters)}{generation}:"


def generation_of(key: str) -> tuple[int, str] | None:
    """Return the partition and the generation that a key is part of, None for one of no generation."""
    found = _GENERATION.match(key)
    return (int(found[1]), found[2]) if found else None


def _script(name: str) -> Script:
    return Script(Path(__file__).parent / "lua" / f"{name}.lua")


CLAIM = _script("claim")
FLIP = _script("flip")
DIGEST = _script("digest")
SEQ = _script("seq")
POINTERS = _script("pointers")
SIGN = _script("sign")
SIGNS = _script("signs")
LOAD = _script("load")
PARKED = _script("parked")
RETRY = _script("retry")
APPLY = _script("apply")
PAGE = _script("page")
PAGE_AS_OF = _script("page_as_of")
RECENT = _script("recent")
WINDOW = _script("window")
MARKS = _script("marks")
CHANGES = _script("changes")
UPDATE = _script("update")
NAMES = _script("names")
HIDDEN = _script("hidden")
STORIES = _script("stories")
LISTED = _script("listed")
CORRECTIONS = _script("corrections")
VERDICT = _script("verdict")
CURSOR = _script("cursor")
DUE = _script("due")
STANDING = _script("standing")
ASIDE = _script("aside")
SWAP = _script("swap")
FENCE = _script("fence")
SCORES = _script("scores")
EXPIRING = _script("expiring")
