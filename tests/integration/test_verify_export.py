"""`dateline verify --export`: what an exported log proves, to somebody who has nothing but the file and a published digest."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from consumers.record_digest import BEGINNING, chained, record_digest
from dateline.archive import record_of_line
from dateline.cli import main
from dateline.log import open_log
from dateline.log.base import NewRecord
from dateline.ndjson import Line
from schemas.topics import EVENTS_TOPIC
from tests.integration.cli import json_of, run

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "dateline" / "demo" / "apollo-13.ndjson"
STORY = "apollo-13"

Json = dict[str, Any]  # Any: whatever JSON holds
Said = tuple[int, str, str]
"""What a command did: its exit code, stdout and stderr."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A deployment with the demo's coverage (seq 1 to 60 of apollo-13), what nobody can read, and what belongs to no story."""
    data = tmp_path_factory.mktemp("data")
    assert run(data, "log", "import", str(DEMO)).code == 0
    with open_log(f"sqlite:///{data}/log.db") as log:
        log.append(
            EVENTS_TOPIC,
            [
                NewRecord(b"apollo-13", b"no framing", (("x" * 40, b"\xff" * 300), ("x", b"")), timestamp=-5),
                NewRecord(
                    b"apollo-13", None, (("größe", b"1" * 70_000), *((f"n{at}", b"") for at in range(16))), timestamp=-(2**46)
                ),
                NewRecord("größe".encode(), b"", timestamp=0),
                NewRecord(None, b"?"),
            ],
        )
    return data


@pytest.fixture(scope="module")
def whole(data: Path) -> list[Json]:
    """The export's lines, its header first, its end last."""
    return [json.loads(line) for line in run(data, "log", "export").out.splitlines()]


@pytest.fixture(scope="module")
def exported(whole: list[Json]) -> list[Json]:
    """The lines as a release wrote them that did not count: a header and no end."""
    header = {name: value for name, value in whole[0].items() if name != "counted"}
    return [header, *whole[1:-1]]


