"""The index's generations."""

from __future__ import annotations

import time
from collections.abc import Collection, Container, Iterator, Mapping, Sequence

from msgspec.structs import replace
from typing_extensions import override

from consumers.generations import POINTERS, Comparison, Generation, Generations, Pointer
from consumers.record_digest import Chain, log_digest
from consumers.search.opensearch import names
from consumers.search.opensearch.cursors import TRIES, Placed, quicker, read_cursor, read_cursors, write_cursor
from consumers.search.opensearch.kept import KeptStory, read, story_at
from consumers.search.opensearch.pages import pages
from consumers.search.opensearch.pointers import Pointers, read_pointers, write_pointers
from consumers.search.opensearch.server import Json, Server
from consumers.search.opensearch.view import OpenSearchView
from consumers.state import Story
from consumers.view import Parked, View
from dateline.errors import GenerationGone, Refused, StoreBroken

_PATIENCE = 3.0
_PAUSE = 0.05


class OpenSearchGenerations(Generations):
    """Reads and moves the pointers of every partition."""

    view_name = "search"

    def __init__(self, server: Server, *, partitions: int) -> None:
        self._server = server
        self._partitions = partitions

    @override
    def standing(self, pointer: Pointer) -> Mapping[int, Generation]:
        found = read_cursors(self._server, pointer, range(self._partitions))
        return {p: _generation(one) for p, one in found.items()}

    @override
    def view(self, pointer: Pointer, *, new: str = "none", first: Mapping[int, int] | None = None) -> View:
        return OpenSearchView(self._server, pointer=pointer, new=new, first=first)

    @override
    def parked(self, pointer: Pointer) -> Mapping[str, Parked]:
        found = read_cursors(self._server, pointer, range(self._partitions))
        return {story: parked for one in found.values() for story, parked in one.at.parked.items()}

    @override
    def retry(self, pointer: Pointer, story: str) -> bool:
        for _ in range(TRIES):
            found = read_cursors(self._server, pointer, range(self._partitions)).values()
            placed = next((one for one in found if story in one.at.parked), None)
            if placed is None:
                return False
            asked = replace(placed.at.parked[story], retry=True)
            if write_cursor(self._server, placed, replace(placed.at, parked={**placed.at.parked, story: asked})):
                return True
        return True

    @override
    def seqs(self, pointer: Pointer, partition: int) -> Mapping[str, int]:
        return {story: state.seq for story, state in self._stories(pointer, partition).items()}

    @override
    def compare(self, partition: int, pointer: Pointer = "shadow", *, but: Container[str] = ()) -> Iterator[Comparison]:
        waiting: set[str] | None = None
        patient_until = time.monotonic() + _PATIENCE
        while True:
            live, other = (self._read(one, partition) for one in ("live", pointer))
            stories = (live[0].keys() | other[0].keys()) if waiting is None else waiting
            waiting = set()
            for story in sorted(one for one in stories if one not in but):
                if live[0].get(story, 0) != other[0].get(story, 0):
                    waiting.add(story)
                    continue
                patient_until = time.monotonic() + _PATIENCE
                told = list(_differences(story, live[1].get(story, {}), other[1].get(story, {})))
                yield Comparison(story, not told, told)
            if not waiting:
                return
            if time.monotonic() > patient_until:
                yield from (Comparison(story, None) for story in sorted(waiting))
                return
            time.sleep(_PAUSE)

    @override
    def flip(self, partition: int, to: Pointer, name: str, *, reset: Sequence[str] = (), enough: int | None = None) -> int | None:
        for _ in range(TRIES):
            pointers = read_pointers(self._server)
            live = pointers.name("live", partition)
            if pointers.name(to, partition) != name:
                if live == name:
                    return None
                raise Refused(f"Generation {name} of partition {partition} is gone: another replay or a drop took it away.")
            wanted = self._behind(partition, live, name, enough)
            if wanted is not None:
                return wanted
            self._server.ask("POST", f"/{names.documents(name)}/_refresh")
            changes: dict[Pointer, str | None] = {to: None, "live": name}
            if live is not None:
                changes["previous"] = live
            if write_pointers(self._server, pointers.with_changes(partition, changes), read=pointers):
                return None
        raise quicker("the pointers")

    @override
    def drop(self, *pointers: Pointer) -> int:
        for _ in range(TRIES):
            found = read_pointers(self._server)
            if not any(found.named.get(pointer) for pointer in pointers):
                break
            if write_pointers(self._server, {p: one for p, one in found.named.items() if p not in pointers}, read=found):
                break
        return self._drop_unnamed()

    @override
    def size_bytes(self, pointer: Pointer, *, partitions: Collection[int] | None = None) -> int:
        total = 0
        named = read_pointers(self._server).named.get(pointer, {})
        for name in set(named.values()):
            share = [p for p, one in named.items() if one == name and (partitions is None or p in partitions)]
            whole = size_of(self._server, f"{names.documents(name)},{names.states(name)}")
            total += whole * len(share) // max(self._partitions, 1)
        return total

    @override
    def record(self, pointer: Pointer, *, partitions: Collection[int]) -> bytes | None:
        try:
            states = [one for p in partitions for one in self._stories(pointer, p).values()]
        except StoreBroken:
            return None
        return log_digest((one.id, Chain(one.seq, one.digest)) for one in states)

    def _behind(self, partition: int, live: str | None, name: str, enough: int | None) -> int | None:
        """Fence the live one's writer; return the offset that `name` has to reach, None if it is there."""
        mine = read_cursor(self._server, name, partition)
        if mine is None:
            raise Refused(f"Generation {name} of partition {partition} is gone: another replay or a drop took it away.")
        theirs = read_cursor(self._server, live, partition) if live is not None else None
        if theirs is None:
            return None
        wanted = theirs.at.offset if enough is None else min(theirs.at.offset, enough)
        if theirs.at.log_id == mine.at.log_id and mine.at.offset < wanted:
            return wanted
        if write_cursor(self._server, theirs, replace(theirs.at, token="", sealed=True)) is None:
            return self._behind(partition, live, name, enough)
        return None

    def _drop_unnamed(self) -> int:
        """Take away what no pointer names: whole generations, and of others the partitions that are not theirs any more."""
        pointers = read_pointers(self._server)
        everywhere = {name for pointer in POINTERS for name in pointers.named.get(pointer, {}).values()}
        listed = self._server.ask("GET", f"/{names.BASE}-g*/_settings", filter_path="*.settings.index.uuid")
        dropped = 0
        for generation in sorted({one.removeprefix(f"{names.BASE}-").removesuffix("-states") for one in listed}):
            if generation not in everywhere:
                dropped += sum(self._count(index) for index in (names.states(generation), names.documents(generation)))
                self._server.ask(
                    "DELETE", f"/{names.states(generation)},{names.documents(generation)}", ignore_unavailable="true"
                )
            else:
                dropped += self._drop_parts(generation, pointers)
        return dropped

    def _drop_parts(self, generation: str, pointers: Pointers) -> int:
        gone = [p for p in range(self._partitions) if generation not in pointers.all_names(p)]
        gone = [p for p in gone if read_cursor(self._server, generation, p) is not None]
        for partition in gone:  # whoever writes it is fenced
            self._server.ask("DELETE", names.path(names.states(generation), names.cursor_id(partition)))
        if not gone:
            return 0
        both = f"/{names.states(generation)},{names.documents(generation)}"
        self._server.ask("POST", f"{both}/_refresh")
        body = {"query": {"terms": {"partition": gone}}}
        answer = self._server.ask("POST", f"{both}/_delete_by_query", body, conflicts="proceed", refresh="true")
        return int(answer.get("deleted", 0)) + len(gone)

    def _count(self, index: str) -> int:
        return int(self._server.ask("GET", f"/{index}/_count").get("count", 0))

    def _placed(self, pointer: Pointer, partition: int) -> Placed | None:
        return read_cursors(self._server, pointer, [partition]).get(partition)

    def _stories(self, pointer: Pointer, partition: int) -> dict[str, Story]:
        placed = self._placed(pointer, partition)
        if placed is None:
            return {}
        index = names.states(placed.generation)
        self._server.ask("POST", f"/{index}/_refresh")
        wanted = {"bool": {"filter": [{"term": {"kind": "s"}}, {"term": {"partition": partition}}]}}
        kept = [read(KeptStory, found["_source"], "a story") for found in pages(self._server, index, wanted)]
        again = self._placed(pointer, partition)  # what was written meanwhile counts once the cursor has moved over it
        cursor = again.at if again is not None else placed.at
        states = {one.story: _whole(one, cursor.seen(one.story)) for one in kept}
        return {story: state for story, state in states.items() if state is not None}

    def _read(self, pointer: Pointer, partition: int) -> tuple[dict[str, int], dict[str, dict[str, Json]]]:
        """Return the seq of each story of a partition, and its documents by update."""
        placed = self._placed(pointer, partition)
        if placed is None:
            raise GenerationGone(f"Partition {partition} has no two generations any more to compare. See: dateline generations")
        index = names.documents(placed.generation)
        seqs = {story: state.seq for story, state in self._stories(pointer, partition).items()}
        self._server.ask("POST", f"/{index}/_refresh")
        shown: dict[str, dict[str, Json]] = {}
        wanted = {"bool": {"filter": [{"exists": {"field": "order"}}, {"term": {"partition": partition}}]}}
        for found in pages(self._server, index, wanted):
            one = found["_source"]
            shown.setdefault(one["story"], {})[one["update"]] = one
        after = {story: state.seq for story, state in self._stories(pointer, partition).items()}
        return {story: seq if after.get(story) == seq else -1 for story, seq in seqs.items()}, shown


