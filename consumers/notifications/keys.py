"""What lies where in the notifier's index, beside the fold's state, which lies there as in `consumers.timeline.keys`.

{nt:p3}:live                  string  the generation that is used
{nt:p3}:g1:meta               hash    as the timeline's; ledger, the first entry of the ledger that was not taken over;
                                      and step, how many steps the notifiers have taken
{nt:p3}:g1:news/STORY         stream  SEQ-0 -> a change and what is needed to tell it; no words of an update
{nt:p3}:g1:due/SUB            zset    story by when it is due for the subscription, however much there is to tell
{nt:p3}:g1:turns              zset    subscription by when its turn is
{nt:p3}:g1:at/SUB             hash    story -> the seq up to which all is told or passed over, and the seq last sent
{nt:p3}:g1:held               hash    SUB/STORY -> who has reserved it, and since when; again: what came up meanwhile
{nt:p3}:g1:tries              hash    SUB/STORY -> what became of its message so far
{nt:p3}:g1:redo               hash    SUB/STORY -> what is to be sent once more
{nt:p3}:g1:got/STORY/UPDATE   hash    subscription -> the revision last sent. When it was taken away: 0 for one whose
                                      question asked for it, -1 for one that waited for it
{nt:p3}:g1:hosts              hash    subscription -> the host that its messages go to
{nt:p3}:g1:circuits           hash    host -> since when, and why, hardly anything is sent to it
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from dateline.redis_store import Script

LETTERS: Final = "nt"
NEWS_FIELD: Final = "n"

_FOLDER = Path(__file__).parent / "lua"


def _script(name: str) -> Script:
    return Script(_FOLDER / f"{name}.lua", after=_FOLDER / "pairs.lua")


APPLY = _script("apply")
PICK = _script("pick")
LOOK = _script("look")
FINISH = _script("finish")
LEDGER = _script("ledger")
FREE = _script("free")
RESERVED = _script("reserved")
FORGET = _script("forget")
HOSTS = _script("hosts")
WAITING = _script("waiting")
CIRCUITS = _script("circuits")
STATE = _script("state")
