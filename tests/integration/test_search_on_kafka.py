"""The index in SQLite's files on a log in Kafka: each machine has a data folder, a group and a whole index of its own."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from consumers.search.fts5.index import Fts5Index
from dateline.log.base import Log
from producers.desk import Desk
from tests.integration.cli import run
from tests.integration.test_consume import Consumer
from tests.support.kafka_servers import empty_log
from tests.support.planted import cover
from tests.support.searched import found
from tests.support.servers import eventually

PATIENCE = 60.0


@pytest.fixture
def log_url(events_broker: str) -> str:
    return empty_log(events_broker)


Feed = Callable[[Path], Consumer]


@pytest.fixture
def start(env: dict[str, str]) -> Iterator[Feed]:
    """Starts a `dateline consume search` on a data folder."""
    with ExitStack() as running:

        def start(data: Path) -> Consumer:
            consumer = Consumer(data, "search", env=env)
            running.callback(lambda: consumer.end(signal.SIGKILL) if consumer.process.poll() is None else 0)
            return consumer

        yield start


def has_all(data: Path, *, of: str = "swigert") -> None:
    """Wait until an index finds an update of each of three stories."""

    def is_whole() -> bool:
        with closing(Fts5Index(data)) as index:
            return bool(index.positions(partitions=4)) and len(found(index, of)) == 3

    eventually(is_whole, within=PATIENCE, what=f"the whole index in {data.name}")


def test_each_data_folder_has_a_group_and_a_whole_index_of_its_own(
    log: Log, env: dict[str, str], start: Feed, tmp_path: Path
) -> None:
    for story in ("one", "two", "three"):
        cover(log, story)
    folders = [tmp_path / "here", tmp_path / "there"]

    consumers = [start(data) for data in folders]

    for consumer in consumers:
        assert consumer.claims() == [0, 1, 2, 3]
    for data in folders:
        has_all(data)
        verified = run(data, "verify", "search", env=env)
        assert (verified.code, verified.err) == (0, "")
    assert len({Fts5Index(data).id for data in folders}) == 2


def test_a_damaged_index_is_built_anew_and_the_other_machine_notices_nothing(
    log: Log, env: dict[str, str], start: Feed, tmp_path: Path
) -> None:
    for story in ("one", "two", "three"):
        cover(log, story)
    here, there = tmp_path / "here", tmp_path / "there"
    consumers = {data: start(data) for data in (here, there)}
    for data in (here, there):
        has_all(data)
    assert consumers[here].end(signal.SIGTERM) == 0
    for ending in ("-wal", "-shm"):
        (here / f"search.db{ending}").unlink(missing_ok=True)
    (here / "search.db").write_bytes(b"no database at all " * 500)

    refused = run(here, "verify", "search", env=env)
    replayed = run(here, "replay", "search", env=env)

    assert (refused.code, "search.db is no search index of Dateline's" in refused.err) == (1, True)
    assert (replayed.code, "Readers have search g" in replayed.out) == (0, True), replayed.err
    assert run(here, "verify", "search", env=env).code == 0
    consumers[here] = start(here)
    desk = Desk(log, name="houston")
    for story in ("one", "two", "three"):
        desk.publish(story, update="splashdown", headline="Splashdown", body="In sight.")
    for data in (here, there):
        has_all(data, of="splashdown")
        assert run(data, "verify", "search", env=env).code == 0
    assert consumers[there].process.poll() is None
