"""Whether there is room for a second generation."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from dateline.deployment import Deployment
from dateline.errors import Refused

if TYPE_CHECKING:
    from consumers.generations import Generations


def check_room(deployment: Deployment, generations: Generations) -> None:
    """Refuse where a second generation would not fit.

    Raises:
        Refused: It says how much is missing.
    """
    wanted = generations.size_bytes("live")
    room = deployment.store.room_bytes()
    if room is not None:  # and what is there beside the live one makes room
        room += generations.size_bytes("previous") + generations.size_bytes("shadow")
    if room is not None and wanted > room:
        raise Refused(
            f"A second generation needs about {wanted / 1e6:,.0f} MB, and Redis at {deployment.store.shown} has room for "
            f"{room / 1e6:,.0f} MB: {(wanted - room) / 1e6:,.0f} MB are missing. Nothing was built."
        )
    if deployment.settings.is_embedded:
        free = shutil.disk_usage(deployment.settings.data_folder).free
        if free < wanted:
            raise Refused(
                f"A second generation needs about {wanted / 1e6:,.0f} MB of disk for the private Redis's dump, and "
                f"{deployment.settings.data_folder} has {free / 1e6:,.0f} MB free. Nothing was built."
            )
