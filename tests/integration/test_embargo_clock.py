"""The clock: an embargo ends at its time, once in effect, whatever number of clocks there are and whatever becomes of them."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dateline import lifting
from dateline.deployment import Deployment
from dateline.settings import read_settings
from dateline.status import examine
from schemas.codec import committed_codec
from schemas.events import EmbargoLifted
from schemas.times import LATEST, parse_time, to_us
from schemas.topics import EVENTS_TOPIC
from tests.integration.cli import DATELINE
from tests.support.served import Serve
from tests.support.servers import eventually

STORY = "s"


def now() -> datetime:
    return datetime.now(UTC)


@contextmanager
def opened(data: Path, redis_url: str) -> Iterator[Deployment]:
    with Deployment(read_settings({"DATELINE_DATA": str(data), "DATELINE_REDIS": redis_url})) as deployment:
        yield deployment


@pytest.fixture
def deployment(tmp_path: Path, server: str, raw: Any) -> Iterator[Deployment]:  # Any: a Redis client
    with opened(tmp_path, server) as deployment:
        yield deployment


@contextmanager
def clocks(data: Path, count: int) -> Iterator[Sequence[subprocess.Popen[str]]]:
    """Run so many clocks and nothing else, each a process."""
    environment = {**os.environ, "DATELINE_DATA": str(data)}
    command = [str(DATELINE), "consume", "clock"]
    running = [subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) for _ in range(count)]
    try:
        for one in running:
            assert one.stderr is not None
            assert "started" in one.stderr.readline()
        yield running
    finally:
        for one in running:
            one.kill()
            one.communicate()


def publish(deployment: Deployment, update: str = "a", *, until: datetime | None = None) -> None:
    options: dict[str, Any] = {} if until is None else {"embargo_until": until}  # Any: a desk's options
    deployment.desk("houston").publish(STORY, update=update, headline=f"About {update}", body="Text.", **options)


def lifts(deployment: Deployment) -> list[EmbargoLifted]:
    """Every EmbargoLifted in the log."""
    codec, log = committed_codec(), deployment.log
    records = [record for p in range(log.partitions(EVENTS_TOPIC)) for record in log.read(EVENTS_TOPIC, p, 0).records]
    events = [codec.decode(record.value) for record in records if record.value]
    return [event for event in events if isinstance(event, EmbargoLifted)]


def shown(deployment: Deployment) -> list[str]:
    page = deployment.reader.page(STORY)
    assert page is not None
    return [json.loads(document)["id"] for document in page.documents]


def test_many_clocks_at_the_same_moment_have_one_effect(deployment: Deployment, server: str) -> None:
    until = now() + timedelta(seconds=0.3)
    publish(deployment, until=until)
    deployment.timeline.bring_up(timeout=30)
    eventually(lambda: now() > until)
    together = threading.Barrier(4)

    def look() -> None:
        with opened(deployment.settings.data_folder, server) as own:
            together.wait()
            own.lift_due_embargoes()

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(look) for _ in range(4)]:
            done.result()
    deployment.timeline.catch_up()

    assert shown(deployment) == ["a"]
    assert len({event.event_id for event in lifts(deployment)}) == 1
    changes = deployment.reader.changes(STORY, since=0)
    assert changes is not None
    assert len(changes[1]) == 1, "readers are told once"


def test_a_clock_that_was_down_over_the_time_lifts_when_it_comes_back(tmp_path: Path, deployment: Deployment) -> None:
    until = now() + timedelta(seconds=0.2)
    publish(deployment, until=until)
    deployment.timeline.bring_up(timeout=30)
    eventually(lambda: now() > until)

    assert shown(deployment) == [], "nobody has said that it is over"
    deployment.lift_due_embargoes()
    deployment.timeline.bring_up(timeout=30)

    assert shown(deployment) == ["a"]


def test_an_embargo_set_again_for_the_time_of_an_earlier_one_ends_too(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clock that is ahead lifts it; the desk, for whom the time has not come, sets the very same embargo again."""
    until = now() + timedelta(minutes=20)
    publish(deployment, until=until)
    deployment.timeline.bring_up(timeout=30)
    for _ in range(2):
        monkeypatch.setattr(lifting, "now", lambda: until + timedelta(seconds=1))
        assert len(deployment.lift_due_embargoes()) == 1
        deployment.timeline.bring_up(timeout=30)
        assert shown(deployment) == ["a"]
        deployment.desk("houston").set_embargo(STORY, "a", until=until)
        deployment.timeline.bring_up(timeout=30)
        assert shown(deployment) == []

        monkeypatch.setattr(lifting, "now", lambda: until - timedelta(minutes=10))
        assert deployment.lift_due_embargoes() == [], "the clock was put back"

    monkeypatch.setattr(lifting, "now", lambda: until)
    assert len(deployment.lift_due_embargoes()) == 1
    assert deployment.lift_due_embargoes() == [], "said once"
    deployment.timeline.bring_up(timeout=30)

    assert shown(deployment) == ["a"]


