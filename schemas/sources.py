"""Sources in short: `NASA:official`, as the command line and the Python API take them."""

from __future__ import annotations

from dateline.errors import Refused
from schemas.content import SOURCE_KINDS, Source
from schemas.names import did_you_mean, nearest, shortened


def parse_source(text: str) -> Source:
    """Return the source that `NAME` or `NAME:KIND` says; a colon before anything that looks like no kind is part of the name.

    Raises:
        Refused: The kind is a mistyped one.
    """
    name, colon, kind = (part.strip() for part in text.rpartition(":"))
    if colon and kind in SOURCE_KINDS:
        return Source(name=name, kind=kind)
    if colon and nearest(kind, SOURCE_KINDS):
        hint = did_you_mean(kind, SOURCE_KINDS)
        raise Refused(f"source {shortened(text)}: no such kind of source{hint}; use {', '.join(SOURCE_KINDS)}.")
    return Source(name=text.strip())


def source_text(source: Source) -> str:
    """Return the short form of a source, without its address."""
    return f"{source.name}:{source.kind}" if source.kind else source.name
