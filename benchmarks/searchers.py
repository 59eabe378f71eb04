"""What a search may be done with, each as its users would: ours on both backends, tantivy, and OpenSearch's `match`."""

from __future__ import annotations

import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import closing
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

from msgspec import Struct, json
from msgspec.structs import replace
from typing_extensions import override

from consumers.search.answers import SearchReader, Sort
from consumers.search.index import SearchIndex
from consumers.search.opensearch.server import Server
from consumers.search.question import Question

PEERS = Path.home() / ".cache" / "dateline" / "search-peers"
TANTIVY = "tantivy==0.27.0"

_FIELDS = ("headline", "body", "beside")
_HEADLINE = 2.0
"""What both peers count a word in a headline for: what serves them best on the judged questions."""

_BULK = 2_000


class Text(Struct, frozen=True):
    """An update as the peers have it; `beside` holds what is searched besides: captions, speakers, sources, places, notes …"""

    id: str
    headline: str
    body: str
    beside: str
    story: str
    source: str
    order: int
    document: str


class Searcher(ABC):
    """Something that finds updates.

    Attributes:
        name: What the table calls it.
    """

    name: str

    @abstractmethod
    def find(self, question: Question, *, sort: Sort = "relevance", limit: int = 20) -> Sequence[str]:
        """Return the updates that are found, as `story/update`, with their documents fetched and the matches counted."""

    @abstractmethod
    def close(self) -> None:
        """Let go of it."""


class Ours(Searcher):
    """An index of ours."""

    def __init__(self, index: SearchIndex, name: str, *, is_all: bool = True) -> None:
        """Read an index.

        Args:
            is_all: Whether an update must hold all words of a question, as users have it; else an `OR` is put between them.
        """
        self.name = name
        self._is_all = is_all
        self._reader: SearchReader = index.reader()

    @override
    def find(self, question: Question, *, sort: Sort = "relevance", limit: int = 20) -> Sequence[str]:
        if not self._is_all:
            question = replace(question, text=" OR ".join(question.text.split()))
        found = self._reader.search(question, sort=sort, limit=limit)
        return [f"{hit.story}/{hit.update}" for hit in found.hits]

    @override
    def close(self) -> None:
        self._reader.close()


class Tantivy(Searcher):
    """tantivy from Python, with its English stemmer."""

    def __init__(self, folder: Path, name: str = "tantivy", *, is_all: bool = True) -> None:
        """Open or make an index.

        Args:
            is_all: Whether an update must hold all words of a question, as with ours; else any, as tantivy has it.
        """
        self.name = name
        self._tantivy = tantivy()
        folder.mkdir(parents=True, exist_ok=True)
        builder = self._tantivy.SchemaBuilder()
        for field in _FIELDS:
            builder.add_text_field(field, tokenizer_name="en_stem")
        for field in ("story", "source"):
            builder.add_text_field(field, tokenizer_name="raw", index_option="basic")
        builder.add_text_field("id", stored=True, tokenizer_name="raw", index_option="basic")
        builder.add_text_field("document", stored=True, tokenizer_name="raw", index_option="basic")
        builder.add_unsigned_field("order", fast=True)
        self._schema = builder.build()
        self._index = self._tantivy.Index(self._schema, str(folder))
        self._is_all = is_all

    def add(self, texts: Iterator[Text]) -> None:
        with closing(_Writer(self._index.writer(heap_size=256_000_000))) as writer:
            for text in texts:
                writer.add(self._tantivy.Document.from_dict(_fields(text), self._schema))
        self._index.reload()

    @override
    def find(self, question: Question, *, sort: Sort = "relevance", limit: int = 20) -> Sequence[str]:
        searcher = self._index.searcher()
        order = {"order_by_field": "order"} if sort == "newest" else {}
        found = searcher.search(self._query(question), limit, **order).hits
        documents = [searcher.doc(address) for _, address in found]
        return [document.get_first("id") for document in documents if document.get_first("document")]

    @override
    def close(self) -> None:
        pass

    def _query(self, question: Question) -> Any:  # Any: tantivy is not installed where types are checked
        query, occur = self._tantivy.Query, self._tantivy.Occur
        if question.text.endswith("*"):
            each = [query.regex_query(self._schema, field, f"{question.text[:-1]}.*") for field in _FIELDS]
            words = query.boolean_query([(occur.Should, one) for one in each])
        else:
            boosts = {"headline": _HEADLINE}
            words, _ = self._index.parse_query_lenient(question.text, list(_FIELDS), boosts, conjunction_by_default=self._is_all)
        filters = {"story": question.filters.story, "source": question.filters.source}
        terms = [query.term_query(self._schema, name, value) for name, value in filters.items() if value]
        return query.boolean_query([(occur.Must, one) for one in (words, *terms)]) if terms else words


