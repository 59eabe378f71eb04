"""What of a partition's keys belongs to one story: keys of its own, and its members of the keys that all stories share."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from msgspec import MsgspecError, Struct, json

from consumers.generations import Pointer
from consumers.timeline import keys
from consumers.timeline.replica import Content
from dateline.redis_store import Store

OWN: Final[Mapping[str, str]] = {
    "docs": "hash",
    "state": "hash",
    "events": "hash",
    "index": "zset",
    "key": "zset",
    "pinned": "zset",
    "withheld": "zset",
    "hidden": "zset",
    "changes": "stream",
    "corrections": "zset",
}
"""The keys that a story has one of, `KIND/STORY`, and what each is."""

OF_UPDATES: Final[Mapping[str, str]] = {"notes": "hash", "history": "zset"}
"""The keys that a story has one of for each update, `KIND/STORY/UPDATE`."""

SHARED: Final[Mapping[str, str]] = {
    "stories": "hash",
    "recent": "zset",
    "embargoes": "zset",
    "corrections": "zset",
    "problems": "zset",
}
"""The keys that the stories of a partition share, and what each is."""

REBUILD: Final = "rebuild/"
"""What the keys of a story that is being built anew begin with."""


PARKED: Final = "parked"
"""The hash of the stories that are parked: a story to what is known of it, as JSON."""


class Standing(Struct, frozen=True):
    """Where a story stands in a generation of its partition.

    Attributes:
        offset: The partition's cursor.
        first: The first offset that the generation was built from.
        torn: What was refused in the middle of a batch of the partition, empty if all is well.
        state: The story's state as it lies there, empty if there is none.
        parked: The story's parked entry as it lies there, empty if it is not parked.
    """

    partition: int
    generation: str
    offset: int
    log_id: str
    fold_version: int
    first: int
    torn: str
    state: bytes
    parked: bytes

    @property
    def prefix(self) -> str:
        return keys.generation_prefix(self.partition, self.generation)


def standing(store: Store, partition: int, story: str, *, pointer: Pointer = "live") -> Standing | None:
    """Return where a story stands; None if the partition has no such generation."""
    found = store.call(keys.STANDING, [keys.pointer(partition, pointer)], [keys.prefix(partition), story])
    if not found:
        return None
    generation, offset, log_id, fold, first, torn, state, parked = found
    place = (partition, generation.decode(), int(offset), log_id.decode(), int(fold), int(first), torn.decode())
    return Standing(*place, state, parked)


def parts(contents: Mapping[str, Content]) -> dict[str, dict[str, Content]]:
    """Return each story's part of a partition's keys, by story; a key of which nothing is a story's is left out."""
    found: dict[str, dict[str, Content]] = {}
    for key, content in contents.items():
        if story := story_of(key):
            found.setdefault(story, {})[key] = content
        elif key in SHARED:
            for member, value in content.items():
                if owner := owner_of(key, member):
                    found.setdefault(owner, {}).setdefault(key, {})[member] = value
    return found


def story_part(contents: Mapping[str, Content], story: str) -> dict[str, Content]:
    """Return one story's part of a partition's keys."""
    part = {key: content for key, content in contents.items() if story_of(key) == story}
    for key in SHARED:
        if mine := {name: value for name, value in contents.get(key, {}).items() if owner_of(key, name) == story}:
            part[key] = mine
    return part


def without(contents: Mapping[str, Content], stories: Collection[str]) -> dict[str, Content]:
    """Return a partition's keys without the parts of some stories."""
    rest = {key: content for key, content in contents.items() if story_of(key) not in stories}
    for key in SHARED:
        if key in rest:
            rest[key] = {name: value for name, value in rest[key].items() if owner_of(key, name) not in stories}
    return {key: content for key, content in rest.items() if content}


def live_part(store: Store, at: Standing, story: str) -> dict[str, Content]:
    """Read a story's part of a generation, not at one moment. Finding the keys of its updates looks at the names of all keys."""
    names = [f"{at.prefix}{kind}/{story}" for kind in OWN]
    for kind in OF_UPDATES:
        names += sorted(set(store.keys(f"{at.prefix}{kind}/{story}/")))
    return read_part(store, at, story, [*(name.removeprefix(at.prefix) for name in names), *SHARED])


def read_part(store: Store, at: Standing, story: str, wanted: Collection[str]) -> dict[str, Content]:
    """Read some of a story's keys, given without the generation's prefix, and its members of those that are shared."""
    found = store.contents_of([at.prefix + key for key in wanted])
    return story_part({key.removeprefix(at.prefix): content for key, content in found if content}, story)


def problems_kept_from(store: Store, at: Standing) -> float:
    """Return the offset before which a generation keeps no problems any more."""
    ((_, content),) = store.contents_of([f"{at.prefix}problems"])
    return float(min(content.values())) if len(content) >= keys.PROBLEMS_KEPT else 0.0


def story_of(key: str) -> str:
    """Return the story whose own a key is, given without prefix; empty if it is nobody's."""
    kind, _, rest = key.partition("/")
    return rest.partition("/")[0] if kind in OWN or kind in OF_UPDATES else ""


def owner_of(key: str, member: str) -> str | None:
    """Return the story that a member of a shared key belongs to, None for nobody's."""
    if key != "problems":
        return member.partition("/")[0]
    try:
        return json.decode(member, type=_Problem).story
    except MsgspecError:
        return None


class _Problem(Struct):
    story: str | None
