"""A plan as OpenSearch asks it."""

from __future__ import annotations

from consumers.search.forms import alternatives
from consumers.search.opensearch import names
from consumers.search.opensearch.server import Json
from consumers.search.plan import AllOf, AnyOf, Node, Plan, Terms
from schemas.times import to_us

HEADLINE_BOOST = 3.0
MOST_EXPANSIONS = 10_000
"""How many words a prefix at the end of a phrase may stand for."""

IS_PUBLIC: Json = {"exists": {"field": "order"}}
"""What is no tombstone."""


def asked(plan: Plan, *, is_ranked: bool) -> Json:
    """Return the query that finds what `plan` does.

    Args:
        is_ranked: Whether what is found is to be scored.
    """
    filters: list[Json] = [IS_PUBLIC, *({"term": {"marks": mark}} for mark in plan.marks)]
    if plan.since is not None or plan.until is not None:
        since = {"gte": to_us(plan.since)} if plan.since is not None else {}
        until = {"lt": to_us(plan.until)} if plan.until is not None else {}
        filters.append({"range": {"published": since | until}})
    words = [_node(plan.words, is_ranked=is_ranked)] if plan.words is not None else []
    return {"bool": {"filter": filters, "must": words} if is_ranked else {"filter": [*filters, *words]}}


def _node(node: Node, *, is_ranked: bool) -> Json:
    if isinstance(node, Terms):
        return _terms(node, is_ranked=is_ranked)
    if isinstance(node, AllOf):
        return {"bool": {"must": [_node(part, is_ranked=is_ranked) for part in node.parts]}}
    if isinstance(node, AnyOf):
        words = alternatives(node)
        if is_ranked and len(words) > 1:  # words with an OR between are added up; of the forms of one, the best counts
            return {"bool": {"should": [_node(word, is_ranked=True) for word in words], "minimum_should_match": 1}}
        return _any([_node(part, is_ranked=is_ranked) for part in node.parts])
    part = [_node(node.part, is_ranked=is_ranked)] if node.part is not None else []
    return {"bool": {"must": part, "must_not": [_node(node.but, is_ranked=False)]}}


def _any(parts: list[Json]) -> Json:
    return parts[0] if len(parts) == 1 else {"dis_max": {"queries": parts}}


def _terms(terms: Terms, *, is_ranked: bool) -> Json:
    if terms.fields:
        return _any([_in_field(field, terms) for field in terms.fields])
    if not is_ranked:
        return _in_field(names.ANY, terms)
    return {"bool": {"must": _in_field(names.ANY, terms), "should": _in_field("headline", terms, boost=HEADLINE_BOOST)}}


def _in_field(field: str, terms: Terms, *, boost: float = 1.0) -> Json:
    text = " ".join(terms.tokens)
    if len(terms.tokens) == 1:
        return {"prefix" if terms.prefix else "term": {field: {"value": text, "boost": boost}}}
    if terms.prefix:
        return {"match_phrase_prefix": {field: {"query": text, "max_expansions": MOST_EXPANSIONS, "boost": boost}}}
    return {"match_phrase": {field: {"query": text, "boost": boost}}}
