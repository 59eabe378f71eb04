"""What a subscription is told next: pure functions of what happened, what it asked for, and what it got.

Everyone who got an update is told when it is corrected, withheld, released or killed, whatever else they asked for. What takes an
update away overtakes what still waits of it. Nothing that is older than the subscription is ever told.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from msgspec import Struct

from consumers.notifications.news import MENDING, WITHDRAWALS, News
from consumers.notifications.subscriptions import Subscription
from consumers.state import Change, Update

Matches = Callable[[Update], bool]
"""Whether an update that is public is what a subscription's question asks for."""


class Known(Struct, frozen=True):
    """What is known of a subscription in a story.

    Attributes:
        at: Everything up to this `seq` is told or passed over.
        got: The updates that it got, or may have got.
        matched: Of updates that are not public: those that its question asked for just before they were taken away.
        owed: Updates that were taken away while it waited for them: what it is told of them is that.
    """

    at: int = 0
    got: Collection[str] = ()
    matched: Collection[str] = ()
    owed: Collection[str] = ()


class Decision(Struct, frozen=True):
    """What comes next: `send`, if anything, and the `seq` up to which everything before it is passed over.

    Attributes:
        owed: Updates of which something was passed over since they were taken away; to be known from now on.
    """

    send: News | None
    passed: int
    owed: frozenset[str] = frozenset()


def next_to_send(
    subscription: Subscription, known: Known, news: Sequence[News], updates: Mapping[str, Update], *, matches: Matches
) -> Decision:
    """Return the next change that a subscription is told of.

    Args:
        news: The story's changes after `known.at`, in order.
        updates: What the updates of `news` are now.
    """
    passed, owed = known.at, set(known.owed)
    for one in news:
        if one.change.seq <= known.at:
            continue
        update = updates.get(one.change.update or "")
        if update is not None and is_overtaken(one.change, update):
            if _is_waited_for(subscription, known, one):
                owed.add(update.id)
        elif _is_told(subscription, known, one, update, owed=owed, matches=matches):
            return Decision(one, passed, frozenset(owed))
        passed = one.change.seq
    return Decision(None, passed, frozenset(owed))


def may_care(subscription: Subscription, one: News, *, matches: bool) -> bool:
    """Return whether a change may be for a subscription that never got its update, so that it is worth a closer look.

    Args:
        matches: Whether its question asks for the update: as the change leaves it or, where that takes it away, as it was before.
    """
    if subscription.ended_at is not None or not subscription.is_active_at(one.timestamp):
        return False
    if one.change.update is None:
        return _wants_story(subscription, one.change)
    if one.change.kind in WITHDRAWALS:
        return matches
    return matches and _wants(subscription, one)


def _is_told(
    subscription: Subscription, known: Known, one: News, update: Update | None, *, owed: Collection[str], matches: Matches
) -> bool:
    """Return whether a change that nothing has overtaken is told."""
    change = one.change
    if not subscription.is_active_at(one.timestamp):
        return False
    if change.update is None:
        return _wants_story(subscription, change)
    if update is None:
        return False
    if change.update in known.got:
        return change.kind in MENDING or (_wants_kind(subscription, change.kind) and not subscription.corrections_only)
    if change.kind in WITHDRAWALS:
        return change.update in owed or _wants_kills(subscription, known, change)
    return _wants(subscription, one) and (not subscription.has_question or (update.is_public and matches(update)))


def is_overtaken(change: Change, update: Update) -> bool:
    """Return whether a change says nothing any more, since its update was taken away later: only that is still told."""
    return not update.is_public and update.last is not None and change.seq < update.last.seq


def _is_waited_for(subscription: Subscription, known: Known, one: News) -> bool:
    """Return whether a change would have been told, had its update not been taken away before its turn came."""
    if not subscription.is_active_at(one.timestamp) or not _wants(subscription, one):
        return False
    return not subscription.has_question or one.change.update in known.matched


def _wants_kills(subscription: Subscription, known: Known, change: Change) -> bool:
    """Whether a subscription to corrections hears of a kill, as it does of any that it asked for."""
    asked_for = not subscription.has_question or change.update in known.matched
    return asked_for and subscription.corrections_only and change.kind == "killed" and _wants_kind(subscription, "killed")


def _wants(subscription: Subscription, one: News) -> bool:
    """Whether a change of an update that it never got is of a kind and an urgency that it asked for."""
    if subscription.corrections_only and one.change.kind != "corrected":
        return False
    if one.change.kind in WITHDRAWALS:
        return False
    return _wants_kind(subscription, one.change.kind) and one.urgency <= subscription.minimum_urgency


def _wants_kind(subscription: Subscription, kind: str) -> bool:
    return not subscription.kinds or kind in subscription.kinds


def _wants_story(subscription: Subscription, change: Change) -> bool:
    """A story's own changes have no words to match and no urgency: only who asks for everything, or for them by name, is told."""
    if subscription.corrections_only or subscription.has_question:
        return False
    return change.kind in subscription.kinds or (not subscription.kinds and subscription.minimum_urgency == 9)
