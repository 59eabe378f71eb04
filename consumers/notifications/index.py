"""The notifier's index as the runner feeds it: the fold's state, what there is to tell, and for whom it is due.

It is disposable: where it was made by another version of the fold, or is torn, it is thrown away and built anew from events and
ledger. That sends nothing, since the ledger is read first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Lock

from msgspec import Struct, msgpack
from msgspec.structs import replace
from typing_extensions import override

from consumers.notifications import keys
from consumers.notifications.marks import Asking, Marks, marks_of, news_of
from consumers.notifications.news import text_of
from consumers.notifications.subscriptions import Subscriptions
from consumers.story import FOLD_VERSION
from consumers.timeline import keys as timeline
from consumers.timeline.view import TimelineView, Translated, applied
from consumers.timeline.writes import Write, batch_writes
from consumers.view import Applied, Claim, Folded, Pending
from dateline.clock import now_ms
from dateline.redis_store import Reply, Script, Store

NAME = "notify"

_KEPT = ("stories", "recent", "problems", "parked", "meta", "docs/", "state/", "events/", "notes/")
"""What is kept of that which the timeline keeps."""


class Holding(Struct):
    """A partition that this process may send from. `applied` is how far its index is."""

    claim: Claim
    applied: int


class Holdings:
    """The partitions that this process has claimed: written by who feeds the index, read by who sends. Safe for use by threads.

    Attributes:
        on_news: Called when something may have become due.
        is_set_back: Whether the store has lost what it once had: all partitions are to be claimed anew.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._held: dict[int, Holding] = {}
        self.is_set_back = False
        self.on_news: Callable[[], None] = lambda: None

    def put(self, claim: Claim) -> None:
        with self._lock:
            self._held[claim.partition] = Holding(claim, claim.offset)

    def applied(self, claim: Claim, offset: int) -> None:
        with self._lock:
            held = self._held.get(claim.partition)
            if held is not None and held.claim.token == claim.token:
                held.applied = offset
        self.on_news()

    def drop(self, claim: Claim) -> None:
        """Forget a claim that is lost, unless it was claimed anew."""
        with self._lock:
            held = self._held.get(claim.partition)
            if held is not None and held.claim.token == claim.token:
                del self._held[claim.partition]

    def lose(self, claim: Claim) -> None:
        """Forget a claim on what was set back, and have everything claimed anew."""
        self.drop(claim)
        self.is_set_back = True

    def clear(self) -> None:
        with self._lock:
            self._held.clear()
            self.is_set_back = False

    def __iter__(self) -> Iterator[Holding]:
        with self._lock:
            return iter([Holding(held.claim, held.applied) for held in self._held.values()])


class NotifierIndex(TimelineView):
    """Writes the index into `store`. Not safe for use by several threads, its holdings aside.

    Args:
        on_claim: Called with each claim before anything is applied or sent: it reads the ledger.
    """

    letters = keys.LETTERS

    def __init__(
        self, store: Store, subscriptions: Subscriptions, holdings: Holdings, *, on_claim: Callable[[Claim], None]
    ) -> None:
        super().__init__(store)
        self.name = NAME
        self._subscriptions = subscriptions
        self._asking = Asking(())
        self._holdings = holdings
        self._on_claim = on_claim

    @override
    def claim(self, partition: int, *, log_id: str) -> Claim:
        claim = super().claim(partition, log_id=log_id)
        if claim.log_id == log_id and (claim.fold_version != FOLD_VERSION or claim.torn):
            self._throw_away(claim)
            claim = super().claim(partition, log_id=log_id)
        if claim.log_id == log_id:
            self._on_claim(claim)
            self._holdings.put(claim)
        return claim

    @override
    def apply(self, claim: Claim, batch: Folded) -> Pending[Applied]:
        if self._subscriptions.refresh():
            self._asking = Asking(self._subscriptions)
        g = self._prefix(claim)
        marks = marks_of(self._asking, batch.stories)
        writes = index_writes(g, batch, marks)
        args: list[str | bytes | int] = [claim.token, batch.offset, batch.next_offset, g, msgpack.encode(writes), now_ms()]
        args.append(msgpack.encode(marks.due))
        answer = self._wired().send(keys.APPLY, [f"{g}meta"], args)
        return Translated(answer, lambda reply: self._applied(claim, batch, reply))

    @override
    def reset(self) -> None:
        self._holdings.clear()
        super().reset()

    @override
    def _scripts(self) -> list[Script]:
        return [timeline.CLAIM, timeline.PARKED, timeline.LOAD, keys.APPLY]

    def _applied(self, claim: Claim, batch: Folded, reply: Reply) -> Applied:
        done = applied(claim.partition, reply)
        if done.status == "OK":
            self._holdings.applied(claim, batch.next_offset)
        return done

    def _throw_away(self, claim: Claim) -> None:
        """Have the next claim begin anew: a generation without its cursor is none."""
        g = self._prefix(claim)
        self._store.delete([f"{g}meta"])
        self._store.delete_all(g)


def index_writes(g: str, batch: Folded, marks: Marks) -> list[Write]:
    """Return the commands that bring the index with the key prefix `g` from before `batch` to after it."""
    writes = [one for one in batch_writes(g, batch) if str(one[1])[len(g) :].startswith(_KEPT)]
    for story, steps in batch.stories.items():
        for step in steps:
            news = news_of(step)
            if news is not None:
                if news.change.update is not None:  # its note lies apart, and goes when the update is killed
                    news = replace(news, change=replace(news.change, note=None))
                writes.append(["XADD", f"{g}news/{story}", f"{news.change.seq}-0", keys.NEWS_FIELD, text_of(news)])
    writes += [["HSETNX", f"{g}got/{story}/{update}", name, 0] for story, update, name in marks.matched]
    return writes
