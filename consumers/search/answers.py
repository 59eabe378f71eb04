"""What a search finds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal, Protocol

from msgspec import Struct

from consumers.search.question import Question

Sort = Literal["relevance", "newest"]

COUNTED = 10_000
"""How many matches are counted; beyond, there are more than that."""


class Total(Struct, frozen=True):
    """How many updates match: `value` of them, or more than that where it is not `exact`."""

    value: int
    exact: bool


class Hit(Struct, frozen=True):
    """An update that was found.

    Attributes:
        story_title: The title of its story as it is now.
        language: In whose words it is indexed, such as `en`.
        document: The update as the JSON that readers get, the same bytes as the timeline's.
    """

    story: str
    update: str
    story_title: str
    language: str
    document: bytes


class Found(Struct, frozen=True):
    """A page of what was found.

    Attributes:
        next: The cursor of the page after it; None at the end.
        did_you_mean: A question that finds more, where a word of this one is in no update.
    """

    total: Total
    hits: Sequence[Hit]
    next: str | None = None
    did_you_mean: str | None = None


class SearchReader(ABC):
    """Reads the live index. Safe for use by several threads."""

    @abstractmethod
    def search(self, question: Question, *, sort: Sort = "relevance", limit: int = 20, cursor: str | None = None) -> Found:
        """Return a page of what `question` finds.

        By `newest`, in the order in which updates first became public as the log recorded it, the newest first; a page neither
        skips nor repeats one while copy comes in. By `relevance`, see docs/search.md.

        Raises:
            Refused: The text is too long, or the cursor is none of this question's.
            StoreUnavailable: The index cannot be read, or there is none yet.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of the index."""


class SearchSource(Protocol):
    """Gives the reader to use now. Safe for use by several threads."""

    def reader(self) -> SearchReader:
        """Return the reader of the live index.

        Raises:
            DatelineError: There is none: the index cannot be reached or read, or somebody still looks for it.
        """
