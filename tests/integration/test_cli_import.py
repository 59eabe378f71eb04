"""`dateline import`: events from a file, all of them or none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.integration.cli import Result, json_of, run

BEGAN = "1970-04-11T19:13:00Z"


def line(update: str | None = None, **more: object) -> dict[str, Any]:  # Any: whatever JSON holds
    """Return an event as JSON: a story's opening, or a new update."""
    event: dict[str, Any] = {"type": "StoryOpened", "story": "apollo-13", "desk": "houston", "occurred_at": BEGAN}
    if update is None:
        return {**event, "title": "Apollo 13", **more}
    return {**event, "type": "UpdatePublished", "update": update, "content": {"headline": f"About {update}"}, **more}


def ndjson(*lines: object) -> bytes:
    return b"".join(one if isinstance(one, bytes) else json.dumps(one).encode() + b"\n" for one in lines)


def import_(data: Path, *lines: object, options: tuple[str, ...] = ()) -> Result:
    return run(data, "import", "-", *options, stdin=ndjson(*lines))


def records(data: Path) -> int:
    """Return how many records the log has."""
    return len(run(data, "log", "export").out.splitlines()) - 2  # header and end


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def test_events_of_a_file_reach_the_timeline_and_a_second_import_changes_nothing(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "coverage.ndjson"
    file.write_bytes(ndjson(line(), *(line(f"u{at}") for at in range(3))))

    first = run(data, "import", str(file))
    exported = run(data, "log", "export").out.splitlines()
    again = run(data, "import", str(file), "--json")

    assert (first.code, first.out, first.err) == (0, "Published 4 events: 4 accepted.\n", "")
    assert (again.code, json_of(again)["accepted"], json_of(again)["duplicate"]) == (0, 0, 4)
    assert run(data, "import", str(file)).out == "Nothing new in 4 events: 0 accepted, 4 duplicate.\n"
    assert run(data, "log", "export").out.splitlines() == exported
    assert [json.loads(one).get("update") for one in exported] == [None, None, "u0", "u1", "u2", None]
    shown = json_of(run(data, "timeline", "apollo-13", "--json"))
    assert [update["id"] for update in shown["updates"]] == ["u2", "u1", "u0"]


def test_a_file_with_bad_lines_changes_nothing_and_each_is_named(data: Path) -> None:
    bad = (b"{broken\n", line("u1", urgency=0), line("u2", kicker="x"), b'{"type": "\xff"}\n')

    result = import_(data, line(), *bad, line("good"))

    *named, last = result.err.splitlines()
    assert (result.code, result.out) == (1, "")
    assert [one.split(": ")[1] for one in named] == ["line 2", "line 3", "line 4", "line 5"]
    assert "urgency 0" in named[1]
    assert "kicker: no such field" in named[2]
    assert last.startswith("dateline: Nothing was published: 4 lines of stdin cannot be used, 2 can.")
    assert "--skip-bad" in last
    assert records(data) == 0


def test_of_many_bad_lines_the_first_are_named_and_all_are_counted(data: Path) -> None:
    result = import_(data, *[b"?\n"] * 1000)

    assert len(result.err.splitlines()) == 22
    assert result.err.splitlines()[20] == "dateline: … and 980 more bad lines."
    assert "1,000 lines of stdin" in result.err


def test_with_skip_bad_the_good_lines_go_in(data: Path) -> None:
    result = import_(data, line(), b"{broken\n", line("good"), options=("--skip-bad", "--json"))

    told = json_of(result)
    assert result.code == 0
    assert (told["accepted"], told["skipped"], [bad["line"] for bad in told["bad_lines"]]) == (2, 1, [2])
    assert records(data) == 2


def test_a_dry_run_checks_and_changes_nothing(data: Path) -> None:
    result = import_(data, line(), line("u1"), options=("--dry-run",))

    assert result.code == 0
    assert result.out.startswith(
        "2 events in good form. Nothing was published (--dry-run), so what the log's order decides is not"
    )
    assert not data.exists()


def test_the_same_event_id_with_other_content_is_rejected_with_its_line(data: Path) -> None:
    same = {"event_id": "0198f0c2-7a10-7c3e-9b1d-5f2e6a9c0001"}

    result = import_(data, line(), line("u1", **same), line("u1", **same), line("u2", **same), options=("--json",))

    told = json_of(result)
    assert result.code == 1
    assert (told["accepted"], told["duplicate"], told["rejected"]) == (2, 1, 1)
    assert [(one["line"], one["update"]) for one in told["rejections"]] == [(4, "u2")]
    assert "line 4: rejected: The event id '0198f0c2-7a10-7c3e-9b1d-5f2e6a9c0001' was used before" in result.err


def test_the_second_import_of_a_partly_rejected_file_says_the_same_and_writes_nothing(data: Path) -> None:
    released = {name: value for name, value in line("u1").items() if name != "content"} | {"type": "UpdateReleased"}
    events = (line(), line("u1"), released, line("u2"))

    first, again = (import_(data, *events, options=("--json",)) for _ in range(2))

    told, told_again = json_of(first), json_of(again)
    assert (first.code, again.code) == (1, 1)
    assert (told["accepted"], told["duplicate"], told["rejected"]) == (3, 0, 1)
    assert (told_again["accepted"], told_again["duplicate"], told_again["rejected"]) == (0, 3, 1)
    assert told_again["rejections"] == told["rejections"]
    assert again.err == first.err
    assert "line 3: rejected: Update 'u1' is not withheld" in again.err
    assert records(data) == 4


def test_of_a_file_that_has_grown_only_what_is_new_is_written(data: Path) -> None:
    import_(data, line(), line("u1"))

    result = import_(data, line("u1"), line("u2"), line(), line("u3"))

    assert (result.code, result.out) == (0, "Published 4 events: 2 accepted, 2 duplicate.\n")
    assert records(data) == 4


def test_an_id_that_the_log_has_with_other_content_is_sent_and_rejected(data: Path) -> None:
    import_(data, line(), line("u1", event_id="e-1"))

    result = import_(data, line("u1", event_id="e-1"), line("u2", event_id="e-1"), options=("--json",))

    assert (result.code, json_of(result)["duplicate"], json_of(result)["rejected"]) == (1, 1, 1)
    assert "line 2: rejected: The event id 'e-1' was used before with other content (seq 2)" in result.err
    assert records(data) == 3


def test_only_formats_that_there_are_can_be_chosen(data: Path) -> None:
    assert import_(data, line(), options=("--format", "ndjson")).code == 0
    assert import_(data, line(), options=("--format", "docx")).code == 2


def test_late_copy_is_counted(data: Path) -> None:
    result = import_(data, line(), line("u1", version=3), {**line("u1"), "type": "UpdateRevised", "version": 2})

    assert result.out == "Published 3 events: 3 accepted (1 of them late copy, for the history only).\n"


def test_with_story_unnamed_lines_get_it_and_others_are_bad(data: Path) -> None:
    unnamed = line()
    del unnamed["story"]

    given = import_(data, unnamed, options=("--story", "apollo-13"))
    other = import_(data, line("u1", story="artemis-2"), options=("--story", "apollo-13"))

    assert given.code == 0
    assert other.code == 1
    assert "line 1: story 'artemis-2': with --story" in other.err
    assert records(data) == 1


def test_what_an_export_adds_is_ignored_and_events_are_recorded_now(data: Path, tmp_path: Path) -> None:
    import_(data, line(), line("u1"))
    exported = run(data, "log", "export").out.encode()

    result = run(tmp_path / "other", "import", "-", stdin=exported)

    assert (result.code, result.out) == (0, "Published 2 events: 2 accepted.\n")


def test_a_picture_without_alternative_text_is_warned_about(data: Path) -> None:
    picture = {"type": "image", "uri": "https://images.example/a.jpg", "caption": "The crew"}

    result = import_(data, line(), line("u1", content={"headline": "The crew", "media": [picture]}))

    assert result.code == 0
    assert "dateline: warning: line 2: content.media[0]" in result.err
    assert "the image has no alternative text" in result.err


@pytest.mark.parametrize(
    ("stdin", "says"),
    [
        (b"", "There is no event in stdin"),
        (b"\n \n", "There is no event in stdin"),
        (b"[" + ndjson(line()) + b"]", "line 1: this is a JSON array"),
        (json.dumps(line(), indent=1).encode(), "line 1: this JSON object goes over several lines"),
        (b'{"dateline": "log", "version": 99}\n', "line 1: this log was exported by a newer Dateline (version 99)"),
        (b"SQLite format 3\0", "line 1: this is an SQLite file"),
        (ndjson(line(summary="x" * 5_000_000)), "line 1: "),
        (b"x" * 40_000_000, "line 1: it has more than 33,554,432 bytes"),
        (b'{"a":' * 100_000, "line 1: it is nested too deep"),
        (ndjson(line(occurred_at="2999-01-01T00:00:00Z")), "more than an hour ahead of now"),
        (ndjson(line(title="\ud800")), "half a character"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_file_of_events_is_refused_in_words(data: Path, stdin: bytes, says: str) -> None:
    result = run(data, "import", "-", stdin=stdin)

    assert result.code == 1
    assert says in result.err
    assert all(one.startswith("dateline: ") and len(one) < 1000 for one in result.err.splitlines())
    assert records(data) == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("absent.ndjson",), "There is no file 'absent.ndjson'"),
        (("/proc/self/mem",), "cannot be read"),
        (("-", "--story", "no name"), "The story name 'no name' holds ' '"),
    ],
)
def test_what_cannot_be_imported_is_refused_in_one_line(data: Path, arguments: tuple[str, ...], says: str) -> None:
    result = run(data, "import", *arguments, stdin=ndjson(line()))

    assert (result.code, len(result.err.splitlines())) == (1, 1)
    assert says in result.err


def test_without_a_consumer_in_time_the_import_is_unconfirmed(data: Path) -> None:
    result = run(data, "import", "-", "--json", stdin=ndjson(line()), env={"DATELINE_REDIS": "redis://127.0.0.1:1"})

    assert (result.code, json_of(result)["unconfirmed"]) == (4, 1)
    assert "The log has all of it, but no consumer has confirmed it: Redis at redis://127.0.0.1:1" in result.err
    assert records(data) == 1
