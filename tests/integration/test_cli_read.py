"""The reading commands, as a user has them."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partialmethod
from pathlib import Path

import pytest

from dateline.cli import main
from dateline.deployment import Deployment
from dateline.kept_timeline import KeptTimeline
from dateline.kept_view import PATIENCE
from dateline.log import open_log
from dateline.private_redis import PrivateRedis
from dateline.settings import read_settings
from producers.desk import Desk
from schemas.content import Media
from schemas.topics import EVENTS_TOPIC
from tests.integration.cli import DATELINE, json_of, run

STORY = "apollo-13"
PICTURE = Media(uri="https://images.example/a.jpg", caption="The crew.", credit="NASA", alt="Three men")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data folder with a coverage, its Redis kept running so that each command is quick."""
    data = tmp_path_factory.mktemp("data")
    with open_log(f"sqlite:///{data}/log.db") as log:
        tell(Desk(log, name="houston"))
    with PrivateRedis(data):
        yield data


def tell(desk: Desk) -> None:
    """Seq 1 to 14 of the story, and one correction of another."""
    at = datetime(1970, 4, 14, 3, 16, tzinfo=UTC)
    hour = timedelta(hours=1)
    desk.open_story(STORY, title="Apollo 13", summary="To Fra Mauro.", time_zone="America/Chicago", occurred_at=at)
    desk.publish(STORY, update="launch", headline="Lift-off", body="On time.", occurred_at=at, key_event=True)
    wrong, right = "Houston, we have a problem", "Houston, we've had a problem"
    desk.publish(
        STORY, update="problem", headline=wrong, body="Lovell said so.", urgency=1, occurred_at=at + hour, media=[PICTURE]
    )
    note, later = "The first call was misquoted.", at + 2 * hour
    desk.correct(STORY, "problem", note=note, headline=right, body="Swigert said so.", occurred_at=later, media=[PICTURE])
    desk.mark(STORY, "problem", verification="verified", occurred_at=at + 3 * hour)
    desk.publish(STORY, update="meteorite", headline="A meteorite", body="Perhaps.")
    desk.withhold(STORY, "meteorite", reason="Nobody is named.")
    desk.publish(STORY, update="air", headline="Fifteen minutes of air")
    desk.kill(STORY, "air", reason="Wrong.", occurred_at=at)
    desk.publish(STORY, update="plan", headline="Step by step", embargo_until=datetime.now(UTC) + timedelta(days=2))
    desk.publish(STORY, update="wire", headline="Version 2", version=2, occurred_at=at)
    desk.revise(STORY, "wire", headline="Version 1", version=1, note="From the wire.", occurred_at=at)
    desk.publish(STORY, update="samoa", headline="On land again", occurred_at=at + 40 * hour)
    desk.close_story(STORY, occurred_at=at + 50 * hour)
    desk.publish("expo-70", update="rock", headline="In Osaka, they queue", occurred_at=at)
    desk.correct("expo-70", "rock", note="It is in Suita.", headline="Near Osaka, they queue", severity="minor", occurred_at=at)


def refusal(data: Path, *args: str) -> str:
    """Return the one line with which a command refuses."""
    result = run(data, *args)
    assert result.code == 1
    assert result.out == ""
    assert re.fullmatch(r"dateline: .*\n", result.err)
    return result.err.removeprefix("dateline: ").rstrip()


# timeline


def test_a_timeline_is_shown_newest_first_by_the_days_of_the_story(data: Path) -> None:
    result = run(data, "timeline", STORY)

    assert (result.code, result.err) == (0, "")
    said = [
        *("Apollo 13", "To Fra Mauro.", "Coverage ended on Wednesday 15 April 1970 at 23:16", "times of America/Chicago"),
        *("Wednesday 15 April 1970", "13:16  On land again", "Monday 13 April 1970", "21:16  Version 2"),
        *("22:16  FLASH · Verified · Corrected", "Houston, we've had a problem", "Swigert said so."),
        *("Picture: The crew. (NASA)", "Correction, 23:16: The first call was misquoted.", "updated 14 April, 00:16"),
        *("21:16  Key event", "Lift-off", "On time."),
    ]
    places = [result.out.index(text) for text in said[:3]]
    assert places == sorted(places)
    assert not [text for text in said if text not in result.out]
    assert not [text for text in ("meteorite", "Fifteen minutes", "Step by step") if text in result.out]
    assert "\x1b" not in result.out


