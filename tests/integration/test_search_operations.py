"""The search index as an operator has it: fed, built anew, gone back from, compared, shown, and damaged."""

from __future__ import annotations

import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from consumers.search.question import Question
from dateline.deployment import Deployment
from dateline.errors import LogChanged
from dateline.settings import Settings
from producers.desk import Desk
from tests.integration.cli import Run, json_of, run
from tests.integration.test_consume import Consumer
from tests.support.servers import eventually

STORY = "flood"
PATIENCE = 30.0


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def dateline(data: Path, server: str, raw: object) -> Run:
    """Runs a command on a log in a file, the test's Redis and an index in the data folder."""
    return partial(run, data, env={"DATELINE_REDIS": server})


@pytest.fixture
def desk(data: Path) -> Iterator[Desk]:
    """A desk that has opened a story with two updates; nobody has read it yet."""
    with Deployment(Settings(data=str(data))) as deployment, closing(deployment.desk("houston")) as desk:
        desk.open_story(STORY, title="A flood")
        desk.publish(STORY, update="u1", headline="The river rises", body="Water in the cellars.")
        desk.publish(STORY, update="u2", headline="The dam holds", body="So far.")
        yield desk


@pytest.fixture
def consumer(data: Path, server: str, desk: Desk) -> Iterator[Consumer]:
    """A `dateline consume timeline search` that has claimed all."""
    running = Consumer(data, "timeline", "search", env={"DATELINE_REDIS": server})
    for _ in range(8):
        running.says("claimed")
    yield running
    if running.process.poll() is None:
        running.end(signal.SIGKILL)


def found(data: Path, text: str) -> list[str]:
    """Return the updates that a question finds, as the index is."""
    with Deployment(Settings(data=str(data))) as deployment:
        return [hit.update for hit in deployment.search_reader.search(Question(text)).hits]


def live_file(data: Path) -> Path:
    """Return the file of the live generation."""
    with closing(sqlite3.connect(data / "search.db")) as pointers:
        ((name,),) = pointers.execute("SELECT file FROM pointers WHERE pointer = 'live'").fetchall()
    return data / str(name)


def damage(data: Path) -> None:
    """Write over the beginning of the live generation's file."""
    with live_file(data).open("r+b") as file:
        file.write(b"This is no database any more." * 200)


def test_who_asks_the_index_brings_it_up_to_date_and_redis_is_not_started(data: Path, desk: Desk) -> None:
    verified = run(data, "verify", "search")

    assert (verified.code, verified.err) == (0, "")
    assert verified.out == "Search: 3 records, 1 story, 2 public updates.\nThe live search view is what the log says.\n"
    assert not list(data.glob("redis*")), "the index needs no Redis"
    assert found(data, "cellars") == ["u1"]


def test_an_index_that_was_never_built_is_no_part_of_all(dateline: Run, data: Path, desk: Desk) -> None:
    verified, status = dateline("verify", "--json"), json_of(dateline("status", "--json"))

    assert "search" not in json_of(verified)
    assert (status["views"], status["search"], status["error"]) == (["timeline", "search"], None, None)
    assert not (data / "search.db").exists()


def test_all_views_are_built_and_compared_and_gone_back_from_together(dateline: Run, desk: Desk) -> None:
    assert dateline("verify", "search").code == 0

    replayed, listed = json_of(dateline("replay", "all", "--json")), json_of(dateline("generations", "--json"))
    verified, back = json_of(dateline("verify", "--json")), json_of(dateline("rollback", "all", "--json"))

    assert [(one["view"], one["generation"], one["switched"]) for one in (replayed, replayed["search"])] == [
        ("timeline", "g2", True),
        ("search", "g2", True),
    ]
    assert [(one["view"], one["generation"], one["state"]) for one in listed] == [
        (view, *which) for view in ("timeline", "search") for which in (("g2", "live"), ("g1", "previous"))
    ]
    assert (verified["differences"], verified["search"]["differences"], verified["search"]["updates"]) == ([], [], 2)
    assert (back["generation"], back["search"]["generation"]) == ("g1", "g1")
    assert dateline("generations", "drop", "previous", "search").out.startswith("Dropped g2: ")


