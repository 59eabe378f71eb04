"""Whether there is room for a second generation."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from dateline.errors import Refused

if TYPE_CHECKING:
    from consumers.generations import Generations
    from dateline.redis_store import Store


def check_memory(store: Store, generations: Generations) -> None:
    """Refuse where Redis has too little memory left.

    Raises:
        Refused: It says how much is missing.
    """
    wanted = generations.size_bytes("live")
    room = store.room_bytes()
    if room is not None:  # and what is there beside the live one makes room
        room += generations.size_bytes("previous") + generations.size_bytes("shadow")
    if room is not None and wanted > room:
        raise Refused(
            f"A second generation needs about {wanted / 1e6:,.0f} MB, and Redis at {store.shown} has room for "
            f"{room / 1e6:,.0f} MB: {(wanted - room) / 1e6:,.0f} MB are missing. Nothing was built."
        )


def check_disk(folder: Path, wanted: int, *, what: str) -> None:
    """Refuse where a disk has less than `wanted` bytes left.

    Args:
        what: What is to be put there, in words.

    Raises:
        Refused: It says how much there is.
    """
    free = shutil.disk_usage(folder).free
    if free < wanted:
        raise Refused(
            f"A second generation needs about {wanted / 1e6:,.0f} MB of disk for {what}, and {folder} has {free / 1e6:,.0f} MB "
            "free. Nothing was built."
        )