@pytest.fixture
def verify(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Verify a file of these lines."""

    def verify(lines: Sequence[object], *options: str) -> Said:
        file = tmp_path / "export.ndjson"
        file.write_text("".join(line if isinstance(line, str) else f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
        code = main.run(["--data", str(tmp_path / "unused"), "verify", "--export", str(file), *options])
        assert not (tmp_path / "unused").exists()
        return (code, *capsys.readouterr())

    return verify


def place(lines: Sequence[Json], seq: int) -> int:
    """Return where the record stands that is `seq` of apollo-13."""
    return next(at for at, line in enumerate(lines) if (line.get("story"), line.get("seq")) == (STORY, seq))


def digest_at(lines: Sequence[Json], seq: int) -> str:
    digest: str = lines[place(lines, seq)]["digest"]
    return digest


def with_raw(line: Json, **raw: object) -> Json:
    return {**line, "raw": {**line["raw"], **raw}}


def rewritten(lines: Sequence[Json]) -> list[Json]:
    """Return the lines with all digests made anew, and numbered anew, as somebody can who holds the file."""
    ends: dict[str, tuple[int, bytes]] = {}
    told = []
    for at, line in enumerate(lines):
        if line.get("story") is not None:
            seq, before = ends.get(line["story"], (0, BEGINNING))
            record = record_of_line(Line(at, line))[1]
            assert record.timestamp is not None
            digest = chained(before, seq + 1, record_digest(record.timestamp, record.key, record.headers, record.value))
            ends[line["story"]] = seq + 1, digest
            line = {**line, "seq": seq + 1, "digest": digest.hex()}
        told.append(line)
    return told


# What is proven


def test_a_file_that_nobody_touched_agrees_with_itself_and_with_the_log(
    data: Path, exported: list[Json], verify: Callable[..., Said]
) -> None:
    code, out, err = verify(exported, "--json")

    told = json.loads(out)
    assert (code, err, told["faults"], told["problem"]) == (0, "", [], None)
    assert (told["records"], told["of_no_story"]) == (63, 1)
    assert told["record"] == json_of(run(data, "verify", "--json"))["record"]
    stories = json_of(run(data, "story", "list", "--json"))["stories"]
    listed = {one["id"]: one["record"] for one in stories}
    assert {one["story"]: {"seq": one["seq"], "digest": one["digest"]} for one in told["stories"]} == listed


def test_in_words(exported: list[Json], verify: Callable[..., Said]) -> None:
    code, out, err = verify(exported)

    last = digest_at(exported, 62)
    assert (code, err) == (0, "")
    assert out.startswith("63 records, 2 stories; 1 record of no story, which no digest covers.\n")
    assert f"\napollo-13: seq 62, sha256 {last}\n" in out
    assert out.endswith(
        "Each record gives the digest beside it. Whether all was written anew, a published digest tells: --digest D\n"
    )


@pytest.mark.parametrize(
    ("seq", "says"),
    [
        (62, "apollo-13 up to seq 62 is as it was when this digest was published.\n"),
        (41, "apollo-13 up to seq 41 is as it was when this digest was published; 21 records came later.\n"),
        (1, "apollo-13 up to seq 1 is as it was when this digest was published; 61 records came later.\n"),
    ],
)
def test_a_storys_digest_proves_its_record_up_to_there(
    exported: list[Json], verify: Callable[..., Said], seq: int, says: str
) -> None:
    code, out, err = verify(exported, "--digest", digest_at(exported, seq).upper())

    assert (code, err) == (0, "")
    assert out.endswith(f"\n{says}")


def test_the_logs_digest_proves_all_of_it(data: Path, exported: list[Json], verify: Callable[..., Said]) -> None:
    record = json_of(run(data, "verify", "--json"))["record"]

    code, out, _ = verify(exported, "--digest", record, "--json")

    assert (code, json.loads(out)["proven"]) == (0, {"story": None, "seq": None, "later": 0})
    assert verify(exported, "--digest", record)[1].endswith("The whole log is as it was when this digest was published.\n")


def test_a_story_that_is_exported_alone_is_proven_alone(data: Path, exported: list[Json], verify: Callable[..., Said]) -> None:
    alone = [json.loads(line) for line in run(data, "log", "export", "--story", STORY).out.splitlines()]

    code, out, _ = verify(alone, "--digest", digest_at(exported, 50), "--json")

    assert (code, json.loads(out)["proven"]) == (0, {"story": STORY, "seq": 50, "later": 12})


def test_a_file_is_verified_from_stdin_where_there_is_neither_log_nor_redis(exported: list[Json], tmp_path: Path) -> None:
    stdin = "".join(f"{json.dumps(line)}\n" for line in exported).encode()
    env = {"DATELINE_LOG": "kafka://nowhere.invalid:9092", "DATELINE_REDIS": "redis://nowhere.invalid"}

    result = run(tmp_path / "unused", "verify", "--export", "-", "--digest", digest_at(exported, 62), stdin=stdin, env=env)

    assert (result.code, result.err) == (0, "")
    assert not (tmp_path / "unused").exists()


def test_what_is_restored_or_copied_elsewhere_has_the_same_digests(data: Path, exported: list[Json], tmp_path: Path) -> None:
    file = tmp_path / "export.ndjson"
    file.write_text("".join(f"{json.dumps(line)}\n" for line in exported))
    other = f"sqlite:///{tmp_path}/other.db?partitions=5"

    assert run(tmp_path / "restored", "log", "import", str(file)).code == 0
    assert run(tmp_path / "unused", "log", "copy", f"sqlite:///{data}/log.db", other).code == 0
    found = [run(tmp_path / "restored", "verify", "--json"), run(tmp_path / "b", "verify", "--json", env={"DATELINE_LOG": other})]

    assert {json_of(one)["record"] for one in found} == {json_of(run(data, "verify", "--json"))["record"]}


def test_a_history_ends_with_the_digest_of_its_story(data: Path, exported: list[Json]) -> None:
    timeline = json_of(run(data, "timeline", STORY, "--limit", "1", "--json"))
    update = timeline["updates"][0]["id"]

    assert "record" not in timeline
    assert json_of(run(data, "history", STORY, update, "--json"))["record"] == {"seq": 62, "digest": digest_at(exported, 62)}
    assert run(data, "history", STORY, update).out.endswith(f"\nrecord: seq 62, sha256 {digest_at(exported, 62)}\n")


# What is not


def changed(seq: int, change: Callable[[Json], Json]) -> Callable[[list[Json]], list[Any]]:
    return lambda lines: [change(line) if line is lines[place(lines, seq)] else line for line in lines]


def _taken_out(lines: list[Json]) -> list[Json]:
    return [line for line in lines if line is not lines[place(lines, 30)]]


def _renumbered(lines: list[Json]) -> list[Json]:
    """Take one out, and number the rest of the story as if it had never been."""
    kept = [line for line in lines if line is not lines[place(lines, 58)]]
    return [{**line, "seq": line["seq"] - 1} if line.get("story") == STORY and line["seq"] > 58 else line for line in kept]


def _swapped(lines: list[Json]) -> list[Json]:
    one, other = place(lines, 30), place(lines, 31)
    return [lines[{one: other, other: one}.get(at, at)] for at in range(len(lines))]


def _put_in(lines: list[Json]) -> list[Json]:
    names = ("seq", "digest", "recorded_at", "raw")
    said = {"type": None, "story": STORY, "problem": "?", **{name: lines[place(lines, 30)][name] for name in names}}
    forged = with_raw(said, value=b64encode(b"forged").decode())
    return [*lines[: place(lines, 31)], forged, *lines[place(lines, 31) :]]


NO_DIGEST = "its bytes, time and place do not give the digest beside it: it was changed, or records before it were taken out"


@pytest.mark.parametrize(
    ("tamper", "faults"),
    [
        (changed(61, lambda line: with_raw(line, value="AAAA")), [(61, NO_DIGEST)]),
        (changed(62, lambda line: with_raw(line, value="")), [(62, NO_DIGEST)]),
        (changed(30, lambda line: {**line, "recorded_at": "1970-04-14T03:08:20.000000Z"}), [(30, NO_DIGEST)]),
        (changed(30, lambda line: with_raw(line, headers=line["raw"]["headers"][::-1])), [(30, NO_DIGEST)]),
        (changed(30, lambda line: with_raw(line, headers=[])), [(30, NO_DIGEST)]),
        (changed(30, lambda line: {**line, "digest": "0" * 64}), [(30, NO_DIGEST)]),
        (changed(30, lambda line: {**line, "digest": "?"}), [(30, "digest '?' is no digest; one has 64 hexadecimal digits.")]),
        (
            changed(30, lambda line: {**line, "seq": "30"}),
            [(None, "seq '30': this must be 1, 2, 3 …"), (31, "before it, seq 30 is")],
        ),
        (changed(30, lambda line: {**line, "raw": None}), [(30, "its raw bytes are not there")]),
        (changed(30, lambda line: {**line, "desk": "another"}), [(30, "desk 'another': the bytes in raw say ")]),
        (changed(61, lambda line: {**line, "recorded_at": "1970-04-14T03:08:20.000000Z"}), [(61, NO_DIGEST)]),
        (
            changed(30, lambda line: with_raw({**line, "recorded_at": "1970-01-01T00:00:00.000000Z"}, timestamp=8_888_888)),
            [(30, "recorded_at '1970-01-01T00:00:00.000000Z': the record's time is 1970-01-01T02:28:08.888000Z.")],
        ),
        (_taken_out, [(31, "before it, seq 30 is missing or was moved")]),
        (lambda lines: _taken_out(_taken_out_too(lines)), [(31, "before it, seq 29 to 30 is missing or was moved")]),
        (_renumbered, [(58, NO_DIGEST), (59, NO_DIGEST), (60, NO_DIGEST), (61, NO_DIGEST)]),
        (_swapped, [(31, "before it, seq 30 is missing or was moved"), (30, "it stands after seq 31: it was moved, or")]),
        (_put_in, [(30, "it stands after seq 30: it was moved, or is there twice")]),
    ],
)
def test_what_was_changed_is_named(
    exported: list[Json], verify: Callable[..., Said], tamper: Callable[[list[Json]], list[Json]], faults: list[tuple[int, str]]
) -> None:
    lines = tamper(exported)

    code, out, err = verify(lines, "--json")

    found = json.loads(out)["faults"]
    assert code == 1
    assert [(one["seq"], one["problem"][: len(problem)]) for one, (_, problem) in zip(found, faults, strict=True)] == faults
    assert all(lines[one["line"] - 1]["story"] == one["story"] == STORY for one in found)
    assert err.splitlines()[-1].endswith(f"the file was changed: {len(found)} fault{'s' if len(found) > 1 else ''}.")


def _taken_out_too(lines: list[Json]) -> list[Json]:
    return [line for line in lines if line is not lines[place(lines, 29)]]


@pytest.mark.parametrize("tamper", [_taken_out, _swapped, _put_in, changed(30, lambda line: with_raw(line, headers=[]))])
def test_what_was_changed_is_not_proven_however_well_it_was_done(
    exported: list[Json], verify: Callable[..., Said], tamper: Callable[[list[Json]], list[Json]]
) -> None:
    forged = rewritten(tamper(exported))

    code, _, err = verify(forged, "--digest", digest_at(exported, 62))
    still = verify(forged, "--digest", digest_at(exported, 28))

    assert verify(forged)[0] == 0
    assert (code, "no story had this digest at any seq" in err) == (1, True)
    assert still[0] == 0


def test_what_is_missing_at_the_end_is_seen_by_a_published_digest_alone(
    exported: list[Json], verify: Callable[..., Said]
) -> None:
    cut = [line for line in exported if line.get("story") != STORY or line["seq"] < 60]

    assert verify(cut)[0] == 0
    assert verify(cut, "--digest", digest_at(exported, 59))[0] == 0
    assert verify(cut, "--digest", digest_at(exported, 60))[0] == 1


def test_a_digest_that_the_file_only_states_is_told_apart(exported: list[Json], verify: Callable[..., Said]) -> None:
    lines = changed(30, lambda line: with_raw(line, headers=[]))(exported)

    code, _, err = verify(lines, "--digest", digest_at(exported, 62))

    assert code == 1
    assert f"dateline: line {place(lines, 30) + 1}, story apollo-13, seq 30: {NO_DIGEST}\n" in err
    assert "the digest stands beside seq 62 of apollo-13, but the records up to there do not give it" in err


def test_what_comes_after_the_proof_is_not_hidden_by_it(exported: list[Json], verify: Callable[..., Said]) -> None:
    lines = changed(30, lambda line: with_raw(line, headers=[]))(exported)

    code, out, err = verify(lines, "--digest", digest_at(exported, 20), "--json")

    assert (code, json.loads(out)["proven"]) == (1, {"story": STORY, "seq": 20, "later": 42})
    assert "apollo-13 up to seq 20 is as it was when this digest was published, but the file was changed: 1 fault." in err


def test_an_export_without_digests_is_proven_by_a_published_one_alone(exported: list[Json], verify: Callable[..., Said]) -> None:
    bare = [{name: value for name, value in line.items() if name != "digest"} for line in exported]

    code, _, err = verify(bare)

    assert (code, "63 records without a digest: nothing is proven of them." in err) == (1, True)
    assert verify(bare, "--digest", digest_at(exported, 62))[0] == 0


# Header and end


def test_a_file_that_nobody_touched_ends_where_the_export_did(whole: list[Json], verify: Callable[..., Said]) -> None:
    assert verify(whole)[::2] == (0, "")


CUT = "the file ends before the export did: its end is missing. Copy or export it once more"
COUNT = "the export ended with 64 records, and 63 are here: lines were taken out or put in"
HEADLESS = "the header of an export is missing: its beginning is gone, or it is none"
TWICE = "a header in the middle: this is more than one export, or lines were moved. Verify each alone"


@pytest.mark.parametrize(
    ("tamper", "faults"),
    [
        (lambda lines: lines[:-1], [(65, CUT)]),
        (lambda lines: lines[:20], [(20, CUT)]),
        (lambda lines: [*lines[:-2], lines[-1]], [(65, COUNT)]),
        (lambda lines: lines[1:], [(1, HEADLESS)]),
        (lambda lines: [*lines[1:], lines[0]], [(66, "it stands after the end"), (66, TWICE), (1, HEADLESS)]),
        (lambda lines: [lines[0], *lines], [(2, TWICE)]),
        (lambda lines: [*lines[:-2], lines[-1], lines[-2]], [(66, "it stands after the end of the export, which is line 65")]),
    ],
)
def test_a_file_without_its_beginning_or_its_end_is_named(
    whole: list[Json], verify: Callable[..., Said], tamper: Callable[[list[Json]], list[Json]], faults: list[tuple[int, str]]
) -> None:
    code, out, _ = verify(tamper(whole), "--json")

    found = json.loads(out)["faults"]
    assert code == 1
    assert [(one["line"], one["problem"][: len(problem)]) for one, (_, problem) in zip(found, faults, strict=True)] == faults


@pytest.mark.parametrize("lines", [[], ["\n\n\n"], [{"a": 1}], ['{\n  "a": 1,\n', "}\n"], ["one\n", "two\n"] * 400])
def test_what_is_no_export_is_refused_as_such(verify: Callable[..., Said], lines: list[object]) -> None:
    code, out, err = verify(lines)

    assert (code, out, len(err.splitlines())) == (1, "", 1)
    assert "no exported log: one begins with" in err or "goes over several lines" in err


def test_an_older_export_that_holds_nothing_proves_nothing(exported: list[Json], verify: Callable[..., Said]) -> None:
    code, _, err = verify(exported[:1])

    assert (code, "there is no record in it, so nothing is proven." in err) == (1, True)


# The words beside the bytes


def _without(*names: str) -> Callable[[Json], Json]:
    return lambda line: {name: value for name, value in line.items() if name not in names}


@pytest.mark.parametrize(
    ("seq", "change", "problem"),
    [
        (2, _without("content"), "content is missing; the bytes in raw say {'headline': "),
        (30, _without("seq"), "seq is missing"),
        (30, lambda line: {**line, "approved": True}, "'approved': there is no such field in what the bytes in raw say"),
        (
            30,
            lambda line: {**_without("desk")(line), "Desk": line["desk"]},
            "desk is missing; the bytes in raw say 'houston' (and",
        ),
        (30, lambda line: {**line, "type": None}, "type None: the bytes in raw say 'Update"),
        (2, lambda line: {**line, "pinned": 0}, "pinned 0: the bytes in raw say False"),
        (2, lambda line: {**line, "urgency": float(line["urgency"])}, "urgency "),
        (30, lambda line: with_raw(line, note="x"), "raw.note: there is no such field in an export"),
        (30, lambda line: with_raw(line, offset="0"), "raw.offset '0': this must be a number"),
        (61, lambda line: {**line, "type": "UpdateKilled"}, "type 'UpdateKilled': the bytes in raw say None"),
        (61, lambda line: {**line, "headline": "A word"}, "'headline': there is no such field in what the bytes in raw say"),
        (61, _without("problem"), "problem is missing"),
    ],
)
def test_what_a_line_says_beside_its_bytes_is_held_to_them(
    exported: list[Json], verify: Callable[..., Said], seq: int, change: Callable[[Json], Json], problem: str
) -> None:
    code, out, err = verify(changed(seq, change)(exported), "--json")

    (fault,) = json.loads(out)["faults"]
    assert (code, fault["line"], fault["seq"]) == (1, place(exported, seq) + 1, seq)
    assert fault["problem"].startswith(problem)
    assert "restore" not in err


def test_a_record_that_is_said_to_be_of_no_story_says_nothing_else(exported: list[Json], verify: Callable[..., Said]) -> None:
    lines = changed(30, lambda line: {**line, "type": None, "story": None})(exported)

    _, out, _ = verify(lines, "--json")

    own, next_one = json.loads(out)["faults"]
    assert (own["line"], own["problem"][:18]) == (place(exported, 30) + 1, "problem is missing")
    assert next_one["problem"] == "before it, seq 30 is missing or was moved"


def test_a_line_that_is_no_json_is_named(exported: list[Json], verify: Callable[..., Said]) -> None:
    code, _, err = verify([exported[0], "{broken\n", *exported[1:]])

    assert (code, "dateline: line 2: this is no JSON" in err) == (1, True)


def test_of_many_faults_the_first_few_are_shown(exported: list[Json], verify: Callable[..., Said]) -> None:
    lines = [with_raw(line, headers=[["x", ""]]) if line.get("story") == STORY else line for line in exported]

    code, out, err = verify(lines, "--json")

    assert (code, len(json.loads(out)["faults"]), json.loads(out)["fault_count"]) == (1, 20, 62)
    assert "dateline: … and 42 faults more.\n" in err


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (("--export", "absent.ndjson"), 1, "There is no file 'absent.ndjson'."),
        (("--export", str(DEMO), "--digest", "3f9a"), 1, "'3f9a' is no digest; one has 64 hexadecimal digits."),
        (("--digest", "0" * 64), 2, "--digest goes with --export FILE."),
    ],
)
def test_what_cannot_be_verified_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], code: int, says: str
) -> None:
    assert main.run(["--data", str(tmp_path / "unused"), "verify", *options]) == code
    assert says in capsys.readouterr().err


# Without Dateline


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program that docs/the-record.md shows."""
    (source,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "the-record.md").read_text(encoding="utf-8"), re.DOTALL)
    file = tmp_path_factory.mktemp("program") / "verify_record.py"
    file.write_text(source, encoding="utf-8")
    return file


