"""A search index that is fed from a log, and what it finds."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import closing
from typing import Any

from consumers.generations import Pointer
from consumers.runner import Runner
from consumers.search.answers import Found, Sort
from consumers.search.index import IndexAudit, SearchIndex
from consumers.search.question import Filters, Question
from consumers.view import View
from dateline.log.base import Log
from schemas.codec import committed_codec
from schemas.topics import EVENTS_TOPIC


def feed(log: Log, index: SearchIndex, *, pointer: Pointer = "live", batch: int = 0) -> None:
    """Bring an index to the end of the log."""
    feed_view(log, index.view(pointer), log.end_offsets(EVENTS_TOPIC), batch=batch)


def feed_view(log: Log, view: View, ends: Mapping[int, int], *, batch: int = 0) -> None:
    runner = Runner(log, view, topic=EVENTS_TOPIC, codec=committed_codec(), batch=batch)
    with closing(runner):
        assert runner.run_until(ends, deadline=time.monotonic() + 30)


def ask(index: SearchIndex, text: str = "", *, sort: Sort = "newest", limit: int = 1000, **filters: Any) -> Found:
    """Ask a question; `filters` are those of `Filters`."""
    with closing(index.reader()) as reader:
        return reader.search(Question(text, Filters(**filters)), sort=sort, limit=limit)


def found(index: SearchIndex, text: str = "", *, sort: Sort = "newest", **filters: Any) -> list[str]:
    """Return the ids of the updates that a question finds."""
    return [hit.update for hit in ask(index, text, sort=sort, **filters).hits]


def audited(index: SearchIndex, log: Log) -> IndexAudit:
    return index.audit(log, topic=EVENTS_TOPIC, codec=committed_codec())
