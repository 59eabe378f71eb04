"""How well the best come first: nDCG@10 over questions whose answers were judged (`benchmarks/judgements`).

`python -m benchmarks.judged` prints a table by question; `python -m benchmarks.judged pool` what any of them has among its first
ten that is not judged yet.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from math import log2
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID
from zipfile import ZipFile

from msgspec import json

from benchmarks.searchers import PEERS, Match, Ours, Searcher, Tantivy, Text, texts_of
from benchmarks.synthetic import feed
from consumers.search.fts5.index import Fts5Index
from consumers.search.index import SearchIndex
from consumers.search.opensearch.index import OpenSearchIndex
from consumers.search.question import Filters, Question
from dateline.demo.archive import read_archive
from dateline.log.base import NewRecord
from producers.records import record_of
from schemas.content import Block, Content
from schemas.events import StoryOpened, UpdatePublished
from schemas.times import to_ms
from tests.support.opensearch_server import empty

GENSIM = "gensim==4.4.0"
"""LGPL-2.1; only a file of news articles in it is read, and nothing of it is installed."""

_NEWS = "gensim/test/test_data/lee_background.cor"
_JUDGEMENTS = Path(__file__).parent / "judgements"
_AT = 10
_BEGIN = datetime(2001, 12, 1, tzinfo=UTC)

Judged = Mapping[str, Mapping[str, int]]
"""Of each question, what was judged: 2 is what was looked for, 1 helps, 0 is neither."""


def demo() -> Iterator[NewRecord]:
    """Yield the demo's coverage, Apollo 13."""
    return (record_of(one.event, timestamp=to_ms(one.recorded_at)) for one in read_archive())


def news() -> Iterator[NewRecord]:
    """Yield 300 articles of an Australian broadcaster of December 2001, the oldest first: their first sentences as headlines."""
    text = ZipFile(_wheel()).read(_NEWS).decode("utf-8", "replace")
    opened = StoryOpened(
        event_id=str(UUID(int=1)), story="news", desk="abc", occurred_at=_BEGIN, title="News of December 2001", language="en"
    )
    yield record_of(opened, timestamp=0)
    articles = [line.strip() for line in text.splitlines() if line.strip()]
    for number, article in reversed(list(enumerate(articles, 1))):
        first, end, rest = article.partition(". ")
        content = Content(f"{first}{end.strip()}", (Block(text=rest or first),), (), (), (), ())
        at = _BEGIN + timedelta(hours=len(articles) - number)
        event = UpdatePublished(
            event_id=str(UUID(int=number + 1)),
            story="news",
            desk="abc",
            occurred_at=at,
            update=f"article-{number}",
            content=content,
        )
        yield record_of(event, timestamp=int(at.timestamp() * 1000))


SETS: Mapping[str, Callable[[], Iterator[NewRecord]]] = {"demo": demo, "news": news}


def measure(url: str | None) -> Mapping[str, Mapping[str, Mapping[str, float]]]:
    """Return the nDCG@10 of each question, by searcher, by set.

    Args:
        url: Of an OpenSearch that holds nothing; None if there is none.
    """
    found = {}
    for name in SETS:
        judged = judgements(name)
        with ExitStack() as stack:
            searchers = [stack.enter_context(closing(one)) for one in _searchers(name, url, stack)]
            found[name] = {
                one.name: {text: ndcg(one.find(Question(text), limit=_AT), judged[text]) for text in judged} for one in searchers
            }
    return found


def ndcg(found: Sequence[str], judged: Mapping[str, int]) -> float:
    """Return how much of what is worth most came how early, from 0 to 1."""
    gained: float = sum((2 ** judged.get(name, 0) - 1) / log2(place + 2) for place, name in enumerate(found[:_AT]))
    best = sorted(judged.values(), reverse=True)[:_AT]
    ideal: float = sum((2**grade - 1) / log2(place + 2) for place, grade in enumerate(best))
    return gained / ideal


def judgements(name: str) -> Judged:
    """Read what was judged of a set."""
    return json.decode((_JUDGEMENTS / f"{name}.json").read_bytes(), type=dict[str, dict[str, int]])


def pool(url: str | None) -> None:
    """Print what is to be judged, with the text that there is to judge by."""
    for name in SETS:
        judged = judgements(name)
        with ExitStack() as stack:
            searchers = [stack.enter_context(closing(one)) for one in _searchers(name, url, stack)]
            texts = {text.id: text for text in _texts(stack, name)}
            for question, known in judged.items():
                found = {one: None for searcher in searchers for one in searcher.find(Question(question), limit=_AT)}
                for one in found.keys() - known.keys():
                    print(f"{name}\t{question}\t{one}\t{texts[one].headline}\t{texts[one].body[:300]}")


def _searchers(name: str, url: str | None, stack: ExitStack) -> Iterator[Searcher]:
    """Yield each twice: where an update must hold all words of a question, and where any of them will do."""
    folder = Path(stack.enter_context(TemporaryDirectory()))
    mine = _filled(Fts5Index(folder), name)
    stack.callback(mine.close)
    peer = Tantivy(folder / "tantivy")
    peer.add(_documents(mine))
    for is_all in (True, False):
        yield Ours(mine, _named("FTS5", is_all), is_all=is_all)
        yield Tantivy(folder / "tantivy", _named("tantivy", is_all), is_all=is_all)
    if url is not None:
        empty(url)
        other = _filled(OpenSearchIndex(url), name)
        stack.callback(other.close)
        Match(url, f"peer-{name}").add(_documents(mine))
        for is_all in (True, False):
            yield Ours(other, _named("OpenSearch", is_all), is_all=is_all)
            yield Match(url, f"peer-{name}", _named("match", is_all), is_all=is_all)


def _named(name: str, is_all: bool) -> str:
    return f"{name}, {'all words' if is_all else 'any word'}"


def _filled(index: SearchIndex, name: str) -> SearchIndex:
    view = index.view()
    feed(view, SETS[name]())
    view.reset()
    return index


def _documents(index: SearchIndex) -> Iterator[Text]:
    """Yield all that is public, as the peers have it."""
    with closing(index.reader()) as reader:
        stories = ("apollo-13", "news")
        found = [reader.search(Question("", Filters(story=story)), sort="newest", limit=1_000) for story in stories]
    return texts_of(hit.document for one in found for hit in reversed(one.hits))


def _texts(stack: ExitStack, name: str) -> Iterator[Text]:
    with closing(_filled(Fts5Index(Path(stack.enter_context(TemporaryDirectory()))), name)) as index:
        yield from _documents(index)


def _wheel() -> Path:
    """Return gensim's wheel, fetched where it is not there yet."""
    folder = PEERS / GENSIM
    if not any(folder.glob("*.whl")):
        fetch = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--dest", str(folder)]
        subprocess.run([*fetch, GENSIM], check=True)
    return next(folder.glob("*.whl"))


def main() -> None:
    from benchmarks.search import opensearch

    with opensearch() as url:
        if sys.argv[1:] == ["pool"]:
            pool(url)
            return
        for name, searchers in measure(url).items():
            for question in judgements(name):
                print(f"{name:5} {question:40}", *(f"{found[question]:8.3f}" for found in searchers.values()))
            means = [sum(found.values()) / len(found) for found in searchers.values()]
            print(f"{name:5} {' | '.join(searchers):40}", *(f"{mean:8.3f}" for mean in means))


if __name__ == "__main__":
    main()
