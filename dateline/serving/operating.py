"""What services do with a key that may operate: say who is to be told of what, and see who was."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

from msgspec import Struct, ValidationError, convert, field, json, structs

from consumers.web.answers import NOT_KEPT, Answer, Receive, Scope
from consumers.web.endpoints import Missing
from consumers.web.requests import name_of
from dateline.deliveries import deliveries_json
from dateline.deployment import Deployment
from dateline.errors import Refused, StoreUnavailable
from dateline.hooks import Hooks, shown
from dateline.serving.bodies import read_body, refuse_other_types
from dateline.serving.keyed import keyed_route
from producers.api import object_of, refuse_beyond
from schemas.names import check_name

if TYPE_CHECKING:
    from starlette.routing import Route

    from dateline.serving.entrance import Entrance
    from dateline.settings import Settings
    from producers.keys import DeskKey

T = TypeVar("T")
Json = dict[str, Any]  # Any: what JSON holds

SUBSCRIPTIONS: Final = "/v1/subscriptions"
SUBSCRIPTION: Final = f"{SUBSCRIPTIONS}/{{subscription}}"
DELIVERIES: Final = "/v1/stories/{story}/updates/{update}/deliveries"


class Wanted(Struct, frozen=True, forbid_unknown_fields=True):
    """A subscription as a service asks for it: the fields that `dateline hooks list --json` shows."""

    target: str
    label: str = ""
    stories: tuple[str, ...] = ()
    question: str = field(default="", name="query")
    kinds: tuple[str, ...] = ()
    minimum_urgency: int = field(default=9, name="min_urgency")
    corrections_only: bool = False
    key_events: bool = False
    source: str | None = None
    tag: str | None = None
    place: str | None = None
    verification: str | None = None
    language: str = ""


class OperateApi:
    """Serves subscriptions and the proof of deliveries."""

    def __init__(self, settings: Settings, entrance: Entrance) -> None:
        self._deployment = Deployment(settings)
        self._entrance = entrance

    def routes(self) -> list[Route]:
        return [
            keyed_route(SUBSCRIPTIONS, {"GET": self.list, "POST": self.add}),
            keyed_route(SUBSCRIPTION, {"GET": self.get, "DELETE": self.remove}),
            keyed_route(DELIVERIES, {"GET": self.deliveries}),
        ]

    def close(self) -> None:
        self._deployment.close()

    async def list(self, scope: Scope, receive: Receive) -> Answer:
        """Return the subscriptions that have not ended."""
        key = self._entrance.admit_to(scope, "operate")
        found = await self._done(lambda: [shown(one) for one in self._hooks(key).all() if one.ended_at is None])
        return _answer({"subscriptions": found})

    async def add(self, scope: Scope, receive: Receive) -> Answer:
        """Begin a subscription; its signing secret is told this once."""
        key = self._entrance.admit(scope)
        refuse_other_types(scope, ("application/json",))
        wanted = _wanted(await read_body(scope, receive))
        stories = tuple(dict.fromkeys(check_name("story", one) for one in wanted.stories))
        for story in stories or (None,):
            refuse_beyond(key, "operate", story)
        fields = {name: value for name, value in structs.asdict(wanted).items() if name not in ("target", "stories")}
        answer = await self._done(lambda: self._add(key, wanted.target, {**fields, "stories": stories}))
        return _answer(answer, status=201, location=f"{SUBSCRIPTIONS}/{answer['id']}")

    async def get(self, scope: Scope, receive: Receive) -> Answer:
        """Return a subscription."""
        key = self._entrance.admit_to(scope, "operate")
        return _answer(await self._done(lambda: shown(_found(self._hooks(key), _id(scope)))))

    async def remove(self, scope: Scope, receive: Receive) -> Answer:
        """End a subscription, for good."""
        key = self._entrance.admit_to(scope, "operate")
        await self._done(lambda: _remove(self._hooks(key), _id(scope)))
        return Answer(b"", status=204, caching=NOT_KEPT)

    async def deliveries(self, scope: Scope, receive: Receive) -> Answer:
        """Return who was told what of an update."""
        story, update = (name_of(kind, scope["path_params"][kind]) for kind in ("story", "update"))
        self._entrance.admit_to(scope, "operate", story)
        return _answer(await self._done(lambda: deliveries_json(self._deployment, story, update)))

    def _hooks(self, key: DeskKey) -> Hooks:
        return Hooks(self._deployment, desk=key.desk)

    def _add(self, key: DeskKey, target: str, fields: Json) -> Json:
        hooks = self._hooks(key)
        added = asyncio.run(hooks.add(target, **fields))
        return {**shown(added), "target": target, "secret": hooks.secret(added)}

    async def _done(self, act: Callable[[], T]) -> T:
        try:
            return await asyncio.to_thread(act)
        except StoreUnavailable:
            await asyncio.to_thread(self._deployment.reconnect)
            raise


def _wanted(body: bytes) -> Wanted:
    try:
        return convert(object_of(body), Wanted)
    except ValidationError as error:
        raise Refused(f"{error}.") from None


def _found(hooks: Hooks, subscription: str) -> Any:  # Any: a subscription
    try:
        return hooks.get(subscription)
    except Refused as error:
        raise Missing(str(error).partition(" See: ")[0]) from None


def _remove(hooks: Hooks, subscription: str) -> None:
    hooks.remove(_found(hooks, subscription).id)


def _id(scope: Scope) -> str:
    found: str = scope["path_params"]["subscription"]
    return found


def _answer(document: Json, *, status: int = 200, location: str = "") -> Answer:
    return Answer(json.encode(document), status=status, caching=NOT_KEPT, headers={"location": location} if location else {})
