"""`dateline log copy`: a whole log into another, between SQLite and Kafka."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from kafka import KafkaAdminClient

from dateline.copying import copy_log
from dateline.errors import Refused
from dateline.log import open_log
from dateline.log.base import NewRecord
from schemas.topics import DESKS_TOPIC, EVENTS_TOPIC, TOPICS
from tests.integration.cli import DATELINE, Result, json_of, run
from tests.support.kafka_servers import Broker, empty_log, kafka_broker
from tests.support.servers import eventually

DEMO = Path(__file__).parents[2] / "dateline" / "demo" / "apollo-13.ndjson"
RECORDED = 24_000_000_000  # in 1970

COPY = """
import sys
from contextlib import contextmanager
from dateline.copying import copy_log
from dateline.log import open_log

pages = 0

def say(count):
    global pages
    pages += 1
    print(pages, flush=True)
    if pages >= 12:
        sys.stdin.read()  # wait to be killed: the end is never written

@contextmanager
def show(what, total):
    yield say if what == "Copying dateline.events" else lambda count: None

copy_log(open_log(sys.argv[1]), open_log(sys.argv[2]), show=show)
"""
"""Copies a log, and says so whenever it has read a page of the source."""

MakeLog = Callable[[], str]
"""Makes a log that is empty and returns its URL."""


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with kafka_broker(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


@pytest.fixture
def new_sqlite(tmp_path: Path) -> MakeLog:
    return lambda: f"sqlite:///{tmp_path}/{uuid4().hex}.db?partitions=7"


@pytest.fixture(params=["sqlite", "kafka"])
def new_log(request: pytest.FixtureRequest, new_sqlite: MakeLog) -> MakeLog:
    """Each backend: as a target, and as a source once something was copied to it."""
    if request.param == "sqlite":
        return new_sqlite
    broker: Broker = request.getfixturevalue("broker")
    return lambda: empty_log(broker.address, partitions=5)


@pytest.fixture
def source(tmp_path: Path) -> str:
    """A log that holds the demo's coverage, and what nobody can read."""
    data = tmp_path / "source"
    assert run(data, "log", "import", str(DEMO)).code == 0
    append(
        f"sqlite:///{data}/log.db",
        NewRecord(b"apollo-13", b"no framing", (("x", b"\xff"), ("x", b"")), timestamp=RECORDED),
        NewRecord(b"apollo-13", None, timestamp=RECORDED),
        NewRecord("größe".encode(), b"", timestamp=0),
    )
    return f"sqlite:///{data}/log.db"


def append(url: str, *records: NewRecord) -> None:
    """Write to the log as a foreign producer would."""
    with open_log(url) as log:
        log.append(EVENTS_TOPIC, records)


def copied(tmp_path: Path, source: str, target: str) -> Any:  # Any: whatever JSON holds
    """Copy, and return what is said of the events."""
    result = run(tmp_path / "unused", "log", "copy", source, target, "--json")
    assert (result.code, result.err) == (0, "")
    document = json_of(result)
    assert [one["topic"] for one in document["topics"]] == list(TOPICS)
    return document["topics"][0]


def refused(tmp_path: Path, source: str, target: str) -> str:
    result = run(tmp_path / "unused", "log", "copy", source, target)
    assert (result.code, result.out, len(result.err.splitlines())) == (1, "", 1)
    return result.err


def held(tmp_path: Path, url: str) -> dict[str, list[Any]]:
    """Return what a log holds of each story: seq, digest, time and bytes."""
    found: dict[str, list[Any]] = {}
    for line in on(tmp_path, url, "log", "export").out.splitlines()[1:-1]:
        one = json.loads(line)
        raw = [one["raw"][name] for name in ("key", "value", "headers")]
        found.setdefault(one["story"], []).append([one["seq"], one.get("digest"), one["recorded_at"], *raw])
    return found


