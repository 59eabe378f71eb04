"""Takes the words of killed updates out of the index's files, in every generation.

OpenSearch keeps what is written over for its own recovery for up to half a minute, then until segments are merged. So: write over
the words, wait until each index has let go of what came before, merge away what is deleted, and only then call it done.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from threading import Event, Lock, Thread

from msgspec import Struct, json

from consumers.search.opensearch import names
from consumers.search.opensearch.cursors import TRIES, read_cursor
from consumers.search.opensearch.kept import KeptKill, KeptUpdate, read
from consumers.search.opensearch.pages import pages
from consumers.search.opensearch.server import Action, Json, Server
from consumers.search.opensearch.writes import TOMBSTONE
from dateline.errors import StoreUnavailable

_PAUSE = 0.5
_log = logging.getLogger(__name__)

Place = tuple[str, int]


class _Pending(Struct):
    """Kills whose words are written over: gone for good once each shard has let go of all up to a number."""

    kills: list[tuple[str, KeptKill]]
    reached: Mapping[str, int]


class Purger:
    """Does it in a thread of its own, beside the writing; what is not done when it ends is found again by the next claim."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._places: set[Place] = set()
        self._lock = Lock()  # of the places
        self._pending: list[_Pending] = []
        self._news = Event()
        self._ended = False
        self._told = ""
        self._thread: Thread | None = None

    def look(self, generation: str, partition: int) -> None:
        """See to what was killed in a partition."""
        with self._lock:
            self._places.add((generation, partition))
        self._news.set()
        if self._thread is None:
            self._thread = Thread(target=self._run, daemon=True, name="purger")
            self._thread.start()

    def close(self) -> None:
        self._ended = True
        self._news.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while True:
            self._news.wait(_PAUSE if self._pending else None)
            self._news.clear()
            if self._ended:
                return
            self._do_a_round()

    def _do_a_round(self) -> None:
        with self._lock:
            places, self._places = self._places, set()
        try:
            self._silence(sorted(places))
            self._finish()
            self._told = ""
        except Exception as error:  # whatever becomes of the server and its indices, killed words are to go from them
            self._tell(error)
            with self._lock:
                self._places |= places
            time.sleep(_PAUSE)
            self._news.set()

    def _tell(self, error: Exception) -> None:
        """Say in one line what is in the way, once as long as it is the same."""
        told = " ".join(f"{type(error).__name__}: {error}".split())
        if told != self._told:
            self._told = told
            _log.warning("The words of killed updates are not out of the search index yet, and it is tried again: %s", told)

    def _silence(self, places: Sequence[Place]) -> None:
        """Write over the words of what was killed in partitions, in every generation."""
        known = {(generation, kill.story, kill.update) for one in self._pending for generation, kill in one.kills}
        found = [(generation, kill) for generation, partition in places for kill in _killed(self._server, generation, partition)]
        new = [(generation, kill) for generation, kill in found if (generation, kill.story, kill.update) not in known]
        if not new:
            return
        indices = _indices(self._server)
        for name in sorted({one.removesuffix("-states").removeprefix(f"{names.BASE}-") for one in indices}):
            for _, kill in new:
                _silence(self._server, name, kill)
        reached = {place: highest for place, (highest, _) in _shards(self._server).items()}
        self._pending.append(_Pending(new, reached))

    def _finish(self) -> None:
        """Merge away what was written over, where nothing is kept for recovery any more."""
        if not self._pending:
            return
        kept = {place: first for place, (_, first) in _shards(self._server).items()}
        done = [one for one in self._pending if all(kept.get(at, highest + 1) > highest for at, highest in one.reached.items())]
        if not done:
            return
        for index in _indices(self._server):
            self._server.ask("POST", f"/{index}/_flush", force="true", wait_if_ongoing="true")
            self._server.ask("POST", f"/{index}/_forcemerge", only_expunge_deletes="true", flush="true")
            self._server.ask("POST", f"/{index}/_refresh")  # lets go of the segments that were merged
            self._server.ask("POST", f"/{index}/_flush", force="true", wait_if_ongoing="true")
        for generation, kill in (found for one in done for found in one.kills):
            path = names.path(names.states(generation), names.kill_id(kill.story, kill.update))
            self._server.ask("DELETE", path)
        self._pending = [one for one in self._pending if one not in done]


def _killed(server: Server, generation: str, partition: int) -> list[KeptKill]:
    """Return what was killed in a partition before its cursor, and is not done."""
    index, cursor = names.states(generation), read_cursor(server, generation, partition)
    server.ask("POST", f"/{index}/_refresh")
    wanted = {"bool": {"filter": [{"term": {"kind": "k"}}, {"term": {"partition": partition}}]}}
    found = [read(KeptKill, one["_source"], "a kill") for one in pages(server, index, wanted)]
    return [one for one in found if cursor is not None and one.offset < cursor.at.offset]


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


def _shards(server: Server) -> Mapping[str, tuple[int, int]]:
    """Return of each shard's copy the number of its last write, and that of the first which it keeps for recovery.

    Raises:
        StoreUnavailable: A copy does not say: it is being opened or closed.
    """
    found: dict[str, tuple[int, int]] = {}
    # By a pattern: of a list, an index that is dropped just now would make the whole answer an empty one.
    for index, about in server.ask("GET", f"/{names.BASE}-g*/_stats", level="shards").get("indices", {}).items():
        for shard, copies in about["shards"].items():
            for copy in copies:
                if "seq_no" not in copy:
                    raise StoreUnavailable(f"A copy of shard {shard} of {index} does not say what it keeps. It is asked again.")
                found[f"{index}/{shard}/{copy['routing']['node']}"] = (copy["seq_no"]["max_seq_no"], _kept_from(copy))
    return found


def _kept_from(copy: Json) -> int:
    leases = copy.get("retention_leases", {}).get("leases", ())
    return min((int(lease["retaining_seq_no"]) for lease in leases), default=copy["seq_no"]["max_seq_no"] + 1)
