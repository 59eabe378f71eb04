"""What tests of a whole deployment share: a Redis a module, empty before each test; a log, in a file or on Kafka; commands."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis

from dateline.log import open_log
from dateline.log.base import Log
from dateline.redis_store import Store
from tests.integration.cli import Run, run
from tests.support.kafka_servers import NEVER_RESTARTED, empty_log, kafka_broker
from tests.support.servers import redis_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Redis."""
    with redis_server(tmp_path_factory.mktemp("redis")) as (host, port):
        yield f"redis://{host}:{port}"


@pytest.fixture
def raw(server: str) -> Iterator[Any]:  # Any: redis-py types an answer as all that it could ever be
    """The test's own hands on that Redis, which is empty and may take what it likes."""
    with redis.Redis.from_url(server, decode_responses=True) as client:
        client.flushall()
        client.config_set("maxmemory", 0)
        yield client


@pytest.fixture
def store(server: str, raw: Any) -> Iterator[Store]:  # Any: as above
    store = Store(server)
    yield store
    store.close()


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


@pytest.fixture
def log(log_url: str) -> Iterator[Log]:
    with open_log(log_url) as log:
        yield log


@pytest.fixture
def env(server: str, log_url: str) -> dict[str, str]:
    """What a process needs to know of the deployment."""
    return {"DATELINE_REDIS": server, "DATELINE_LOG": log_url}


@pytest.fixture
def dateline(tmp_path: Path, env: dict[str, str]) -> Run:
    """Runs a command on the deployment."""
    return partial(run, tmp_path, env=env)
