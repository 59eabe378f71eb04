"""How a message goes to its subscription: as a webhook, or as words to a person."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from typing_extensions import override

from consumers.notifications.attempt import Attempt
from consumers.notifications.guard import Destination, Guard
from consumers.notifications.message import Notification
from consumers.notifications.people import Messenger
from consumers.notifications.signing import secrets_of, target_of
from consumers.notifications.subscriptions import Subscription
from consumers.notifications.webhook import Message, Sender
from consumers.notifications.wording import Told, words_of
from consumers.words import content_of
from dateline.clock import now_ms
from dateline.errors import DatelineError
from dateline.master_key import MasterKey


class Channel(ABC):
    """Where messages go. Belongs to one event loop."""

    @abstractmethod
    def host(self, subscription: Subscription) -> str:
        """Return what a subscription's messages share with others': where one fails, the others would too."""

    @abstractmethod
    async def deliver(self, subscription: Subscription, message: Notification) -> Attempt:
        """Send a message once and return how that went; nothing is raised, whatever happens."""


class Channels(Channel):
    """Webhooks and messages to people."""

    def __init__(self, guard: Guard, key: MasterKey, *, allow_loopback: bool = False) -> None:
        self._guard = guard
        self._key = key
        self._webhooks = Sender(guard)
        self._people = Messenger(allow_loopback=allow_loopback)
        self._known: dict[tuple[str, str], Destination] = {}
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._open.enter_async_context(self._webhooks)
        await self._open.enter_async_context(self._people)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._open.aclose()
        self._guard.close()

    @override
    def host(self, subscription: Subscription) -> str:
        if not subscription.is_webhook:
            return subscription.target.partition(":")[0]
        try:
            to = self._destination(subscription)
        except DatelineError:
            return subscription.id
        return f"{to.host}:{to.port}"

    @override
    async def deliver(self, subscription: Subscription, message: Notification) -> Attempt:
        try:
            if subscription.is_webhook:
                secrets = secrets_of(subscription, self._key, now=now_ms())
                to = self._destination(subscription)
                return await self._webhooks.deliver(to, Message(message.id, message.body), secrets=secrets)
            words = words_of(_told(subscription, message), subscription.language or message.told.story.heading.language)
            return await self._people.deliver(target_of(subscription, self._key), words)
        except DatelineError as error:
            return Attempt(0, 0.0, problem=str(error))

    def _destination(self, subscription: Subscription) -> Destination:
        known = (subscription.id, subscription.target)
        if known not in self._known:
            self._known[known] = self._guard.destination(target_of(subscription, self._key))
        return self._known[known]


def _told(subscription: Subscription, message: Notification) -> Told:
    change = message.change
    told_of = message.told.got.get(subscription.id, {}).get(change.update or "")
    return Told(
        kind=change.kind,
        story=message.told.story.heading.title,
        headline=content_of(message.document).headline if message.document is not None else None,
        note=change.note,
        revision=told_of,
    )
