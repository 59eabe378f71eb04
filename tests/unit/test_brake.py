"""So many lines a second, and a count of the others."""

from __future__ import annotations

from dateline.cli.announced import Brake


def test_what_is_stopped_is_counted_and_told_with_the_next_that_passes() -> None:
    moment = 1.0
    brake = Brake(2, clock=lambda: moment)

    first = [brake.untold() for _ in range(5)]
    moment = 2.0
    second = [brake.untold() for _ in range(3)]

    assert first == [0, 0, None, None, None]
    assert second == [3, 0, None]
