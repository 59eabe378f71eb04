"""Threads of a fresh process that speak for the first time all at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_SPEAK = """
import sys, threading
from dateline.log import open_log
from producers.desk import Desk

sys.setswitchinterval(1e-6)
log = open_log(sys.argv[1])
start = threading.Barrier(4)

def speak(number):
    desk = Desk(log, name=f"desk-{number}")
    start.wait()
    receipt = desk.publish("apollo-13", headline="A headline", body="Text.")
    desk.correct("apollo-13", receipt.update, note="It was wrong.", headline="Another", body="Text.")
    desk.mark("apollo-13", receipt.update, pinned=True)

threads = [threading.Thread(target=speak, args=(number,)) for number in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
"""


def test_desks_that_speak_first_at_the_same_moment_do_not_crash_the_process(tmp_path: Path) -> None:
    """msgspec looks at a type at its first use, and crashed where two threads came first: one time in five."""
    for attempt in range(12):
        url = f"sqlite:///{tmp_path}/{attempt}.db"

        done = subprocess.run([sys.executable, "-c", _SPEAK, url], capture_output=True, text=True, check=False)

        assert done.returncode == 0, done.stderr