def test_an_index_without_a_build_before_it_is_left_as_it_is_when_all_go_back(dateline: Run, desk: Desk) -> None:
    assert dateline("verify", "search").code == dateline("replay", "timeline").code == 0

    back = dateline("rollback", "all")

    assert back.code == 0
    assert "The search index has no previous generation to go back to; it stays as it is." in back.err


def test_an_index_of_another_log_is_said_to_be_that(data: Path, desk: Desk) -> None:
    with Deployment(Settings(data=str(data))) as deployment:
        deployment.search.catch_up()
    for path in data.glob("log.db*"):
        path.unlink()
    with Deployment(Settings(data=str(data))) as deployment, closing(deployment.desk("houston")) as other:
        other.open_story(STORY, title="Another flood")

        with pytest.raises(LogChanged, match=r"LOG_CHANGED: the search view .* was built from log .*dateline replay search"):
            deployment.search.catch_up()


def test_an_index_is_built_anew_and_gone_back_from_while_events_flow(dateline: Run, consumer: Consumer, desk: Desk) -> None:
    for number in range(20):
        desk.publish(STORY, update=f"first-{number}", headline=f"Report {number}", body="More water.")
    replayed = json_of(dateline("replay", "search", "--json"))
    for number in range(20):
        desk.publish(STORY, update=f"second-{number}", headline=f"Report {number}", body="Less water.")
    verified = dateline("verify", "search")
    back = dateline("rollback", "search")
    desk.kill(STORY, "u1", reason="It was a rumour.")
    again = json_of(dateline("verify", "search", "--json"))

    assert (replayed["generation"], replayed["different"], replayed["switched"]) == ("g2", [], True)
    assert (verified.code, verified.err) == (0, "")
    assert (back.code, back.out.startswith("Readers have search g1 again; ")) == (0, True)
    assert (again["updates"], again["differences"]) == (41, [])
    assert consumer.end(signal.SIGTERM) == 0


def test_a_difference_is_named_and_a_replay_mends_it(dateline: Run, data: Path, desk: Desk) -> None:
    assert dateline("verify", "search").code == 0
    with closing(sqlite3.connect(live_file(data))) as file, file:
        file.execute("UPDATE docs SET document = replace(document, 'river', 'tide')")

    broken = dateline("verify", "search")
    timeline = dateline("verify", "timeline")
    replayed = json_of(dateline("replay", "search", "--json"))

    assert (broken.code, "u1" in broken.err) == (1, True)
    assert broken.err.endswith("the live search view differs from the log in 1 place.\n")
    assert timeline.code == 0
    assert [one["story"] for one in replayed["different"]] == [STORY]
    assert dateline("verify", "search").code == 0


def test_the_status_shows_the_index_as_it_shows_the_timeline(dateline: Run, desk: Desk) -> None:
    assert dateline("verify", "search").code == 0
    desk.publish(STORY, update="u3", headline="Rain", body="All night.")

    status, shown = json_of(dateline("status", "--json")), dateline("status").out
    metrics = dateline("status", "--metrics").out
    samples = {
        (one.name, one.labels.get("partition")): one.value
        for family in text_string_to_metric_families(metrics)
        for one in family.samples
        if one.labels.get("view") == "search"
    }

    assert status["search"].keys() == status["timeline"].keys()
    assert (status["search"]["state"], status["search"]["lag"], status["search"]["stories"]) == ("up to date", 0, 1)
    assert status["search"]["where"].endswith("search.db")
    assert status["search"]["size_bytes"] > 10_000
    assert "Search    up to date, 1 story\n" in shown
    assert sum(value for (name, _), value in samples.items() if name == "dateline_view_position_offset") == 4
    assert samples["dateline_view_size_bytes", None] > 10_000