def on(tmp_path: Path, url: str, *args: str) -> Result:
    """Run a command on a log, with a new data folder."""
    result = run(tmp_path / uuid4().hex, *args, env={"DATELINE_LOG": url})
    assert result.code == 0, result.err
    return result


def record(tmp_path: Path, url: str) -> str:
    """Return the digest of all that a log holds, by its export alone."""
    lines = on(tmp_path, url, "log", "export").out.encode()
    found: str = json_of(run(tmp_path / "unused", "verify", "--export", "-", "--json", stdin=lines))["record"]
    return found


def digests(tmp_path: Path, url: str) -> tuple[str, str]:
    """Return the two digests of a view that is built from a log, on Kafka by a consumer: what readers may see, and the record."""
    data = tmp_path / uuid4().hex
    environment = {**os.environ, "DATELINE_DATA": str(data), "DATELINE_LOG": url}
    with ExitStack() as stack:
        if url.startswith("kafka:"):
            command = [str(DATELINE), "consume", "timeline"]
            consumer = stack.enter_context(subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL))
            stack.callback(consumer.terminate)
        found = json_of(run(data, "verify", "--json", env={"DATELINE_LOG": url}))
    return found["digest"], found["record"]


def kill_copy(source: str, target: str, *, pages: int) -> None:
    """Copy in a process that is killed (-9) when it has read so many pages of the source."""
    command = [sys.executable, "-c", COPY, source, target]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(pages)]
        process.kill()
    assert (said[-1], process.returncode) == (f"{pages}\n", -signal.SIGKILL)


def test_a_log_is_copied_with_every_byte_and_time(source: str, new_log: MakeLog, new_sqlite: MakeLog, tmp_path: Path) -> None:
    middle, end = new_log(), new_sqlite()
    expected = {"topic": EVENTS_TOPIC, "records": 63, "copied": 63, "already_there": 0, "left_out": 0, "misplaced": 0, "keys": 2}

    assert copied(tmp_path, source, middle) == expected
    assert copied(tmp_path, middle, end) == expected

    assert held(tmp_path, middle) == held(tmp_path, end) == held(tmp_path, source)
    assert digests(tmp_path, middle) == digests(tmp_path, end) == digests(tmp_path, source)
    assert record(tmp_path, middle) == digests(tmp_path, source)[1], "the export alone says it too"


def test_it_says_what_became_of_the_records(source: str, new_log: MakeLog, tmp_path: Path) -> None:
    append(source, NewRecord(None, b"?"), NewRecord(b"artemis-2", b"?", partition=3))
    target = new_log()
    shown = target.partition("?")[0]

    result = run(tmp_path / "unused", "log", "copy", source, target)

    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines() == [
        "dateline.events: copied 63 of 63 records of 2 stories. Left out: 2 records of no story. Of these, 1 have a story's key "
        "and lie in another partition than that key's: a foreign producer wrote them there, or the topic was given more "
        "partitions. To take them along, copy with --rehome to an empty log.",
        f"Verified: {shown} holds the same records of each key, in the same order, as {source}.",
    ]


def test_what_is_there_is_not_copied_again(source: str, new_log: MakeLog, tmp_path: Path) -> None:
    target = new_log()
    copied(tmp_path, source, target)
    append(source, NewRecord(b"apollo-13", b"news", timestamp=RECORDED + 1))

    result = copied(tmp_path, source, target)

    assert (result["copied"], result["already_there"]) == (1, 63)
    assert held(tmp_path, target) == held(tmp_path, source)


def test_a_copy_that_is_killed_again_and_again_goes_on_when_it_is_run_again(new_log: MakeLog, tmp_path: Path) -> None:
    source, target = f"sqlite:///{tmp_path}/many.db", new_log()
    append(source, *(NewRecord(f"story-{at % 7}".encode(), f"{at} {'x' * 2_000}".encode(), (), at) for at in range(4_000)))

    for pages in (7, 9, 8):
        kill_copy(source, target, pages=pages)
    result = copied(tmp_path, source, target)

    assert result["records"] == 4_000
    assert 0 < result["already_there"] < 4_000
    assert held(tmp_path, target) == held(tmp_path, source)


