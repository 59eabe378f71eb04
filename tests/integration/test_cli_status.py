"""`dateline status` and `dateline schemas`."""

from __future__ import annotations

import re
import time
from contextlib import closing
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from dateline.log import open_log
from dateline.log.base import NewRecord
from producers.desk import Desk
from schemas.families import FACT_TYPES
from tests.integration.cli import Result, json_of, run

STORY = "apollo-13"


def plant(data: Path, *records: NewRecord) -> None:
    """Write to the log as a foreign producer would."""
    with open_log(f"sqlite:///{data}/log.db") as log:
        log.append("dateline.events", records)


def metrics_of(result: Result) -> dict[tuple[str, str], float]:
    """Read the samples in Prometheus's text format, by name and partition."""
    families = text_string_to_metric_families(result.out)
    return {(one.name, one.labels.get("partition", "")): one.value for family in families for one in family.samples}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A deployment with one story in it."""
    assert run(tmp_path / "data", "story", "open", STORY, "--title", "Apollo 13").code == 0
    return tmp_path / "data"


def test_an_undecodable_record_is_counted_and_shown_and_the_story_goes_on(data: Path) -> None:
    plant(data, NewRecord(STORY.encode(), b"\x00\x00\x00\x03\xe7 of a newer release"))

    published = json_of(run(data, "publish", STORY, "--headline", "Lift-off", "--body", "Apollo 13 left.", "--json"))
    found = json_of(run(data, "status", "--json"))
    shown = run(data, "status").out

    assert (published["status"], published["seq"]) == ("accepted", 3)
    assert (found["timeline"]["undecodable"], found["timeline"]["homeless"], found["timeline"]["lag"]) == (1, 0, 0)
    (problem,) = found["timeline"]["problems"]
    assert (problem["story"], problem["seq"], problem["offset"]) == (STORY, 2, 1)
    assert f"story {STORY}, seq 2 (partition 3, offset 1): The schema id 999 is not in this release" in shown


def test_records_of_no_story_are_counted_and_shown(data: Path) -> None:
    plant(data, NewRecord(None, b"?"), NewRecord(STORY.encode(), b"?", partition=0))

    found = json_of(run(data, "status", "--json"))
    shown = run(data, "status").out

    assert (found["timeline"]["undecodable"], found["timeline"]["homeless"]) == (0, 2)
    assert "no story (partition 0, offset 0): The record has no key." in shown
    assert f"no story (partition 0, offset 1): The record of story '{STORY}' belongs to partition 3" in shown


def test_the_log_and_the_store_and_each_partition_are_shown(data: Path) -> None:
    found = json_of(run(data, "status", "--json"))

    assert found["log"]["url"] == f"sqlite:///{data}/log.db"
    assert (found["redis"]["kind"], found["redis"]["eviction"]) == ("private", "noeviction")
    assert found["redis"]["memory_bytes"] > 0
    assert [(one["partition"], one["position"], one["end"], one["lag"]) for one in found["timeline"]["partitions"]] == [
        (0, 0, 0, 0),
        (1, 0, 0, 0),
        (2, 0, 0, 0),
        (3, 1, 1, 0),
    ]
    assert (found["warnings"], found["error"]) == ([], None)


def test_a_deployment_that_was_never_used_has_a_status_too(tmp_path: Path) -> None:
    result = run(tmp_path / "new", "status")

    assert (result.code, result.err) == (0, "")
    assert "up to date, 0 stories" in result.out


def test_where_the_store_is_down_the_log_is_shown_and_the_error_is_one_line(data: Path) -> None:
    down = {"DATELINE_REDIS": "redis://:secret@127.0.0.1:1"}

    in_words, as_json = run(data, "status", env=down), run(data, "status", "--json", env=down)

    assert (in_words.code, len(in_words.err.splitlines())) == (1, 1)
    assert in_words.err.startswith("dateline: Redis at redis://127.0.0.1:1 cannot be used")
    assert f"sqlite:///{data}/log.db" in in_words.out
    found = json_of(as_json)
    assert (as_json.code, found["redis"], found["timeline"]) == (1, None, None)
    assert found["error"] in as_json.err
    assert "secret" not in in_words.out + in_words.err + as_json.out + as_json.err


def test_a_view_of_another_log_is_named_and_what_it_holds_is_shown(data: Path) -> None:
    for file in data.glob("log.db*"):
        file.unlink()

    result = run(data, "status", "--json")

    assert result.code == 1
    assert result.err.startswith("dateline: LOG_CHANGED: the timeline view")
    assert json_of(result)["timeline"]["stories"] == 1


def test_a_view_of_another_log_is_stopped_and_not_up_to_date(data: Path) -> None:
    for file in data.glob("log.db*"):
        file.unlink()

    shown, as_json = run(data, "status").out, json_of(run(data, "status", "--json"))

    assert "Timeline  stopped: LOG_CHANGED: the timeline view (partition " in shown
    assert "up to date" not in shown
    assert as_json["timeline"]["state"] == "stopped"


def test_a_view_whose_holder_does_not_move_is_behind(data: Path) -> None:
    with open_log(f"sqlite:///{data}/log.db") as log, closing(log.join("dateline.events", group="timeline")):
        Desk(log, name="houston").publish(STORY, headline="Lift-off")

        result = run(data, "status")

    assert result.code == 4
    assert "another process holds it" in result.err.splitlines()[-1]
    assert re.search(r"^Timeline  1 behind the log's end \(\d+\.\d s\), 1 story$", result.out, re.MULTILINE)


def test_the_log_has_a_size_and_a_view_that_is_up_to_date_has_no_lag(data: Path) -> None:
    found = json_of(run(data, "status", "--json"))

    assert (found["log"]["records"], found["log"]["size_bytes"] > 4096) == (1, True)
    assert found["redis"]["room_bytes"] > 0
    assert found["views"] == ["timeline", "search"]
    assert (found["timeline"]["lag_seconds"], found["timeline"]["rate"]) == (0.0, None)


def test_the_lag_in_seconds_counts_from_the_first_record_not_seen(data: Path) -> None:
    ago = time.time_ns() // 1_000_000 - 90_000
    with open_log(f"sqlite:///{data}/log.db") as log, closing(log.join("dateline.events", group="timeline")):
        log.append("dateline.events", [NewRecord(STORY.encode(), b"?", timestamp=ago), NewRecord(STORY.encode(), b"?")])

        found = json_of(run(data, "status", "--json"))["timeline"]

    assert [(one["lag"], one["lag_seconds"] >= 90) for one in found["partitions"]] == [*[(0, False)] * 3, (2, True)]
    assert (found["lag"], found["lag_seconds"] >= 90, found["state"]) == (2, True, "behind")


def test_the_same_figures_are_metrics(data: Path) -> None:
    plant(data, NewRecord(STORY.encode(), b"?"))

    values = metrics_of(run(data, "status", "--metrics"))

    assert values["dateline_up", ""] == 1
    assert values["dateline_log_records", ""] == 2
    assert values["dateline_view_position_offset", "3"] == 2
    assert values["dateline_view_undecodable_total", "3"] == 1
    assert values["dateline_view_lag_seconds", "3"] == 0
    assert ("dateline_view_rate_records_per_second", "3") not in values


def test_a_scraper_sees_that_the_store_is_down_and_that_the_log_is(data: Path, tmp_path: Path) -> None:
    (tmp_path / "log.db").write_bytes(b"no log" * 1000)

    store_down = run(data, "status", "--metrics", env={"DATELINE_REDIS": "redis://127.0.0.1:1"})
    log_down = run(tmp_path, "status", "--metrics")

    assert (store_down.code, metrics_of(store_down)["dateline_up", ""]) == (1, 0)
    assert metrics_of(store_down)["dateline_log_records", ""] == 1
    assert (log_down.code, metrics_of(log_down)) == (1, {("dateline_up", ""): 0.0})


def test_there_is_one_way_to_show_it_at_a_time(data: Path) -> None:
    assert run(data, "status", "--json", "--metrics").code == 2


def test_a_reading_command_does_not_show_a_view_of_another_log(data: Path) -> None:
    for file in data.glob("log.db*"):
        file.unlink()

    result = run(data, "timeline", STORY)

    assert (result.code, result.out) == (1, "")
    assert "LOG_CHANGED" in result.err


def test_a_log_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "log.db").write_bytes(b"no log" * 1000)

    result = run(tmp_path, "status")

    assert (result.code, result.out) == (1, "")
    assert "is no log, or is damaged" in result.err


def test_watching_needs_a_terminal(data: Path) -> None:
    result = run(data, "status", "--watch")

    assert result.code == 1
    assert "--watch needs a terminal" in result.err


def test_the_schemas_are_listed_and_compatible(tmp_path: Path) -> None:
    listed = json_of(run(tmp_path, "schemas", "list", "--json"))
    in_words = run(tmp_path, "schemas", "list").out
    checked = run(tmp_path, "schemas", "check")

    assert {"id": 1, "type": "StoryOpened", "version": 1, "subject": "dateline.events-dateline.StoryOpened"}.items() <= listed[
        0
    ].items()
    assert all(one["type"] in in_words and one["subject"] in in_words for one in listed)
    assert (checked.code, checked.out) == (
        0,
        f"{len(listed)} schemas of {len(FACT_TYPES)} event types, all compatible: every version reads every other.\n",
    )
