"""Reads the live index."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any

from msgspec import MsgspecError, Struct, json
from typing_extensions import override

from consumers.search.answers import COUNTED, Found, Hit, SearchReader, Sort, Total
from consumers.search.opensearch import names
from consumers.search.opensearch.asking import asked
from consumers.search.opensearch.kept import KeptStory, damaged, read
from consumers.search.opensearch.pointers import read_pointers
from consumers.search.opensearch.server import Json, Server
from consumers.search.query import planned
from consumers.search.question import Question
from consumers.search.spelling import doubtful, respelt
from consumers.search.stems import MARK
from consumers.timeline.answers import no_cursor
from dateline.errors import StoreUnavailable

_TRIES = 3
_MOST_LANGUAGES = 1000
_MOST_TRIED = 3
"""Spellings of which is looked whether they find anything."""

_SORTS: Mapping[Sort, Sequence[Mapping[str, str]]] = {
    "newest": ({"order": "desc"}, {"name": "desc"}),
    "relevance": ({"_score": "desc"}, {"order": "desc"}, {"name": "desc"}),
}
_SHOWN = ("story", "update", "language", "document")


class _After(Struct, array_like=True):
    """A cursor: of which question, and the sort values of the page's last."""

    question: str
    values: list[float | int | str]


class Scope(Struct, frozen=True):
    """Where the live documents are: the indices, and where partitions are in several, what is live in each."""

    indices: str
    only: Sequence[Json] = ()

    def within(self, query: Json) -> Json:
        return {"bool": {"must": [query], "filter": list(self.only)}} if self.only else query


