"""Who is to be told of what: a pure fold of the subscriptions' events, and a reader that keeps up with their topic."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from consumers.search.question import Filters, Question
from dateline.errors import LogChanged, RetentionGap, Undecodable
from dateline.log.base import Log, Record
from schemas.codec import subscription_codec
from schemas.names import shortened, story_of_key
from schemas.subscriptions import (
    SubscriptionAdded,
    SubscriptionEnded,
    SubscriptionEvent,
    SubscriptionPaused,
    SubscriptionRemoved,
    SubscriptionResumed,
    SubscriptionRotated,
)
from schemas.topics import SUBSCRIPTIONS_TOPIC

OVERLAP_MS: Final = 24 * 3_600_000
"""How long messages are signed with the old secret too, after a rotation."""

_MOST_PROBLEMS = 100
_PAGE = 1000


class Subscription(Struct, frozen=True, kw_only=True):
    """One subscription as it is now.

    Attributes:
        target: The address, as it may be shown; `sealed` is all of it where it holds a secret.
        question: What an update must match; one without words or filters lets everything through.
        kinds: Of changes that it is told of; all if there is none.
        active_from: When the log recorded it, milliseconds since 1970: no record that is older ever notifies it.
        keys: What tells the master keys of its secret and of the secret before from others (`MasterKey.fingerprint`).
        rotation: The number of its signing secret.
        rotated_at: When the log recorded the last rotation; None without one.
        paused_at: When it was paused; None while it is not.
        ended_at: When it was removed, or its target ended it; None while it stands. Nothing brings it back.
        ended_why: Why, in words.
    """

    id: str
    target: str
    sealed: str = ""
    label: str = ""
    desk: str = ""
    stories: frozenset[str] = frozenset()
    question: Question = Question("")
    kinds: frozenset[str] = frozenset()
    minimum_urgency: int = 9
    corrections_only: bool = False
    language: str = ""
    active_from: int = 0
    keys: tuple[str, str] = ("", "")
    rotation: int = 0
    rotated_at: int | None = None
    paused_at: int | None = None
    ended_at: int | None = None
    ended_why: str = ""

    @property
    def is_webhook(self) -> bool:
        return self.target.startswith(("https://", "http://"))

    @property
    def status(self) -> str:
        """`active`, `paused` or `ended`."""
        if self.ended_at is not None:
            return "ended"
        return "active" if self.paused_at is None else "paused"

    @property
    def has_question(self) -> bool:
        """Whether an update must match anything."""
        return bool(self.question.text.strip()) or self.question.filters.is_any

    def is_active_at(self, timestamp: int) -> bool:
        """Tell whether a record may notify it.

        Args:
            timestamp: The record's own time. Not the story's, which a later record lifts: an old record stays old.
        """
        return timestamp >= self.active_from

    def signed_with(self, now: int) -> tuple[tuple[int, str], ...]:
        """Return the numbers of the secrets that a message is signed with at `now`, each with its master key's fingerprint."""
        newest = (self.rotation, self.keys[0])
        if self.rotated_at is None or now >= self.rotated_at + OVERLAP_MS:
            return (newest,)
        return (newest, (self.rotation - 1, self.keys[1]))


class Held(Struct, frozen=True):
    """What the fold keeps of one subscription.

    Attributes:
        now: The subscription; None while nothing has added it.
        seen: The ids of its events, so that one that is there twice counts once.
        recorded_at: The latest record's time.
        ended_early: Why it had ended before it was added, if it had; then it never begins.
    """

    now: Subscription | None = None
    seen: tuple[str, ...] = ()
    recorded_at: int = 0
    ended_early: str | None = None


NOTHING: Final = Held()


def fold(held: Held, event: SubscriptionEvent, timestamp: int) -> Held:
    """Return what is kept after a record. Whatever the event and whatever came before, there is an outcome.

    Args:
        timestamp: When the log recorded it; within a subscription it never goes back.
    """
    if event.event_id in held.seen:
        return held
    at = max(timestamp, held.recorded_at) if held.seen else timestamp
    held = Held(held.now, (*held.seen, event.event_id), at, held.ended_early)
    now = held.now
    if now is None:
        return _begin(held, event, at)
    if now.ended_at is not None:
        return held
    return replace(held, now=_after(now, event, at))


def _begin(held: Held, event: SubscriptionEvent, at: int) -> Held:
    if isinstance(event, SubscriptionRemoved | SubscriptionEnded):
        return replace(held, ended_early=_why(event))
    if not isinstance(event, SubscriptionAdded):
        return held
    begun = _begun(event, at)
    if held.ended_early is not None:
        begun = replace(begun, ended_at=at, ended_why=held.ended_early)
    return replace(held, now=begun)


