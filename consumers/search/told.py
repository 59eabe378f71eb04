"""What a search found, as readers get it."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Final

from msgspec import Struct
from msgspec.json import Decoder, Encoder

from consumers.search.answers import Found, Hit
from consumers.search.plan import Plan
from consumers.search.query import planned
from consumers.search.question import Question
from consumers.search.snippets import Snippets, as_html, snippets
from consumers.state import Correction
from consumers.words import content_of

_encode: Final = Encoder().encode


class _Put(Struct):
    corrections: tuple[Correction, ...] = ()


_corrections_of: Final = Decoder(_Put).decode


class _Html(Struct):
    headline: str
    body: str


class _Beside(Struct):
    """What stands in a result after the update's own fields."""

    story_title: str
    corrected_at: datetime | None
    snippets: _Html


def found_json(question: Question, found: Found) -> bytes:
    """Return what `question` found as the document of the contract; the snippets are safe HTML."""
    head = {"query": question.text, "total": found.total, "did_you_mean": found.did_you_mean, "next": found.next}
    results = b",".join(_result(question, hit) for hit in found.hits)
    return _encode(head)[:-1] + b',"results":[' + results + b"]}"


def snippets_of(question: Question, hit: Hit) -> Snippets:
    """Return what to show of an update that `question` found."""
    return snippets(content_of(hit.document), _planned(question, hit.language), hit.language)


def corrected_at(hit: Hit) -> datetime | None:
    """Return when an error in what was found was last put right; None if never."""
    put = _corrections_of(hit.document).corrections
    return put[-1].corrected_at if put else None


@lru_cache(maxsize=64)
def _planned(question: Question, language: str) -> Plan:
    return planned(question, (language,))


def _result(question: Question, hit: Hit) -> bytes:
    shown = snippets_of(question, hit)
    html = _Html(str(as_html(shown.headline)), str(as_html(shown.body)))
    return hit.document.rstrip()[:-1] + b"," + _encode(_Beside(hit.story_title, corrected_at(hit), html))[1:]
