"""The command line as a user has it: a process of its own, its exit code and what it said."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DATELINE = Path(sys.executable).with_name("dateline")
SLOWEST = 60.0
"""Seconds after which a command is held to hang."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a command did: its exit code, stdout and stderr."""

    code: int
    out: str
    err: str


Run = Callable[..., Result]
"""Runs `dateline ARGS` on a deployment that a test has."""


def run(data: Path, *args: str, stdin: bytes | None = None, env: Mapping[str, str] | None = None) -> Result:
    """Run `dateline ARGS` on a data folder and return what it did.

    Args:
        args: Given to the process as they are; a lone surrogate stands for a byte that is not UTF-8.
        stdin: What the command reads; nothing if it is not given.
        env: Added to the environment.
    """
    environment = {**os.environ, "DATELINE_DATA": str(data), **(env or {})}
    done = subprocess.run(
        [DATELINE, *args], input=stdin or b"", capture_output=True, env=environment, timeout=SLOWEST, check=False
    )
    return Result(done.returncode, done.stdout.decode(), done.stderr.decode())


def json_of(result: Result) -> Any:  # Any: what JSON holds
    """Return the one JSON document that a command printed; the test fails with what it said if it printed none."""
    try:
        return json.loads(result.out)
    except ValueError:
        raise AssertionError(f"no JSON on stdout (exit {result.code}): {result.out!r}, stderr: {result.err!r}") from None
