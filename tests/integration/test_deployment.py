"""What a deployment survives: a lost folder, a forgetful or damaged Redis, a wrong clock, many catch-ups."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dateline.clock import now
from dateline.deployment import Deployment
from dateline.errors import LogUnavailable, Refused, StoreBroken, StoreUnavailable
from dateline.private_redis import find_servers
from dateline.redis_store import Script, Store
from dateline.settings import read_settings
from schemas.topics import EVENTS_TOPIC
from tests.integration.cli import DATELINE, json_of, run
from tests.support.servers import eventually


@pytest.fixture
def deployment(tmp_path: Path, server: str, raw: Any) -> Iterator[Deployment]:
    settings = read_settings({"DATELINE_DATA": str(tmp_path), "DATELINE_REDIS": server})
    with Deployment(settings) as deployment:
        yield deployment


def publish(deployment: Deployment, update: str = "a", **options: Any) -> None:
    deployment.desk("houston").publish("s", update=update, headline="Headline", body="Text.", **options)


def test_a_consumer_whose_folder_was_replaced_serves_the_new_one(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    run(folder, "story", "open", "s", "--title", "First")
    environment = {**os.environ, "DATELINE_DATA": str(folder)}
    with subprocess.Popen([DATELINE, "consume", "timeline"], env=environment, stderr=subprocess.DEVNULL) as consumer:
        try:
            eventually(lambda: "g1" in run(folder, "status").out, what="the consumer's claim")
            shutil.rmtree(folder)

            opened = run(folder, "story", "open", "s", "--title", "Second")
        finally:
            consumer.kill()

    assert opened.code == 0, opened.err
    assert json_of(run(folder, "verify", "--json"))["differences"] == []


def test_catching_up_many_times_keeps_no_connection(deployment: Deployment, raw: Any) -> None:
    publish(deployment)
    deployment.timeline.catch_up()
    before = len(raw.client_list())

    for number in range(12):
        publish(deployment, f"u-{number}")
        deployment.timeline.catch_up()

    assert len(raw.client_list()) <= before


def test_a_redis_that_forgets_keys_is_refused(deployment: Deployment, raw: Any) -> None:
    raw.config_set("maxmemory", "100mb")
    raw.config_set("maxmemory-policy", "allkeys-lru")
    publish(deployment)

    with pytest.raises(Refused, match="forgets keys when its memory is full \\(maxmemory-policy allkeys-lru\\)"):
        deployment.timeline.catch_up()

    raw.config_set("maxmemory-policy", "noeviction")


def test_a_view_that_lost_a_document_is_said_to_be_damaged(deployment: Deployment, raw: Any) -> None:
    publish(deployment)
    deployment.timeline.catch_up()
    raw.delete(*raw.keys("*:docs/s"))

    with pytest.raises(StoreBroken, match="The timeline in Redis is damaged"):
        deployment.reader.page("s")


def test_a_view_that_lost_a_state_is_not_written_over(deployment: Deployment, raw: Any) -> None:
    publish(deployment)
    deployment.timeline.catch_up()
    raw.delete(*raw.keys("*:state/s"))
    before = {key: raw.dump(key) for key in raw.keys("*/s")}
    told: list[str] = []
    deployment.notify = told.append
    publish(deployment)

    deployment.timeline.catch_up()

    parked = deployment.timeline.generations().parked("live")["s"]
    assert parked.error.startswith("ContentDamaged: the state of update ")
    assert told == [f"Story 's' is parked, and others go on: {parked.error} See: dateline parked show s"]
    assert {key: raw.dump(key) for key in raw.keys("*/s")} == before


def test_a_view_that_lost_its_cursor_is_built_anew_beside_the_old_one(deployment: Deployment, raw: Any) -> None:
    publish(deployment)
    deployment.timeline.catch_up()
    raw.delete(*raw.keys("*:meta"))

    deployment.timeline.catch_up()

    page = deployment.reader.page("s")
    assert page is not None
    assert (page.seq, len(page.documents)) == (1, 1)
    assert {one.generation for one in deployment.reader.positions()} >= {"g2"}


def test_embargoes_are_lifted_once_and_only_where_the_view_has_seen_the_whole_log(deployment: Deployment) -> None:
    moment = now() + timedelta(seconds=0.3)
    publish(deployment, embargo_until=moment)
    deployment.timeline.catch_up()
    eventually(lambda: now() > moment)
    publish(deployment, "b")

    assert deployment.lift_due_embargoes() == [], "the view is behind"
    deployment.timeline.catch_up()
    deployment.timeline.catch_up()

    assert sum(deployment.log.end_offsets(EVENTS_TOPIC).values()) == 3
    page = deployment.reader.page("s")
    assert page is not None
    assert len(page.documents) == 2


def test_another_desks_clock_does_not_end_an_embargo(deployment: Deployment) -> None:
    """A record of another desk lies 50 minutes ahead; the log allows an hour."""
    from dateline.log.base import NewRecord
    from producers.records import record_of
    from schemas.events import StoryOpened

    ahead = record_of(StoryOpened(event_id="ahead", story="s", desk="fast", occurred_at=now(), title="S"))
    stamp = int((now() + timedelta(minutes=50)).timestamp() * 1000)
    deployment.log.append(EVENTS_TOPIC, [NewRecord(ahead.key, ahead.value, ahead.headers, stamp)])
    publish(deployment, embargo_until=now() + timedelta(minutes=30))

    deployment.timeline.catch_up()

    page = deployment.reader.page("s")
    assert page is not None
    assert page.documents == []
    assert [update.id for update in deployment.reader.hidden("s") or ()] == ["a"]


def test_an_error_answer_is_nobody_elses(server: str, raw: Any, tmp_path: Path) -> None:
    (tmp_path / "echo.lua").write_text("if ARGV[1] == 'bad' then return redis.error_reply('bad') end return ARGV[1]")
    script = Script(tmp_path / "echo.lua")
    store = Store(server)
    wire = store.wire([script])

    bad, good = wire.send(script, ["k"], ["bad"]), wire.send(script, ["k"], ["good"])

    with pytest.raises((StoreBroken, StoreUnavailable)):
        bad.get()
    assert good.get() == b"good"
    wire.close()
    store.close()


@pytest.mark.parametrize("url", ["redis+cluster://127.0.0.1:1", "redis://[::1", "redis://127.0.0.1:1?foo=bar", "http://x"])
def test_an_address_that_cannot_be_is_one_line(tmp_path: Path, url: str) -> None:
    said = run(tmp_path, "timeline", "s", env={"DATELINE_REDIS": url})

    assert said.code == 1
    assert said.err.startswith("dateline: ")
    assert said.err.count("\n") == 1


@pytest.mark.parametrize("name", ["a?b", "a#b", "a%20b", "a b", "ü"])
def test_any_folder_name_will_do(tmp_path: Path, name: str) -> None:
    opened = run(tmp_path / name, "story", "open", "s", "--title", "T")

    assert opened.code == 0, opened.err
    assert (tmp_path / name / "log.db").stat().st_mode & 0o077 == 0, "a log also holds what was killed"


def test_an_activated_environment_changes_nothing_about_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin")
    plain = find_servers()

    monkeypatch.setenv("PATH", f"{sys.prefix}/bin:/usr/bin")

    assert find_servers() == plain


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"headline": "H", "sources": "NASA"}, "sources 'NASA': give a list."),
        ({"headline": "H", "tags": 5}, "tags 5: give a list."),
        ({"headline": "H", "id": "x"}, "There is no option 'id'"),
        ({"headline": "H", "update": 5}, "update 5: give a text."),
    ],
)
def test_a_desk_refuses_what_is_none_of_its_options(deployment: Deployment, options: dict[str, Any], told: str) -> None:
    with pytest.raises(Refused) as caught:
        deployment.desk("houston").publish("s", **options)

    assert str(caught.value).startswith(told)
    assert sum(deployment.log.end_offsets(EVENTS_TOPIC).values()) == 0


def test_a_reader_reads_although_the_log_cannot_be_written(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    moment = now() + timedelta(seconds=0.2)
    publish(deployment, embargo_until=moment)
    publish(deployment, "b")
    deployment.timeline.catch_up()
    eventually(lambda: now() > moment)

    def full(*_: object) -> None:
        raise LogUnavailable("The disk is full.")

    monkeypatch.setattr(deployment.log, "append", full)  # a driver's failure

    deployment.timeline.catch_up()

    page = deployment.reader.page("s")
    assert page is not None
    assert len(page.documents) == 1
