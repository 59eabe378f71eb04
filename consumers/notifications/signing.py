"""What a subscription's messages are signed with, and where they go."""

from __future__ import annotations

from consumers.notifications.subscriptions import Subscription
from dateline.errors import DatelineError
from dateline.master_key import MasterKey


class OtherKey(DatelineError):
    """The secret that a receiver was given derives from another master key than this one."""


def secrets_of(subscription: Subscription, key: MasterKey, *, now: int) -> list[str]:
    """Return the secrets to sign a message with at `now` (milliseconds since 1970), the newest first.

    Raises:
        OtherKey: The newest one derives from another master key, so that its receiver would refuse what is signed here.
    """
    (number, made_with), *older = subscription.signed_with(now)
    if made_with != key.fingerprint:
        raise OtherKey(
            f"The secret of subscription {subscription.id} derives from another master key ({made_with or 'unknown'}) than this "
            f"one ({key.fingerprint}). Set DATELINE_SECRET_KEY to that one, or give its receiver a new secret: "
            f"dateline hooks rotate {subscription.id}"
        )
    known = [number, *(other for other, other_key in older if other_key == key.fingerprint)]
    return [key.webhook_secret(subscription.id, one) for one in known]


def target_of(subscription: Subscription, key: MasterKey) -> str:
    """Return the whole address of a subscription, with whatever secret it holds.

    Raises:
        SealBroken: It was sealed under another master key.
    """
    return key.unseal(subscription.id, subscription.sealed) if subscription.sealed else subscription.target
