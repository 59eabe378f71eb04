"""What `dateline status --watch` sees between two looks."""

from __future__ import annotations

from typing import Any

from dateline.cli.status import Rates


def look(*, end: int, position: int, at: float = 0.0) -> dict[str, Any]:  # Any: what JSON holds
    log = {"partitions": [{"partition": 0, "end": end}]}
    view = {"partitions": [{"partition": 0, "position": position, "rate": at}], "rate": at}
    return {"log": log, "views": ["timeline"], "timeline": view}


def test_the_first_look_shows_what_the_owner_said() -> None:
    assert Rates(clock=lambda: 1.0).added(look(end=9, position=0, at=3.0))["timeline"]["rate"] == 3.0


def test_the_next_one_shows_what_went_by_meanwhile() -> None:
    moment = 1.0
    rates = Rates(clock=lambda: moment)
    rates.added(look(end=10, position=0))

    moment = 3.0
    found = rates.added(look(end=20, position=8))

    assert found["log"]["rate"] == 5.0
    assert (found["timeline"]["rate"], found["timeline"]["partitions"][0]["rate"]) == (4.0, 4.0)


def test_a_view_that_goes_back_has_no_rate_below_nothing() -> None:
    moment = 1.0
    rates = Rates(clock=lambda: moment)
    rates.added(look(end=10, position=10))

    moment = 2.0

    assert rates.added(look(end=10, position=0))["timeline"]["rate"] == 0.0


def test_a_view_that_could_not_be_asked_before_or_now_has_none() -> None:
    moment = 1.0
    rates = Rates(clock=lambda: moment)
    rates.added(look(end=10, position=10) | {"timeline": None})

    moment = 2.0
    found = rates.added(look(end=10, position=10, at=1.5))

    assert found["timeline"]["rate"] == 1.5
    assert rates.added(look(end=10, position=10) | {"timeline": None})["timeline"] is None