def _begun(event: SubscriptionAdded, at: int) -> Subscription:
    filters = Filters(
        since=event.since,
        until=event.until,
        source=event.source,
        tag=event.tag,
        place=event.place,
        key_events=event.key_events,
        corrected=event.corrected,
        verification=event.verification,
    )
    return Subscription(
        id=event.subscription,
        target=event.target,
        sealed=event.sealed,
        label=event.label,
        desk=event.desk,
        stories=frozenset(event.stories),
        question=Question(event.question, filters),
        kinds=frozenset(event.kinds),
        minimum_urgency=event.minimum_urgency,
        corrections_only=event.corrections_only,
        language=event.language,
        active_from=at,
        keys=(event.key, ""),
    )


def _after(now: Subscription, event: SubscriptionEvent, at: int) -> Subscription:
    match event:
        case SubscriptionRemoved() | SubscriptionEnded():
            return replace(now, ended_at=at, ended_why=_why(event))
        case SubscriptionPaused():
            return now if now.paused_at is not None else replace(now, paused_at=at)
        case SubscriptionResumed():
            return replace(now, paused_at=None)
        case SubscriptionRotated() if event.number == now.rotation + 1:
            return replace(now, rotation=event.number, rotated_at=at, keys=(event.key, now.keys[0]))
    return now  # added again, or rotated by somebody who had not seen the last rotation


def _why(event: SubscriptionRemoved | SubscriptionEnded) -> str:
    return event.reason if isinstance(event, SubscriptionEnded) else event.note or "removed"


class Subscriptions:
    """All subscriptions, as the log has them. Not safe for use by several threads.

    Attributes:
        problems: What could not be read, in words; the latest of them.
        undecodable: How many records could not be read.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._log_id = log.id(SUBSCRIPTIONS_TOPIC)
        self._next = dict.fromkeys(range(log.partitions(SUBSCRIPTIONS_TOPIC)), 0)
        self._held: dict[str, Held] = {}
        self.problems: list[str] = []
        self.undecodable = 0

    def __iter__(self) -> Iterator[Subscription]:
        return (held.now for held in self._held.values() if held.now is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def get(self, subscription: str) -> Subscription | None:
        """Return a subscription, ended ones too; None where none was added under this id."""
        return self._held.get(subscription, NOTHING).now

    def refresh(self) -> frozenset[str]:
        """Read on to where the topic ends now, and return the subscriptions that are not what they were.

        Raises:
            LogChanged: It is another log than the one that was read.
            RetentionGap: Records are gone that were never read.
            LogUnavailable: The log cannot be read; what was read before stands.
        """
        if self._log.id(SUBSCRIPTIONS_TOPIC) != self._log_id:
            raise LogChanged(
                f"LOG_CHANGED: {self._log.url} is another log than the one whose subscriptions were read. Start anew."
            )
        begins, changed = self._log.begin_offsets(SUBSCRIPTIONS_TOPIC), set[str]()
        for partition, end in self._log.end_offsets(SUBSCRIPTIONS_TOPIC).items():
            self._refuse_gap(partition, begins[partition], end)
            while self._next[partition] < end:
                batch = self._log.read(SUBSCRIPTIONS_TOPIC, partition, self._next[partition], limit=_PAGE)
                changed.update(filter(None, map(self._take, batch.records)))
                if batch.next_offset <= self._next[partition]:
                    break
                self._next[partition] = batch.next_offset
        return frozenset(changed)

    def _take(self, record: Record) -> str | None:
        """Fold one record; return its subscription if that is another one now."""
        try:
            event = subscription_codec().decode(record.value)
            if event.subscription != story_of_key(record.key):
                raise Undecodable(f"The event names {shortened(event.subscription)}, and its key does not.")
        except Undecodable as error:
            self.undecodable += 1
            self.problems = [*self.problems[1 - _MOST_PROBLEMS :], f"{record.partition}/{record.offset}: {error}"]
            return None
        before = self._held.get(event.subscription, NOTHING)
        after = self._held[event.subscription] = fold(before, event, record.timestamp)
        return event.subscription if after.now != before.now else None

    def _refuse_gap(self, partition: int, begin: int, end: int) -> None:
        if self._next[partition] < begin < end:
            raise RetentionGap(
                f"RETENTION_GAP: {SUBSCRIPTIONS_TOPIC} begins at offset {begin} in partition {partition}, so subscriptions are "
                "gone. Bring the missing records back; the topic must be kept for ever."
            )
