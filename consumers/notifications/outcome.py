"""What becomes of a message: what is sent next, and what an attempt's answer means. Nothing here sends, writes or waits."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from msgspec import Struct

from consumers.notifications import retry
from consumers.notifications.attempt import Attempt
from consumers.notifications.decide import Decision, Known, is_overtaken, next_to_send
from consumers.notifications.marks import Asking
from consumers.notifications.message import Notification, gave_up_entry, notification, sent_entry
from consumers.notifications.news import Redo, Tries
from consumers.notifications.pairs import Finished, Pair, Told
from consumers.notifications.subscriptions import Subscription
from schemas.deliveries import DeliveryEvent

_A_MOMENT_MS = 50


class Plan(Struct, frozen=True):
    """A message that is about to be sent."""

    pair: Pair
    message: Notification
    redo: Redo | None
    owed: Sequence[str]
    reserved_at: float


class Outcome(Struct, frozen=True):
    """What is to be written of a pair: its entry of the ledger, if any, then what became of it."""

    finished: Finished
    entry: DeliveryEvent | None = None
    ended: str = ""


def plan_of(subscription: Subscription, pair: Pair, told: Told, asking: Asking, *, reserved_at: float) -> Plan | Outcome:
    """Return the message to send next; where there is none, what is to be written of the pair."""
    message, decision, redo = _next(subscription, pair, told, asking)
    owed = tuple(sorted(decision.owed))
    if message is not None:
        return Plan(pair, message, redo, owed, reserved_at)
    redone = redo.entry if redo is not None else ""
    return Outcome(Finished(pair, "passed", seq=decision.passed, tries=pair.tries, redone=redone, owed=owed))


def _next(
    subscription: Subscription, pair: Pair, told: Told, asking: Asking
) -> tuple[Notification | None, Decision, Redo | None]:
    if pair.redo:
        return _once_more(subscription, pair, told)
    got = set(told.got.get(subscription.id, ()))
    if pair.tries is not None and pair.tries.update:
        got.add(pair.tries.update)  # it may have it, whatever it answered
    known = Known(pair.at, got, told.matched.get(subscription.id, ()), told.owed.get(subscription.id, ()))
    language = told.story.heading.language
    decision = next_to_send(
        subscription,
        known,
        told.news,
        told.updates,
        matches=lambda update: asking.matching(told.story.id, update, language).by(subscription),
    )
    if decision.send is None:
        return None, decision, None
    return notification(subscription.id, told, decision.send, after=pair.sent), decision, None


def _once_more(subscription: Subscription, pair: Pair, told: Told) -> tuple[Notification | None, Decision, Redo]:
    redo = pair.redo[0]
    once_more = next((one for one in told.redone if one.change.seq == redo.seq), None)
    decision = Decision(once_more, pair.at)
    update = told.updates.get(once_more.change.update or "") if once_more is not None else None
    if once_more is None or (update is not None and is_overtaken(once_more.change, update)):
        return None, decision, redo
    return notification(subscription.id, told, once_more, after=pair.sent), decision, redo


def outcome_of(plan: Plan, attempt: Attempt, *, began: float, now: float, rng: Random) -> Outcome:
    """Return what an attempt's answer means.

    Args:
        began: When the attempt began, and `now` when it was over, in seconds since 1970.
        rng: Where the jitter of a retry comes from.
    """
    pair, message, redo = plan.pair, plan.message, plan.redo
    seq, update, redone = message.change.seq, message.change.update or "", redo.entry if redo is not None else ""
    before = pair.tries
    tried = (before.tried if before is not None and before.seq == seq else 0) + 1
    since = before.since if before is not None else began
    first_at = min(max(since, message.change.recorded_at / 1000), began)
    then = retry.after(attempt, tried=tried, first_at=first_at, now=now, rng=rng)
    if then.what == "retry":
        tries = Tries(seq, update, tried, since, then.reason)
        return Outcome(Finished(pair, "later", due_ms=int((then.at or 0.0) * 1000), tries=tries))
    done = {"seq": seq, "update": update, "revision": max(message.revision, 1), "redone": redone, "owed": plan.owed}
    if then.what == "sent":
        entry: DeliveryEvent = sent_entry(message, attempt, attempts=tried, redriven=redone)
        return Outcome(Finished(pair, "sent", **done), entry)  # type: ignore[arg-type]  # each of its own type
    entry = gave_up_entry(message, attempt, attempts=tried, reason=then.reason, redriven=redone)
    if then.what == "ended":
        return Outcome(Finished(pair, "ended"), entry, then.reason)
    return Outcome(Finished(pair, "gave_up", tries=Tries(0, "", 0, since), **done), entry)  # type: ignore[arg-type]  # as above


def later(pair: Pair, at: float) -> Outcome:
    """Return what is to be written of a pair that is not sent now, but at another time, in seconds since 1970."""
    return Outcome(Finished(pair, "later", due_ms=int(at * 1000) + _A_MOMENT_MS, tries=pair.tries))