class _Writer:
    def __init__(self, writer: Any) -> None:  # Any: as above
        self._writer = writer
        self.add = writer.add_document

    def close(self) -> None:
        self._writer.commit()
        self._writer.wait_merging_threads()


class Match(Searcher):
    """OpenSearch as its tutorials have it: the `english` analyzer and a `match` of several fields."""

    def __init__(self, url: str, index: str, name: str = "match", *, is_all: bool = True) -> None:
        """Use an index, made by `add`.

        Args:
            is_all: As of `Tantivy`.
        """
        self.name = name
        self._server = Server(url)
        self._path = f"/{index}"
        self._operator = "and" if is_all else "or"

    def add(self, texts: Iterator[Text]) -> None:
        properties: dict[str, object] = {field: {"type": "text", "analyzer": "english"} for field in _FIELDS}
        properties |= {"story": {"type": "keyword"}, "source": {"type": "keyword"}, "order": {"type": "long"}}
        properties |= {"id": {"type": "keyword"}, "document": {"type": "keyword", "index": False, "doc_values": False}}
        settings = {"number_of_shards": 1, "number_of_replicas": 0}
        self._server.ask("DELETE", self._path)
        self._server.ask("PUT", self._path, {"settings": settings, "mappings": {"properties": properties}})
        while batch := list(islice(texts, _BULK)):
            lines = (b'{"index":{}}\n' + json.encode(_fields(text)) for text in batch)
            self._server.ask("POST", f"{self._path}/_bulk", b"\n".join(lines) + b"\n")
        self._server.ask("POST", f"{self._path}/_refresh")

    def size_bytes(self) -> int:
        self._server.ask("POST", f"{self._path}/_flush")
        stats = self._server.ask("GET", f"{self._path}/_stats/store")
        return int(stats["_all"]["primaries"]["store"]["size_in_bytes"])

    @override
    def find(self, question: Question, *, sort: Sort = "relevance", limit: int = 20) -> Sequence[str]:
        filters = {"story": question.filters.story, "source": question.filters.source}
        terms = [{"term": {name: value}} for name, value in filters.items() if value]
        body: dict[str, object] = {"size": limit, "query": {"bool": {"must": self._words(question.text), "filter": terms}}}
        if sort == "newest":
            body["sort"] = [{"order": "desc"}]
        found = self._server.ask("POST", f"{self._path}/_search", body)
        return [hit["_source"]["id"] for hit in found["hits"]["hits"]]

    def _words(self, text: str) -> object:
        fields = [f"headline^{_HEADLINE}", "body", "beside"]
        if text.endswith("*"):
            return {"bool": {"should": [{"prefix": {field: text[:-1]}} for field in _FIELDS]}}
        if text.startswith('"'):
            return {"multi_match": {"query": text.strip('"'), "fields": fields, "type": "phrase"}}
        return {"multi_match": {"query": text, "fields": fields, "operator": self._operator}}

    @override
    def close(self) -> None:
        self._server.close()


def tantivy() -> Any:  # Any: as above
    """Return tantivy, fetched into a folder of its own where it is not there yet."""
    folder = PEERS / TANTIVY
    if not folder.exists():
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder), TANTIVY]
        subprocess.run(install, check=True)
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
    return import_module("tantivy")


def texts_of(documents: Iterator[bytes]) -> Iterator[Text]:
    """Yield the updates of public documents as the peers have them."""
    for order, document in enumerate(documents):
        said = json.decode(document)
        body = [part for block in said["body"] for part in (block.get("text") or "", *block.get("items", ()))]
        beside = [block.get("speaker") or "" for block in said["body"]]
        beside += [text or "" for one in said["media"] for text in (one.get("caption"), one.get("alt"), one.get("credit"))]
        beside += [source["name"] for source in said["sources"]] + said["places"] + said["tags"]
        beside += [correction["note"] for correction in said["corrections"]]
        name = f"{said['story']}/{said['id']}"
        source = said["sources"][0]["name"] if said["sources"] else ""
        yield Text(name, said["headline"], " ".join(body), " ".join(beside), said["story"], source, order, document.decode())


def _fields(text: Text) -> dict[str, object]:
    return {name: getattr(text, name) for name in text.__struct_fields__}
