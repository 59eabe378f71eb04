"""The names under which the processes that share a folder, those of one machine, are members of a group.

A name that outlives its process lets the process that is started in its place have the partitions back at once, with no
rebalance; and a process that sees that another is gone can take it out of the group without waiting for its session to end.
"""

from __future__ import annotations

import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

_ENDING = ".member"


class Slot:
    """A member's name, and the lock that says that its process lives. The kernel drops the lock with the process."""

    def __init__(self, path: Path, file: int) -> None:
        self.name = path.name.removesuffix(_ENDING)
        self._path = path
        self._file = file

    def give_up(self) -> None:
        """Forget the name: its member has left the group."""
        with suppress(OSError):
            self._path.unlink()
        self.let_go()

    def let_go(self) -> None:
        """Leave the name to the next process."""
        os.close(self._file)


def folder_of(base: Path | None, *group: str) -> Path:
    """Return the folder of a group's names, which is this user's alone.

    Args:
        base: Where names are kept; this machine's temporary folder if None.

    Raises:
        OSError: It cannot be made, or is somebody else's.
    """
    base = Path(tempfile.gettempdir()) / f"dateline-{os.getuid()}" if base is None else base
    folder = base / sha256("\0".join(group).encode()).hexdigest()[:20]
    for one in (base.parent, base, folder):
        one.mkdir(mode=0o700, exist_ok=True)
    for one in (base, folder):
        found = one.lstat()
        if found.st_uid != os.getuid() or not stat.S_ISDIR(found.st_mode):
            raise PermissionError(f"{one} is not this user's folder")
    return folder


def take(folder: Path) -> Slot:
    """Take a name that a process left behind, or make a new one."""
    for slot in abandoned(folder):
        return slot
    while True:
        path = folder / f"{uuid4().hex}{_ENDING}"
        path.touch(mode=0o600)
        made = _lock(path)
        if made is not None:
            return made


def abandoned(folder: Path) -> Iterator[Slot]:
    """Yield, locked, each name whose process is gone."""
    for path in sorted(folder.glob(f"*{_ENDING}")):
        slot = _lock(path)
        if slot is not None:
            yield slot


def _lock(path: Path) -> Slot | None:
    """Lock the name at `path`; None if its process lives, or has just given it up."""
    try:
        file = os.open(path, os.O_RDWR)
    except OSError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(file).st_nlink:
            return Slot(path, file)
    except OSError:
        pass
    os.close(file)
    return None