def test_a_target_that_holds_anything_else_is_left_as_it_is(source: str, new_log: MakeLog, tmp_path: Path) -> None:
    target = new_log()
    append(target, NewRecord(b"apollo-13", b"another", timestamp=0))

    said = refused(tmp_path, source, target)

    assert "holds other records in dateline.events than" in said
    assert "of: apollo-13. Nothing was written." in said
    assert [len(ones) for ones in held(tmp_path, target).values()] == [1]


def test_two_copies_into_one_log_exclude_each_other(source: str, new_log: MakeLog) -> None:
    url = new_log()

    with (
        open_log(source) as origin,
        open_log(url) as target,
        open_log(url) as other,
        other.join(EVENTS_TOPIC, group="copy") as one,
    ):
        has_all = target.partitions(EVENTS_TOPIC)
        eventually(lambda: one.poll() == [] and len(one.assignment()) == has_all, within=60, what="the first copy")
        with pytest.raises(Refused, match=r"Another copy into .* is under way; nothing was written"):
            copy_log(origin, target, patience=1.0)

    assert set(target_ends(url).values()) == {0}


def target_ends(url: str) -> dict[int, int]:
    with open_log(url) as log:
        return dict(log.end_offsets(EVENTS_TOPIC))


def test_a_log_is_not_copied_to_itself(source: str, tmp_path: Path) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(source.removeprefix("sqlite:///"))

    for same in (source, f"{source}?partitions=9", f"sqlite:///{link}"):
        assert "are the same log" in refused(tmp_path, source, same)


def test_a_source_that_is_not_there_is_not_made(source: str, tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()

    for name in ("missing.db", "empty.db"):
        said = refused(tmp_path, f"sqlite:///{tmp_path}/{name}", f"sqlite:///{tmp_path}/target.db")
        assert f"There is no log at sqlite:///{tmp_path}/{name} to copy from; nothing was made." in said

    assert sorted(path.name for path in tmp_path.glob("*.db")) == ["empty.db"]
    assert not (tmp_path / "empty.db").stat().st_size


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://localhost", "'http://localhost' names no log."),
        ("sqlite:log.db", "'sqlite:log.db' names no log."),
        ("sqlite:///log.db?partition=7", "unknown option 'partition'"),
        ("kafka://", "names no broker"),
        ("kafka://me:secret@localhost", "A Kafka URL holds no user or password."),
    ],
)
def test_a_url_that_names_no_log_is_refused(url: str, says: str, source: str, tmp_path: Path) -> None:
    for said in (refused(tmp_path, source, url), *([] if "?" in url else [refused(tmp_path, url, source)])):
        assert says in said
        assert "secret@" not in said


def test_a_kafka_without_the_topics_is_told_how_to_make_them(source: str, broker: Broker, tmp_path: Path) -> None:
    empty_log(broker.address, partitions=5)
    admin = KafkaAdminClient(bootstrap_servers=broker.address)
    admin.delete_topics([DESKS_TOPIC])
    eventually(lambda: DESKS_TOPIC not in admin.list_topics(), what="the topic's end")
    admin.close()

    said = refused(tmp_path, source, f"kafka://{broker.address}")

    assert f"has no topic '{DESKS_TOPIC}'. Make it with: dateline topics create" in said


def test_all_topics_have_as_many_partitions_as_the_events(source: str, new_sqlite: MakeLog, tmp_path: Path) -> None:
    target = new_sqlite()
    append(target)
    copied(tmp_path, source, target.partition("?")[0])

    with open_log(target.partition("?")[0]) as log:
        assert [log.partitions(topic) for topic in TOPICS] == [7, 7, 7, 7]
