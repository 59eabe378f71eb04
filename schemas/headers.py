"""Headers of a record: CloudEvents' binary binding for Kafka, so that a router need not decode."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import quote

from schemas.deliveries import DeliveryEvent
from schemas.events import Event, UpdateEvent
from schemas.subscriptions import SubscriptionEvent
from schemas.times import rfc3339

CONTENT_TYPE = b"application/avro"
NOTIFIER = b"/notifier"
"""The source of what the ledger holds."""

Headers = tuple[tuple[str, bytes], ...]

_PLAIN = re.compile(r"[A-Za-z0-9._:-]{1,200}")
_UNTOLD: tuple[None, None] = (None, None)


def claimed(found: Headers) -> tuple[str | None, str | None]:
    """Return the event id and the update that a record's headers name, whatever its body is; None where they name none.

    They are for messages: nothing has checked them, and what is no plain name is left out.
    """
    if not found:
        return _UNTOLD
    texts = {name: (value or b"").decode(errors="replace") for name, value in found}
    names = (texts.get("ce_id", ""), texts.get("ce_subject", "").partition("/")[2])
    event_id, update = (name if _PLAIN.fullmatch(name) else None for name in names)
    return event_id, update


def headers(event: Event | SubscriptionEvent | DeliveryEvent) -> Headers:
    """Return the headers of `event`'s record.

    `ce_source` is the desk. `ce_subject` is what the event is about within it: `STORY/UPDATE`, or `STORY` for the story's own
    events. An update's id alone would not do, since another story may use it too. Of a subscription's event it is the
    subscription; an entry of the ledger comes from the notifier and is about what was told.
    """
    return (
        ("ce_specversion", b"1.0"),
        ("ce_id", event.event_id.encode()),
        ("ce_type", b"dateline." + type(event).__name__.encode()),
        ("ce_source", NOTIFIER if isinstance(event, DeliveryEvent) else source(event.desk)),
        ("ce_time", rfc3339(event.occurred_at).encode()),
        ("ce_subject", _subject(event).encode()),
        ("content-type", CONTENT_TYPE),
    )


@lru_cache(maxsize=1024)
def source(desk: str) -> bytes:
    """Return the URI reference of a desk, such as `/desks/houston`."""
    return f"/desks/{quote(desk, safe='')}".encode()


def _subject(event: Event | SubscriptionEvent | DeliveryEvent) -> str:
    if isinstance(event, SubscriptionEvent):
        return event.subscription
    if isinstance(event, UpdateEvent) or (isinstance(event, DeliveryEvent) and event.update):
        return f"{event.story}/{event.update}"
    return event.story
