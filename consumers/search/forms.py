"""Which parts of a plan are one word in several forms, and which are words of their own: for ranking, which adds up words."""

from __future__ import annotations

from collections.abc import Sequence

from consumers.search.plan import AnyOf, Node, Terms
from consumers.search.stems import MARK


def alternatives(node: AnyOf) -> Sequence[Node]:
    """Return what `OR` stands between, each with its forms: as it was typed, as one word, its stems."""
    groups: list[list[Node]] = []
    for part in node.parts:
        if isinstance(part, Terms) and groups and _is_form(part, groups[-1][0]):
            groups[-1].append(part)
        else:
            groups.append([part])
    return [group[0] if len(group) == 1 else AnyOf(tuple(group)) for group in groups]


def is_stem(terms: Terms) -> bool:
    return terms.tokens[0].startswith(MARK)


def _is_form(terms: Terms, first: Node) -> bool:
    """Return whether `terms` is another form of the word that a group begins with."""
    if not isinstance(first, Terms) or terms.fields != first.fields:
        return False
    return is_stem(terms) or "".join(terms.tokens) == "".join(first.tokens)
