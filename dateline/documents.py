"""Documents to publish from: a file, standard input, the files of a folder, the members of a tar archive. Nothing is unpacked."""

from __future__ import annotations

import lzma
import os
import re
import sys
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple, cast

from dateline.errors import Refused

_TAR: Final = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_LOOKED_AT: Final = 65_536
_MOST_FILES: Final = 100_000
_OF_MEDIA = re.compile(
    rb"\xff\xd8\xff|\x89PNG|GIF8|RIFF|II\*\0|MM\0\*|%PDF-|%!PS|ID3|\xff\xfb|OggS|fLaC|\x1aE\xdf\xa3|....ftyp", re.DOTALL
)
_EVENT = re.compile(
    rb'"type"\s*:\s*"(?:Story|Update|Embargo)[A-Z]\w*"|"(?:dateline|raw|occurred_at|event_id)"\s*:|"content"\s*:\s*\{'
)
_NINJS = re.compile(
    rb'"(?:uri|guid|urn|(?:headline|body|description|article|content)_\w+|headlines|bodies|descriptions|associations'
    rb'|version_?created|pub_?status|altids|_items|entries)"\s*:',
    re.IGNORECASE,
)


class Document(NamedTuple):
    """One document.

    Attributes:
        name: What it is called in messages; empty for the only one.
        file: Open for reading, until the next document is asked for.
    """

    name: str
    file: BinaryIO

    def beginning(self) -> bytes:
        """Return some of its first bytes, which are read again afterwards."""
        return cast("BufferedReader", self.file).peek(_LOOKED_AT)[:_LOOKED_AT]


def documents(name: str) -> Iterator[Document]:
    """Open one document after the other.

    Args:
        name: A file, a folder, a tar archive, or `-` for standard input.

    Raises:
        Refused: It cannot be read.
        OSError, TarError, EOFError: As for `read_errors`, which is to be around this and what reads the documents.
    """
    if name == "-":
        if sys.stdin is None:
            raise Refused("There is nothing to read: stdin is closed. Give a file.")
        yield Document("", sys.stdin.buffer)
    elif Path(name).is_dir():
        yield from _in_folder(Path(name))
    elif name.lower().endswith(_TAR):
        yield from _in_tar(name)
    else:
        with Path(name).open("rb", buffering=_LOOKED_AT) as file:
            yield Document("", file)


def is_media(document: Document) -> bool:
    """Tell whether a document is a picture, a film, a sound or a page to print, as wires put them beside their items."""
    return _OF_MEDIA.match(document.beginning()) is not None


def shown_path(path: str | Path) -> str:
    """Return a path or name in one line of Unicode, whatever bytes it is made of: a wire's server may name files in Latin-1."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in str(path))


def is_event_lines(document: Document) -> bool:
    """Tell whether a document seems to be NDJSON of events, not of a wire's format; what is neither is NDJSON gone wrong."""
    start = document.beginning()
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith((b"<", b"\xff\xfe", b"\xfe\xff")):
        return False
    if not text.startswith((b"{", b"[")):
        return True
    return _EVENT.search(start) is not None or _NINJS.search(start) is None


def _in_folder(folder: Path) -> Iterator[Document]:
    """Open the files of a folder and of those in it, by name; hidden ones and links are passed over."""
    paths: list[Path] = []
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found = (Path(parent, name) for name in names if not name.startswith("."))
        paths += (path for path in found if not path.is_symlink() and path.is_file())
        if len(paths) > _MOST_FILES:
            raise Refused(f"{str(folder)!r} holds more than {_MOST_FILES:,} files. Name a folder within it.")
    for path in sorted(paths):
        with path.open("rb", buffering=_LOOKED_AT) as file:
            yield Document(shown_path(path.relative_to(folder)), file)


def _in_tar(name: str) -> Iterator[Document]:
    with tarfile.open(name, mode="r|*") as archive:
        for member in archive:
            file: Any = archive.extractfile(member) if member.isreg() else None  # Any: a file that can be peeked
            if file is not None and not Path(member.name).name.startswith("."):
                yield Document(shown_path(member.name), file)


@contextmanager
def read_errors(name: str) -> Iterator[None]:
    """Say in one line what goes wrong while the documents that `name` names are opened and read.

    Raises:
        Refused: Something did.
    """
    try:
        yield
    except FileNotFoundError:
        raise Refused(f"There is no file {name!r}. Check its name, or give - to read from stdin.") from None
    except tarfile.TarError as error:
        raise Refused(f"{name!r} cannot be read as a tar archive ({error}). Make it anew.") from error
    except (EOFError, zlib.error, lzma.LZMAError) as error:
        raise Refused(f"{name!r} ends too early for an archive, or is damaged. Make it anew.") from error
    except OSError as error:
        raise Refused(f"{name!r} cannot be read ({error.strerror or error}). Check who may read it.") from error
