"""How the indices are called and what they look like."""

from __future__ import annotations

from hashlib import blake2b
from urllib.parse import quote

from consumers.search.opensearch.server import Json, Server
from consumers.search.plan import FIELDS
from dateline.errors import ContentDamaged

BASE = "dateline-search"
FORMAT = 1
POINTERS_INDEX = f"{BASE}-pointers"
POINTERS_ID = "pointers"
REFRESH = "200ms"

_LONGEST_ID = 480
ANY = "any"
"""The field that holds the words of all others."""


def documents(generation: str) -> str:
    """Return the name of the index that readers search."""
    return f"{BASE}-{generation}"


def states(generation: str) -> str:
    """Return the name of the index of what the fold keeps."""
    return f"{BASE}-{generation}-states"


def path(index: str, name: str) -> str:
    """Return where a document is asked for by its id."""
    return f"/{index}/_doc/{quote(name, safe='')}"


def cursor_id(partition: int) -> str:
    return f"c/{partition}"


def story_id(story: str) -> str:
    return _bounded(f"s/{story}")


def update_id(story: str, update: str) -> str:
    return _bounded(f"u/{story}/{update}")


def entry_id(story: str, event: str) -> str:
    return _bounded(f"e/{story}/{event}")


def kill_id(story: str, update: str) -> str:
    return _bounded(f"k/{story}/{update}")


def document_id(story: str, update: str) -> str:
    return _bounded(f"{story}/{update}")


def _bounded(name: str) -> str:
    """Return a name, or where it is too long for a document's id, what stands for it."""
    if len(name.encode()) <= _LONGEST_ID:
        return name
    return f"{name[:2]}#{blake2b(name.encode(), digest_size=32).hexdigest()}"


def make(server: Server, index: str) -> None:
    """Make an index if it is not there."""
    if server.ask("GET", f"/{index}/_mapping").get("error") is None:
        return
    body = _pointers_body() if index == POINTERS_INDEX else _states_body() if index.endswith("-states") else _documents_body()
    try:
        server.ask("PUT", f"/{index}", body)
    except Exception as error:
        if "already exists" not in str(error):  # somebody else was quicker
            raise


def check(server: Server) -> bool:
    """Return whether there is an index of ours.

    Raises:
        ContentDamaged: There is one by its name that is none of ours.
    """
    found = server.ask("GET", f"/{POINTERS_INDEX}/_mapping")
    if POINTERS_INDEX not in found:
        return False
    kept = found[POINTERS_INDEX]["mappings"].get("_meta", {}).get("dateline")
    if kept != FORMAT:
        what = (
            f"index {POINTERS_INDEX} of {server.shown} is none of ours"
            if kept is None
            else f"it has format {kept}, and this release {FORMAT}"
        )
        raise ContentDamaged(
            f"The search index is not usable: {what}. Take indices {BASE}-* away, then run: dateline replay search", what=what
        )
    return True


def _body(properties: Json, settings: Json) -> Json:
    own = {"number_of_shards": 1, "auto_expand_replicas": "0-1", "merge.policy.expunge_deletes_allowed": 0, **settings}
    return {"settings": {"index": own}, "mappings": {"_meta": {"dateline": FORMAT}, "dynamic": False, "properties": properties}}


def _pointers_body() -> Json:
    return _body({}, {})


def _states_body() -> Json:
    keyword = {"type": "keyword"}
    return _body({"kind": keyword, "story": keyword, "partition": {"type": "integer"}}, {"refresh_interval": "30s"})


def _documents_body() -> Json:
    text = {"type": "text", "analyzer": "tokens", "copy_to": ANY}
    properties: Json = dict.fromkeys(FIELDS, text)
    properties[ANY] = {"type": "text", "analyzer": "tokens", "position_increment_gap": 100}
    properties |= {name: {"type": "keyword"} for name in ("marks", "language", "name")}
    properties |= {"order": {"type": "long"}, "published": {"type": "long"}, "partition": {"type": "integer"}}
    # A token is never cut short: the longest that Lucene takes has 32,766 bytes.
    analysis = {
        "tokenizer": {"tokens": {"type": "whitespace", "max_token_length": 8000}},
        "analyzer": {"tokens": {"type": "custom", "tokenizer": "tokens"}},
    }
    return _body(properties, {"refresh_interval": REFRESH, "analysis": analysis})