def _whole(kept: KeptStory, cursor: int) -> Story | None:
    """Return a story as the cursor has it; one that is being written meanwhile, as it was before."""
    return kept.before if kept.first < cursor <= kept.last else story_at(kept, cursor)


def _differences(story: str, live: Mapping[str, Json], other: Mapping[str, Json]) -> Iterator[str]:
    for update in sorted(live.keys() | other.keys()):
        found, expected = live.get(update), other.get(update)
        if found is None or expected is None:
            yield f"{story}/{update}: found {_is(found)}, expected {_is(expected)}"
        elif found != expected:
            what = ", ".join(sorted(key for key in found.keys() | expected.keys() if found.get(key) != expected.get(key)))
            yield f"{story}/{update}: differs in {what}"


def _is(found: Json | None) -> str:
    return "none" if found is None else "it"


def size_of(server: Server, indices: str) -> int:
    """Return how much disk indices take."""
    answer = server.ask("GET", f"/{indices}/_stats/store,translog", ignore_unavailable="true")
    total = answer.get("_all", {}).get("total", {})
    return int(total.get("store", {}).get("size_in_bytes", 0)) + int(total.get("translog", {}).get("size_in_bytes", 0))


def _generation(placed: Placed) -> Generation:
    at = placed.at
    return Generation(placed.generation, at.offset, at.log_id, at.fold_version, at.made_at, at.stories, at.first)
