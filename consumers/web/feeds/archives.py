"""How a story's feed is cut (RFC 5005): a head that changes, and archives whose documents never do.

An archive is a window of places: what first became public within `WINDOW` records of the story. It begins to exist once
the story has passed its end. Its address carries a version that rises with every change in it *or in an older one*,
since a document names the address of the one before it, and a reader who walks back stops at the first address that it
knows. So one correction gives the archives from its own to the newest new addresses, and no other.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate
from typing import Final

from msgspec import Struct

from consumers.story import FOLD_VERSION
from consumers.web.links import Links

WINDOW: Final = 50
"""Places in an archive. A head of as many updates then always reaches down to the newest archive."""

HEAD: Final = WINDOW
"""Updates in the head, the newest by place."""

OTHERS: Final = 20
"""Older updates in the head that were changed lately."""

LOOKED_AT: Final = 500
"""The last changes of a story that the head tells of."""


class Archives(Struct, frozen=True):
    """The archives of a story. Each has a number, the oldest 1.

    Attributes:
        versions: Of each, the oldest first, the `seq` of the last change in it and in those before it.
    """

    versions: tuple[int, ...] = ()

    def __contains__(self, number: int) -> bool:
        return 1 <= number <= len(self.versions)

    def version(self, number: int) -> str:
        """Return the version in the address of an archive; another release's fold may make another document."""
        return f"{FOLD_VERSION}-{self.versions[number - 1]}"


class Beside(Struct, frozen=True):
    """The addresses that a document of a feed names.

    Attributes:
        itself: Where it lies.
        current: Where the head lies, for an archive; None in the head.
        previous: The archive of what is older, at the address of its present version.
        following: The archive of what is newer, at an address that leads to its present version, or to the head while it
            does not exist: so this document stays as it is when that one changes. None in the head.
    """

    itself: str
    current: str | None = None
    previous: str | None = None
    following: str | None = None


def archives_of(seq: int, marks: Mapping[int, int]) -> Archives:
    """Return the archives of a story.

    Args:
        seq: The story's.
        marks: Of each window that changes fell into, by its number from 0, the `seq` of the last (`TimelineReader.marks`).
    """
    last = (marks.get(number, 0) for number in range(seq // WINDOW))
    return Archives(tuple(accumulate(last, max)))


def places_of(number: int) -> tuple[int, int]:
    """Return the first and the last place of an archive."""
    return (number - 1) * WINDOW + 1, number * WINDOW


def archive_address(links: Links, story: str, *, number: int, version: str | None = None) -> str:
    """Return where an archive lies: a version of it, or, without one, the address that leads to the present version."""
    return links.feed(story, "atom", archive=number, v=version)


def beside_head(links: Links, story: str, archives: Archives) -> Beside:
    """Return the addresses that the head names."""
    return Beside(links.feed(story, "atom"), previous=_present(links, story, archives, len(archives.versions)))


def beside_archive(links: Links, story: str, archives: Archives, *, number: int) -> Beside:
    """Return the addresses that an archive names."""
    return Beside(
        archive_address(links, story, number=number, version=archives.version(number)),
        current=links.feed(story, "atom"),
        previous=_present(links, story, archives, number - 1),
        following=archive_address(links, story, number=number + 1),
    )


def _present(links: Links, story: str, archives: Archives, number: int) -> str | None:
    if number not in archives:
        return None
    return archive_address(links, story, number=number, version=archives.version(number))
