"""`dateline serve` as a process, on a free loopback port, over the coverage of Apollo 13 or a folder of one's own."""

from __future__ import annotations

import os
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.integration.cli import DATELINE, run
from tests.support.servers import eventually, free_port

COVERAGE = Path(__file__).parents[2] / "dateline" / "demo" / "apollo-13.ndjson"
STORY, UPDATE, KILLED = "apollo-13", "a-problem", "fifteen-minutes-of-air"


def restore_coverage(data: Path) -> None:
    """Put the coverage of Apollo 13 into an empty data folder, with the times of then."""
    restored = run(data, "log", "import", str(COVERAGE))
    assert restored.code == 0, restored.err


@contextmanager
def site(data: Path, *options: str) -> Iterator[str]:
    """Run `dateline serve` on a data folder until the end of the block; yield its address once it is ready."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    said = data.with_name(f"{data.name}-said")
    command = [str(DATELINE), "--data", str(data), "serve", "--port", str(port), *options]
    with said.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env=dict(os.environ))
    try:
        eventually(lambda: _is_ready(address), within=30.0, what=f"the site at {address}")
        yield address
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(30.0)
        assert code == 0, said.read_text()


def _is_ready(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/readyz", timeout=5.0):
            return True
    except (OSError, urllib.error.URLError):
        return False