def test_a_damaged_index_touches_nobody_else_and_a_replay_puts_another_in_its_place(
    dateline: Run, data: Path, consumer: Consumer, desk: Desk
) -> None:
    assert dateline("verify", "search").code == 0
    consumer.end(signal.SIGKILL)
    damage(data)
    running = Consumer(data, "timeline", "search", env=server_of(dateline))
    try:
        stopped = running.says("stopped")
        desk.publish(STORY, update="u3", headline="Rain", body="All night.")

        status, verified = dateline("status"), dateline("verify", "search")
        timeline = json_of(dateline("timeline", STORY, "--json"))
        told = [dateline(*command) for command in (("parked", "list"), ("generations",), ("verify", "timeline"))]
        replayed = dateline("replay", "search")

        assert (stopped["consumer"], "something else wrote over it" in stopped["error"]) == ("search", True)
        assert [one["id"] for one in timeline["updates"]] == ["u3", "u2", "u1"]
        assert [one.code for one in told] == [0, 0, 0]
        for result in (status, verified):
            assert (result.code, "dateline replay search" in result.err) == (1, True)
        assert (replayed.code, "Readers have search g" in replayed.out) == (0, True)
        assert replayed.err.startswith("dateline: The live search index could not be brought up to date: ")
        assert running.says("recovered")["consumer"] == "search"
        desk.publish(STORY, update="u4", headline="The sun is back", body="At last.")
        eventually(lambda: found(data, "sun") == ["u4"], within=PATIENCE, what="the new update in the new index")
        assert dateline("verify").code == 0
    finally:
        running.end(signal.SIGKILL)


def test_an_index_that_is_gone_is_built_again_by_who_feeds_it(dateline: Run, data: Path, consumer: Consumer, desk: Desk) -> None:
    eventually(lambda: found(data, "cellars") == ["u1"], within=PATIENCE, what="the index")
    for path in data.glob("search*"):
        path.unlink()

    eventually(lambda: (data / "search.db").exists(), within=PATIENCE, what="another index")

    assert dateline("verify", "search").code == 0
    assert found(data, "cellars") == ["u1"]


def test_a_story_that_the_index_cannot_apply_is_parked_there_alone(dateline: Run, data: Path, desk: Desk) -> None:
    assert dateline("verify").code == dateline("verify", "search").code == 0
    with closing(sqlite3.connect(live_file(data))) as file, file:
        ((whole,),) = file.execute("SELECT state FROM stories").fetchall()
        file.execute("UPDATE stories SET state = 'nothing that the fold wrote'")
    desk.publish(STORY, update="u3", headline="Rain", body="All night.")

    (listed,) = json_of(dateline("parked", "list", "--json"))
    shown = dateline("parked", "show", STORY)
    still = dateline("parked", "retry", STORY)
    with closing(sqlite3.connect(live_file(data))) as file, file:
        file.execute("UPDATE stories SET state = ?", (whole,))
    retried = dateline("parked", "retry")

    assert (listed["view"], listed["story"], listed["build"]) == ("search", STORY, "live")
    assert shown.out.startswith(f"{STORY} is parked in the search index since ")
    assert (still.code, still.out.startswith(f"{STORY}: parked still in the search index")) == (1, True)
    assert (retried.code, retried.out) == (0, f"{STORY}: caught up in the search index.\n")
    assert found(data, "rain") == ["u3"]
    assert dateline("verify").code == 0


@pytest.mark.parametrize(
    "command",
    [
        ("replay", "search", "--story", STORY),
        ("replay", "search", "--as-of", "1970-04-14T03:30:00Z"),
        ("replay", "all", "--join"),
        ("verify", "search", "--watch"),
        ("verify", "search", "--story", STORY),
    ],
)
def test_what_only_the_timeline_can_is_a_mistake_in_use(data: Path, command: tuple[str, ...]) -> None:
    told = run(data, *command)

    assert (told.code, told.out) == (2, "")
    assert not data.exists(), "nothing was opened"


def server_of(dateline: Run) -> dict[str, str]:
    """Return the settings that the commands of a test are given."""
    assert isinstance(dateline, partial)
    settings: dict[str, str] = dateline.keywords["env"]
    return settings
