"""What a rollback goes back to, whatever was stopped before it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from consumers.generations import Generation
from dateline.errors import Refused
from dateline.rollback import to_flip


def standing(*names: str) -> Mapping[int, Generation]:
    """What stands in each partition, none where there is no name."""
    return {partition: Generation(name, 0, "log", 1, 0, 0) for partition, name in enumerate(names) if name}


@pytest.mark.parametrize(
    ("what", "live", "previous", "shadow", "back"),
    [
        ("a replay came to its end", ("g2", "g2", "g2"), ("g1", "g1", "g1"), "", (0, 1, 2)),
        ("a rollback came to its end", ("g1", "g1", "g1"), ("g2", "g2", "g2"), "", (0, 1, 2)),
        ("a flip was stopped", ("g2", "g1", "g1"), ("g1", "", ""), "g2", (0,)),
        ("a flip was stopped, and what is left of the build dropped", ("g2", "g1", "g1"), ("g1", "", ""), "", (0,)),
        ("the rollback of that was stopped", ("g1", "g2", "g1"), ("g2", "g1", ""), "g2", (1,)),
        ("a rollback was stopped", ("g1", "g2", "g2"), ("g2", "g1", "g1"), "", (1, 2)),
        ("a rollback forward was stopped", ("g2", "g2", "g1"), ("g1", "g1", "g2"), "", (2,)),
        ("a partition began anew before the replay", ("g3", "g3", "g3"), ("g1", "g2", "g1"), "", (0, 1, 2)),
        ("the rollback of that came to its end", ("g1", "g2", "g1"), ("g3", "g3", "g3"), "", (0, 1, 2)),
        ("the rollback of that was stopped", ("g1", "g3", "g3"), ("g3", "g2", "g1"), "", (1, 2)),
        ("the rollback forward of that was stopped", ("g3", "g2", "g1"), ("g1", "g3", "g3"), "", (1, 2)),
        ("the flip of that replay was stopped", ("g3", "g3", "g1"), ("g1", "g2", ""), "g3", (0, 1)),
        ("a partition began anew before the replay and after it", ("g3", "g4", "g3"), ("g1", "g2", "g1"), "", (0, 1, 2)),
        ("the rollback of that was stopped", ("g1", "g4", "g3"), ("g3", "g2", "g1"), "", (1, 2)),
        ("a partition began anew after a rollback", ("g1", "g3", "g1"), ("g2", "g2", "g2"), "", (0, 1, 2)),
    ],
)
def test_a_rollback_flips(
    what: str, live: tuple[str, ...], previous: tuple[str, ...], shadow: str, back: tuple[int, ...]
) -> None:
    assert to_flip(standing(*live), standing(*previous), {shadow} - {""}) == set(back), what


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
        to_flip(standing(*live), standing(*previous), ())
