"""Names that may have been meant, looked for in a share of the time."""

from __future__ import annotations

from consumers.web.hints import Hints


def test_wrong_names_without_end_are_not_all_compared_and_are_again_later() -> None:
    now = 100.0
    hints = Hints(most_s=1e-9, clock=lambda: now)

    first = hints.nearest("apolo-13", lambda: ["apollo-13", "skylab"])
    asked = [hints.nearest("apolo-13", lambda: ["apollo-13"]) for _ in range(20)]
    now += 3600.0
    later = hints.nearest("apolo-13", lambda: ["apollo-13"])

    assert first == later == ["apollo-13"]
    assert asked == [[]] * 20
