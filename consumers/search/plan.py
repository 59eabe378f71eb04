"""A question in the index's own terms: what each backend translates, and what `matching` evaluates on one update."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

FIELDS: Sequence[str] = ("headline", "body", "caption", "credit", "speaker", "source", "place", "tag", "note")
"""The fields of what is indexed. `caption` holds alternative texts too; `note` what corrections say was wrong."""


class Terms(Struct, frozen=True, tag=True):
    """Tokens that stand side by side in one of `fields`. With `prefix`, the last may go on."""

    tokens: tuple[str, ...]
    fields: tuple[str, ...] = ()  # empty: any
    prefix: bool = False


class AllOf(Struct, frozen=True, tag=True):
    parts: tuple[Node, ...]


class AnyOf(Struct, frozen=True, tag=True):
    parts: tuple[Node, ...]


class Without(Struct, frozen=True, tag=True):
    """What `part` finds, less what `but` finds. With no `part`: everything less that."""

    part: Node | None
    but: Node


Node = Terms | AllOf | AnyOf | Without


class Plan(Struct, frozen=True):
    """What an update must hold to be found.

    Attributes:
        words: What its fields must hold; None where any words will do.
        marks: Filter tokens that it must all have.
        since, until: Bounds of `published_at`: from, and before.
        is_nothing: Whether nothing was asked for, so that nothing is found.
    """

    words: Node | None
    marks: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    is_nothing: bool = False


class Indexed(Struct, frozen=True):
    """What the index holds of an update to find it by.

    Attributes:
        fields: Of each of `FIELDS` that says anything, its tokens with a space between: the words in their order, then what
            stands for them beside that (joined forms, stems). A token holds ASCII letters and digits and what
            is not ASCII, nothing else, in lower case.
        marks: Its filter tokens: ASCII letters and digits only.
    """

    fields: dict[str, str]
    marks: tuple[str, ...]
