"""`dateline log export` and `log import`: the log as a file, and back, with every byte and every time."""

from __future__ import annotations

import json
import signal
import stat
import subprocess
import sys
from base64 import b64encode
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from dateline.log import open_log
from dateline.log.base import NewRecord
from tests.integration.cli import Result, json_of, run

DEMO = Path(__file__).parents[2] / "dateline" / "demo" / "apollo-13.ndjson"
TOPIC = "dateline.events"

RECORDED = "1970-04-14T03:08:20Z"
IMPORT = """
import sys
import time
from dateline.log import open_log
from dateline.ndjson import read_file
from dateline.restore import read_archive, restore

said = 0

def say(count):
    global said
    said += count
    print(count, flush=True)
    if said > 2_500:
        sys.stdin.read()  # wait to be killed: the end is never written

restore(open_log(sys.argv[2]), read_archive(read_file(sys.argv[1]), now_ms=time.time_ns() // 1_000_000), advance=say)
"""
"""Imports a file into a log, and says the count of each batch that is written."""

Json = dict[str, Any]  # Any: whatever JSON holds


def exported(data: Path, *options: str) -> list[Json]:
    """Return the records of an export, header and end left out."""
    result = run(data, "log", "export", *options)
    header, *records, end = map(json.loads, result.out.splitlines())
    assert (result.code, header) == (0, {"dateline": "log", "version": 1, "counted": True})
    assert end == {"dateline": "log", "version": 1, "end": True, "records": len(records)}
    return records


def restored(data: Path, lines: Sequence[Json]) -> Result:
    return run(data, "log", "import", "-", stdin="".join(f"{json.dumps(line)}\n" for line in lines).encode())


def append(data: Path, *records: NewRecord) -> None:
    """Write to the log as a foreign producer would."""
    with open_log(f"sqlite:///{data}/log.db") as log:
        log.append(TOPIC, records)


def raw(story: str, value: bytes) -> Json:
    return {"key": b64encode(story.encode()).decode(), "value": b64encode(value).decode(), "headers": []}


def of_story(line: Json, story: str) -> Json:
    """Return a line whose record is said of another story; nobody can read it, and that does not matter to an archive."""
    return {**line, "type": None, "story": story, "digest": None, "raw": {**line["raw"], "key": raw(story, b"")["key"]}}


def values(lines: Sequence[Json]) -> dict[str, list[str]]:
    """Return the values of each key's records, in their order."""
    found = defaultdict(list)
    for line in lines:
        found[line["raw"]["key"]].append(line["raw"]["value"])
    return found


