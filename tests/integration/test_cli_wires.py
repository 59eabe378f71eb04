"""`dateline import` of wires' formats, and the log given out again as a wire would send it."""

from __future__ import annotations

import itertools
import json
import tarfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from lxml import etree
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from tests.integration.cli import json_of, run
from tests.support.iptc import iptc
from tests.support.wires import EXAMPLES, GUID, newsml, ninjs

COVERAGE = EXAMPLES / "newsml-g2"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def updates(data: Path, story: str) -> dict[str, Any]:  # Any: what JSON holds
    found = json_of(run(data, "timeline", story, "--json"))["updates"]
    return {update["id"].rpartition(":")[2]: update for update in found}


def records(data: Path) -> int:
    return len(run(data, "log", "export").out.splitlines()) - 2


def test_a_coverage_as_an_agency_sends_it_reaches_readers(data: Path) -> None:
    first = run(data, "import", str(COVERAGE), "--json")
    again = run(data, "import", str(COVERAGE), "--json")

    assert (json_of(first)["accepted"], json_of(first)["rejected"]) == (10, 1)  # what was killed does not come back
    assert json_of(again)["accepted"] == 0
    shown = updates(data, "harbour-bridge")
    assert shown.keys() == {"bridge-1", "bridge-2", "bridge-4", "bridge-picture"}
    assert shown["bridge-1"]["headline"] == "Ship hits harbour bridge, one arch down"
    assert [one["note"] for one in shown["bridge-1"]["corrections"]] == ["Corrects number of arches to one, not two"]
    assert shown["bridge-2"]["headline"] == "Nine hurt on harbour bridge"
    assert "bridge-3: rejected" not in first.err
    assert "was killed" in first.err


@pytest.mark.parametrize("order", list(itertools.permutations(["01-urgent", "02-write-thru", "03-correction"]))[1:4])
def test_the_last_version_wins_in_whatever_order_they_come(data: Path, order: tuple[str, ...]) -> None:
    for name in order:
        assert run(data, "import", str(COVERAGE / f"{name}.xml")).code == 0

    update = updates(data, "harbour-bridge")["bridge-1"]
    assert update["headline"] == "Ship hits harbour bridge, one arch down"
    assert len(update["corrections"]) == 1


def test_a_tar_archive_and_standard_input_are_read_without_unpacking(data: Path, tmp_path: Path) -> None:
    archive = tmp_path / "drop.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for name, document in (("../one.xml", newsml()), ("two.json", ninjs(uri="urn:two"))):
            member = tarfile.TarInfo(name)
            member.size = len(document)
            tar.addfile(member, BytesIO(document))

    assert run(data, "import", str(archive)).out == "Published 2 events: 2 accepted.\n"
    assert run(data, "import", "-", stdin=ninjs(uri="urn:three")).out == "Published 1 event: 1 accepted.\n"
    assert len(updates(data, "bridge")) == 3
    assert not (tmp_path.parent / "one.xml").exists()


@pytest.mark.parametrize("ending", ["tar", "tar.gz", "tar.bz2", "tar.xz"])
def test_an_archive_that_broke_off_changes_nothing(data: Path, tmp_path: Path, ending: str) -> None:
    whole = tmp_path / "whole"
    mode: Any = f"w:{ending.partition('.')[2]}"  # Any: one of the modes that tarfile lists
    with tarfile.open(whole, mode) as tar:
        tar.add(COVERAGE, "coverage")
    broken = tmp_path / f"broken.{ending}"
    broken.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])

    result = run(data, "import", str(broken))

    assert (result.code, records(data)) == (1, 0)
    assert "broken" in result.err.splitlines()[-1]
    assert "Traceback" not in result.err


