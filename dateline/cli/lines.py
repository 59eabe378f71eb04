"""What a process that runs for long says on stderr: one line for each thing that happens, JSON where nobody looks on."""

from __future__ import annotations

import json
import sys
from contextlib import suppress

from dateline.clock import now
from schemas.times import rfc3339


def say(event: str, *, level: str = "info", **about: object) -> None:
    """Write one line. Safe to call from several threads.

    Args:
        event: What happened, in the past tense.
        level: `info`, `warning` or `error`.
    """
    moment = now()
    if sys.stderr is not None and sys.stderr.isatty():
        details = "  ".join(f"{name}={','.join(value) if isinstance(value, tuple) else value}" for name, value in about.items())
        line = f"{moment.astimezone():%H:%M:%S}  {'' if level == 'info' else level + ': '}{event}  {details}"
    else:
        line = json.dumps({"time": rfc3339(moment), "level": level, "event": event, **about}, ensure_ascii=False)
    with suppress(OSError, ValueError, AttributeError):  # nobody listens, or the disk is full: the work goes on
        sys.stderr.write(f"{line.rstrip()}\n")
        sys.stderr.flush()