def kill_import(file: Path, data: Path, *, batches: int) -> int:
    """Import a file in a process that is killed (-9) after so many batches; return how many records it knew to be written."""
    command = [sys.executable, "-c", IMPORT, str(file), f"sqlite:///{data}/log.db"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        written = [int(process.stdout.readline()) for _ in range(batches)]
        process.kill()
    assert process.returncode == -signal.SIGKILL
    return sum(written)


def timeline(data: Path) -> Any:  # Any: what JSON holds
    return json_of(run(data, "timeline", "apollo-13", "--limit", "100", "--json"))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A deployment with the demo's coverage in it."""
    assert run(tmp_path / "data", "log", "import", str(DEMO)).code == 0
    return tmp_path / "data"


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[Json]:
    """The demo's coverage, exported."""
    data = tmp_path_factory.mktemp("exported")
    assert run(data, "log", "import", str(DEMO)).code == 0
    return exported(data)


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    return tmp_path / "empty"


def test_events_without_raw_bytes_are_restored_with_the_times_at_which_they_were_recorded(data: Path) -> None:
    given = [json.loads(line) for line in DEMO.read_text(encoding="utf-8").splitlines()]

    found = exported(data)

    assert [one["recorded_at"] for one in found] == [one["recorded_at"] for one in given]
    assert [one["seq"] for one in found] == list(range(1, len(given) + 1))
    assert {name: found[0].get(name) for name in given[0]} == given[0]


def test_an_archive_restores_to_the_same_log_and_the_same_view(data: Path, empty: Path, tmp_path: Path) -> None:
    append(
        data,
        NewRecord(b"apollo-13", b"\x00\x00\x00\xff\xff no schema has this id", (("x", b"\xff"), ("x", b"")), timestamp=-5),
        NewRecord(b"apollo-13", None, timestamp=-(2**46)),
        NewRecord("größe".encode(), b"", timestamp=0),
    )
    first, second = tmp_path / "first.ndjson", tmp_path / "second.ndjson"

    assert run(data, "log", "export", str(first)).err == f"Exported 63 records to {first}.\n"
    result = run(empty, "log", "import", str(first))
    run(empty, "log", "export", str(second))

    assert (result.code, result.out) == (0, "Restored 63 records of 2 stories: apollo-13, größe.\n")
    assert first.read_bytes() == second.read_bytes()
    assert timeline(empty) == timeline(data)
    assert run(empty, "verify").code == 0


def test_a_record_that_cannot_be_decoded_is_exported_with_what_is_wrong(data: Path) -> None:
    append(data, NewRecord(b"apollo-13", b"no framing"), NewRecord(None, b"?"), NewRecord(b"\xff", b"?"))

    broken = [one for one in exported(data) if one["type"] is None]

    assert all(one["problem"] for one in broken)
    assert sorted(str(one["story"]) for one in broken) == ["None", "None", "apollo-13"]
    of_the_story = next(one for one in broken if one["story"])
    assert (of_the_story["seq"], of_the_story["raw"]["value"]) == (61, b64encode(b"no framing").decode())


def test_records_of_no_story_are_left_out_and_counted(data: Path, empty: Path) -> None:
    append(data, NewRecord(None, b"?"), NewRecord(b"artemis-2", b"?", partition=3), NewRecord(b"artemis-2", b"?", partition=0))
    lines = exported(data)

    result = restored(empty, lines)

    assert sum(line["story"] is None for line in lines) == 2
    assert (result.code, result.out) == (
        0,
        "Restored 61 records of 2 stories: apollo-13, artemis-2. Left out: 2 records of no story.\n",
    )
    assert len(exported(empty)) == 61


def test_one_story_is_exported_alone(data: Path, empty: Path) -> None:
    run(data, "story", "open", "artemis-2", "--title", "Artemis II")

    lines = exported(data, "--story", "artemis-2")

    assert [(line["story"], line["seq"]) for line in lines] == [("artemis-2", 1)]
    assert restored(empty, lines).code == 0
    assert run(data, "log", "export", "--story", "artemis2").err.startswith(
        "dateline: The log has no record of story 'artemis2' (did you mean 'artemis-2'?)."
    )


def test_an_archive_that_is_there_whole_is_left_as_it_is(data: Path) -> None:
    before = run(data, "log", "export").out

    result = run(data, "log", "import", str(DEMO))

    assert (result.code, result.err) == (0, "")
    assert "All of this archive is in the log already" in result.out
    assert run(data, "log", "export").out == before


def test_an_archive_with_a_story_that_goes_on_otherwise_restores_nothing(lines: list[Json], empty: Path) -> None:
    run(empty, "story", "open", "apollo-13", "--title", "Another")

    result = restored(empty, lines)

    assert (result.code, len(result.err.splitlines())) == (1, 1)
    assert "The log has records already, other or more than the archive has, of: apollo-13." in result.err
    assert len(exported(empty)) == 1


def test_a_story_that_went_on_after_it_was_restored_is_refused(data: Path) -> None:
    append(data, NewRecord(b"apollo-13", b"news"))

    result = run(data, "log", "import", str(DEMO))

    assert "of: apollo-13. A restored story must be what it was, so nothing was written." in result.err
    assert (result.code, len(exported(data))) == (1, 61)


def test_an_import_goes_on_from_whatever_beginning_of_each_story_is_there(lines: list[Json], empty: Path) -> None:
    stories = {"apollo-13": 7, "artemis-2": 0, "skylab-4": 12}
    said = [of_story(line, story) for line in lines[:12] for story in stories]
    first = [[line for line in said if line["story"] == story][:count] for story, count in stories.items()]
    restored(empty, [line for part in first for line in part])

    result = restored(empty, said)

    assert result.out == (
        "Restored 17 records of 3 stories: apollo-13, artemis-2, skylab-4. 19 were there from an import that was stopped.\n"
    )
    assert values(exported(empty)) == values(said)
    assert "All of this archive is in the log already" in restored(empty, said).out


def test_an_import_that_was_killed_goes_on_when_it_is_run_again(empty: Path, tmp_path: Path) -> None:
    said = [{"raw": raw(f"story-{at % 7}", f"{at} {'x' * 2_000}".encode()), "recorded_at": RECORDED} for at in range(4_000)]
    file = tmp_path / "archive.ndjson"
    file.write_text("".join(f"{json.dumps(line)}\n" for line in said))
    empty.mkdir()

    killed_at = kill_import(file, empty, batches=2)
    there = len(exported(empty))
    result = run(empty, "log", "import", str(file))

    assert killed_at <= there < len(said)
    assert result.out.endswith(f" {there:,} were there from an import that was stopped.\n")
    assert values(exported(empty)) == values(said)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"recorded_at": None}, "recorded_at None: this must be a time"),
        ({"recorded_at": "yesterday"}, "recorded_at: 'yesterday' is no time"),
        ({"recorded_at": "2999-01-01T00:00:00Z"}, "more than an hour ahead"),
        ({"raw": {"key": "YXBvbGxvLTEz", "value": None, "timestamp": -(2**60)}}, "in no calendar"),
        ({"seq": 7}, "seq 7 of story 'apollo-13' does not follow 1"),
        ({"digest": "0" * 64}, "the archive was changed here or before"),
        ({"recorded_at": RECORDED}, "the archive was changed here or before"),
        ({"raw": None, "recorded_at": None}, "recorded_at: missing"),
        ({"raw": {"key": "%%", "value": None}}, "raw.key '%%': this must be bytes in base64"),
        ({"raw": "bytes"}, "raw 'bytes': this must be an object"),
        ({"raw": {"key": "YQ==", "value": None}}, "story 'apollo-13': the key in raw names 'a'"),
        ({"raw": {"key": "YXBvbGxvLTEz", "value": None, "headers": [["\ud800", ""]]}}, "this is no name of a header"),
        ({"raw": {"key": "YXBvbGxvLTEz", "value": "A" * 1_400_000}}, "the record holds 1,050,009 bytes"),
        ({"urgency": 9}, "urgency 9: the bytes in raw say"),
    ],
    ids=lambda value: "" if isinstance(value, dict) else value[:30],
)
def test_a_file_with_a_bad_line_restores_nothing(lines: list[Json], empty: Path, change: Json, says: str) -> None:
    result = restored(empty, [lines[0], {**lines[1], **change}, *lines[2:]])

    assert result.code == 1
    assert result.err.startswith("dateline: line 2: ")
    assert says in result.err.splitlines()[0]
    assert "Nothing was restored: 1 line of stdin cannot be used." in result.err
    assert exported(empty) == []


