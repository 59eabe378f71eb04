"""What a rollback goes back to, whatever was stopped before it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from consumers.generations import Generation
from dateline.errors import Refused
from dateline.rollback import target_of


def standing(*names: str) -> Mapping[int, Generation]:
    """What stands in each partition, none where there is no name."""
    return {partition: Generation(name, 0, "log", 1, 0, 0) for partition, name in enumerate(names) if name}


@pytest.mark.parametrize(
    ("what", "live", "previous", "target"),
    [
        ("a replay came to its end", ("g2", "g2", "g2"), ("g1", "g1", "g1"), "g1"),
        ("a rollback came to its end", ("g1", "g1", "g1"), ("g2", "g2", "g2"), "g2"),
        ("a flip was stopped", ("g2", "g1", "g1"), ("g1", "", ""), "g1"),
        ("a rollback was stopped", ("g1", "g2", "g2"), ("g2", "g1", "g1"), "g1"),
        ("a rollback forward was stopped", ("g2", "g2", "g1"), ("g1", "g1", "g2"), "g2"),
    ],
)
def test_a_rollback_goes_back_to(what: str, live: tuple[str, ...], previous: tuple[str, ...], target: str) -> None:
    assert target_of(standing(*live), standing(*previous)) == target, what


@pytest.mark.parametrize(
    ("what", "live", "previous"),
    [
        ("nothing was consumed", (), ()),
        ("nothing was replayed", ("g1", "g1"), ()),
        ("the previous one was dropped in part", ("g2", "g2"), ("", "g1")),
    ],
)
def test_there_is_nothing_to_go_back_to(what: str, live: tuple[str, ...], previous: tuple[str, ...]) -> None:
    with pytest.raises(Refused, match="no previous generation"):
        target_of(standing(*live), standing(*previous))
