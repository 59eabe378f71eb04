"""How long a user waits for a command: whole processes, beside a Python that does nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.harness import Row, compare

_BARE = [sys.executable, "-c", "pass"]


def rows() -> list[Row]:
    dateline = str(Path(sys.executable).with_name("dateline"))
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        environment = {**os.environ, "DATELINE_DATA": folder}
        subprocess.run([dateline, "demo"], env=environment, check=True, capture_output=True)
        demo = {**os.environ, "DATELINE_DATA": f"{folder}/demo"}
        read = [dateline, "timeline", "apollo-13"]
        publish = [dateline, "publish", "apollo-13", "--headline", "One more", "--body", "Text."]
        subprocess.run([dateline, "story", "reopen", "apollo-13"], env=demo, check=True, capture_output=True)
        return [
            _row("dateline --help", [dateline, "--help"], environment, "< 150"),
            _row("dateline timeline, warm data folder", read, demo, "< 400"),
            _row("dateline publish, until its verdict", publish, demo, ""),
        ]


def _row(question: str, command: list[str], environment: dict[str, str], goal: str) -> Row:
    bare = _milliseconds(_BARE, environment)
    return compare(question, "ms", ours=_milliseconds(command, environment), peer=bare, peer_name="python -c pass", goal=goal)


def _milliseconds(command: list[str], environment: dict[str, str]) -> Callable[[], float]:
    def measure() -> float:
        start = time.perf_counter()
        subprocess.run(command, env=environment, check=True, capture_output=True)
        return (time.perf_counter() - start) * 1000

    return measure
