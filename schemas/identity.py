"""Identity: how an event and an update get an id that is the same each time the same thing is sent."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any
from uuid import UUID, uuid5

NAMESPACE = UUID("6d1f3b0a-9c1e-5f52-8a47-d47e11e00001")
"""What every derived id derives from. It never changes: ids of old imports would."""


def new_event_id() -> str:
    """Return a fresh event id (UUIDv7: ids made later sort later)."""
    from uuid_utils import uuid7  # a compiled module, needed only by who writes

    return str(uuid7())


def event_id_for(desk: str, story: str, key: str) -> str:
    """Return the event id (UUIDv5) of the request that a desk sent about a story under an idempotency key."""
    return str(uuid5(NAMESPACE, canonical_json(["key", desk, story, key])))


def event_id_of(line: dict[str, Any]) -> str:  # Any: whatever JSON holds
    """Return the event id (UUIDv5) that derives from everything an event says in its JSON form."""
    return str(uuid5(NAMESPACE, canonical_json(["line", line])))


def event_id_of_item(desk: str, story: str, guid: str, what: list[Any]) -> str:  # Any: texts and numbers
    """Return the event id (UUIDv5) of one act that a wire's item is: `what` says of which version, and which act."""
    return str(uuid5(NAMESPACE, canonical_json(["wire", desk, story, guid, *what])))


def update_id_for(event_id: str) -> str:
    """Return the id of an update that was not given one: short, readable, the same for the same event."""
    digest = hashlib.sha256(event_id.encode("utf-8", "surrogatepass")).digest()
    return "u-" + base64.b32encode(digest)[:10].decode().lower()


def subscription_id_for(event_id: str) -> str:
    """Return the id of a subscription: short, the same for the event that added it."""
    digest = hashlib.sha256(b"subscription:" + event_id.encode("utf-8", "surrogatepass")).digest()
    return "sub-" + base64.b32encode(digest)[:16].decode().lower()


def notification_id_for(event_id: str, subscription: str) -> str:
    """Return the id (UUIDv5) of the message that tells a subscription of an event: the same on each attempt."""
    return str(uuid5(NAMESPACE, canonical_json(["notification", event_id, subscription])))


def canonical_json(value: object) -> str:
    """Return `value` as JSON in one form: keys sorted, no spaces, ASCII only."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
