"""Reading the subscriptions' topic: all of it at first, then what is new, on either log."""

from __future__ import annotations

from pathlib import Path

import pytest

from consumers.notifications.records import ended_record
from consumers.notifications.subscriptions import Subscriptions
from dateline.errors import LogChanged, Refused
from dateline.log import open_log
from dateline.log.base import Log, NewRecord
from producers.subscriptions import SubscriptionDesk, subscription_record
from schemas.codec import committed_codec
from schemas.events import StoryOpened
from schemas.subscriptions import SubscriptionPaused
from schemas.topics import SUBSCRIPTIONS_TOPIC

TARGET = "https://partner.example/hook"


def added(desk: SubscriptionDesk, **fields: object) -> str:
    event = desk.begin(target=TARGET, **fields)
    desk.add(event)
    return event.subscription


def test_a_reader_sees_what_is_there_and_what_comes(log: Log) -> None:
    desk, reader = SubscriptionDesk(log, name="houston"), Subscriptions(log)
    first = added(desk, stories=("apollo-13",))
    assert reader.refresh() == {first}

    second = added(desk)
    desk.pause(first)

    assert reader.refresh() == {first, second}
    assert reader.refresh() == frozenset()
    found = {one.id: one.status for one in reader}
    assert found == {first: "paused", second: "active"}


def test_a_second_reader_sees_the_same(log: Log) -> None:
    desk = SubscriptionDesk(log, name="houston")
    ids = [added(desk) for _ in range(20)]
    desk.remove(ids[0])
    desk.rotate(ids[1], number=1, key="k")
    log.append(SUBSCRIPTIONS_TOPIC, [ended_record(ids[2], reason="The target answered 410.")] * 2)

    one, other = Subscriptions(log), Subscriptions(log)
    one.refresh()
    for _ in range(3):
        other.refresh()

    assert {held.id: held for held in one} == {held.id: held for held in other}
    assert [one.get(name).status for name in ids[:3]] == ["ended", "active", "ended"]  # type: ignore[union-attr]  # they are there


@pytest.mark.parametrize(
    "record",
    [
        NewRecord(b"s", None),
        NewRecord(b"s", b"garbage"),
        NewRecord(None, b""),
        NewRecord(b"s", committed_codec().encode(StoryOpened(event_id="e", story="s"))),
        subscription_record(SubscriptionPaused(event_id="e", subscription="other")),
    ],
)
def test_what_is_no_event_of_a_subscription_is_counted_and_passed_over(log: Log, record: NewRecord) -> None:
    desk, reader = SubscriptionDesk(log, name="houston"), Subscriptions(log)
    log.append(SUBSCRIPTIONS_TOPIC, [NewRecord(b"s", record.value) if record.key == b"other" else record])
    name = added(desk)

    assert reader.refresh() == {name}
    assert (reader.undecodable, len(reader.problems)) == (1, 1)


def test_a_log_in_the_place_of_another_is_noticed(log: Log, tmp_path: Path) -> None:
    reader = Subscriptions(log)
    with open_log(f"sqlite:///{tmp_path}/other.db") as other:
        reader._log = other

        with pytest.raises(LogChanged):
            reader.refresh()


def test_what_breaks_a_rule_is_not_written(log: Log) -> None:
    desk = SubscriptionDesk(log, name="houston")

    with pytest.raises(Refused, match="kinds"):
        desk.begin(target=TARGET, kinds=("sung",))
    with pytest.raises(Refused, match="subscription"):
        desk.pause("no such\nname")
    assert set(log.end_offsets(SUBSCRIPTIONS_TOPIC).values()) == {0}
