"""A folder that a wire writes into: which files are there, whole, and not read yet."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from dateline.errors import Refused

_UNFINISHED: Final = (".tmp", ".part", ".partial", ".filepart", ".writing", ".crdownload", "~")


class SpoolFile(NamedTuple):
    """A file, and the mark that tells this content from a later one: its size and its time."""

    path: Path
    mark: str


class SpoolFolder:
    """Looks at a folder and those in it.

    Args:
        settle: A file counts as whole once it has not grown or changed for so many seconds. What has a name of something
            unfinished (`.part`, a dot in front …) does not count until it is renamed.
        done: Where files go that were read; never looked at.
    """

    def __init__(self, folder: Path, *, settle: float, done: Path | None) -> None:
        if not folder.is_dir():
            raise Refused(f"There is no folder {str(folder)!r}. Make it, or check its name.")
        self.folder = folder
        self._settle = settle
        self._done = done.absolute() if done is not None else None
        self._passed: dict[Path, str] = {}
        self.unsettled = 0

    def whole(self, *, now: float) -> Iterator[SpoolFile]:
        """Yield the files that are whole and were not passed, the oldest first.

        Args:
            now: Seconds since 1970.
        """
        found, self.unsettled = [], 0
        for entry in self._files(self.folder):
            with suppress(OSError):  # it is gone again
                about = entry.stat(follow_symlinks=False)
                mark = f"{about.st_size}:{about.st_mtime_ns}"
                path = Path(entry.path)
                if self._passed.get(path) == mark:
                    continue
                if abs(now - about.st_mtime) < self._settle:
                    self.unsettled += 1
                else:
                    found.append((about.st_mtime_ns, SpoolFile(path, mark)))
        yield from (one for _, one in sorted(found))

    def pass_over(self, file: SpoolFile) -> None:
        """Leave a file alone from now on, unless it changes."""
        self._passed[file.path] = file.mark

    def move_away(self, file: SpoolFile) -> None:
        """Move a file that was read to where those go, under another name if its own is taken there.

        Raises:
            Refused: It cannot be moved.
        """
        if self._done is None:
            return
        target = self._done / file.path.relative_to(self.folder)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.exists():
                target = target.with_name(f"{target.stem}.{file.mark.replace(':', '-')}{target.suffix}")
            os.replace(file.path, target)  # noqa: PTH105 - within one file system, or not at all
        except OSError as error:
            raise Refused(f"{str(file.path)!r} was read and cannot be moved to {str(target)!r} ({error.strerror}).") from error
        self._passed.pop(file.path, None)

    def _files(self, folder: Path) -> Iterator[os.DirEntry[str]]:
        try:
            entries = list(os.scandir(folder))
        except OSError as error:
            if folder == self.folder:
                raise Refused(f"The folder {str(folder)!r} cannot be read ({error.strerror}).") from error
            return
        for entry in entries:
            if entry.name.startswith(".") or entry.name.lower().endswith(_UNFINISHED) or entry.is_symlink():
                continue
            if entry.is_file():
                yield entry
            elif entry.is_dir() and Path(entry.path).absolute() != self._done:
                yield from self._files(Path(entry.path))
