"""All documents of an index that a query finds, one after another."""

from __future__ import annotations

from collections.abc import Iterator

from consumers.search.opensearch.server import Json, Server

_PAGE = 1000
_KEPT = "2m"


def pages(server: Server, index: str, query: Json) -> Iterator[Json]:
    """Yield what `query` finds in `index` as it is now; what is written meanwhile is not seen."""
    body = {"size": _PAGE, "query": query, "sort": ["_doc"]}
    answer = server.ask("POST", f"/{index}/_search", body, scroll=_KEPT)
    if "hits" not in answer:  # there is no such index
        return
    try:
        while hits := answer["hits"]["hits"]:
            yield from hits
            if len(hits) < _PAGE:
                return
            answer = server.ask("POST", "/_search/scroll", {"scroll": _KEPT, "scroll_id": answer["_scroll_id"]})
    finally:
        server.ask("DELETE", "/_search/scroll", {"scroll_id": [answer["_scroll_id"]]})
