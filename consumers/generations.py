"""Builds of a view that stand side by side: one is live, one may be under way, one may be kept to go back to."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from typing import Literal

from msgspec import Struct

from consumers.view import Parked, View

Pointer = Literal["live", "shadow", "previous"]
"""What names a generation: the live one is read, the shadow is being built, the previous was live before."""

POINTERS: Sequence[Pointer] = ("live", "shadow", "previous")


class Generation(Struct, frozen=True):
    """One build of one partition.

    Attributes:
        name: `g1`, `g2` …; a build has the same name in every partition.
        offset: The first offset that it has not seen.
        log_id: The log that it was built from.
        fold_version: The version of the fold that made it.
        made_at: When it was begun, milliseconds since 1970; 0 where that is not known.
        stories: How many stories it holds.
        first: The first offset that it was built from.
        torn: What was refused in the middle of a batch, after which nobody goes on with it; empty if all is well.
    """

    name: str
    offset: int
    log_id: str
    fold_version: int
    made_at: int
    stories: int
    first: int = 0
    torn: str = ""


class Comparison(Struct, frozen=True):
    """How a story's two builds compare.

    Attributes:
        same: Whether readers see the same; None where they never stood at the same record long enough to tell.
        differences: Each in words, the live one as found and the other as expected.
        is_lost: Whether readers would lose the story, or its end.
    """

    story: str
    same: bool | None
    differences: Sequence[str] = ()
    is_lost: bool = False


class Generations(ABC):
    """The generations of one view. Safe for use by one thread."""

    view_name: str

    @abstractmethod
    def standing(self, pointer: Pointer) -> Mapping[int, Generation]:
        """Return the generation that `pointer` names in each partition that has one."""

    @abstractmethod
    def view(self, pointer: Pointer, *, new: str = "none", first: Mapping[int, int] | None = None) -> View:
        """Return the view that writes the generation that `pointer` names.

        Args:
            new: What one is called that is made where there is none; `none` makes none.
            first: The offset that each partition of a new one begins at; 0 where none is given.
        """

    @abstractmethod
    def parked(self, pointer: Pointer) -> Mapping[str, Parked]:
        """Return the stories that are parked in a generation."""

    @abstractmethod
    def retry(self, pointer: Pointer, story: str) -> bool:
        """Ask whoever writes a generation to try a parked story again; return whether it is parked."""

    @abstractmethod
    def seqs(self, pointer: Pointer, partition: int) -> Mapping[str, int]:
        """Return the seq of each story that a generation holds; 0 where what it holds of one is damaged."""

    @abstractmethod
    def compare(self, partition: int, pointer: Pointer = "shadow", *, but: Container[str] = ()) -> Iterator[Comparison]:
        """Compare what readers see of each story of `partition`, `but` some, in the live generation and in another."""

    @abstractmethod
    def flip(self, partition: int, to: Pointer, name: str, *, reset: Sequence[str] = (), enough: int | None = None) -> int | None:
        """Make generation `name`, which `to` names, the live one, and fence its predecessor, which becomes the previous one.

        Args:
            reset: Stories whose open pages must begin anew.
            enough: The offset that is enough to have reached, where the predecessor has seen more than the log holds.

        Returns:
            None once it is live; else the offset that it has to reach first.

        Raises:
            Refused: `to` names another generation, or none.
        """

    @abstractmethod
    def drop(self, *pointers: Pointer) -> int:
        """Take the generations that `pointers` name away, in every partition, and what a drop that was stopped has left.

        Returns:
            How many keys that were.
        """

    @abstractmethod
    def size_bytes(self, pointer: Pointer, *, partitions: Collection[int] | None = None) -> int:
        """Return about how much memory or disk a generation takes, in all partitions or in some."""

    @abstractmethod
    def record(self, pointer: Pointer, *, partitions: Collection[int]) -> bytes | None:
        """Return the digest of every story's record, as far as a generation has come in some partitions.

        None where what it holds of a story is damaged.
        """
