"""What people type into a search box, read as a plan. Any text is one."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Final

from msgspec import Struct

from consumers.search.analyser import Word, words
from consumers.search.marks import marks_asked
from consumers.search.plan import FIELDS, AllOf, AnyOf, Node, Plan, Terms, Without
from consumers.search.question import Question
from consumers.search.stems import stem_tokens, stemmed_as
from consumers.web.markup import clean
from dateline.errors import Refused

LONGEST_QUESTION: Final = 1_000
MOST_WORDS: Final = 64

_QUOTES: Final = '"\uff02\u201c\u201d\u201e\u201f\u00ab\u00bb'
_TERM: Final = re.compile(
    r"(?P<minus>[-\uff0d](?=[^\s\uff0d-]))?"
    rf"(?:(?P<field>{'|'.join(FIELDS)})[:\uff1a]\s*(?=\S))?"
    rf"(?:(?P<unknown>[^\W\d_]+[:\uff1a])?[{_QUOTES}](?P<phrase>[^{_QUOTES}]*)(?:[{_QUOTES}]|\Z)(?P<star>[*\uff0a])?|(?P<chunk>\S+))",
    re.IGNORECASE,
)
_PREFIX: Final = re.compile(r"(?<=[^\s*])[*\uff0a][^\w\s*]*\Z")
_NAMED: Final = re.compile(r"[^\W\d_]+[:\uff1a](?!/)")


Placed = tuple[tuple[int, Word], ...]
"""Words, each with the place in the question that its spans count from."""


class Asked(Struct, frozen=True):
    """A term of a question.

    Attributes:
        words: What is asked for; never empty.
        before: Words that are asked for beside it: those of the name of no field (`crew:"a b"`).
        field: Where it is asked for; empty for anywhere.
        is_not: Whether it is to be absent.
        is_phrase: Whether its words stand side by side, as they are.
        is_prefix: Whether its last word may go on.
    """

    words: Placed
    before: Placed = ()
    field: str = ""
    is_not: bool = False
    is_phrase: bool = False
    is_prefix: bool = False


def parsed(text: str) -> list[list[Asked]]:
    """Return what `text` asks for: all of the groups, of each any of its terms. Places are those in `clean(text)`.

    Raises:
        Refused: It is too long.
    """
    if len(text) > LONGEST_QUESTION:
        raise Refused(f"A search may have {LONGEST_QUESTION:,} characters; this one has {len(text):,}. Shorten it.")
    groups: list[list[Asked]] = []
    is_or = False
    for found in _TERM.finditer(clean(text)):
        if found[0] == "OR":
            is_or = bool(groups)
        elif found[0] != "AND":
            asked = _asked(found)
            if asked is not None:
                if is_or:
                    groups[-1].append(asked)
                else:
                    groups.append([asked])
                is_or = False
    _refuse_many(groups)
    return groups


def planned(question: Question, languages: Collection[str]) -> Plan:
    """Return what an update must hold for `question` to find it.

    Args:
        languages: Those in which stories are, as BCP-47 tags.

    Raises:
        Refused: The text is too long.
    """
    stemming = sorted({code for code in map(stemmed_as, languages) if code})
    wanted: list[Node] = []
    unwanted: list[Node] = []
    for group in parsed(question.text):
        some = [_node(asked, stemming) for asked in group if not asked.is_not]
        none = [_node(asked, stemming) for asked in group if asked.is_not]
        if not none:
            wanted.append(_any(some))
        else:  # a OR -b: what is not b without a
            unwanted.append(Without(_all(none), _any(some)) if some else _all(none))
    filters = question.filters
    all_wanted = _all(wanted) if wanted else None
    asked_for = Without(all_wanted, _any(unwanted)) if unwanted else all_wanted
    return Plan(asked_for, marks_asked(filters), filters.since, filters.until, asked_for is None and not filters.is_any)


def _refuse_many(groups: Iterable[Iterable[Asked]]) -> None:
    found = (word for group in groups for asked in group for _, word in (*asked.before, *asked.words))
    count = sum(1 if word.is_run else len(word.tokens) for word in found)
    if count > MOST_WORDS:
        raise Refused(f"A search may have {MOST_WORDS} words; this one has {count}. Leave out words that many updates have.")


def _asked(found: re.Match[str]) -> Asked | None:
    is_phrase = found["phrase"] is not None
    text, at = (found["phrase"], found.start("phrase")) if is_phrase else (found["chunk"], found.start("chunk"))
    said = _words(text, at)
    before = _words(found["unknown"] or "", found.start("unknown"))
    if not (is_phrase or found["field"]) and _NAMED.match(text):
        before, said = said[:-1], said[-1:]
    if not said:
        before, said = before[:-1], before[-1:]
    if not said:
        return None
    is_prefix = found["star"] is not None if is_phrase else _PREFIX.search(text) is not None
    return Asked(said, before, (found["field"] or "").lower(), found["minus"] is not None, is_phrase, is_prefix)


def _words(text: str, at: int) -> Placed:
    return tuple((at + start, word) for start, word in words(text))


def _node(asked: Asked, languages: Collection[str]) -> Node:
    before = [_node(Asked((one,), (), asked.field), languages) for one in asked.before]
    return _all([*before, _side_by_side(asked, languages)])


def _side_by_side(asked: Asked, languages: Collection[str]) -> Node:
    fields = (asked.field,) if asked.field else ()
    said = [word for _, word in asked.words]
    is_prefix = asked.is_prefix or (said[-1].is_run and len(said[-1].tokens) == 1)
    apart = tuple(token for word in said for token in word.tokens)
    joined = tuple(token for word in said for token in _as_one(word))
    forms: list[Node] = [Terms(apart, fields, is_prefix), Terms(joined, fields, is_prefix)]
    if len(said) == 1 and not asked.is_phrase and not asked.is_prefix and said[0].forms:
        whole = said[0].forms[-1]
        forms += [Terms((stem,), fields) for language in languages for stem in stem_tokens(whole, language)]
    return _any(forms)


def _as_one(word: Word) -> tuple[str, ...]:
    return (word.beside,) if word.beside and not word.is_run else word.tokens


def _any(nodes: Iterable[Node]) -> Node:
    flat = (part for node in nodes for part in (node.parts if isinstance(node, AnyOf) else (node,)))
    parts = tuple(dict.fromkeys(flat))
    return parts[0] if len(parts) == 1 else AnyOf(parts)


def _all(nodes: Iterable[Node]) -> Node:
    flat = (part for node in nodes for part in (node.parts if isinstance(node, AllOf) else (node,)))
    parts = tuple(dict.fromkeys(flat))
    return parts[0] if len(parts) == 1 else AllOf(parts)