def test_one_bad_item_changes_nothing_and_is_named_with_file_and_place(data: Path, tmp_path: Path) -> None:
    (tmp_path / "drop").mkdir()
    (tmp_path / "drop" / "a.xml").write_bytes(newsml())
    (tmp_path / "drop" / "b.xml").write_bytes(newsml(guid="")[:-30])
    (tmp_path / "drop" / "c.json").write_bytes(b"[" + ninjs() + b"," + ninjs(pubStatus="x") + b"]")

    refused = run(data, "import", str(tmp_path / "drop"))
    skipped = run(data, "import", str(tmp_path / "drop"), "--skip-bad", "--json")

    assert refused.code == 1
    assert [line.split(": ")[1:3] for line in refused.err.splitlines()[:2]] == [
        ["b.xml", "line 5, column 119"],
        ["c.json", "item 2"],
    ]
    assert refused.err.splitlines()[-1].startswith("dateline: Nothing was published")
    assert [one["place"].split(":")[0] for one in json_of(skipped)["bad_lines"]] == ["b.xml", "c.json"]
    assert records(data) == 2


def test_a_dry_run_leaves_nothing_behind(data: Path) -> None:
    result = run(data, "import", str(COVERAGE / "01-urgent.xml"), "--dry-run")

    assert result.out.startswith("1 event in good form")
    assert not (data / "wires.db").exists()


def test_exporting_ninjs_gives_back_what_an_event_has_no_place_for(data: Path) -> None:
    original = json.loads((EXAMPLES / "ninjs/ninjs-3.json").read_text(encoding="utf-8"))
    run(data, "import", str(EXAMPLES / "ninjs/ninjs-3.json"))

    [line] = run(data, "log", "export", "--format", "ninjs").out.splitlines()

    given = json.loads(line)
    for name, value in original.items():
        if name not in ("versionCreated", "bodies", "altIds"):
            assert given[name] == value, name
    assert given["bodies"][0]["value"] == "<p>A container ship hit the bridge; <strong>two arches</strong> fell.</p>"


def test_an_export_imported_elsewhere_shows_the_same(data: Path, tmp_path: Path) -> None:
    run(data, "import", str(COVERAGE))
    before = updates(data, "harbour-bridge")

    for form in ("ninjs", "newsml-g2"):
        exported = run(data, "log", "export", "--format", form).out.encode()
        assert run(tmp_path / form, "import", "-", stdin=exported).code == 0
        after = updates(tmp_path / form, "harbour-bridge")
        assert {name: update["headline"] for name, update in after.items()} == {
            name: update["headline"] for name, update in before.items()
        }
        assert after["bridge-1"]["body"] == before["bridge-1"]["body"]
        assert len(after["bridge-1"]["corrections"]) == 1


def test_what_is_exported_is_valid_by_iptcs_schemas(data: Path) -> None:
    folder = iptc()
    run(data, "import", str(COVERAGE))
    run(data, "import", str(EXAMPLES / "ninjs/ninjs-3.json"))

    items = valid_items(data, folder)
    assert len(items) == 11
    guids = [item["uri"] for item in items if item["pubStatus"] == "canceled"]
    assert guids == [GUID.replace("bridge-1", "bridge-3")]


def test_what_came_in_as_any_ninjs_or_feed_is_valid_when_it_goes_out(data: Path) -> None:
    folder = iptc()
    for source in (folder / "ninjs/examples", folder / "newsml-g2/examples", EXAMPLES / "feeds"):
        assert run(data, "import", str(source), "--story", "s", "--skip-bad").code in (0, 1)  # two examples share a version

    assert len(valid_items(data, folder)) > 12


def valid_items(data: Path, folder: Path) -> list[dict[str, Any]]:  # Any: what JSON holds
    """Return what is exported as ninjs, once it and NewsML-G2 have been held to the schemas."""
    message = etree.fromstring(run(data, "log", "export", "--format", "newsml-g2").out.encode())
    etree.XMLSchema(etree.parse(folder / "newsml-g2/schema/NewsML-G2_2.35-spec-All-Power.xsd")).assertValid(message)
    schema = json.loads((folder / "ninjs/schema/ninjs-schema_3.1.json").read_text(encoding="utf-8"))
    geo = DRAFT202012.create_resource({})
    registry: Registry[Any] = Registry().with_resource("https://geojson.org/schema/GeoJSON.json", geo)  # Any: what JSON holds
    validator = Draft202012Validator(schema, registry=registry, format_checker=FormatChecker())
    items = [json.loads(line) for line in run(data, "log", "export", "--format", "ninjs").out.splitlines()]
    for item in items:
        validator.validate(item)
    return items
