"""The logs that tests of a whole deployment run on: a file, or Kafka."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.kafka_servers import NEVER_RESTARTED, empty_log, kafka_broker


@pytest.fixture(scope="session")
def events_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a broker whose topic of the events each test makes anew; not one that somebody else has news in."""
    with kafka_broker(tmp_path_factory.mktemp("kafka"), NEVER_RESTARTED) as broker:
        yield broker.address


@pytest.fixture
def log_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty log of four partitions: a file, and Kafka too for a test that is `on_both_logs`."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return f"sqlite:///{tmp_path}/log.db"
    return empty_log(request.getfixturevalue("events_broker"))
