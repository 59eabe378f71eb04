"""What a sender asks of the index: to reserve what is due, to read what there is to tell, and to write what became of it.

A pair is one subscription in one story. Whoever has reserved it is the only one that sends there, so order is kept.
"""

from __future__ import annotations

import os
import socket
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from secrets import token_hex
from threading import Lock
from typing import Any, Final, Literal

from msgspec import Struct, msgpack
from msgspec.structs import replace

from consumers.notifications import keys
from consumers.notifications.news import News, Redo, Tries, read_news, read_redo, read_tries, text_of
from consumers.state import Story, Update
from consumers.timeline import keys as timeline
from consumers.timeline.documents import read_story, read_update
from consumers.view import Claim
from dateline.clock import now_ms
from dateline.redis_store import Reply, Script, Store, Value

LEASE_MS: Final = 60_000
"""How long a reservation holds of one who does not say what became of it: longer than an attempt may take."""

MOST_OF_ONE: Final = 8
"""Messages under way to one host."""

_MATCHED, _OWED = "0", "-1"
_CHANGES_AT_ONCE = 100
_HOSTS_AT_ONCE = 1000

What = Literal["sent", "gave_up", "passed", "later", "ended"]


class Pair(Struct, frozen=True):
    """A pair that is reserved.

    Attributes:
        at: Everything up to this `seq` is told or passed over.
        sent: The `seq` last sent.
        redo: What is to be sent once more.
    """

    claim: Claim
    subscription: str
    story: str
    at: int
    sent: int
    tries: Tries | None
    redo: Sequence[Redo]


class Told(Struct, frozen=True):
    """What there is to tell of a story.

    Attributes:
        redone: The changes that somebody is to be sent once more.
        documents: Of the updates that are public.
        got: Subscription to the updates that it got, each with the revision that it was told of last.
        matched: Subscription to the updates that its question asked for when they were taken away.
        owed: Subscription to the updates that were taken away while it waited for them.
    """

    story: Story
    news: Sequence[News]
    redone: Sequence[News]
    updates: Mapping[str, Update]
    documents: Mapping[str, bytes]
    got: Mapping[str, Mapping[str, int]]
    matched: Mapping[str, Collection[str]]
    owed: Mapping[str, Collection[str]]


class Finished(Struct, frozen=True):
    """What became of a pair.

    Attributes:
        what: `sent` and `gave_up` are in the ledger by now; `passed`: nothing to tell up to `seq`; `later`: due at `due_ms`;
            `ended`: the subscription is told nothing any more.
        tries: What is remembered of the attempts.
        redone: The ledger's entry that asked for what was done, empty for none.
        owed: Updates that were taken away while the subscription waited for them.
    """

    pair: Pair
    what: What
    seq: int = 0
    update: str = ""
    revision: int = 0
    due_ms: int = 0
    tries: Tries | None = None
    redone: str = ""
    owed: Sequence[str] = ()


class Picked(Struct, frozen=True):
    """What was reserved.

    Attributes:
        due_in: Seconds until the next is due; None if none is.
        is_behind: The store has lost what it once had, so the partition is to be claimed anew; nothing was reserved.
    """

    pairs: Sequence[Pair] = ()
    due_in: float | None = None
    is_behind: bool = False


class Owner:
    """This process, as its reservations name it, so that another can tell whether it still lives."""

    def __init__(self) -> None:
        self._host = socket.gethostname().replace(" ", "-")
        self.name = f"{self._host}:{os.getpid()}:{token_hex(4)}"

    def is_gone(self, other: str) -> bool:
        """Tell whether another owner is known to live no more: it was on this machine, and its process is not there."""
        host, pid, _ = other.rsplit(":", 2)
        if host != self._host or other == self.name:
            return False
        if int(pid) == os.getpid():
            return True
        try:
            os.kill(int(pid), 0)
        except ProcessLookupError:
            return True
        except OSError:
            pass
        return False


