"""What tests with a Redis share: one server a module, empty before each test, and a log in a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from dateline.log import open_log
from dateline.log.base import Log
from dateline.redis_store import Store
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


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    with open_log(f"sqlite:///{tmp_path}/log.db") as log:
        yield log