def test_json_is_the_document_of_the_contract_and_nothing_else(data: Path) -> None:
    result = run(data, "timeline", STORY, "--json")

    page = json_of(result)
    assert result.err == ""
    assert list(page) == ["story", "seq", "next", "updates"]
    assert page["story"]["status"] == "closed"
    assert [update["id"] for update in page["updates"]] == ["samoa", "wire", "problem", "launch"]
    with Deployment(read_settings({}, data=str(data))) as deployment:
        same = deployment.reader.page(STORY)
        assert same is not None
        assert result.out.encode() == same.json() + b"\n"


def test_the_foot_of_a_page_is_the_command_for_the_next(data: Path) -> None:
    args: tuple[str, ...] = ("timeline", STORY, "--limit", "1", "--as-of", "14")
    seen = []
    while args:
        result = run(data, *args)
        assert result.code == 0
        seen += re.findall(r"^ +.*(Lift-off|On land again|we've had a problem|Version 2)$", result.out, re.MULTILINE)
        seen += re.findall(r"^\d\d:\d\d  (On land again|Version 2)$", result.out, re.MULTILINE)
        found = re.search(r"^  dateline (.*)$", result.out, re.MULTILINE)
        args = tuple(found[1].split()) if found else ()

    assert seen == ["On land again", "Version 2", "we've had a problem", "Lift-off"]


def test_key_events_alone(data: Path) -> None:
    page = json_of(run(data, "timeline", STORY, "--key-events", "--json"))

    assert [update["id"] for update in page["updates"]] == ["launch"]


def test_as_of_shows_what_readers_had(data: Path) -> None:
    before, after = (json_of(run(data, "timeline", STORY, "--as-of", seq, "--json")) for seq in ("3", "6"))

    assert [update["headline"] for update in before["updates"]] == ["Houston, we have a problem", "Lift-off"]
    assert [update["id"] for update in after["updates"]] == ["meteorite", "problem", "launch"]
    assert before["story"]["status"] == "open"
    assert "As readers had it at seq 3." in run(data, "timeline", STORY, "--as-of", "3").out


def test_as_of_takes_a_time_with_its_zone(data: Path) -> None:
    now = datetime.now(UTC).isoformat()

    assert "As readers had it on " in run(data, "timeline", STORY, "--as-of", now).out
    assert "had nothing of story 'apollo-13'" in refusal(data, "timeline", STORY, "--as-of", "1970-04-20T00:00Z")
    assert "has no zone" in refusal(data, "timeline", STORY, "--as-of", "1970-04-20T00:00")
    assert "is no time" in refusal(data, "timeline", STORY, "--as-of", "yesterday")


def test_a_seq_of_any_size_is_taken(data: Path) -> None:
    page = json_of(run(data, "timeline", STORY, "--as-of", "9" * 5000, "--json"))

    assert page["seq"] == 14
    assert "had nothing" in refusal(data, "timeline", STORY, "--as-of", "0")


@pytest.mark.parametrize("command", ["timeline", "watch", "corrections"])
def test_a_story_that_is_not_there_is_refused_with_the_nearest(data: Path, command: str) -> None:
    assert refusal(data, command, "apolo-13").startswith("No story 'apolo-13' (did you mean 'apollo-13'?).")


@pytest.mark.parametrize("command", [("timeline",), ("watch",), ("corrections",), ("history", STORY)])
@pytest.mark.parametrize("name", ["Apollo 13", "a/b", "", "\udcff", "{x}", "x" * 300])
def test_what_is_no_name_is_refused(data: Path, command: tuple[str, ...], name: str) -> None:
    assert "name" in refusal(data, *command, name)


def test_a_cursor_that_is_none_is_refused(data: Path) -> None:
    assert "'zzz' is no cursor" in refusal(data, "timeline", STORY, "--cursor", "zzz")


def test_a_limit_outside_its_range_is_a_usage_error(data: Path) -> None:
    assert run(data, "timeline", STORY, "--limit", "0").code == 2


# history


