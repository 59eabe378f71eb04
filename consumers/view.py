"""What a view must do: hold its own cursor, and move cursor and content in one atomic step.

    claim(partition)             -> Claim       a new random token; whoever held the older one is fenced
    load(claim, needs)           -> Loaded      what the fold needs of the stories and updates that a batch touches
    apply(claim, batch)          -> Applied     OK | MOVED(offset) | FENCED

That one rule covers redelivery, a lost commit, a rebalance, a zombie, a client that sends twice and a crash between two steps.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Generic, TypeVar

from msgspec import Struct

from consumers.intake import Homeless
from consumers.state import Entry, Incoming, Outcome, Story, Update
from dateline.errors import DatelineError

T_co = TypeVar("T_co", covariant=True)


class Cursor(Struct, frozen=True):
    """How far a view is in one partition.

    Attributes:
        offset: The first offset that the view has not seen.
        log_id: The log that the view was built from.
        fold_version: The version of the fold that made it.
        torn: What was refused in the middle of a batch, after which nobody may go on with the partition; empty if all is well.
        token: The claim that holds; empty where there is none.
    """

    partition: int
    offset: int
    log_id: str
    fold_version: int
    torn: str = ""
    token: str = ""


class Parked(Struct, frozen=True):
    """A story whose later records wait, because one of them could not be applied.

    Attributes:
        retry: Whether somebody has asked to try again.
        offset: Every record of the story before it is applied. Unless a retry is under way, it is that of the one that failed.
        seq: That record's place within its story; None where the story's state cannot be read.
        error: What went wrong, in one line.
        at: When it was parked, or failed once more: milliseconds since 1970.
    """

    retry: bool
    offset: int
    seq: int | None
    error: str
    at: int


class Claim(Cursor, frozen=True, kw_only=True):
    """The right to write one partition of one generation, until somebody claims it anew.

    Attributes:
        homeless: How many records of no story the view has counted.
        undecodable: How many records it could not decode.
        parked: The stories that are parked in it.
    """

    generation: str
    token: str
    homeless: int = 0
    undecodable: int = 0
    parked: Mapping[str, Parked] = {}


class StoryNeeds(Struct):
    """What a batch needs of one story: the updates and event ids that it touches."""

    updates: set[str]
    events: set[str]


Needs = Mapping[str, StoryNeeds]


class StoryLoaded(Struct):
    """What a view holds of one story. What it does not hold is None, or missing from the maps."""

    story: Story | None
    updates: dict[str, Update]
    entries: dict[str, Entry]


Loaded = Mapping[str, StoryLoaded]


class Step(Struct, gc=False):
    """One record of a story and what the fold says of it. `entry` is given where its event id is new."""

    incoming: Incoming
    before: Update | None
    story_before: Story
    outcome: Outcome
    entry: Entry | None


class Folded(Struct):
    """A batch of one partition, folded: from one offset to another, the steps of each story in log order.

    Attributes:
        homeless: Records of no story in this batch.
        total_homeless: All of the partition, this batch included; so for `total_undecodable`.
        parked: Stories that are parked from here on, and, as None, those that no longer are.
    """

    offset: int
    next_offset: int
    stories: dict[str, list[Step]]
    homeless: Sequence[Homeless]
    total_homeless: int
    total_undecodable: int
    parked: Mapping[str, Parked | None] = {}


class Applied(Struct, frozen=True):
    """How an `apply` ended: `OK`; `MOVED`, the cursor stands at `offset`; `FENCED`, somebody else has claimed the partition."""

    status: str
    offset: int = 0


class Pending(ABC, Generic[T_co]):
    """An answer that is on its way."""

    @abstractmethod
    def result(self) -> T_co:
        """Wait for the answer.

        Raises:
            StoreUnavailable: It did not come; whether the view has moved is known only by claiming anew.
            HalfWritten: Of an `apply`: a part of the batch is there, and nobody can go on with the partition.
        """


class View(ABC):
    """A view that the runner feeds.

    Attributes:
        name: What it is called in messages.
        group: The consumer group that feeds it; empty if that is called as the view is.
    """

    name: str
    group: str = ""

    @abstractmethod
    def claim(self, partition: int, *, log_id: str) -> Claim:
        """Take `partition` of the live generation, and fence whoever had it."""

    @abstractmethod
    def cursors(self, partitions: int) -> Mapping[int, Cursor]:
        """Return the live generation's cursor of each of the `partitions` that has one."""

    @abstractmethod
    def parked(self, partition: int) -> Mapping[str, Parked]:
        """Return the stories that are parked in the generation that this view writes, none if there is no such generation."""

    @abstractmethod
    def load(self, claim: Claim, needs: Needs) -> Pending[Loaded]:
        """Ask for what the fold needs. What was applied before on this view is seen.

        Raises:
            ContentDamaged: When the answer is asked for: what the view holds of a story is not what it wrote.
        """

    @abstractmethod
    def apply(self, claim: Claim, batch: Folded) -> Pending[Applied]:
        """Write what `batch` changes and move the cursor from its `offset` to its `next_offset`, all or nothing.

        The two offsets are the same where parked stories catch up.
        """

    @abstractmethod
    def reset(self) -> None:
        """Forget what is in flight; the next claim begins afresh."""

    def stopped(self, partition: int, error: DatelineError) -> None:  # noqa: B027  # only some tell others
        """Tell others, if it can, what stopped one partition, which is not held any more."""

    def leave(self) -> None:  # noqa: B027  # as above
        """Tell others, if it can, that nobody holds its partitions any more."""
