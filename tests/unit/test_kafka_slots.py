"""The names of a group's members on one machine: each is held by one process, and outlives it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dateline.log.kafka_slots import abandoned, folder_of, take

_HOLD = """
import signal, sys
from pathlib import Path
from dateline.log.kafka_slots import take
print(take(Path(sys.argv[1])).name, flush=True)
signal.pause()
"""


def test_two_members_have_two_names(tmp_path: Path) -> None:
    one, other = take(tmp_path), take(tmp_path)

    assert one.name != other.name
    assert not list(abandoned(tmp_path)), "both live"


def test_a_name_that_was_given_up_is_never_used_again(tmp_path: Path) -> None:
    one = take(tmp_path)
    one.give_up()

    assert take(tmp_path).name != one.name


def test_the_name_of_a_killed_process_goes_to_the_next(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", _HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        name = process.stdout.readline().strip()
        assert not list(abandoned(tmp_path)), "it lives"
        process.send_signal(signal.SIGKILL)

    assert take(tmp_path).name == name


def test_many_who_come_at_once_each_get_a_name_of_their_own(tmp_path: Path) -> None:
    for slot in [take(tmp_path) for _ in range(5)]:
        slot.let_go()

    with ThreadPoolExecutor(20) as threads:
        slots = list(threads.map(lambda _: take(tmp_path), range(20)))

    assert len({slot.name for slot in slots}) == 20


def test_each_group_has_a_folder_of_its_own_that_nobody_else_reads(tmp_path: Path) -> None:
    one, other = folder_of(tmp_path, "127.0.0.1:9092", "test", "one"), folder_of(tmp_path, "127.0.0.1:9092", "test", "other")

    assert one != other
    assert folder_of(tmp_path, "127.0.0.1:9092", "test", "one") == one
    assert one.stat().st_mode & 0o077 == 0


def test_without_a_folder_names_are_kept_in_this_users_own_temporary_one() -> None:
    folder = folder_of(None, "127.0.0.1:9092", "test", "one")

    assert folder.parent.name == f"dateline-{os.getuid()}"
    folder.rmdir()
