"""Cursors of partitions: read, made, claimed, moved, sealed; each change is made only to what was read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from secrets import token_hex

from msgspec import Struct, json
from msgspec.structs import replace

from consumers.generations import Pointer
from consumers.search.opensearch import names
from consumers.search.opensearch.kept import KeptCursor, read
from consumers.search.opensearch.pointers import Pointers, read_pointers, write_pointers
from consumers.search.opensearch.server import Action, Server
from consumers.story import FOLD_VERSION
from dateline.clock import now_ms
from dateline.errors import StoreUnavailable

TRIES = 20


class Placed(Struct, frozen=True):
    """A cursor as it was read, of a generation."""

    generation: str
    at: KeptCursor
    seq_no: int = -1
    term: int = 0


def read_cursor(server: Server, generation: str, partition: int) -> Placed | None:
    """Return a partition's cursor; None if the generation has none there."""
    found = server.ask("GET", names.path(names.states(generation), names.cursor_id(partition)))
    if not found.get("found"):
        return None
    return Placed(generation, _read(found["_source"], partition), found["_seq_no"], found["_primary_term"])


def read_cursors(server: Server, pointer: Pointer, partitions: Iterable[int]) -> dict[int, Placed]:
    """Return the cursors of the generation that a pointer names, of each partition that has one."""
    named = read_pointers(server).named.get(pointer, {})
    asked = {partition: name for partition, name in named.items() if partition in set(partitions)}
    if not asked:
        return {}
    docs = [{"_index": names.states(name), "_id": names.cursor_id(p)} for p, name in asked.items()]
    answer = server.ask("POST", "/_mget", {"docs": docs})
    found = {(one["_index"], one["_id"]): one for one in answer.get("docs", ()) if one.get("found")}
    placed: dict[int, Placed] = {}
    for p, name in asked.items():
        one = found.get((names.states(name), names.cursor_id(p)))
        if one is not None:
            placed[p] = Placed(name, _read(one["_source"], p), one["_seq_no"], one["_primary_term"])
    return placed


def write_cursor(server: Server, placed: Placed, at: KeptCursor) -> Placed | None:
    """Put `at` in the place of what was read; return it as it stands now, None if somebody else was quicker."""
    action = Action(names.states(placed.generation), names.cursor_id(at.partition), json.encode(at), placed.seq_no, placed.term)
    (told,) = server.bulk([action])
    return Placed(placed.generation, at, told["_seq_no"], told["_primary_term"]) if told["status"] < 300 else None


def make_generation(server: Server, pointers: Pointers, pointer: Pointer, new: str, at: KeptCursor) -> bool:
    """Begin a generation in one partition and have `pointer` name it; return whether nobody else was quicker."""
    for name in [new] if new else _next_names(pointers, pointer, at.partition):
        for index in (names.documents(name), names.states(name)):
            names.make(server, index)
        found = read_cursor(server, name, at.partition)
        if found is not None and (name in pointers.all_names(at.partition) or found.at.offset != at.first):
            continue
        placed = found or Placed(name, at)
        if write_cursor(server, placed, at) is None:
            return False
        return write_pointers(server, pointers.with_changes(at.partition, {pointer: name}), read=pointers)
    return False


def new_cursor(partition: int, *, log_id: str, first: int) -> KeptCursor:
    return KeptCursor(partition, first, log_id, FOLD_VERSION, first=first, made_at=now_ms())


def take(server: Server, placed: Placed, *, log_id: str) -> Placed | None:
    """Claim a cursor, if it is of this log and this fold; None if somebody else was quicker.

    A flip that has sealed it finds other pointers than those it read, and begins anew.
    """
    if (placed.at.log_id, placed.at.fold_version) != (log_id, FOLD_VERSION):
        return placed
    if placed.at.sealed:
        pointers = read_pointers(server)
        if not write_pointers(server, pointers.named, read=pointers):
            return None
    return write_cursor(server, placed, replace(placed.at, token=token_hex(8), sealed=False))


def quicker(what: str) -> StoreUnavailable:
    return StoreUnavailable(f"Others were quicker each time to change {what} of the search index. It is tried again.")


def _next_names(pointers: Pointers, pointer: Pointer, partition: int) -> Iterable[str]:
    before = pointers.name(pointer, partition)
    number = int(before[1:]) if before is not None and before[1:].isdigit() else 0
    return (f"g{number + more}" for more in range(1, 100))


def _read(source: Mapping[str, object], partition: int) -> KeptCursor:
    return read(KeptCursor, source, f"the cursor of partition {partition}")
