"""The backends that every contract test runs on. Another one is another entry in `BACKENDS`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from dateline.log import open_log
from dateline.log.base import Log
from tests.support.kafka_servers import kafka_address, new_topic


@dataclass(frozen=True, slots=True)
class Backend:
    """A log to test with.

    Attributes:
        url: Opens it, also in another process.
        new_topic: Makes a topic that holds nothing yet, of several partitions, and returns its name.
    """

    url: str
    new_topic: Callable[[], str]


@contextmanager
def sqlite(folder: Path) -> Iterator[Backend]:
    yield Backend(f"sqlite:///{folder}/log.db", new_topic=lambda: f"test.{uuid4().hex}")


@contextmanager
def kafka(folder: Path) -> Iterator[Backend]:
    address = kafka_address()
    yield Backend(f"kafka://{address}", new_topic=lambda: new_topic(address))


BACKENDS: Mapping[str, Callable[[Path], AbstractContextManager[Backend]]] = {"kafka": kafka, "sqlite": sqlite}


@pytest.fixture(params=sorted(BACKENDS))
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    with BACKENDS[request.param](tmp_path) as backend:
        yield backend


@pytest.fixture
def log(backend: Backend) -> Iterator[Log]:
    with open_log(backend.url) as log:
        yield log


@pytest.fixture
def topic(backend: Backend) -> str:
    return backend.new_topic()
