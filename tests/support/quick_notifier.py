"""`dateline consume notify` whose retries come in tenths of seconds, so that a test of three days takes none."""

from __future__ import annotations

import sys

from consumers.notifications import circuit, retry
from dateline.cli.main import run


def main() -> int:
    """Run a command with quick retries."""
    for module, name, seconds in ((retry, "FIRST", 0.2), (retry, "LONGEST", 0.5)):
        setattr(module, name, seconds)
    for name, seconds in (("FIRST_PAUSE", 0.2), ("LONGEST_PAUSE", 0.5)):
        setattr(circuit, name, seconds)
    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