def test_a_history_tells_what_brought_each_revision_about_and_what_changed(data: Path) -> None:
    result = run(data, "history", STORY, "problem")

    assert result.code == 0
    said = [
        *("22:16  Published: revision 1", "Houston, we have a problem", "Lovell said so."),
        *("23:16  Corrected: revision 2", "What was wrong: The first call was misquoted.", "seq 4, recorded "),
        *("- Headline: Houston, we have a problem", "+ Headline: Houston, we've had a problem"),
        *("- Lovell said so.", "+ Swigert said so.", "Tuesday 14 April 1970", "00:16  Marked", "Now verified."),
    ]
    places = [result.out.index(text, result.out.index("22:16")) for text in said]
    assert places == sorted(places)


def test_a_history_as_json(data: Path) -> None:
    told = json_of(run(data, "history", STORY, "problem", "--json"))

    assert {name: told[name] for name in ("story", "update", "revision")} == {"story": STORY, "update": "problem", "revision": 2}
    assert [(one["seq"], one["kind"], one["revision"]) for one in told["history"]] == [
        *((3, "published", 1), (4, "corrected", 2), (5, "marked", 2)),
    ]
    first, corrected, marked = told["history"]
    assert first["document"]["headline"] == "Houston, we have a problem"
    assert corrected["note"] == "The first call was misquoted."
    assert corrected["severity"] == "substantive"
    assert corrected["occurred_at"] == "1970-04-14T05:16:00Z"
    assert "+Swigert said so." in corrected["diff"]
    assert "diff" not in first
    assert "diff" not in marked


def test_late_copy_stands_in_the_history_and_was_never_shown(data: Path) -> None:
    late = json_of(run(data, "history", STORY, "wire", "--json"))["history"][-1]

    assert (late["kind"], late["revision"], late["document"]) == ("late", None, None)
    assert late["copy"]["headline"] == "Version 1"
    shown = run(data, "history", STORY, "wire").out
    assert shown.startswith("Version 2\n")
    assert "Late copy came in: kept here, never shown" in shown


def test_of_a_killed_update_only_its_end_is_told(data: Path) -> None:
    assert refusal(data, "history", STORY, "air") == (
        "Update 'air' was killed on 1970-04-14 03:16:00 UTC; nothing of it is shown."
    )


@pytest.mark.parametrize("update", ["meteorite", "plan"])
def test_what_is_withheld_or_under_embargo_is_not_there_and_not_suggested(data: Path, update: str) -> None:
    assert refusal(data, "history", STORY, update).startswith(f"No update '{update}' in story 'apollo-13'")
    assert update not in refusal(data, "history", STORY, f"{update}s").replace(f"{update}s", "")


def test_an_update_that_is_not_there_is_refused_with_the_nearest(data: Path) -> None:
    assert "(did you mean 'problem'?)" in refusal(data, "history", STORY, "problm")
    assert refusal(data, "history", "apolo-13", "problem").startswith("No story 'apolo-13'")


# corrections


def test_corrections_of_all_stories_come_newest_first(data: Path) -> None:
    told = json_of(run(data, "corrections", "--json"))["corrections"]

    assert [(one["story"], one["update"], one["revision"], one["severity"]) for one in told] == [
        ("expo-70", "rock", 2, "minor"),
        (STORY, "problem", 2, "substantive"),
    ]
    assert told[1] == {
        **{"story": STORY, "update": "problem", "headline": "Houston, we've had a problem", "revision": 2},
        **{"note": "The first call was misquoted.", "severity": "substantive", "corrected_at": "1970-04-14T05:16:00Z"},
    }
    assert len(json_of(run(data, "corrections", "--limit", "1", "--json"))["corrections"]) == 1


def test_corrections_of_one_story_in_words(data: Path) -> None:
    result = run(data, "corrections", STORY)

    assert "Houston, we've had a problem\n" in result.out
    assert "│ Correction, 13 April 1970, 23:16 CST: The first call was misquoted.\n" in result.out
    assert "Osaka" not in result.out


# A view that stays behind


