"""Takes the words of killed updates out of the index's files, in every generation.

OpenSearch keeps what is written over for its own recovery for up to half a minute, then until segments are merged. So: write over
the words, wait until each index has let go of what came before, merge away what is deleted, and only then call it done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from threading import Event, Thread

from msgspec import json

from consumers.search.opensearch import names
from consumers.search.opensearch.cursors import TRIES, read_cursor
from consumers.search.opensearch.kept import KeptKill, KeptUpdate, read
from consumers.search.opensearch.pages import pages
from consumers.search.opensearch.server import Action, Json, Server
from consumers.search.opensearch.writes import TOMBSTONE
from dateline.errors import DatelineError

_PAUSE = 0.5
_AGAIN = 5.0

Place = tuple[str, int]


class Purger:
    """Does it in a thread of its own, beside the writing; what is not done when it ends is found again by the next claim."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._looked_at: set[Place] = set()
        self._news = Event()
        self._ended = Event()
        self._thread: Thread | None = None

    def look(self, generation: str, partition: int) -> None:
        """See to what was killed in a partition."""
        self._looked_at.add((generation, partition))
        self._news.set()
        if self._thread is None:
            self._thread = Thread(target=self._run, daemon=True, name="purger")
            self._thread.start()

    def close(self) -> None:
        self._ended.set()
        self._news.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._ended.is_set():
            self._news.wait()
            self._news.clear()
            places, self._looked_at = self._looked_at, set()
            try:
                if not self._ended.is_set():
                    purge(self._server, sorted(places), ended=self._ended)
            except DatelineError:  # the server is away; the writer says so
                self._looked_at |= places
                if not self._ended.wait(_AGAIN):
                    self._news.set()


def purge(server: Server, places: Sequence[Place], *, ended: Event) -> int:
    """Take out what was killed in the partitions of generations that are `places`; return how many updates that were."""
    done: list[tuple[str, KeptKill]] = []
    for generation, partition in places:
        cursor = read_cursor(server, generation, partition)
        done += [(generation, one) for one in _killed(server, generation, partition) if cursor and one.offset < cursor.at.offset]
    if not done:
        return 0
    indices = _indices(server)
    for generation in sorted({one.removesuffix("-states") for one in indices}):
        for _, kill in done:
            _silence(server, generation.removeprefix(f"{names.BASE}-"), kill)
    if _let_go(server, indices, ended=ended):
        for index in indices:
            server.ask("POST", f"/{index}/_forcemerge", only_expunge_deletes="true", flush="true")
            server.ask("POST", f"/{index}/_flush", force="true", wait_if_ongoing="true")
        for generation, kill in done:
            server.ask("DELETE", names.path(names.states(generation), names.kill_id(kill.story, kill.update)))
    return len(done)


def _killed(server: Server, generation: str, partition: int) -> list[KeptKill]:
    index = names.states(generation)
    server.ask("POST", f"/{index}/_refresh")
    wanted = {"bool": {"filter": [{"term": {"kind": "k"}}, {"term": {"partition": partition}}]}}
    return [read(KeptKill, found["_source"], "a kill") for found in pages(server, index, wanted)]


def _indices(server: Server) -> list[str]:
    return sorted(server.ask("GET", f"/{names.BASE}-g*/_settings", filter_path="*.settings.index.uuid"))


def _silence(server: Server, generation: str, kill: KeptKill) -> None:
    """Write over the words of a killed update in a generation, whether that has come to the kill or not."""
    action = Action(names.documents(generation), names.document_id(kill.story, kill.update), TOMBSTONE, version=kill.seq)
    server.bulk([action])
    index, name = names.states(generation), names.update_id(kill.story, kill.update)
    for _ in range(TRIES):
        found = server.ask("GET", names.path(index, name))
        if not found.get("found"):
            return
        kept = read(KeptUpdate, found["_source"], f"update {kill.update!r}").without_words()
        (told,) = server.bulk([Action(index, name, json.encode(kept), found["_seq_no"], found["_primary_term"])])
        if told["status"] < 300:
            return


def _let_go(server: Server, indices: Sequence[str], *, ended: Event) -> bool:
    """Wait until no index keeps what was written before now; return whether it came to that."""
    reached = {place: highest for place, (highest, _) in _shards(server, indices).items()}
    while not ended.is_set():
        found = _shards(server, indices)
        if all(place not in found or found[place][1] > highest for place, highest in reached.items()):
            return True
        ended.wait(_PAUSE)
    return False


def _shards(server: Server, indices: Sequence[str]) -> Mapping[str, tuple[int, int]]:
    """Return of each shard's copy the number of its last write, and that of the first which it keeps for recovery."""
    found: dict[str, tuple[int, int]] = {}
    for index, about in server.ask("GET", f"/{','.join(indices)}/_stats", level="shards").get("indices", {}).items():
        for shard, copies in about["shards"].items():
            for copy in copies:
                found[f"{index}/{shard}/{copy['routing']['node']}"] = (copy["seq_no"]["max_seq_no"], _kept_from(copy))
    return found


def _kept_from(copy: Json) -> int:
    leases = copy.get("retention_leases", {}).get("leases", ())
    return min((int(lease["retaining_seq_no"]) for lease in leases), default=copy["seq_no"]["max_seq_no"] + 1)
