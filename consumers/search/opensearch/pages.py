"""All documents of an index that a query finds, one after another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from consumers.search.opensearch.server import Json, Server

_PAGE = 1000
_KEPT = "2m"


def pages(server: Server, index: str, query: Json, *, sources: object = True) -> Iterator[Json]:
    """Yield what `query` finds in `index` as it is now; what is written meanwhile is not seen."""
    opened = server.ask("POST", f"/{index}/_search/point_in_time", keep_alive=_KEPT).get("pit_id")
    if opened is None:  # there is no such index
        return
    try:
        after: Any = None  # Any: what a page ends with
        while True:
            body: Json = {"size": _PAGE, "query": query, "pit": {"id": opened, "keep_alive": _KEPT}, "sort": ["_shard_doc"]}
            body |= {"_source": sources, "seq_no_primary_term": True, "version": True, "track_total_hits": False}
            if after is not None:
                body["search_after"] = after
            hits = server.ask("POST", "/_search", body)["hits"]["hits"]
            yield from hits
            if len(hits) < _PAGE:
                return
            after = hits[-1]["sort"]
    finally:
        server.ask("DELETE", "/_search/point_in_time", {"pit_id": [opened]})
