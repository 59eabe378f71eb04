"""The style sheet, the script and the icon, each under a name that its content gives it, so that caches may keep it for ever."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path

_FOLDER = Path(__file__).parent / "static"
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
_HEX_DIGITS = 10
_NEEDLESS = re.compile(rb"^\s*(?://.*|/\*.*\*/)?\n|^[ \t]+", re.MULTILINE)
"""Lines that are empty or a comment, and what indents the others. No text in these files goes over several lines."""


def static_files() -> Mapping[str, tuple[bytes, str]]:
    """Return what the pages load: name, as in `/static/NAME`, to content and media type."""
    return {asset_name(name): (content, _TYPES[Path(name).suffix]) for name, content in _files().items()}


def asset_name(name: str) -> str:
    """Return `page.0a1b2c3d4e.css` for `page.css`.

    Raises:
        KeyError: There is no such file.
    """
    stem, _, suffix = name.rpartition(".")
    return f"{stem}.{sha256(_files()[name]).hexdigest()[:_HEX_DIGITS]}.{suffix}"


@cache
def _files() -> Mapping[str, bytes]:
    return {file.name: _NEEDLESS.sub(b"", file.read_bytes()) for file in sorted(_FOLDER.iterdir()) if file.suffix in _TYPES}
