"""`dateline serve` as a process, on a free loopback port, over the coverage of Apollo 13 or a folder of one's own."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.integration.cli import run
from tests.support.served import PATIENCE, Serve
from tests.support.servers import eventually

COVERAGE = Path(__file__).parents[2] / "dateline" / "demo" / "apollo-13.ndjson"
STORY, UPDATE, KILLED = "apollo-13", "a-problem", "fifteen-minutes-of-air"


def restore_coverage(data: Path) -> None:
    """Put the coverage of Apollo 13 into an empty data folder, with the times of then."""
    restored = run(data, "log", "import", str(COVERAGE))
    assert restored.code == 0, restored.err


@contextmanager
def site(data: Path, *options: str) -> Iterator[str]:
    """Run `dateline serve` on a data folder until the end of the block; yield its address once it is ready."""
    with Serve(data, *options) as serve:
        eventually(lambda: serve.get("/readyz").status_code == 200, within=PATIENCE, what=f"the site at {serve.url}")
        yield serve.url
        assert serve.end(signal.SIGTERM) == 0, serve.said