def verified_by(program: Path, lines: Sequence[Json], digest: str) -> subprocess.CompletedProcess[str]:
    file = program.with_name("coverage.ndjson")
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    command = [sys.executable, "-I", "-S", str(program), str(file), digest]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False, env={"PYTHONUTF8": "1"})


def test_the_documented_program_comes_to_the_same_digests(program: Path, exported: list[Json]) -> None:
    done = verified_by(program, exported, digest_at(exported, 41))

    größe = next(line["digest"] for line in exported if line.get("story") == "größe")
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(done.stdout.splitlines()) == [
        f"apollo-13 62 {digest_at(exported, 62)}",
        "found: apollo-13 41",
        f"größe 1 {größe}",
    ]


@pytest.mark.parametrize(
    "tamper", [_taken_out, _renumbered, _swapped, _put_in, changed(30, lambda line: with_raw(line, headers=[]))]
)
def test_the_documented_program_finds_what_was_changed(
    program: Path, exported: list[Json], tamper: Callable[[list[Json]], list[Json]]
) -> None:
    done = verified_by(program, tamper(exported), digest_at(exported, 62))

    assert done.returncode == 1
    assert "AssertionError" in done.stderr
    assert "found:" not in done.stdout


def test_the_documented_program_is_short(program: Path) -> None:
    source = program.read_text(encoding="utf-8")
    code = [
        line for line in source.splitlines() if line.strip() and not line.startswith("import ") and not line.startswith("from ")
    ]

    assert len(code) <= 30
    assert not re.search(r"import .*(msgspec|msgpack|dateline)", source)
