"""The short form of `make chaos`."""

from __future__ import annotations

from pathlib import Path

from tests.chaos import kill_consumers


def test_a_consumer_killed_at_random_moments_loses_nothing_and_shows_nothing_twice(tmp_path: Path) -> None:
    kill_consumers(tmp_path, kills=6, events=1200, seed=13)
