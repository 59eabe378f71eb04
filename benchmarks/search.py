"""The search index on both backends, beside tantivy and OpenSearch's own `match`: how fast, how large, and how good.

The speed is that of a coverage of many updates (`benchmarks.synthetic`), the quality that of judged questions
(`benchmarks.judged`).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory

import pytest
from msgspec import json

from benchmarks import judged
from benchmarks.harness import QUICK, Row, in_process
from benchmarks.searchers import Match, Ours, Searcher, Tantivy, Text
from benchmarks.synthetic import STORIES, Coverage, feed, source_of, story_of
from consumers.runner import Runner
from consumers.search.answers import Sort
from consumers.search.fts5.index import Fts5Index
from consumers.search.index import SearchIndex
from consumers.search.opensearch.index import OpenSearchIndex
from consumers.search.question import Question
from dateline.log import open_log
from schemas.codec import committed_codec
from schemas.topics import EVENTS_TOPIC
from tests.support.opensearch_server import empty, opensearch_url

UPDATES = 50_000 if QUICK else 1_000_000
"""How many updates FTS5 and tantivy hold when they are asked: fewer where more cannot be written in `_LONGEST` seconds."""

SERVED = 10_000 if QUICK else 100_000
"""How many updates OpenSearch holds."""

EVENTS = 5_000 if QUICK else 30_000
_LONGEST = 360.0
_QUESTIONS = 40 if QUICK else 100
_ROUNDS = 3
_SECONDS = 5 if QUICK else 20
_BATCH = 2_000
_SORTS: Sequence[Sort] = ("relevance", "newest")
_FIGURES = {"p50": "", "p99": "< 20", "p99 of CPU": "< 20"}


def rows() -> list[Row]:
    """Return the rows of the table."""
    coverage = Coverage()
    with opensearch() as url, TemporaryDirectory() as folder:
        found = [*_quality_rows(url), *_findable_rows()]
        found += _index_rows(coverage, "FTS5", Fts5Index)
        if url is not None:
            found += _index_rows(coverage, "OpenSearch", lambda _: OpenSearchIndex(empty(url)))
        print("… search: FTS5", file=sys.stderr)
        found += fts5_rows(coverage, Path(folder), UPDATES)
        if url is not None:
            print("… search: OpenSearch", file=sys.stderr)
            found += _served_rows(coverage, empty(url))
    return found


@contextmanager
def opensearch() -> Iterator[str | None]:
    """Yield the URL of an OpenSearch such as the tests use; None, and say so, without any."""
    url = None
    try:
        url = opensearch_url()
    except pytest.skip.Exception as error:
        print(f"OpenSearch is left out: {error}", file=sys.stderr)
    yield url


def fts5_rows(coverage: Coverage, folder: Path, count: int) -> list[Row]:
    """Ask FTS5 and tantivy of the same coverage; what is in `folder` already is taken as it is."""
    index = Fts5Index(folder)
    if not (folder / "search.db").exists():
        _built(index, coverage, count)
    count = index.positions(partitions=1)[0].offset - STORIES
    peer = Tantivy(folder / "tantivy")
    begun = time.perf_counter()
    peer.add(_texts(coverage, count))
    took = time.perf_counter() - begun
    print(f"  {count:,} updates; tantivy took them in {took:.0f} s", file=sys.stderr)
    sizes = [index.size_bytes(), sum(path.stat().st_size for path in (folder / "tantivy").iterdir())]
    return [
        *_size_rows(f"FTS5, {count:,} updates", _text_bytes(coverage, count), sizes, "tantivy"),
        *_asked_rows(f"FTS5, {count:,} updates", coverage, Ours(index, "FTS5"), peer),
    ]


def _served_rows(coverage: Coverage, url: str) -> list[Row]:
    index = OpenSearchIndex(url)
    count = _built(index, coverage, SERVED)
    peer = Match(url, "peer-match")
    peer.add(_texts(coverage, count))
    sizes = [index.size_bytes(), peer.size_bytes()]
    found = _size_rows(f"OpenSearch, {count:,} updates", _text_bytes(coverage, count), sizes, "match")
    found += _asked_rows(f"OpenSearch, {count:,} updates", coverage, Ours(index, "OpenSearch"), peer)
    peer.close()
    index.close()
    return found


def _built(index: SearchIndex, coverage: Coverage, count: int) -> int:
    """Write so many updates, or fewer where that takes too long; return how many."""
    view = index.view()
    deadline = time.monotonic() + _LONGEST
    fed = feed(view, coverage.records(count), is_enough=lambda: time.monotonic() > deadline)
    view.reset()
    return fed - STORIES


def _index_rows(coverage: Coverage, name: str, make: Callable[[Path], SearchIndex]) -> list[Row]:
    """Index from an SQLite log, by the runner, as `replay search` does in its batches."""
    rates = []
    with TemporaryDirectory() as folder, open_log(f"sqlite:///{folder}/log.db") as log:
        records = coverage.records(EVENTS)
        while batch := list(islice(records, _BATCH)):
            log.append(EVENTS_TOPIC, batch)
        ends = log.end_offsets(EVENTS_TOPIC)
        for at in range(_ROUNDS):
            place = Path(folder) / str(at)
            place.mkdir()
            index = make(place)
            runner = Runner(log, index.view(), topic=EVENTS_TOPIC, codec=committed_codec(), batch=_BATCH)
            start = time.perf_counter()
            if not runner.run_until(ends, deadline=time.monotonic() + _LONGEST):
                raise SystemExit(f"{name} did not index {EVENTS:,} events in {_LONGEST:g} s")
            rates.append(sum(ends.values()) / (time.perf_counter() - start))
            runner.close()
            index.close()
        peer = _peer_rate(coverage, Path(folder), name)
    peer_name = "tantivy" if name == "FTS5" else ""
    return [Row(f"index from SQLite, {name}", "events/s", median(rates), (min(rates), max(rates)), peer, peer_name)]


def _peer_rate(coverage: Coverage, folder: Path, name: str) -> float | None:
    if name != "FTS5":
        return None
    peer = Tantivy(folder / "tantivy")
    start = time.perf_counter()
    peer.add(_texts(coverage, EVENTS))
    return EVENTS / (time.perf_counter() - start)


def _asked_rows(about: str, coverage: Coverage, ours: Searcher, peer: Searcher) -> list[Row]:
    """Ask both, in turn. Where the work is done in this process, the last figure holds also on a machine that others use."""
    is_here = ours.name == "FTS5"
    found = []
    for name, questions in coverage.questions(_QUESTIONS).items():
        for sort in _SORTS:
            rounds = [(_waits(ours, questions, sort), _waits(peer, questions, sort)) for _ in range(_ROUNDS)]
            for figure, goal in _FIGURES.items():
                if is_here or "CPU" not in figure:
                    mine, theirs = ([waits[figure] for waits in each] for each in zip(*rounds, strict=True))
                    question = f"{about}, {name}, by {sort}, {figure}"
                    about_goal = goal if is_here else ""
                    found.append(Row(question, "ms", median(mine), (min(mine), max(mine)), median(theirs), peer.name, about_goal))
    return found


def _waits(searcher: Searcher, questions: Sequence[Question], sort: Sort) -> Mapping[str, float]:
    """Ask each question once; return percentiles in milliseconds."""
    waits, busy = [], []
    for question in questions:
        start, work = time.perf_counter(), time.thread_time()
        searcher.find(question, sort=sort)
        busy.append((time.thread_time() - work) * 1000)
        waits.append((time.perf_counter() - start) * 1000)
    percentiles = quantiles(waits, n=100, method="inclusive")
    return {"p50": percentiles[49], "p99": percentiles[98], "p99 of CPU": quantiles(busy, n=100, method="inclusive")[98]}


def _size_rows(about: str, text_bytes: int, sizes: Sequence[int], peer_name: str) -> list[Row]:
    ours, peer = (size / text_bytes for size in sizes)
    return [Row(f"{about}: size beside the text", "times", ours, (ours, ours), peer, peer_name)]


def _findable_rows() -> list[Row]:
    runs = []
    for _ in range(_ROUNDS):
        with TemporaryDirectory() as folder:
            runs.append(in_process("benchmarks.findable", f"sqlite:///{folder}/log.db", EVENTS_TOPIC, _SECONDS))
    return [
        _figures(f"publish → findable at 100 events/s, {name}", "ms", [run[f"{name}_ms"] for run in runs], "< 50")
        for name in ("p50", "p99")
    ]


def _figures(question: str, unit: str, found: list[float], goal: str) -> Row:
    return Row(question, unit, median(found), (min(found), max(found)), goal=goal)


def _quality_rows(url: str | None) -> list[Row]:
    found = []
    for name, searchers in judged.measure(url).items():
        means = {one: sum(by.values()) / len(by) for one, by in searchers.items()}
        for words in ("all words", "any word"):
            for ours, peer in (("FTS5", "tantivy"), ("OpenSearch", "match")):
                mine = means.get(f"{ours}, {words}")
                if mine is not None:
                    theirs = means[f"{peer}, {words}"]
                    found.append(Row(f"{ours}, judged {name}, {words}", "nDCG@10", mine, (mine, mine), theirs, peer, ">= 1"))
    return found


def _texts(coverage: Coverage, count: int) -> Iterator[Text]:
    """Yield the updates as the peers have them; the document that is given back is as long as ours."""
    for number, (headline, paragraphs) in enumerate(coverage.texts(count)):
        story, source = story_of(number), source_of(number)
        body = " ".join(paragraphs)
        document = json.encode({"id": f"u-{number}", "story": story, "headline": headline, "body": paragraphs}).decode()
        yield Text(f"{story}/u-{number}", headline, body, source, story, source, number, document)


def _text_bytes(coverage: Coverage, count: int) -> int:
    return sum(len(headline) + sum(map(len, paragraphs)) for headline, paragraphs in coverage.texts(count))
