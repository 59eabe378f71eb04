"""Subscriptions as commands and the API handle them: the log, the master key, the guard and the senders put together."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from consumers.notifications.signing import secrets_of, target_of
from consumers.notifications.subscriptions import Subscription, Subscriptions
from dateline.clock import now, now_ms
from dateline.errors import Refused
from dateline.master_key import MasterKey, master_key
from schemas.names import did_you_mean, shortened
from schemas.times import from_ms, rfc3339

if TYPE_CHECKING:
    from consumers.notifications.attempt import Attempt
    from consumers.notifications.guard import Guard
    from dateline.deployment import Deployment
    from producers.subscriptions import SubscriptionDesk

MOST_OF_A_DESK: Final = 10_000
"""Subscriptions of one desk that have not ended."""

_WEB = ("https:", "http:")


class Hooks:
    """What is done with subscriptions. Each act appends an event and returns the subscription as it stands then."""

    def __init__(self, deployment: Deployment, *, desk: str | None = None) -> None:
        from producers.subscriptions import SubscriptionDesk

        self._settings = deployment.settings
        self._desk: SubscriptionDesk = SubscriptionDesk(deployment.log, name=desk or deployment.settings.desk)
        self._all = Subscriptions(deployment.log)
        self._key: MasterKey | None = None

    @property
    def key(self) -> MasterKey:
        """The master key, which is made now where there is none yet."""
        self._key = self._key or master_key(self._settings)
        return self._key

    @property
    def guard(self) -> Guard:
        from consumers.notifications.guard import Guard

        return Guard(allow_loopback=self._settings.hooks_allow_loopback == "1")

    def all(self) -> list[Subscription]:
        """Return all subscriptions, ended ones too, the oldest first."""
        self._all.refresh()
        return sorted(self._all, key=lambda one: (one.active_from, one.id))

    def get(self, subscription: str) -> Subscription:
        """Return a subscription that has not ended.

        Raises:
            Refused: There is none of that id, or it has ended.
        """
        self._all.refresh()
        found = self._all.get(subscription)
        if found is None:
            hint = did_you_mean(subscription, [one.id for one in self._all])
            raise Refused(f"No subscription {shortened(subscription)}{hint}. See: dateline hooks list")
        if found.ended_at is not None:
            raise Refused(f"Subscription {subscription} has ended ({found.ended_why}). Add a new one with: dateline hooks add …")
        return found

    async def add(self, target: str, **fields: Any) -> Subscription:  # Any: fields of `SubscriptionAdded`
        """Begin a subscription.

        Raises:
            Refused: Nothing may go to `target`, a field breaks a rule, or the desk has too many; nothing was written.
        """
        shown = await self._shown(target)
        self._refuse_flood()
        begun = self._desk.begin(target=shown, key=self.key.fingerprint, **fields)
        if shown != target:
            from dataclasses import replace

            begun = replace(begun, sealed=self.key.seal(begun.subscription, target))
        self._desk.add(begun)
        return self.get(begun.subscription)

    def secret(self, subscription: Subscription) -> str | None:
        """Return the signing secret of a webhook, for its receiver; None for a person's address."""
        return self.key.webhook_secret(subscription.id, subscription.rotation) if subscription.is_webhook else None

    def remove(self, subscription: str, *, note: str | None = None) -> None:
        """End a subscription, for good."""
        self._desk.remove(self.get(subscription).id, note=note)

    def pause(self, subscription: str, *, note: str | None = None) -> Subscription:
        """Let nothing go out for now; what is paused already stays so."""
        if self.get(subscription).paused_at is None:
            self._desk.pause(subscription, note=note)
        return self.get(subscription)

    def resume(self, subscription: str, *, note: str | None = None) -> Subscription:
        """Let messages go out again."""
        if self.get(subscription).paused_at is not None:
            self._desk.resume(subscription, note=note)
        return self.get(subscription)

    def rotate(self, subscription: str) -> Subscription:
        """Give a webhook's receiver a new secret; messages are signed with both for a day."""
        found = self.get(subscription)
        if not found.is_webhook:
            raise Refused(f"Subscription {subscription} goes to {found.target}, and messages there are not signed.")
        self._desk.rotate(subscription, number=found.rotation + 1, key=self.key.fingerprint)
        return self.get(subscription)

    async def test(self, subscription: str) -> Attempt:
        """Send one test message now, signed as all are, and return how that went. The ledger says nothing of it."""
        from consumers.notifications.people import Messenger
        from consumers.notifications.webhook import Message, Sender
        from consumers.notifications.wording import Told, words_of

        found = self.get(subscription)
        target = target_of(found, self.key)
        async with AsyncExitStack() as opened:
            if not found.is_webhook:
                messenger = Messenger(allow_loopback=self._settings.hooks_allow_loopback == "1", senders=1)
                await opened.enter_async_context(messenger)
                words = words_of(Told(kind="test", story=found.label or found.id), found.language)
                return await messenger.deliver(target, words)
            guard = self.guard
            opened.callback(guard.close)
            sender = await opened.enter_async_context(Sender(guard))
            body = json.dumps({"type": "dateline.test", "timestamp": rfc3339(now()), "data": {"subscription": found.id}})
            secrets = secrets_of(found, self.key, now=now_ms())
            return await sender.deliver(guard.destination(target), Message(f"test-{uuid4()}", body), secrets=secrets)

    async def _shown(self, target: str) -> str:
        """Return the target as it may be shown; refuse one where nothing may go."""
        if target[:6].lower().startswith(_WEB) or "://" not in target:
            self.guard.destination(target)
            path, mark, _ = target.partition("?")
            return f"{path}?…" if mark else target
        from consumers.notifications.people import Messenger

        async with Messenger(senders=1) as messenger:
            return await messenger.shown(target)

    def _refuse_flood(self) -> None:
        self._all.refresh()
        standing = sum(1 for one in self._all if one.desk == self._desk.name and one.ended_at is None)
        if standing >= MOST_OF_A_DESK:
            raise Refused(f"Desk {self._desk.name} has {standing:,} subscriptions, and may have {MOST_OF_A_DESK:,}. Remove some.")


def shown(one: Subscription) -> dict[str, Any]:  # Any: what JSON holds
    """Return a subscription as JSON objects, without any secret."""
    filters = one.question.filters
    return {
        "id": one.id,
        "target": one.target,
        "label": one.label,
        "status": one.status,
        "desk": one.desk,
        "stories": sorted(one.stories),
        "query": one.question.text or None,
        "filters": {name: _plain(getattr(filters, name)) for name in filters.__struct_fields__ if getattr(filters, name)},
        "kinds": sorted(one.kinds),
        "min_urgency": one.minimum_urgency,
        "corrections_only": one.corrections_only,
        "language": one.language or None,
        "active_from": rfc3339(from_ms(one.active_from)),
        "paused_at": rfc3339(from_ms(one.paused_at)) if one.paused_at is not None else None,
        "ended_at": rfc3339(from_ms(one.ended_at)) if one.ended_at is not None else None,
        "ended_why": one.ended_why or None,
        "rotation": one.rotation,
    }


def _plain(value: Any) -> Any:  # Any: a filter's value, and what stands for it in JSON
    return rfc3339(value) if hasattr(value, "tzinfo") else value