@pytest.fixture
def behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A deployment whose view is held by somebody who does not move; its last update is not in the view."""
    catch_up = partialmethod(KeptTimeline.catch_up, timeout=0.2)  # it need not wait as long as users do
    monkeypatch.setattr(KeptTimeline, "catch_up", catch_up)
    with Deployment(read_settings({}, data=str(tmp_path))) as deployment:
        desk = deployment.desk()
        desk.open_story(STORY, title="Apollo 13")
        desk.publish(STORY, update="launch", headline="Lift-of")
        desk.correct(STORY, "launch", note="A letter.", headline="Lift-off")
        deployment.timeline.catch_up(timeout=PATIENCE)
        with closing(deployment.log.join(EVENTS_TOPIC, group="timeline")):
            desk.publish(STORY, update="later", headline="Not in the view yet")
            yield tmp_path


@pytest.mark.parametrize("command", [("timeline", STORY), ("history", STORY, "launch"), ("corrections",), ("story", "list")])
@pytest.mark.parametrize("options", [(), ("--json",)], ids=["words", "json"])
def test_what_a_view_has_that_stays_behind_is_shown_with_a_warning(
    behind: Path, capsys: pytest.CaptureFixture[str], command: tuple[str, ...], options: tuple[str, ...]
) -> None:
    code = main.run(["--data", str(behind), *command, *options])

    said = capsys.readouterr()
    assert code == 4
    assert (STORY if command == ("story", "list") else "Lift-off") in said.out
    assert "Not in the view yet" not in said.out
    (warning,) = [line for line in said.err.splitlines() if line.startswith("dateline: warning: ")]
    assert "The timeline has not come to the end of the log" in warning
    if options:
        json.loads(said.out)


@pytest.mark.parametrize("command", [("timeline", "artemis-2"), ("history", STORY, "later"), ("corrections", "artemis-2")])
def test_what_a_view_that_stays_behind_does_not_know_may_be_there_all_the_same(
    behind: Path, capsys: pytest.CaptureFixture[str], command: tuple[str, ...]
) -> None:
    code = main.run(["--data", str(behind), *command])

    said = capsys.readouterr()
    assert (code, said.out) == (4, "")
    assert "No story" not in said.err
    assert "No update" not in said.err


# The terminal


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_a_page_fits_its_terminal_and_is_the_same_when_piped(data: Path, columns: int) -> None:
    lines = run(data, "timeline", STORY, env={"COLUMNS": str(columns)}).out.splitlines()

    assert max(map(len, lines)) <= min(columns, 80)


@pytest.mark.parametrize(("env", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_colour_is_for_terminals_that_want_it(data: Path, env: dict[str, str], coloured: bool) -> None:
    out = in_terminal(data, "timeline", STORY, env={"TERM": "xterm-256color", **env})

    colours = re.findall(r"\x1b\[[0-9;]*m", out)
    assert any(re.search(r"\b3[0-7]\b", colour) for colour in colours) == coloured
    assert "Houston, we've had a problem" in re.sub(r"\x1b\[[0-9;]*m", "", out)


def in_terminal(data: Path, *args: str, env: dict[str, str]) -> str:
    """Return what a command writes to a terminal."""
    ours, theirs = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS")}
    environment |= {"DATELINE_DATA": str(data), **env}
    process = subprocess.Popen([DATELINE, *args], stdout=theirs, stdin=subprocess.DEVNULL, env=environment)
    os.close(theirs)
    written = b""
    try:
        while part := os.read(ours, 65536):
            written += part
    except OSError:  # Linux says so when the other side has closed
        pass
    os.close(ours)
    assert process.wait(timeout=30) == 0
    return written.decode()


def test_a_terminal_without_the_letters_is_no_reason_to_stop(data: Path) -> None:
    result = run(data, "timeline", STORY, env={"PYTHONIOENCODING": "ascii"})

    assert result.code == 0
    assert "Houston, we've had a problem" in result.out


def test_a_reader_that_goes_away_is_no_failure(data: Path) -> None:
    page = f"{sys.executable} -c 'import sys; sys.stdin.close()'"
    command = f"set -o pipefail; {DATELINE} timeline {STORY} --json | {page}"

    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, env={**os.environ, "DATELINE_DATA": str(data)}, timeout=30
    )

    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("command", ["timeline", "history", "corrections", "watch"])
def test_help_fits_a_screen_and_shows_an_example(tmp_path: Path, command: str) -> None:
    result = run(tmp_path, command, "--help")

    assert result.code == 0
    assert "Example: dateline" in result.out
    assert len(result.out.splitlines()) <= 24


def test_json_on_a_fresh_folder_is_a_refusal(tmp_path: Path) -> None:
    assert refusal(tmp_path, "timeline", STORY, "--json").startswith("No story 'apollo-13'.")
    assert json.loads(run(tmp_path, "corrections", "--json").out) == {"corrections": []}
    assert run(tmp_path, "corrections").out == "Nothing has been corrected.\n"