class Pairs:
    """The pairs in the index, for one sender. Safe for use by several threads."""

    def __init__(self, store: Callable[[], Store], owner: Owner, *, clock_ms: Callable[[], int] = now_ms) -> None:
        """Work on what `store` returns, which may be another one after an outage."""
        self._store = store
        self._now_ms = clock_ms
        self._steps: dict[int, int] = {}
        self._lock = Lock()
        self.owner = owner

    def pick(self, claim: Claim, *, applied: int, most: int, over: Collection[str], room: Mapping[str, int]) -> Picked | None:
        """Reserve pairs that are due, in turns; return None if the claim is lost.

        Args:
            applied: How far the index is, as the claim's holder knows it.
            most: The most to reserve.
            over: Subscriptions that are passed over.
            room: The hosts that may get another number than `MOST_OF_ONE`.
        """
        now = self._now_ms()
        limits = (most, MOST_OF_ONE, msgpack.encode(over), msgpack.encode(room), applied, self._steps.get(claim.partition, 0))
        found = self._call(keys.PICK, claim, self.owner.name, now, *limits)
        if not found:
            return None
        step, next_ms, picked = found
        if step < 0:
            self._steps.pop(claim.partition, None)
            return Picked(is_behind=True)
        self._step(claim, step)
        return Picked([_pair(claim, one) for one in picked], max(0.0, (int(next_ms) - now) / 1000) if next_ms else None)

    def look(self, pairs: Sequence[Pair]) -> dict[str, Told]:
        """Return what there is to tell in the stories of some pairs of one partition."""
        by_story: dict[str, list[Pair]] = defaultdict(list)
        for pair in pairs:
            by_story[pair.story].append(pair)
        asked = []
        for story, mine in by_story.items():
            again = sorted({one.seq for pair in mine for one in pair.redo})
            asked.append((story, min(pair.at for pair in mine), [pair.subscription for pair in mine], again))
        g = _prefix(pairs[0].claim)
        reply = self._store().call(keys.LOOK, [f"{g}meta"], [g, msgpack.encode(asked), _CHANGES_AT_ONCE])
        answers: list[Any] = msgpack.decode(reply)  # Any: what look.lua packs
        return {story: _told(subs, found) for (story, _, subs, _), found in zip(asked, answers, strict=True)}

    def finish(self, claim: Claim, finished: Iterable[Finished]) -> bool:
        """Write what became of pairs of one partition, and let go of them; return whether the claim holds."""
        told = [
            (
                one.pair.subscription,
                one.pair.story,
                one.what,
                one.seq,
                one.update,
                one.revision,
                one.due_ms,
                text_of(one.tries) if one.tries is not None else "",
                one.redone,
                list(one.owed),
            )
            for one in finished
        ]
        return self._step(claim, self._call(keys.FINISH, claim, self.owner.name, self._now_ms(), msgpack.encode(told)))

    def ledger_offset(self, claim: Claim) -> int:
        """Return the offset of the first entry of the ledger that the index has not taken over."""
        return int(self._reserved(claim)[1])

    def take_over(self, claim: Claim, entries: Sequence[tuple[Any, ...]], *, offset: int) -> bool:  # Any: as ledger.lua has it
        """Take over what the ledger says before `offset`; return whether the claim holds."""
        return self._step(claim, self._call(keys.LEDGER, claim, self.owner.name, self._now_ms(), offset, msgpack.encode(entries)))

    def free(self, claim: Claim, *, mine: Collection[str]) -> int:
        """Let go of what others have reserved who are gone, or silent for too long, and of what was reserved here and got lost.

        Args:
            mine: What is under way here, as `SUBSCRIPTION/STORY`.

        Returns:
            How many reservations are left of others.
        """
        now, _, held = self._reserved(claim)
        found = [(pair.decode(), value.decode()) for pair, value in zip(held[::2], held[1::2], strict=True)]
        others = [(pair, value) for pair, value in found if pair not in mine]
        over = [(pair, value) for pair, value in others if self._is_over(value, int(now))]
        if over:
            self._call(keys.FREE, claim, self._now_ms(), msgpack.encode(over))
        return len(others) - len(over)

    def forget(self, claim: Claim, ended: Collection[str]) -> None:
        """Forget what waits for subscriptions that have ended."""
        self._call(keys.FORGET, claim, msgpack.encode(sorted(ended)))

    def hosts(self, claim: Claim, hosts: Mapping[str, str]) -> None:
        """Note which host each subscription's messages go to."""
        g, told = _prefix(claim), list(hosts.items())
        for start in range(0, len(told), _HOSTS_AT_ONCE):
            flat = [part for one in told[start : start + _HOSTS_AT_ONCE] for part in one]
            self._store().call(keys.HOSTS, [f"{g}meta"], [g, *flat])

    def circuits(self, claim: Claim, circuits: Mapping[str, str]) -> None:
        """Note to which hosts hardly anything is sent."""
        self._call(keys.CIRCUITS, claim, *(part for one in circuits.items() for part in one))

    def _step(self, claim: Claim, step: int) -> bool:
        """Remember how many steps the index has taken: one that has taken fewer later on has lost some."""
        with self._lock:
            self._steps[claim.partition] = max(step, self._steps.get(claim.partition, 0))
        return step > 0

    def _is_over(self, value: str, now: int) -> bool:
        owner, _, since = value.partition(" ")
        return owner == self.owner.name or now - int(since) > LEASE_MS or self.owner.is_gone(owner)

    def _reserved(self, claim: Claim) -> Reply:
        g = _prefix(claim)
        return self._store().call(keys.RESERVED, [f"{g}meta"], [g])

    def _call(self, script: Script, claim: Claim, *args: Value) -> Reply:
        g = _prefix(claim)
        return self._store().call(script, [f"{g}meta"], [claim.token, g, *args])


