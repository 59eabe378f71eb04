"""Which generation is live, is being built, was live before, in each partition: one small document, changed all or nothing."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import MsgspecError, Struct, convert, json

from consumers.generations import Pointer
from consumers.search.opensearch import names
from consumers.search.opensearch.server import Action, Server
from dateline.errors import ContentDamaged

Named = Mapping[Pointer, Mapping[int, str]]


class Pointers(Struct, frozen=True):
    """What the pointers name, as it was read.

    Attributes:
        named: By pointer and partition, the generation.
        seq_no, term: Those of the document; -1 where there is none yet.
    """

    named: Named
    seq_no: int = -1
    term: int = 0

    def name(self, pointer: Pointer, partition: int) -> str | None:
        return self.named.get(pointer, {}).get(partition)

    def all_names(self, partition: int) -> set[str]:
        """Return every generation that a pointer names in a partition."""
        return {found[partition] for found in self.named.values() if partition in found}

    def with_changes(self, partition: int, changes: Mapping[Pointer, str | None]) -> Named:
        """Return what they name once some are changed in a partition; None for a pointer that names nothing any more."""
        named: dict[Pointer, dict[int, str]] = {pointer: dict(found) for pointer, found in self.named.items()}
        for pointer, name in changes.items():
            found = named.setdefault(pointer, {})
            if name is None:
                found.pop(partition, None)
            else:
                found[partition] = name
        return named


def read_pointers(server: Server) -> Pointers:
    """Read them; they name nothing where there is no index yet.

    Raises:
        ContentDamaged: What is there is none of ours.
    """
    found = server.ask("GET", names.path(names.POINTERS_INDEX, names.POINTERS_ID))
    if not found.get("found"):
        names.check(server)
        return Pointers({})
    try:
        return Pointers(convert(found["_source"], Named, strict=False), found["_seq_no"], found["_primary_term"])
    except MsgspecError as error:
        what = f"the pointers of the search index say what none of ours would: {error}"
        raise ContentDamaged(
            f"{what}. Take the indices {names.BASE}-* away, then run: dateline replay search", what=what
        ) from error


def write_pointers(server: Server, named: Named, *, read: Pointers) -> bool:
    """Put others in their place, if they are what was `read`; return whether they are."""
    names.make(server, names.POINTERS_INDEX)
    source = json.encode({pointer: {str(p): name for p, name in found.items()} for pointer, found in named.items()})
    (told,) = server.bulk([Action(names.POINTERS_INDEX, names.POINTERS_ID, source, read.seq_no, read.term)])
    return bool(told["status"] < 300)