class OpenSearchReader(SearchReader):
    """Reads it by one request for what is live, one for the languages, one for what is found and one for the stories' titles."""

    def __init__(self, server: Server) -> None:
        self._server = server

    @override
    def search(self, question: Question, *, sort: Sort = "relevance", limit: int = 20, cursor: str | None = None) -> Found:
        after = _after(question, sort, cursor)
        for _ in range(_TRIES):
            found = self._search(question, sort, limit, after)
            if found is not None:
                return found
        raise StoreUnavailable("What is live in the search index changes faster than it can be read. Try again.")

    @override
    def close(self) -> None:
        pass

    def _search(self, question: Question, sort: Sort, limit: int, after: _After | None) -> Found | None:
        """Return what is found; None if an index was taken away meanwhile."""
        scope = self._scope()
        languages = self._languages(scope)
        if languages is None:
            return None
        plan = planned(question, languages)
        if plan.is_nothing:
            return Found(Total(0, True), ())
        body: Json = {"size": limit + 1, "query": scope.within(asked(plan, is_ranked=sort == "relevance")), "sort": _SORTS[sort]}
        body |= {"track_total_hits": COUNTED, "_source": _SHOWN}
        if after is not None:
            body["search_after"] = after.values
        answer = self._server.ask("POST", f"/{scope.indices}/_search", body)
        if "hits" not in answer:
            return None
        total, hits = answer["hits"]["total"], answer["hits"]["hits"]
        shown = hits[:limit]
        found = self._hits(shown)
        more = _cursor(question, sort, shown[-1]["sort"]) if len(hits) > limit and shown else None
        meant = None if total["value"] else self._meant(scope, question, languages)
        return Found(Total(total["value"], total["relation"] == "eq"), found, more, meant)

    def _scope(self) -> Scope:
        live = read_pointers(self._server).named.get("live", {})
        if not live:
            told = f"There is no search index at {self._server.shown} yet"
            raise StoreUnavailable(f"{told}. It is built by dateline consume search, or by: dateline replay search")
        generations = sorted(set(live.values()))
        if len(generations) == 1:
            return Scope(names.documents(generations[0]))
        parts = [
            {"bool": {"filter": [{"term": {"_index": names.documents(name)}}, {"terms": {"partition": mine}}]}}
            for name in generations
            if (mine := sorted(p for p, one in live.items() if one == name))
        ]
        return Scope(",".join(map(names.documents, generations)), [{"bool": {"should": parts, "minimum_should_match": 1}}])

    def _languages(self, scope: Scope) -> list[str] | None:
        body = {"size": 0, "aggs": {"languages": {"terms": {"field": "language", "size": _MOST_LANGUAGES}}}}
        answer = self._server.ask("POST", f"/{scope.indices}/_search", body)
        if "aggregations" not in answer:
            return None
        return [bucket["key"] for bucket in answer["aggregations"]["languages"]["buckets"]]

    def _hits(self, hits: Sequence[Json]) -> list[Hit]:
        titles = self._titles({(one["_index"], one["_source"]["story"]) for one in hits})
        found = []
        for one in hits:
            about = one["_source"]
            title = titles.get((one["_index"], about["story"]))
            if title is None:
                raise damaged(f"it holds an update of story {about['story']!r} and not the story")
            found.append(Hit(about["story"], about["update"], title, about["language"], about["document"].encode()))
        return found

    def _titles(self, wanted: set[tuple[str, str]]) -> dict[tuple[str, str], str]:
        if not wanted:
            return {}
        docs = [{"_index": f"{index}-states", "_id": names.story_id(story)} for index, story in sorted(wanted)]
        answer = self._server.ask("POST", "/_mget", {"docs": docs})
        kept = [(one["_index"], read(KeptStory, one["_source"], "a story")) for one in answer["docs"] if one.get("found")]
        return {(index.removesuffix("-states"), one.story): one.after.heading.title for index, one in kept}

    def _meant(self, scope: Scope, question: Question, languages: Sequence[str]) -> str | None:
        """Return a question that finds something, with words of the index in place of those that are in no update."""
        wrong: dict[str, list[str]] = {}
        for word in doubtful(question.text):
            alone = planned(Question(word), languages)
            if not self._count(scope, asked(alone, is_ranked=False)):
                wrong[word] = self._like(scope, word)
        if not wrong or not all(wrong.values()):
            return None
        for put in _chosen(wrong):
            meant = Question(respelt(question.text, put), question.filters)
            if self._count(scope, asked(planned(meant, languages), is_ranked=False)):
                return meant.text
        return None

    def _count(self, scope: Scope, query: Json) -> int:
        body = {"size": 0, "query": scope.within(query), "track_total_hits": 1}
        answer = self._server.ask("POST", f"/{scope.indices}/_search", body)
        return int(answer["hits"]["total"]["value"]) if "hits" in answer else 0

    def _like(self, scope: Scope, word: str) -> list[str]:
        """Return the words one slip away, the most frequent first, that are in what is public now."""
        term = {
            "field": names.ANY,
            "size": 20,
            "suggest_mode": "missing",
            "max_edits": 1,
            "prefix_length": 0,
            "sort": "frequency",
        }
        body = {"size": 0, "suggest": {"like": {"text": word, "term": {**term, "analyzer": "tokens"}}}}
        answer = self._server.ask("POST", f"/{scope.indices}/_search", body)
        found = [option["text"] for entry in answer.get("suggest", {}).get("like", ()) for option in entry["options"]]
        return [one for one in found if MARK not in one][:_MOST_TRIED]


def _chosen(wrong: Mapping[str, Sequence[str]]) -> Iterator[dict[str, str]]:
    for at in range(_MOST_TRIED):
        yield {word: found[min(at, len(found) - 1)] for word, found in wrong.items()}


def _mark(question: Question, sort: Sort) -> str:
    return blake2b(json.encode((sort, question.text, question.filters)), digest_size=6).hexdigest()


def _cursor(question: Question, sort: Sort, values: list[Any]) -> str:  # Any: what a sort gives
    return urlsafe_b64encode(json.encode(_After(_mark(question, sort), values))).decode().rstrip("=")


def _after(question: Question, sort: Sort, cursor: str | None) -> _After | None:
    if cursor is None:
        return None
    try:
        found = json.decode(urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4)), type=_After)
    except (MsgspecError, ValueError) as error:
        raise no_cursor(cursor) from error
    if found.question != _mark(question, sort) or len(found.values) != len(_SORTS[sort]):
        raise no_cursor(cursor)
    return found