def waiting_at(store: Store, partition: int, story: str, subscriptions: Sequence[str]) -> dict[str, int]:
    """Return up to which `seq` of a story subscriptions were told, of those for whom more is due or under way."""
    if not subscriptions:
        return {}
    pointer, prefix = timeline.pointer(partition, "live", keys.LETTERS), timeline.prefix(partition, keys.LETTERS)
    found = store.call(keys.WAITING, [pointer], [prefix, story, *subscriptions])
    return {name: seq for name, seq in zip(subscriptions, found, strict=True) if seq >= 0}


def _prefix(claim: Claim) -> str:
    return timeline.generation_prefix(claim.partition, claim.generation, keys.LETTERS)


def _pair(claim: Claim, found: Reply) -> Pair:
    subscription, story, at, sent, tries, redo = found
    known = read_tries(tries) if tries else None
    return Pair(claim, subscription.decode(), story.decode(), at, sent, known, read_redo(redo) if redo else ())


def _told(subscriptions: Sequence[str], found: Any) -> Told:  # Any: what look.lua packs
    state, texts, redone, names, states, docs, notes, got = found
    by_seq = {int(seq): note for seq, note in _listed(notes)}
    updates = {u: read_update(u, s, d) for u, s, d in zip(_listed(names), _listed(states), _listed(docs), strict=True) if s}
    documents = {u: d.encode() for u, d in zip(_listed(names), _listed(docs), strict=True) if d}
    had: dict[str, dict[str, int]] = defaultdict(dict)
    asked: dict[str, dict[str, set[str]]] = {_MATCHED: defaultdict(set), _OWED: defaultdict(set)}
    for update, row in zip(_listed(names), _listed(got), strict=True):
        for subscription, revision in zip(subscriptions, _listed(row), strict=True):
            if revision in asked:
                asked[revision][subscription].add(update)
                asked[_MATCHED][subscription].add(update)
            elif revision:
                had[subscription][update] = int(revision)
    return Told(
        read_story(state),
        [_with_note(read_news(text), by_seq) for text in _listed(texts)],
        [_with_note(read_news(text), by_seq) for text in _listed(redone)],
        updates,
        documents,
        had,
        asked[_MATCHED],
        asked[_OWED],
    )


def _listed(found: Any) -> list[Any]:  # Any: Lua packs an empty list as an empty map
    return list(found)


def _with_note(news: News, notes: Mapping[int, str]) -> News:
    note = notes.get(news.change.seq)
    return replace(news, change=replace(news.change, note=note)) if note is not None else news