@pytest.mark.parametrize(
    ("stdin", "says"),
    [
        (b'{"dateline": "log", "version": 2}\n', "exported by a newer Dateline (version 2)"),
        (b'{"dateline": "snapshot", "version": 1}\n', "a Dateline file of another kind, 'snapshot'"),
        (b"\x1f\x8b\x08", "compressed with gzip"),
    ],
)
def test_a_file_of_another_format_or_a_newer_version_is_refused(empty: Path, stdin: bytes, says: str) -> None:
    result = run(empty, "log", "import", "-", stdin=stdin)

    assert (result.code, len(result.err.splitlines())) == (1, 1)
    assert says in result.err


def test_an_empty_log_is_exported_and_restored(empty: Path, tmp_path: Path) -> None:
    out = run(empty, "log", "export").out

    result = run(tmp_path / "other", "log", "import", "-", stdin=out.encode())

    assert (result.code, result.out) == (0, "Restored 0 records of 0 stories.\n")


def test_a_file_is_replaced_by_a_whole_export_only_and_is_its_owners(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "archive.ndjson"
    file.write_text("what was there\n")

    refused = run(data, "log", "export", "--story", "absent", str(file))
    kept = file.read_text()
    run(data, "log", "export", str(file))

    assert (refused.code, kept) == (1, "what was there\n")
    assert len(file.read_text(encoding="utf-8").splitlines()) == 62
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir() if "archive" in path.name] == ["archive.ndjson"]


@pytest.mark.parametrize("file", [".", "absent/archive.ndjson"])
def test_where_nothing_can_be_written_the_export_is_refused(data: Path, tmp_path: Path, file: str) -> None:
    result = run(data, "log", "export", str(tmp_path / file))

    assert result.code == 1
    assert "cannot be written" in result.err
