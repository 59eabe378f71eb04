"""`dateline ingest`: what wires bring into folders and feeds, read once, whatever happens meanwhile."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.cli import DATELINE, SLOWEST, Result, json_of, run
from tests.support.feed_server import FeedServer, feed_server
from tests.support.wires import EXAMPLES, newsml, ninjs, rss


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def drop(tmp_path: Path) -> Path:
    folder = tmp_path / "drop"
    folder.mkdir()
    return folder


@pytest.fixture
def feed() -> Iterator[FeedServer]:
    with feed_server() as served:
        yield served


def ingest(data: Path, *arguments: str) -> Result:
    return run(data, "ingest", *arguments, "--once", "--settle", "0")


def said(result: Result, event: str) -> list[dict[str, Any]]:  # Any: what JSON holds
    return [line for line in map(json.loads, result.err.splitlines()) if line["event"] == event]


def headlines(data: Path, story: str = "bridge") -> list[str]:
    return [update["headline"] for update in json_of(run(data, "timeline", story, "--json"))["updates"]]


def records(data: Path) -> int:
    return len(run(data, "log", "export").out.splitlines()) - 2


def entry(words: str, guid: str = "1") -> str:
    return f"<guid>{guid}</guid><title>Bridge</title><description>{words}</description>"


def test_a_folder_is_read_once_and_what_was_read_can_be_moved_away(data: Path, drop: Path, tmp_path: Path) -> None:
    (drop / "in").mkdir()
    (drop / "in" / "a.xml").write_bytes(newsml())
    (drop / "b.json").write_bytes(ninjs(uri="urn:b"))

    first = ingest(data, str(drop))
    again = ingest(data, str(drop))
    moved = ingest(data, str(drop), "--done", str(tmp_path / "done"))

    assert (first.code, again.code, moved.code) == (0, 0, 0)
    assert sum(line["events"] for line in said(first, "read")) == 2
    assert said(again, "read") == []
    assert records(data) == 2
    assert sorted(path.name for path in (tmp_path / "done").rglob("*.*")) == ["a.xml", "b.json"]
    assert not list(drop.rglob("*.*"))


def test_what_cannot_be_read_stays_and_is_told_each_time_and_the_rest_goes_on(data: Path, drop: Path, tmp_path: Path) -> None:
    done = tmp_path / "done"
    (drop / "bad.xml").write_bytes(newsml()[:-40])
    (drop / "half.json").write_bytes(b"[" + ninjs() + b"," + ninjs(uri="") + b"]")

    for _ in range(2):
        result = ingest(data, str(drop), "--done", str(done))
        assert result.code == 1
        reasons = {Path(line["source"]).name: f"{line['place']} {line['reason']}" for line in said(result, "unusable")}
        assert "line 5" in reasons["bad.xml"]
        assert "uri: missing" in reasons["half.json"]

    assert sorted(path.name for path in drop.iterdir()) == ["bad.xml", "half.json"]
    assert headlines(data) == ["Ship hits bridge"]
    (drop / "bad.xml").write_bytes(newsml(guid="urn:mended"))
    ingest(data, str(drop), "--done", str(done))
    assert [path.name for path in done.iterdir()] == ["bad.xml"]
    assert records(data) == 2


def test_pictures_beside_their_items_are_passed_over(data: Path, drop: Path, tmp_path: Path) -> None:
    (drop / "1.xml").write_bytes(newsml())
    (drop / "1.jpg").write_bytes(b"\xff\xd8\xff\xe0\0\x10JFIF")
    (drop / "1.mp4").write_bytes(b"\0\0\0\x18ftypmp42")

    result = ingest(data, str(drop), "--done", str(tmp_path / "done"))

    assert result.code == 0
    assert [line["passed_over"] for line in said(result, "read")] == [0, 1, 1]
    assert not list(drop.iterdir())


def test_a_file_may_have_any_name(data: Path, drop: Path) -> None:
    for number, name in enumerate((b"caf\xe9.xml", b"two\nlines.xml", b"\x1b[31mred.xml")):
        Path(os.fsdecode(bytes(drop) + b"/" + name)).write_bytes(newsml(guid=f"urn:{number}"))
    Path(os.fsdecode(bytes(drop) + b"/b\xe4d.xml")).write_bytes(b"<a/>")

    first, again = ingest(data, str(drop)), ingest(data, str(drop))
    imported = run(data, "import", str(drop), "--skip-bad")

    assert [len(said(result, "read")) for result in (first, again)] == [4, 1]
    assert [(line["source"], line["place"]) for line in said(again, "unusable")] == [
        (f"{drop}/b\\udce4d.xml", "b\\udce4d.xml: line 1")
    ]
    assert "b\\udce4d.xml" in imported.err
    assert records(data) == 3


def test_a_file_that_is_still_being_written_is_waited_for(data: Path, drop: Path) -> None:
    (drop / "one.xml.part").write_bytes(newsml()[:50])
    (drop / ".two.xml").write_bytes(newsml()[:50])
    fresh = drop / "three.xml"
    fresh.write_bytes(newsml())
    began = time.time()

    result = run(data, "ingest", str(drop), "--once", "--settle", "1.5")

    assert time.time() >= fresh.stat().st_mtime + 1.5
    assert time.time() < began + SLOWEST
    assert [Path(line["source"]).name for line in said(result, "read")] == ["three.xml"]


def test_a_feed_is_asked_for_only_what_is_new_and_edits_are_noticed(data: Path, feed: FeedServer) -> None:
    feed.body = rss(entry("one"), entry("other", "2"))
    assert ingest(data, "--feed", f"bridge={feed.url}").code == 0
    assert ingest(data, "--feed", f"bridge={feed.url}").code == 0
    assert [asked.get("If-None-Match") for asked in feed.asked] == [None, '"1"']
    feed.body, feed.etag = rss(entry("two"), entry("other", "2")), '"2"'

    edited = ingest(data, "--feed", f"bridge={feed.url}")

    [read] = said(edited, "read")
    assert (read["events"], read["repeated"]) == (1, 1)
    shown = json_of(run(data, "timeline", "bridge", "--json"))["updates"]
    assert [(update["revision"], update["body"][0]["text"]) for update in shown] == [(1, "other"), (2, "two")]
    assert records(data) == 3


@pytest.mark.parametrize(("status", "location"), [(500, ""), (404, ""), (302, "/feed")])
def test_a_feed_that_cannot_be_had_is_told_and_nothing_is_lost(data: Path, feed: FeedServer, status: int, location: str) -> None:
    feed.status, feed.location = status, location

    result = ingest(data, "--feed", feed.url, "--story", "bridge")

    assert result.code == 1
    assert said(result, "failed")[0]["feed"] == feed.url
    assert len(feed.asked) <= 7


def test_a_server_that_says_unchanged_of_what_was_never_had_is_told(data: Path, feed: FeedServer) -> None:
    feed.status = 304

    result = ingest(data, "--feed", feed.url, "--story", "bridge")

    assert "304" in said(result, "failed")[0]["error"]


def test_a_feeds_coding_may_be_its_servers_to_say_and_its_key_is_in_no_log(data: Path, feed: FeedServer) -> None:
    feed.body = rss("<guid>1</guid><title>Brücke</title>").decode().encode("latin-1")
    feed.kind = "text/xml; charset=iso-8859-1"

    result = ingest(data, "--feed", f"bridge={feed.url.replace('://', '://anna:s3cret@')}?key=s3cret")

    assert headlines(data) == ["Brücke"]
    assert "s3cret" not in result.err
    assert feed.asked[0]["Authorization"].startswith("Basic ")


def test_a_page_instead_of_a_feed_is_told(data: Path, feed: FeedServer) -> None:
    feed.body = b"<html><body>Moved</body></html>"

    result = ingest(data, "--feed", feed.url, "--story", "bridge")

    assert "page in HTML" in said(result, "unusable")[0]["reason"]


def test_after_kill_9_it_goes_on_where_it_was_and_nothing_is_there_twice(data: Path, drop: Path) -> None:
    count = 60
    for number in range(count):
        (drop / f"{number:03}.xml").write_bytes(newsml(guid=f"urn:{number}"))
    command = [str(DATELINE), "ingest", str(drop), "--settle", "0"]
    environment = {**os.environ, "DATELINE_DATA": str(data)}

    for _ in range(3):
        with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            seen = 0
            for line in process.stderr:
                seen += '"read"' in line
                if seen == 15:
                    break
            process.send_signal(signal.SIGKILL)
    rest = ingest(data, str(drop))

    assert rest.code == 0
    ids = {json.loads(line)["event_id"] for line in run(data, "log", "export").out.splitlines()[1:-1]}
    assert len(ids) == count


def test_it_ends_when_it_is_told_to(data: Path, drop: Path) -> None:
    environment = {**os.environ, "DATELINE_DATA": str(data)}
    with subprocess.Popen([DATELINE, "ingest", str(drop)], env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert '"started"' in process.stderr.readline()
        process.terminate()
        assert process.wait(SLOWEST) == 0


def test_the_examples_are_ingested(data: Path) -> None:
    result = ingest(data, str(EXAMPLES / "newsml-g2"))

    assert result.code == 0
    assert len(headlines(data, "harbour-bridge")) == 4


@pytest.mark.parametrize(("arguments", "code"), [((), 2), (("/absent",), 1), (("--feed", "ftp://x"), 1)])
def test_what_cannot_be_watched_is_refused(data: Path, arguments: tuple[str, ...], code: int) -> None:
    assert ingest(data, *arguments).code == code