def test_a_lift_that_crosses_a_move_is_ignored_and_the_later_one_counts(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    early, late = now() + timedelta(minutes=10), now() + timedelta(minutes=20)
    publish(deployment, until=early)
    deployment.timeline.bring_up(timeout=30)
    deployment.lift_due_embargoes(is_busy=True)
    deployment.desk("houston").set_embargo(STORY, "a", until=late)  # the view has not seen it

    monkeypatch.setattr(lifting, "now", lambda: early)
    assert len(deployment.lift_due_embargoes(is_busy=True)) == 1
    deployment.timeline.bring_up(timeout=30)
    assert shown(deployment) == []
    monkeypatch.setattr(lifting, "now", lambda: late)
    deployment.lift_due_embargoes()
    deployment.timeline.bring_up(timeout=30)

    assert shown(deployment) == ["a"]


def test_copy_that_never_stops_does_not_delay_the_clock(deployment: Deployment) -> None:
    until = now() + timedelta(seconds=0.2)
    publish(deployment, until=until)
    publish(deployment, "b")
    deployment.lift_due_embargoes(is_busy=True)  # where the log ended a moment ago
    deployment.timeline.bring_up(timeout=30)
    eventually(lambda: now() > until)
    publish(deployment, "c")

    assert deployment.lift_due_embargoes() == [], "of a view that is behind, little is known"
    deployment.timeline.bring_up(timeout=30)
    publish(deployment, "d")
    assert len(deployment.lift_due_embargoes(is_busy=True)) == 1


@pytest.mark.parametrize("until", ["2255-12-31T23:59:59.999999Z", "2999-01-01T00:00:00.000001Z", "9999-12-29T23:59:59.999999Z"])
def test_an_embargo_for_centuries_is_known_by_its_end(deployment: Deployment, until: str) -> None:
    publish(deployment, until=parse_time(until))
    deployment.timeline.bring_up(timeout=30)

    ((_, update, found),) = deployment.reader.due_embargoes(to_us(LATEST))
    clock = examine(deployment)[0]["clock"]

    assert update == "a"
    assert abs(found - parse_time(until)) < timedelta(milliseconds=1)
    assert clock["due"] == 0
    assert abs(parse_time(clock["next_at"]) - parse_time(until)) < timedelta(milliseconds=1)


def test_status_says_which_embargoes_nobody_lifted(deployment: Deployment) -> None:
    until = now() + timedelta(seconds=0.2)
    publish(deployment, until=until)
    deployment.timeline.bring_up(timeout=30)
    eventually(lambda: now() > until + timedelta(seconds=6), what="a clock that is late")

    found, _ = examine(deployment, catch_up=False)

    assert found["clock"]["due"] == 1
    assert found["clock"]["late_s"] > 5
    assert any("Embargoes that are over and not lifted: 1, the oldest for 6 s." in one for one in found["warnings"])


def test_hundreds_that_end_together_are_lifted_in_one_group(deployment: Deployment) -> None:
    until = now() + timedelta(seconds=1.5)
    for number in range(300):
        publish(deployment, f"u-{number}", until=until)
    deployment.timeline.bring_up(timeout=30)
    eventually(lambda: now() > until)

    lifted = deployment.lift_due_embargoes()
    deployment.timeline.bring_up(timeout=30)

    assert len(lifted) == 300
    assert deployment.lift_due_embargoes() == []


def test_clocks_alone_of_which_one_is_killed_lift_within_a_second(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with Deployment(read_settings({"DATELINE_DATA": str(data)})) as deployment:
        deployment.timeline.catch_up()
        with clocks(data, 2) as (first, _):
            until = now() + timedelta(seconds=3)
            publish(deployment, until=until)  # by a desk in Python, which feeds no view
            first.kill()
            eventually(lambda: bool(lifts(deployment)), within=15, what="the lift")
            at = now()

            found = {event.event_id: event for event in lifts(deployment)}

    assert len(found) == 1
    said = next(iter(found.values())).occurred_at
    assert until <= said <= until + timedelta(seconds=1)
    assert at <= until + timedelta(seconds=5)  # a busy machine is no fault of the test


def test_serve_lifts_within_a_second_of_the_time(tmp_path: Path) -> None:
    with Serve(tmp_path) as site:
        until = now() + timedelta(seconds=3)
        told = site.run("publish", STORY, "--headline", "x", "--body", "y", "--id", "a", "--embargo-until", until.isoformat())
        assert told.code == 1, "no such story yet"
        assert site.run("story", "open", STORY, "--title", "S").code == 0
        told = site.run("publish", STORY, "--headline", "x", "--body", "y", "--id", "a", "--embargo-until", until.isoformat())
        assert told.code == 0, told.err

        eventually(lambda: site.get(f"/v1/stories/{STORY}/updates/a").status_code == 200, within=20, what="the update")

        late = now() - until
        with Deployment(read_settings({"DATELINE_DATA": str(tmp_path)})) as deployment:
            (lift,) = {event.event_id: event for event in lifts(deployment)}.values()
    assert timedelta(0) <= lift.occurred_at - until <= timedelta(seconds=1)
    assert late < timedelta(seconds=5)
