"""A view in memory that does as the one in Redis: a cursor beside the content, moved together; claims that fence each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import count
from typing import Generic, TypeVar

from typing_extensions import override

from consumers.story import FOLD_VERSION
from consumers.timeline.documents import read_parked
from consumers.timeline.writes import batch_writes
from consumers.view import Applied, Claim, Cursor, Folded, Loaded, Needs, Parked, Pending, View
from dateline.errors import StoreUnavailable
from tests.support.memory_redis import MemoryRedis

T = TypeVar("T")

GENERATION = "g1"
_tokens = count(1)


class Store:
    """What outlives a connection. `copy` and `restore` are a failover that loses the last second."""

    def __init__(self) -> None:
        self.redis = MemoryRedis()

    def copy(self) -> MemoryRedis:
        return self.redis.copy()

    def restore(self, earlier: MemoryRedis) -> None:
        self.redis = earlier.copy()

    def content(self) -> dict[str, object]:
        """Return every key's content but the claims' tokens."""
        found: dict[str, object] = {}
        for key, (kind, content) in self.redis.dump().items():
            content.pop("token", None)
            found[key] = (kind, content)
        return found


class MemoryView(View):
    """Calls are done when they are sent, as on a connection to Redis; the answers wait until somebody asks for them.

    Once the connection is lost nothing gets through it any more, until `reset`.
    """

    def __init__(self, store: Store, *, name: str = "timeline") -> None:
        self.name = name
        self.store = store
        self.lost = False

    @override
    def claim(self, partition: int, *, log_id: str) -> Claim:
        return self._answer(lambda: self._claim(partition, log_id)).result()

    @override
    def cursors(self, partitions: int) -> Mapping[int, Cursor]:
        metas = {partition: self.store.redis.hash(f"{prefix(partition)}meta") for partition in range(partitions)}
        return {
            p: Cursor(p, int(meta["next"]), meta["log"], int(meta["fold"]), token=meta.get("token", ""))
            for p, meta in metas.items()
            if meta
        }

    @override
    def parked(self, partition: int) -> Mapping[str, Parked]:
        return self._answer(lambda: self._parked(partition)).result()

    @override
    def load(self, claim: Claim, needs: Needs) -> Pending[Loaded]:
        return self._answer(lambda: self.store.redis.load(prefix(claim.partition), needs))

    @override
    def apply(self, claim: Claim, batch: Folded) -> Pending[Applied]:
        return self._answer(lambda: self._apply(claim, batch))

    @override
    def reset(self) -> None:
        self.lost = False

    def _claim(self, partition: int, log_id: str) -> Claim:
        g, redis, token = prefix(partition), self.store.redis, f"token {next(_tokens)}"
        if "next" not in redis.hash(f"{g}meta"):
            begin = ["next", 0, "log", log_id, "fold", FOLD_VERSION, "homeless", 0, "undecodable", 0]
            redis.run([["HSET", f"{g}meta", *begin]])
        redis.run([["HSET", f"{g}meta", "token", token]])
        meta = redis.hash(f"{g}meta")
        return Claim(
            partition=partition,
            offset=int(meta["next"]),
            log_id=meta["log"],
            fold_version=int(meta["fold"]),
            generation=GENERATION,
            token=token,
            homeless=int(meta["homeless"]),
            undecodable=int(meta["undecodable"]),
            parked=self._parked(partition),
        )

    def _parked(self, partition: int) -> Mapping[str, Parked]:
        entries = self.store.redis.hash(f"{prefix(partition)}parked")
        return {story: read_parked(entry) for story, entry in entries.items()}

    def _apply(self, claim: Claim, batch: Folded) -> Applied:
        g, redis = prefix(claim.partition), self.store.redis
        meta = redis.hash(f"{g}meta")
        if meta.get("token") != claim.token:
            return Applied("FENCED")
        if int(meta["next"]) != batch.offset:
            return Applied("MOVED", int(meta["next"]))
        redis.run(batch_writes(g, batch))
        redis.run([["HSET", f"{g}meta", "next", batch.next_offset]])
        return Applied("OK")

    def _answer(self, act: Callable[[], T]) -> Pending[T]:
        return Answered(None if self.lost else act())


class Answered(Pending[T], Generic[T]):
    """The answer, or None where the connection was lost."""

    def __init__(self, answer: T | None) -> None:
        self._answer = answer

    @override
    def result(self) -> T:
        if self._answer is None:
            raise StoreUnavailable("The connection is lost.")
        return self._answer


def prefix(partition: int) -> str:
    return f"{{tl:p{partition}}}:{GENERATION}:"
