"""The write API as ASGI: takes what desks send to `producers.api`'s addresses, appends it, and answers with its verdict."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Container, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from msgspec import Raw, json
from starlette.routing import Route

from consumers.document import document
from consumers.state import Entry, Update
from consumers.web.answers import NOT_KEPT, Answer, Receive, Scope
from consumers.web.endpoints import Asked, no_story, no_update
from consumers.web.problems import Problem
from consumers.web.requests import name_of
from dateline.clock import now
from dateline.errors import MaybeWritten, StoreUnavailable
from dateline.serving.appender import Appender
from dateline.serving.awaited import Verdicts
from dateline.serving.batch import NDJSON_TYPES, Batch
from dateline.serving.bodies import header, read_body, refuse_other_types
from dateline.serving.entrance import Entrance
from dateline.serving.keyed import Take, keyed_route
from dateline.verdicts import Told, told_first, unconfirmed
from producers.api import WRITES, Write, said_by
from producers.desk import Receipt
from schemas.events import Event, StoryOpened, UpdatePublished
from schemas.jsonform import to_json

if TYPE_CHECKING:
    from consumers.web.endpoints import Views
    from consumers.web.links import Links
    from dateline.app import SharedViews
    from dateline.settings import Settings

T = TypeVar("T")
Json = dict[str, Any]  # Any: what JSON holds

BATCH_PATH: Final = "/v1/events"
_JSON: Final = ("application/json",)
_UNSEEN: Final = "Written, but no consumer has confirmed it in time. See: dateline status"


class WriteApi:
    """Serves the write API.

    Args:
        links: Whose base is where readers find this site.
        views: What tells what there is already.
    """

    def __init__(self, settings: Settings, source: SharedViews, entrance: Entrance, *, links: Links, views: Views) -> None:
        self._entrance = entrance
        self.appender = Appender(settings)
        self.verdicts = Verdicts(source.timeline)
        self._source, self._links, self._views = source, links, views
        self._looking = ThreadPoolExecutor(4, thread_name_prefix="looking")

    def routes(self, *, read: Container[str]) -> list[Route]:
        """Return what is written to.

        Args:
            read: The addresses where there is something to read too.
        """
        takers: Mapping[str, Take] = {one.path: partial(self.write, one) for one in WRITES} | {BATCH_PATH: self.publish}
        return [keyed_route(path, {"POST": taker}, is_read_freely=path in read) for path, taker in takers.items()]

    def close(self) -> None:
        for one in (self.appender, self.verdicts):
            one.close()
        self._looking.shutdown(wait=False, cancel_futures=True)

    async def write(self, write: Write, scope: Scope, receive: Receive) -> Answer:
        """Take one event.

        Raises:
            DatelineError, Problem: It was not written, or nobody knows.
        """
        key = self._entrance.admit(scope)
        refuse_other_types(scope, _JSON)
        names = {kind: name_of(kind, given) for kind, given in scope["path_params"].items()}
        repeat = header(scope, b"idempotency-key")
        body = await read_body(scope, receive)
        event = said_by(write, body, key=key, names=names, repeat=repeat, now=now())
        known = await self._look(event)
        if known is not None:
            return await self._answer(event, known, None)
        try:
            [receipt] = await self.appender.append([event])
        except MaybeWritten as error:
            return _document(202, unconfirmed(event, None, f"{error} Sending the same again is safe."))
        [entry] = await self.verdicts.of([(event.story, event.event_id)])
        return await self._answer(event, entry, receipt)

    async def publish(self, scope: Scope, receive: Receive) -> Answer:
        """Take many events.

        Raises:
            DatelineError, Problem: None of them was written.
        """
        key = self._entrance.admit(scope)
        refuse_other_types(scope, NDJSON_TYPES)
        lines = await Batch(key, self.appender, self.verdicts).take(scope, receive)
        return Answer(lines, NDJSON_TYPES[0], caching=NOT_KEPT)

    async def _look(self, event: Event) -> Entry | None:
        """Return what became of the event before, and see that what it is about is there; without a view nothing can be seen.

        Raises:
            Missing: There is no such story, or update.
        """
        try:
            return await self._reading(lambda: self._seen(event))
        except StoreUnavailable:
            return None

    def _seen(self, event: Event) -> Entry | None:
        reader = self._source.timeline.reader()
        try:
            entry = reader.verdict(event.story, event.event_id)
            if entry is not None or isinstance(event, StoryOpened):
                return entry
            update = getattr(event, "update", "")
            asked = Asked(self._links, event.story, update, {}, self._views)
            story = reader.story(event.story)
            if story is None:
                raise no_story(asked)
            is_new = isinstance(event, UpdatePublished)
            if update and not is_new and reader.update(event.story, update) is None:
                raise no_update(asked, story)
        except StoreUnavailable:
            self._source.timeline.renew(reader)
            raise
        return None

    async def _answer(self, event: Event, entry: Entry | None, receipt: Receipt | None) -> Answer:
        if entry is None:
            return _document(202, unconfirmed(event, receipt, self.verdicts.problem or _UNSEEN))
        partition = receipt.partition if receipt is not None else await self._reading(lambda: self._home(event.story))
        told = told_first(entry, event, partition=partition)
        if told is None:
            seq = entry.verdict.seq
            raise Problem(
                409, f"The event id {event.event_id!r} was used before for something else (seq {seq}). Give another key."
            )
        if told.status != "rejected":
            return _document(201, told)
        more: Json = {"outcome": told.json()}
        if told.conflict:
            more |= await self._both_versions(event)
        raise Problem(409, told.reason or "It was rejected.", **more)

    async def _both_versions(self, event: Event) -> Json:
        """Return what stands there now, and what was to be written."""
        kept = await self._reading(lambda: self._update(event))
        sent = to_json(event).get("content")
        current = None if kept is None or kept.killed_at is not None else Raw(document(event.story, kept).encode())
        return {
            "expects": getattr(event, "expects", None),
            "revision": kept.revision if kept else None,
            "current": current,
            "sent": sent,
        }

    def _update(self, event: Event) -> Update | None:
        return self._source.timeline.reader().update(event.story, getattr(event, "update", ""))

    def _home(self, story: str) -> int:
        return self._source.timeline.home(story)

    async def _reading(self, read: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._looking, read)


def _document(status: int, told: Told) -> Answer:
    where = f"/v1/stories/{told.story}" + (f"/updates/{told.update}" if told.update else "")
    headers: Mapping[str, str] = {"location": where} if status == 201 else {}
    return Answer(json.encode(told.json()), status=status, caching=NOT_KEPT, headers=headers)
