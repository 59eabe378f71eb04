"""Who was told what, and sending it once more: what `dateline hooks deliveries` and `redrive` do, and the API."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from consumers.notifications.pairs import waiting_at
from consumers.notifications.proof import Told, entries_of, proof, proof_json
from consumers.notifications.records import entry_record
from consumers.notifications.subscriptions import Subscriptions
from dateline.clock import now
from dateline.deployment import Deployment
from dateline.errors import Refused
from schemas.deliveries import DeliveryEvent, NotificationGaveUp, NotificationRedriven, NotificationSent
from schemas.identity import new_event_id
from schemas.names import check_name
from schemas.topics import DELIVERIES_TOPIC

Json = dict[str, Any]  # Any: what JSON holds


def deliveries(deployment: Deployment, story: str, update: str) -> list[Told]:
    """Return who was told what of an update."""
    subscriptions = Subscriptions(deployment.log)
    subscriptions.refresh()
    ended = {one.id for one in subscriptions if one.ended_at is not None}
    may_wait = [one.id for one in subscriptions if one.id not in ended and (not one.stories or story in one.stories)]
    waiting = waiting_at(deployment.store, deployment.home(story), story, may_wait)
    return proof(list(entries_of(deployment.log, story, update)), ended=ended, waiting=waiting)


def deliveries_json(deployment: Deployment, story: str, update: str) -> Json:
    """Return the same as JSON: `{"story", "update", "revisions": […]}`, for whoever may see it."""
    return proof_json(story, update, deliveries(deployment, story, update))


def redrive(
    deployment: Deployment, story: str, update: str, *, by: str, reason: str, subscriptions: Collection[str] = ()
) -> list[NotificationRedriven]:
    """Have the last message about an update sent once more, and say in the ledger who wanted it and why.

    Args:
        subscriptions: To whom; to everyone for whom it was given up, if none is named.

    Raises:
        Refused: There is nothing to send once more, or no reason.
    """
    check_name("name", by)
    if not reason.strip():
        raise Refused("A redrive needs a reason, which stays in the ledger: --reason 'Their server was moved'")
    last = _last_of(list(entries_of(deployment.log, story, update)))
    unknown = sorted(set(subscriptions) - last.keys())
    if unknown:
        raise Refused(
            f"{unknown[0]} was never sent anything of {story}/{update}. See: dateline hooks deliveries {story} {update}"
        )
    chosen = [
        one for name, one in last.items() if (name in subscriptions if subscriptions else isinstance(one, NotificationGaveUp))
    ]
    if not chosen:
        raise Refused(f"Nothing of {story}/{update} was given up. Name who shall get it once more: --subscription ID")
    said = [_redriven(one, by, reason) for one in chosen]
    deployment.log.append(DELIVERIES_TOPIC, [entry_record(one) for one in said])
    return said


def _last_of(entries: Collection[DeliveryEvent]) -> dict[str, DeliveryEvent]:
    """Return the last thing that each subscription was sent, or that was given up for it."""
    last: dict[str, DeliveryEvent] = {}
    for one in entries:
        if isinstance(one, NotificationSent | NotificationGaveUp):
            last[one.subscription] = one
    return last


def _redriven(about: DeliveryEvent, by: str, reason: str) -> NotificationRedriven:
    fields = {
        name: getattr(about, name) for name in ("story", "notification", "subscription", "caused_by", "update", "seq", "kind")
    }
    event_id = new_event_id()
    return NotificationRedriven(event_id=event_id, occurred_at=now(), revision=about.revision, by=by, reason=reason, **fields)
